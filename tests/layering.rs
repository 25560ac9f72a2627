//! Who may know whom. The rules of the house that the compiler cannot keep.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, Package};
use eightfold_tests::{metadata, papers, workspace, FRONT};

/// Numerics that only `shared` knows.
const FOUNDATIONS: [&str; 3] = ["dfdx", "petgraph", "sprs"];
/// Papers that may know another paper: the second is the first one's baseline.
const PAPER_ON_PAPER: [(&str, &str); 1] = [("sparse-dcnn", "dcnn")];
/// What a program needs and a library must not bring along.
const OF_PROGRAMS: [&str; 7] = ["clap", "plotters", "indicatif", "ureq", "png", "base64", "signal-hook"];
/// The parts of a paper crate's `src` that may know of clocks, files and flags; `data.rs` finds data sets.
const OUTER: [&str; 6] = ["cli.rs", "cli/", "main.rs", "claims.rs", "claims/", "data.rs"];
/// Modules of `std` that the rest of a paper crate must not use, by any path.
const OUTSIDE: [&str; 6] = ["env", "fs", "net", "process", "thread", "time"];
/// Other names that it must not know of.
const OUTSIDE_NAMES: [&str; 12] = [
    "clap",
    "indicatif",
    "current_num_threads",
    "Instant",
    "SystemTime",
    "File",
    "stdin",
    "stdout",
    "stderr",
    "println",
    "print",
    "eprintln",
];
/// What one part of a paper may use of those all the same, because it is what the part is about: the ranks of a group are
/// threads, share out the cores, and wait for one another no longer than a time limit.
const EXEMPT: [(&str, &str, &[&str]); 1] =
    [("large-batch", "collective/", &["thread", "time", "Instant", "current_num_threads"])];
/// The most lines of a source file.
const MOST_LINES: usize = 500;

#[test]
fn only_shared_knows_the_foundations() {
    for package in &metadata().packages {
        let known = direct(package);
        let named: Vec<&str> = FOUNDATIONS.into_iter().filter(|f| known.contains(*f)).collect();
        if *package.name == "shared" {
            assert_eq!(named, FOUNDATIONS, "`shared` stands on all of them");
        } else {
            assert!(named.is_empty(), "{} depends on {named:?}: only `shared` may", package.name);
        }
    }
}

#[test]
fn data_sets_stand_alone() {
    let known = direct(package("datasets"));
    for name in FOUNDATIONS.into_iter().chain(["shared"]).chain(papers().iter().map(String::as_str)) {
        assert!(!known.contains(name), "`datasets` depends on {name}");
    }
    let shared = direct(package("shared"));
    assert!(!shared.contains("datasets"), "`shared` depends on `datasets`");
}

#[test]
fn papers_stand_on_shared_and_datasets_and_not_on_one_another() {
    let papers = papers();
    for paper in &papers {
        let known = direct(package(paper));
        for base in ["shared", "datasets"] {
            assert!(known.contains(base), "{paper} does not depend on {base}");
        }
        for other in papers.iter().filter(|other| known.contains(other.as_str())) {
            let listed = PAPER_ON_PAPER.contains(&(paper.as_str(), other.as_str()));
            assert!(listed, "{paper} depends on {other}, and PAPER_ON_PAPER does not allow it");
        }
    }
    // and the program of all of them knows every one
    let known = direct(package(FRONT));
    assert!(
        papers.iter().all(|paper| known.contains(paper.as_str())),
        "{FRONT} lacks a paper: it knows {known:?}"
    );
    for base in ["shared", "datasets"] {
        let known = direct(package(base));
        let paper = papers.iter().find(|paper| known.contains(paper.as_str()));
        assert_eq!(paper, None, "{base} depends on a paper");
    }
}

#[test]
fn cuda_is_one_line_a_crate() {
    for package in &metadata().packages {
        let expected = match package.name.as_str() {
            "shared" => vec!["dfdx/cuda".to_owned(), "dep:cudarc".to_owned()],
            _ => vec!["shared/cuda".to_owned()],
        };
        if let Some(feature) = package.features.get("cuda") {
            assert_eq!(*feature, expected, "feature `cuda` of {}", package.name);
        }
    }
    for name in papers().iter().map(String::as_str).chain(["shared"]) {
        assert!(package(name).features.contains_key("cuda"), "{name} has no feature `cuda`");
    }
}

