//! The README's crate outside the workspace is what it says: it builds, prints that, and brings no program along.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use eightfold_tests::{cargo_command, chapter, fence, metadata, workspace};

/// The section of the README.
const TITLE: &str = "Use one paper in your own project";
/// Where the README's manifest looks for the workspace.
const BESIDE: &str = "../eightfold";
/// What a program needs and a library must not bring along.
const OF_PROGRAMS: [&str; 6] = ["clap", "plotters", "indicatif", "ureq", "png", "base64"];

#[test]
fn a_crate_outside_builds_runs_and_gets_no_program() {
    let section = chapter(&fs::read_to_string(workspace().join("README.md")).unwrap(), TITLE);
    let (manifest, program, printed) =
        (fence(&section, "toml"), fence(&section, "rust"), fence(&section, "text"));
    assert!(
        manifest.contains("default-features = false"),
        "a library user turns the program off:\n{manifest}"
    );
    assert!(manifest.contains(BESIDE), "the manifest does not look for the workspace in {BESIDE}");

    let folder = tempfile::tempdir().unwrap();
    let here = workspace().to_str().unwrap().replace('\\', "/");
    fs::write(folder.path().join("Cargo.toml"), manifest.replace(BESIDE, &here)).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), &program).unwrap();
    fs::copy(workspace().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();

    let run = outside(folder.path(), &["run", "--offline", "--quiet"]);
    assert_eq!(text(&run.stdout), printed, "{}", text(&run.stderr));

    let tree =
        outside(folder.path(), &["tree", "--offline", "-e", "normal", "--prefix", "none", "--format", "{p}"]);
    let tree = text(&tree.stdout);
    let linked: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(linked.contains("dfdx") && linked.contains("shared"), "{linked:?}");
    for name in OF_PROGRAMS {
        assert!(!linked.contains(name), "a library user gets {name}:\n{tree}");
    }

    let (ours, theirs) = (locked(workspace()), locked(folder.path()));
    let other: Vec<_> = theirs.difference(&ours).collect();
    assert_eq!(other.len(), 1, "but for itself, it is locked to the workspace's versions: {other:?}");
}

/// Calls cargo in a folder outside of the workspace. What it builds is kept below the workspace's own target, so that a
/// second time is short, and has no debug information, so that the first is not long.
fn outside(folder: &Path, args: &[&str]) -> Output {
    let mut command: Command = cargo_command();
    command.current_dir(folder).env("CARGO_TARGET_DIR", metadata().target_directory.join("outside"));
    let output = command.env("CARGO_PROFILE_DEV_DEBUG", "0").args(args).output().unwrap();
    assert!(output.status.success(), "cargo {args:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// Name and version of every package of a lock file.
fn locked(folder: &Path) -> BTreeSet<(String, String)> {
    let lock = fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let lines: Vec<&str> = lock.lines().collect();
    let pairs = lines.windows(2);
    pairs.filter_map(|pair| Some((value(pair[0], "name = ")?, value(pair[1], "version = ")?))).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
