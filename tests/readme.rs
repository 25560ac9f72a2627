//! What the READMEs say is so: every command is one that the programs take, and every number of a generated table is
//! one that was measured.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{fs, path::Path};

use eightfold_tests::{metadata, papers, program, workspace, FRONT};
use shared::claims::{readme, results};

/// The two commands that a newcomer needs, and no other.
const QUICKSTART: [&str; 2] = ["cargo run --release -p dcnn", "cargo test --workspace"];
/// Cargo's own words that a README may use without a program.
const CARGO_ALONE: [&str; 10] =
    ["test", "build", "check", "clippy", "fmt", "doc", "bench", "run", "package", "tree"];
/// Pages of the workspace beside its README.
const PAGES: [&str; 3] = ["CONTRIBUTING.md", "CHANGELOG.md", "DEPENDENCIES.md"];

#[test]
fn every_command_is_one_that_works() {
    let mut count = 0;
    for (place, text) in readmes() {
        for command in commands(&text) {
            check(&place, &command);
            count += 1;
        }
    }
    println!("{count} commands checked");
    assert!(count >= QUICKSTART.len(), "only {count} commands: is this test looking at the right files?");
}

#[test]
fn the_quickstart_is_two_commands() {
    let text = front();
    let quickstart = section(&text, "quickstart");
    assert_eq!(commands(&quickstart), QUICKSTART, "the commands of the quickstart");
}

#[test]
fn what_has_to_pass_is_what_the_readme_says() {
    let script = fs::read_to_string(workspace().join(".ci/run")).unwrap();
    let last = script.lines().last().unwrap();
    assert_eq!(last, format!("exec {}", QUICKSTART[1]), "the last line of .ci/run");
}

#[test]
fn every_number_of_a_table_was_measured() {
    for paper in papers() {
        let dir = workspace().join("crates").join(&paper);
        let text = fs::read_to_string(dir.join("README.md")).unwrap();
        let expected = readme::render(&in_order(&paper, &dir.join("results")));
        assert!(expected.lines().count() > 2, "{paper} has no results");
        readme::check(&text, "claims", &expected).unwrap_or_else(|drift| panic!("{paper}: {drift}"));
    }
}

#[test]
fn a_number_that_is_changed_by_hand_is_found() {
    for paper in papers() {
        let dir = workspace().join("crates").join(&paper);
        let text = fs::read_to_string(dir.join("README.md")).unwrap();
        let expected = readme::render(&in_order(&paper, &dir.join("results")));
        let table = readme::block(&text, "claims").unwrap().to_owned();
        let digit = table.rfind(|c: char| c.is_ascii_digit()).unwrap();
        let other = if &table[digit..=digit] == "9" { "8" } else { "9" };
        let forged = format!("{}{other}{}", &table[..digit], &table[digit + 1..]);
        let text = text.replace(&table, &forged);
        assert!(
            readme::check(&text, "claims", &expected).is_err(),
            "{paper}: a forged number went unnoticed"
        );
    }
}

/// The front page's tables: the program writes them into a copy and finds nothing to change, and puts right what is forged.
#[test]
fn every_number_of_the_front_page_was_measured() {
    let (text, dir) = (front(), tempfile::tempdir().unwrap());
    let copy = dir.path().join("README.md");
    for (block, args) in [
        ("papers", vec!["list", "--crates", "crates"]),
        ("bench", vec!["bench", "--from", "results/bench.json"]),
    ] {
        let update = |text: &str| {
            fs::write(&copy, text).unwrap();
            let args = [&args[..], &["--update-readme", copy.to_str().unwrap()]].concat();
            let _ = program(FRONT).run(&args).exits(0);
            fs::read_to_string(&copy).unwrap()
        };
        let verb = args[0];
        assert_eq!(
            update(&text),
            text,
            "block {block} has drifted: run `eightfold {verb} --update-readme README.md`"
        );
        let table = readme::block(&text, block).unwrap();
        let digit = table.rfind(|c: char| c.is_ascii_digit()).unwrap();
        let other = if &table[digit..=digit] == "9" { "8" } else { "9" };
        let forged = text.replace(table, &format!("{}{other}{}", &table[..digit], &table[digit + 1..]));
        assert_ne!(forged, text);
        assert_eq!(update(&forged), text, "a forged number of block {block} went unnoticed");
    }
}

