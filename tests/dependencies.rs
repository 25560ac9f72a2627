//! What the workspace stands on: every direct dependency has its reason in DEPENDENCIES.md, and every licence of the whole
//! tree is one that deny.toml allows.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    iter::Peekable,
    sync::OnceLock,
};

use cargo_metadata::{Metadata, MetadataCommand, Package};
use eightfold_tests::{cargo_command, chapter, metadata, workspace};
use shared::claims::readme;

/// More packages than this are counted and not named.
const NAMED: usize = 8;

#[test]
fn every_direct_dependency_has_its_reason() {
    let table = chapter(&page(), "Direct dependencies");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let listed: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let direct: Vec<String> = direct().into_keys().collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, direct, "DEPENDENCIES.md and the workspace's manifests");
    for row in &rows {
        assert_eq!(row.len(), 4, "a row has a crate, what for, why this one, and a licence: {row:?}");
        assert!(row[1].len() > 5 && row[2].len() > 20, "{} says too little: {row:?}", row[0]);
    }
}

#[test]
fn the_licences_of_the_table_are_the_crates_own() {
    let table = chapter(&page(), "Direct dependencies");
    for (name, package) in direct() {
        let Some(package) = package else { continue };
        let row = table.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
        let told = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        assert_eq!(told, tidy(package.license.as_deref().unwrap()), "licence of {name}");
    }
}

#[test]
fn every_licence_of_the_tree_is_allowed() {
    let allowed = allowed();
    let mut needed = BTreeSet::new();
    for package in foreign() {
        let place = format!("{} {}", package.name, package.version);
        let licence = package.license.as_deref().unwrap_or_else(|| panic!("{place} names no licence"));
        let ids = grants(licence, &allowed);
        needed.extend(ids.unwrap_or_else(|| panic!("{place}: deny.toml does not allow `{licence}`")));
    }
    if whole().is_some() {
        let idle: Vec<_> = allowed.difference(&needed).collect();
        assert!(idle.is_empty(), "deny.toml allows what nothing needs: {idle:?}");
    }
}

#[test]
fn the_summary_of_licences_is_that_of_the_tree() {
    if whole().is_none() {
        println!("skipped: the packages of other systems are not here, and no registry is reached");
        return;
    }
    let mut by: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for package in foreign() {
        by.entry(tidy(package.license.as_deref().unwrap())).or_default().push(&package.name);
    }
    let mut rows: Vec<(String, Vec<&str>)> = by.into_iter().collect();
    rows.sort_by_key(|(_, names)| usize::MAX - names.len());
    let mut table = String::from("| licence | packages | which |\n|---|---|---|\n");
    for (licence, names) in &rows {
        let which = if names.len() > NAMED { String::new() } else { names.join(", ") };
        writeln!(table, "| {licence} | {} | {which} |", names.len()).unwrap();
    }
    let total: usize = rows.iter().map(|(_, names)| names.len()).sum();
    writeln!(table, "| all | {total} | |").unwrap();
    readme::check(&page(), "licences", &table).unwrap_or_else(|drift| panic!("{drift}\n{table}"));
}

/// The external crates that a manifest of the workspace names, each as what the lock file makes of it, if that is here.
fn direct() -> BTreeMap<String, Option<&'static Package>> {
    let mut found = BTreeMap::new();
    for dependency in metadata().packages.iter().flat_map(|p| &p.dependencies).filter(|d| d.path.is_none()) {
        let is_it = |p: &&Package| *p.name == dependency.name && dependency.req.matches(&p.version);
        let package = foreign().into_iter().find(is_it);
        assert!(package.is_some() || whole().is_none(), "{} is not in the tree", dependency.name);
        found.insert(dependency.name.clone(), package);
    }
    assert!(found.len() > 20, "{} dependencies: is this test looking at the right workspace?", found.len());
    found
}

/// Every package of the tree that is not ours.
fn foreign() -> Vec<&'static Package> {
    let tree = whole().unwrap_or_else(host);
    tree.packages.iter().filter(|package| package.source.is_some()).collect()
}

