//! ROBUSTNESS.md names the test of every line, and every test of its kind has a line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::{collections::BTreeSet, fs};

use eightfold_tests::workspace;

/// Files all of whose tests have a line.
const ALL: [&str; 6] = [
    "tests/signals.rs",
    "tests/flags.rs",
    "tests/disks.rs",
    "tests/fuzz/data.rs",
    "tests/fuzz/ours.rs",
    "shared/tests/interrupt.rs",
];

/// The tests of a source file: functions right after the attribute.
fn tests_of(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let after = lines.windows(2).filter(|pair| pair[0].trim_start_matches("$(") == "#[test]");
    let named = after
        .filter_map(|pair| pair[1].strip_prefix("fn ")?.split_once('(').map(|(name, _)| name.to_owned()));
    named.collect()
}

#[test]
fn every_line_names_a_test_that_exists() {
    let table = fs::read_to_string(workspace().join("ROBUSTNESS.md")).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("| input")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let mut named = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [input, outcome, test] = cells[..] else { panic!("not three cells: {row}") };
        assert!(!input.is_empty() && !outcome.is_empty(), "{row}");
        let (file, name) =
            test.trim_matches('`').split_once("::").unwrap_or_else(|| panic!("no test in: {row}"));
        assert!(tests_of(file).contains(name), "{file} has no test {name}, which ROBUSTNESS.md names");
        assert!(named.insert((file.to_owned(), name.to_owned())), "{name} is named twice");
    }
    assert!(named.len() >= 40, "{} lines: is this test reading the table?", named.len());
    for file in ALL {
        for name in tests_of(file) {
            assert!(
                named.contains(&(file.to_owned(), name.clone())),
                "ROBUSTNESS.md has no line for {file}::{name}"
            );
        }
    }
}

#[test]
fn a_test_is_what_comes_after_its_attribute() {
    let found = tests_of("tests/robustness.rs");
    let expected = ["a_test_is_what_comes_after_its_attribute", "every_line_names_a_test_that_exists"];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}