#[test]
fn every_result_is_of_a_claim_that_the_program_makes() {
    for paper in papers() {
        let claims = claim_ids(&paper);
        let found = results::read_dir(&workspace().join("crates").join(&paper).join("results")).unwrap();
        for result in &found {
            assert!(claims.contains(&result.claim.id), "{paper} has a result of '{}'", result.claim.id);
            assert_eq!(result.asked.program, paper);
            assert!(!result.asked.quick, "the result of '{}' is a short form's", result.claim.id);
        }
        // a claim without a result is named as such, and one with a result is not
        let readme = fs::read_to_string(workspace().join("crates").join(&paper).join("README.md")).unwrap();
        let said = readme.lines().find_map(|line| line.strip_prefix(NOT_MEASURED));
        let said: Vec<&str> =
            said.map_or(Vec::new(), |line| line.trim_end_matches('.').split(", ").collect());
        let missing = claims.iter().filter(|id| found.iter().all(|r| r.claim.id != **id));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        assert_eq!(
            said, missing,
            "{paper}: claims that its README calls not measured, and those without a result"
        );
    }
}

/// How a README begins the line of the claims whose full form nobody has measured yet.
const NOT_MEASURED: &str = "Not measured in full yet: ";

/// The results of a paper in the order of its claims, as its program writes them into the README.
fn in_order(paper: &str, dir: &Path) -> Vec<shared::claims::ClaimResult> {
    let order = claim_ids(paper);
    let mut found = results::read_dir(dir).unwrap_or_else(|why| panic!("{paper}: {why}"));
    found.sort_by_key(|result| order.iter().position(|id| *id == result.claim.id));
    found
}

fn claim_ids(paper: &str) -> Vec<String> {
    let claims = program(paper).run(&["claims", "--json"]).exits(0).json()["claims"].clone();
    claims.as_array().unwrap().iter().map(|claim| claim["id"].as_str().unwrap().to_owned()).collect()
}

/// Holds one command to what cargo and the programs take.
fn check(place: &str, command: &str) {
    let (cargo, own) = match command.split_once(" -- ") {
        Some((cargo, own)) => (cargo, own.split_whitespace().collect()),
        None => (command, Vec::new()),
    };
    let words: Vec<&str> = cargo.split_whitespace().collect();
    assert!(CARGO_ALONE.contains(&words[1]), "{place}: `{command}`: cargo {} is not known here", words[1]);
    let after = |flag: &str| words.iter().position(|w| *w == flag).and_then(|at| words.get(at + 1));
    let package = ["-p", "--package"].iter().find_map(|flag| after(flag));
    if let Some(name) = package {
        let known = metadata().packages.iter().find(|p| *p.name == **name);
        let known = known.unwrap_or_else(|| panic!("{place}: `{command}`: there is no crate {name}"));
        if let Some(feature) = ["--features", "-F"].iter().find_map(|flag| after(flag)) {
            let there = feature.split(',').all(|f| known.features.contains_key(f));
            assert!(there, "{place}: `{command}`: {name} has no feature {feature}");
        }
        for (flag, kind) in
            [("--example", "example"), ("--bench", "bench"), ("--test", "test"), ("--bin", "bin")]
        {
            let Some(target) = after(flag) else { continue };
            let there = known
                .targets
                .iter()
                .any(|t| t.name == **target && t.kind.iter().any(|k| k.to_string() == kind));
            assert!(there, "{place}: `{command}`: {name} has no {kind} {target}");
        }
    }
    if words[1] == "run" && after("--example").is_none() {
        let name = package.unwrap_or_else(|| panic!("{place}: `{command}` does not say which program"));
        assert!(words.contains(&"--release"), "{place}: `{command}`: without --release it is slow");
        accepts(place, command, name, &own);
    }
}