#[test]
fn only_devices_and_ops_know_of_cuda() {
    let allowed = ["shared/src/device/", "shared/src/ops/"];
    // written apart, so that this file does not hold it
    let mark = ["feature = \"", "cuda\""].concat();
    let mut seen = 0;
    for (path, text) in sources() {
        let count = text.matches(&mark).count();
        let inside = allowed.iter().any(|folder| path.starts_with(folder));
        assert!(count == 0 || inside, "{} asks for the feature `cuda`: only {allowed:?} may", path.display());
        seen += count;
    }
    assert!(seen > 0, "nothing asks for the feature `cuda`: is this test looking at the right files?");
}

/// Each time a host reads a tensor it waits for the device: `read_back` is the one way, so that a test can count them.
#[test]
fn tensors_are_read_by_read_back_alone() {
    let mut seen = 0;
    for (path, text) in sources() {
        let name = path.to_string_lossy();
        let ours = name.starts_with("shared/src/") || name.starts_with("crates/");
        if !ours || !name.contains("/src/") || name.contains("tests") || name.contains("/testing/") {
            continue;
        }
        for line in code(&text).lines() {
            let reads = [".as_vec()", ".array()", ".copy_into("].iter().any(|read| line.contains(read));
            let allowed = name.ends_with("device/read_back.rs")
                // of strides, once a model, and only where a tensor is not contiguous
                || (name.ends_with("nn/state/layout.rs") && line.contains("probe."))
                // the first kernel that a device runs
                || name.ends_with("device/cuda.rs");
            assert!(!reads || allowed, "{name} reads a tensor with `{}`: use device::read_back", line.trim());
            seen += usize::from(reads);
        }
    }
    assert!(seen > 0, "nothing reads a tensor: is this test looking at the right files?");
}

/// A clock that is set back in the middle of a run must not change how long anything took.
#[test]
fn only_the_date_of_a_result_comes_from_a_clock_that_can_be_set() {
    let mut seen = 0;
    for (path, text) in sources() {
        let name = path.to_string_lossy();
        if !name.contains("src/") {
            continue;
        }
        let asks = words(&code(&text)).any(|word| ["SystemTime", "UNIX_EPOCH"].contains(&word));
        let allowed = name == "shared/src/cli/provenance.rs";
        assert!(!asks || allowed, "{name} asks what time it is: measure with Instant");
        seen += usize::from(asks);
    }
    assert_eq!(seen, 1, "nothing asks for the date: is this test looking at the right files?");
}

#[test]
fn no_device_is_picked_by_a_feature() {
    let name = ["Auto", "Device"].concat();
    for (path, text) in sources() {
        assert!(
            !text.contains(&name),
            "{} names {name}, which features of other crates flip",
            path.display()
        );
    }
}

#[test]
fn a_library_user_gets_no_program() {
    for paper in papers() {
        let tree = tree(&["-p", &paper, "--no-default-features"]);
        assert!(tree.contains("dfdx") && tree.contains("shared"), "{tree:?}");
        for name in OF_PROGRAMS {
            assert!(!tree.contains(name), "{paper} without default features depends on {name}");
        }
        let whole = self::tree(&["-p", &paper]);
        assert!(
            whole.contains("clap"),
            "the program {paper} has no flags: is this test looking at the right tree?"
        );
    }
}

#[test]
fn methods_know_no_clock_no_file_and_no_flag() {
    for paper in papers() {
        let src = Path::new("crates").join(&paper).join("src");
        let mut inner = 0;
        for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with(&src)) {
            let place = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            if OUTER.iter().any(|outer| place == *outer || (outer.ends_with('/') && place.starts_with(outer)))
            {
                continue;
            }
            inner += 1;
            if place.contains("tests") {
                continue;
            }
            let part = EXEMPT.iter().find(|(of, folder, _)| paper == *of && place.starts_with(folder));
            let barred = |name: &&str| !part.is_some_and(|(_, _, names)| names.contains(name));
            let (code, path) = (code(&text), path.display());
            for import in code.split(';').filter(|statement| statement.trim_start().starts_with("use std")) {
                let found = words(import).find(|word| OUTSIDE.contains(word) && barred(word));
                assert_eq!(found, None, "{path} uses std::{}: {}", found.unwrap_or_default(), import.trim());
            }
            let called =
                OUTSIDE.iter().find(|module| barred(module) && code.contains(&format!("std::{module}::")));
            assert_eq!(called, None, "{path} calls into that module of std");
            let named = words(&code).find(|word| OUTSIDE_NAMES.contains(word) && barred(word));
            assert_eq!(named, None, "{path} names it");
        }
        assert!(
            inner >= 3,
            "{paper} has {inner} files beside its program: is this test looking at the right ones?"
        );
    }
}