/// The tree with all features on all systems; `None` where its packages are neither here nor to be had.
fn whole() -> Option<&'static Metadata> {
    static TREE: OnceLock<Option<Metadata>> = OnceLock::new();
    TREE.get_or_init(|| read(&["--locked", "--all-features"])).as_ref()
}

/// What these tests themselves were built from: the tree on this system.
fn host() -> &'static Metadata {
    static TREE: OnceLock<Metadata> = OnceLock::new();
    TREE.get_or_init(|| {
        let said = String::from_utf8(cargo_command().arg("-vV").output().unwrap().stdout).unwrap();
        let system = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        read(&["--locked", "--offline", "--filter-platform", system]).expect("what was built is here")
    })
}

fn read(flags: &[&str]) -> Option<Metadata> {
    let output = cargo_command().args(["metadata", "--format-version", "1"]).args(flags).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| MetadataCommand::parse(text).unwrap())
}

/// The licences that deny.toml allows.
fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join("deny.toml")).unwrap();
    let list = text.split_once("\nallow = [").and_then(|(_, after)| after.split_once("\n]")).unwrap().0;
    let lines = list.lines().map(str::trim).filter(|line| line.starts_with('"'));
    lines.map(|line| line.trim_matches(['"', ',']).to_owned()).collect()
}

fn page() -> String {
    fs::read_to_string(workspace().join("DEPENDENCIES.md")).unwrap()
}

/// A licence as it is shown: alternatives in one order and with one sign.
fn tidy(licence: &str) -> String {
    let licence = licence.replace('/', " OR ");
    if licence.contains("AND") {
        return licence;
    }
    let mut parts: Vec<&str> = licence.split(" OR ").map(str::trim).collect();
    parts.sort_by_key(|part| (*part != "MIT", *part != "Apache-2.0", part.to_lowercase()));
    parts.join(" OR ")
}

/// Which allowed licences a crate under `expression` can be had for; `None` when there is no such choice. Of alternatives
/// the first that is allowed is taken.
fn grants(expression: &str, allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let ids = either(&mut words, allowed);
    assert_eq!(words.next(), None, "`{expression}` is not understood");
    ids
}

type Words<'a, 'b> = &'a mut Peekable<std::str::SplitWhitespace<'b>>;

fn either(words: Words<'_, '_>, allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let mut ids = both(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        let other = both(words, allowed);
        ids = ids.or(other);
    }
    ids
}

fn both(words: Words<'_, '_>, allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let mut ids = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        let other = one(words, allowed);
        ids = ids.zip(other).map(|(a, b)| &a | &b);
    }
    ids
}

fn one(words: Words<'_, '_>, allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let word = words.next().expect("a licence");
    if word == "(" {
        let ids = either(words, allowed);
        assert_eq!(words.next(), Some(")"));
        return ids;
    }
    let id = match words.next_if_eq(&"WITH") {
        Some(with) => format!("{word} {with} {}", words.next().expect("an exception")),
        None => word.to_owned(),
    };
    allowed.contains(&id).then(|| BTreeSet::from([id]))
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    let granted =
        |text: &str| grants(text, &allowed).map(|ids| ids.into_iter().collect::<Vec<_>>().join("+"));
    for (text, ids) in [
        ("MIT", Some("MIT")),
        ("GPL-3.0", None),
        ("GPL-3.0 OR MIT", Some("MIT")),
        ("Apache-2.0/MIT", Some("MIT")),
        ("MIT AND ISC", Some("ISC+MIT")),
        ("MIT AND GPL-3.0", None),
        ("(GPL-3.0 OR MIT) AND ISC", Some("ISC+MIT")),
        ("MIT OR GPL-3.0 AND ISC", Some("MIT")),
        ("MIT WITH some-exception", None),
    ] {
        assert_eq!(granted(text).as_deref(), ids, "{text}");
    }
    assert_eq!(tidy("Apache-2.0/MIT"), "MIT OR Apache-2.0");
    assert_eq!(tidy("(MIT OR Apache-2.0) AND Unicode-3.0"), "(MIT OR Apache-2.0) AND Unicode-3.0");
}
