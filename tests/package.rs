//! Every crate could be released: it says what it is, carries its licences, and packs what it needs and no more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::{collections::BTreeSet, fmt::Write, fs};

use cargo_metadata::Package;
use eightfold_tests::{cargo_command, metadata, papers, workspace};
use shared::claims::{readme, results, Verdict};

/// The member that stays at home.
const HOME: &str = "eightfold-tests";
/// The texts that both licences ask to be passed on.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
/// The limits of the registry: keywords of a crate, letters of a keyword, bytes of a package before compression.
const MOST_KEYWORDS: usize = 5;
const LONGEST_KEYWORD: usize = 20;
const MOST_BYTES: u64 = 5 << 20;

#[test]
fn every_crate_says_what_it_is() {
    for package in released() {
        let name = &package.name;
        let description = package.description.as_deref().unwrap_or_default();
        assert!((20..=200).contains(&description.len()), "{name}: the description is '{description}'");
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{name}");
        assert!(package.rust_version.is_some(), "{name} does not say which Rust it needs");
        assert!(!package.categories.is_empty(), "{name} has no categories");
        let keywords = &package.keywords;
        assert!((1..=MOST_KEYWORDS).contains(&keywords.len()), "{name} has {} keywords", keywords.len());
        let long = keywords.iter().find(|word| word.len() > LONGEST_KEYWORD);
        assert_eq!(long, None, "{name}: a keyword is too long");
        let folder = package.manifest_path.parent().unwrap();
        let readme = package.readme.as_ref().unwrap_or_else(|| panic!("{name} has no readme"));
        assert_eq!(readme, "README.md", "{name}");
        assert!(folder.join(readme).is_file(), "{name}: there is no {readme}");
    }
}

/// A paper's README is also its front page in the documentation.
#[test]
fn every_front_page_lists_the_features() {
    for package in released() {
        let readme = package.manifest_path.parent().unwrap().join("README.md");
        let text = fs::read_to_string(&readme).unwrap();
        for feature in package.features.keys().filter(|name| *name != "default") {
            let row = format!("| `{feature}` |");
            assert!(text.lines().any(|line| line.starts_with(&row)), "{readme} has no row `{row}`");
        }
    }
}

#[test]
fn every_crate_carries_its_licences() {
    for package in released() {
        for licence in LICENCES {
            let own = package.manifest_path.parent().unwrap().join(licence);
            let text = fs::read_to_string(&own).unwrap_or_else(|why| panic!("{own}: {why}"));
            assert_eq!(text, fs::read_to_string(workspace().join(licence)).unwrap(), "{own}");
        }
    }
}

/// A path alone means nothing in a package, and a version that is not the member's finds it nowhere.
#[test]
fn members_depend_on_one_another_by_version_too() {
    for package in released() {
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            let member = metadata().packages.iter().find(|p| *p.name == dependency.name).unwrap();
            let req = &dependency.req;
            assert!(!req.comparators.is_empty(), "{}: {} has no version", package.name, member.name);
            assert!(req.matches(&member.version), "{}: {} is not {req}", package.name, member.name);
            assert_ne!(*member.name, HOME, "{} depends on {HOME}", package.name);
        }
    }
}

/// Cargo leaves a member out that is kept from the registry, and then looks for it there.
#[test]
fn only_the_tests_stay_at_home() {
    for package in &metadata().packages {
        let kept = package.publish.as_ref().is_some_and(Vec::is_empty);
        assert_eq!(kept, *package.name == HOME, "publish of {}", package.name);
    }
}

#[test]
fn packages_hold_what_they_need_and_no_more() {
    for package in released() {
        let name = package.name.as_str();
        let files = listed(name);
        for needed in LICENCES.into_iter().chain(["Cargo.toml", "README.md", "src/lib.rs"]) {
            let there = files.contains(needed) || (needed == "src/lib.rs" && files.contains("src/main.rs"));
            assert!(there, "the package of {name} lacks {needed}");
        }
        let result = files.iter().find(|f| f.starts_with("results/") && f.matches('/').count() == 1);
        assert_eq!(result, None, "the package of {name} holds a result that nothing in it reads");
        let folder = package.manifest_path.parent().unwrap();
        let bytes: u64 =
            files.iter().filter_map(|file| Some(fs::metadata(folder.join(file)).ok()?.len())).sum();
        assert!(bytes < MOST_BYTES, "the package of {name} holds {bytes} bytes");
    }
}

/// A changelog that forgets what failed would be an advertisement.
#[test]
fn the_changelog_tells_what_came_of_every_claim() {
    let mut table = String::from(
        "| crate | holds | partly | undecided | fails | what fails |\n|---|---|---|---|---|---|\n",
    );
    for paper in papers() {
        let dir = workspace().join("crates").join(&paper).join("results");
        let mut found = results::read_dir(&dir).unwrap_or_else(|why| panic!("{paper}: {why}"));
        found.sort_by(|a, b| a.claim.id.cmp(&b.claim.id));
        let of = |verdict| found.iter().filter(move |result| result.verdict == verdict);
        let counts = [Verdict::Holds, Verdict::Partly, Verdict::Undecided, Verdict::Fails]
            .map(|verdict| of(verdict).count().to_string());
        let failed: Vec<String> = of(Verdict::Fails).map(|result| format!("`{}`", result.claim.id)).collect();
        writeln!(table, "| {paper} | {} | {} |", counts.join(" | "), failed.join(", ")).unwrap();
    }
    let text = fs::read_to_string(workspace().join("CHANGELOG.md")).unwrap();
    let newest = text.lines().find_map(|line| line.strip_prefix("## [")).unwrap();
    let version = &released()[0].version;
    assert!(newest.starts_with(&format!("{version}]")), "the changelog begins with {newest}, not {version}");
    readme::check(&text, "verdicts", &table).unwrap_or_else(|drift| panic!("{drift}\n{table}"));
}

/// The members that could be released.
fn released() -> Vec<&'static Package> {
    let found: Vec<&Package> = metadata().packages.iter().filter(|p| *p.name != HOME).collect();
    assert!(found.len() >= 10, "only {} crates: is this test looking at the right workspace?", found.len());
    found
}

/// The files of a package.
fn listed(name: &str) -> BTreeSet<String> {
    let mut command = cargo_command();
    command.args(["package", "--list", "--allow-dirty", "--offline", "-p", name]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.replace('\\', "/")).collect()
}