/// Whether the program takes these flags: `--help` makes it read them all and do nothing.
fn accepts(place: &str, command: &str, name: &str, own: &[&str]) {
    let mut args: Vec<&str> = own.to_vec();
    args.push("--help");
    let run = program(name).run(&args);
    assert_eq!(run.code, Some(0), "{place}: `{command}`: {}", run.stderr);
    // help comes before a flag is found to be wrong, so every word is looked for in it
    for flag in own.iter().filter(|word| word.starts_with("--")) {
        let flag = flag.split('=').next().unwrap_or(flag);
        assert!(run.stdout.contains(flag), "{place}: `{command}`: the help does not name {flag}");
    }
    if own.first() == Some(&"reproduce") {
        let known = if name == FRONT { papers() } else { claim_ids(name) };
        for claim in own[1..].iter().take_while(|word| !word.starts_with('-')) {
            assert!(known.iter().any(|id| id == claim), "{place}: `{command}`: there is no {claim}");
        }
    }
}

fn front() -> String {
    fs::read_to_string(workspace().join("README.md")).expect("the workspace has a README.md")
}

/// The READMEs of the workspace and of every paper, and the pages beside them.
fn readmes() -> Vec<(String, String)> {
    let mut all = vec![("README.md".to_owned(), front())];
    all.extend(PAGES.map(|page| (page.to_owned(), fs::read_to_string(workspace().join(page)).unwrap())));
    for paper in papers().into_iter().chain([FRONT.to_owned()]) {
        let path = format!("crates/{paper}/README.md");
        all.push((path.clone(), fs::read_to_string(workspace().join(path)).unwrap()));
    }
    all
}

/// The lines of shell fences that call cargo, without prompts, comments and variables set before them.
fn commands(text: &str) -> Vec<String> {
    let (mut found, mut shell, mut joined) = (Vec::new(), false, String::new());
    for line in text.lines() {
        if let Some(language) = line.trim().strip_prefix("```") {
            shell = !shell && ["sh", "console", "bash", "shell"].contains(&language.trim());
            continue;
        }
        if !shell {
            continue;
        }
        let line = line.trim().trim_start_matches("$ ");
        joined.push_str(line.trim_end_matches('\\'));
        if line.ends_with('\\') {
            continue;
        }
        let command = std::mem::take(&mut joined);
        let words = command.split(" #").next().unwrap_or_default().split_whitespace();
        let words: Vec<&str> = words.skip_while(|w| w.contains('=') && !w.starts_with('-')).collect();
        if words.first() == Some(&"cargo") {
            found.push(words.join(" "));
        }
    }
    found
}

/// The text below the heading that holds `title`, to the next heading.
fn section(text: &str, title: &str) -> String {
    let mut lines = text.lines().skip_while(|l| !(l.starts_with('#') && l.to_lowercase().contains(title)));
    assert!(lines.next().is_some(), "there is no heading `{title}`");
    let mut fenced = false;
    let inside = lines.take_while(|line| {
        fenced ^= line.trim_start().starts_with("```");
        fenced || !line.starts_with('#')
    });
    inside.map(|line| format!("{line}\n")).collect()
}

#[test]
fn commands_are_read_as_a_shell_would() {
    let text =
        "```sh\n$ cargo test # all\nls\nA=1 cargo run -p x -- \\\n  train\n```\n```rust\ncargo no\n```\n";
    assert_eq!(commands(text), ["cargo test", "cargo run -p x -- train"]);
    assert_eq!(
        section("# A\nx\n## Quickstart\ny\n```sh\n# z\n```\n# B\n", "quickstart"),
        "y\n```sh\n# z\n```\n"
    );
}