#[test]
fn no_test_is_ignored_and_every_example_runs() {
    let ignored = ["#[", "ignore"].concat();
    for (path, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            assert!(!line.starts_with(&ignored), "{}, line {number}: an ignored test", path.display());
            let comment = ["//!", "///"].iter().find_map(|mark| line.strip_prefix(mark));
            let fence = comment.and_then(|comment| comment.trim().strip_prefix("```"));
            let skipped =
                fence.is_some_and(|words| words.split(',').any(|w| matches!(w.trim(), "ignore" | "no_run")));
            assert!(!skipped, "{}, line {number}: an example that does not run", path.display());
        }
    }
    for path in readmes() {
        let text = fs::read_to_string(workspace().join(&path)).unwrap();
        let skipped = text
            .lines()
            .any(|line| line.starts_with("```") && (line.contains("ignore") || line.contains("no_run")));
        assert!(!skipped, "{} has an example that does not run", path.display());
    }
}

#[test]
fn files_are_short_enough_to_read() {
    let lengths = sources().into_iter().map(|(path, text)| (path, text.lines().count()));
    let long: BTreeMap<PathBuf, usize> = lengths.filter(|(_, lines)| *lines > MOST_LINES).collect();
    assert!(long.is_empty(), "over {MOST_LINES} lines: {long:?}");
}

#[test]
fn every_crate_takes_the_lints_of_the_house() {
    for package in &metadata().packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        let lints = manifest.split_once("[lints]").map(|(_, after)| after.trim_start());
        assert!(
            lints.is_some_and(|l| l.starts_with("workspace = true")),
            "{} sets lints of its own",
            package.name
        );
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{}", package.name);
    }
}

/// The names of a crate's own dependencies, without those of its tests and benches.
fn direct(package: &Package) -> BTreeSet<&str> {
    let used = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    used.map(|d| d.name.as_str()).collect()
}

fn package(name: &str) -> &'static Package {
    let found = metadata().packages.iter().find(|p| *p.name == name);
    found.unwrap_or_else(|| panic!("the workspace has no crate {name}"))
}

/// The names of everything that a build links, as `cargo tree` lists it.
fn tree(flags: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(flags);
    let output = command.current_dir(workspace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Every Rust file of the workspace, by path below it.
fn sources() -> Vec<(PathBuf, String)> {
    let found = files(|path| path.extension().is_some_and(|e| e == "rs"));
    assert!(found.len() > 50, "{} Rust files: is this test looking at the right folder?", found.len());
    found
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(workspace().join(path)).unwrap()))
        .collect()
}

fn readmes() -> Vec<PathBuf> {
    files(|path| path.file_name().is_some_and(|name| name == "README.md"))
}

/// The files of the workspace but those that are built, measured or hidden.
fn files(wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![workspace().to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && !["target", "runs"].contains(&name) {
                folders.push(path);
            } else if path.is_file() && wanted(&path) {
                found.push(path.strip_prefix(workspace()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// A file without its comments and its tests.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]") {
            match lines.next() {
                Some(module) if module.ends_with(';') => continue,
                _ => break,
            }
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// The names in a piece of code.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn names_are_found_however_they_are_imported() {
    let text = "// use std::fs\nuse std::{\n    fs::{self, File},\n};\n#[cfg(test)]\nmod a;\nfn f() {}\n\
                #[cfg(test)]\nmod tests {}\n";
    let code = code(text);
    let words: Vec<&str> = words(&code).collect();
    assert_eq!(words, ["use", "std", "fs", "self", "File", "fn", "f"]);
}
