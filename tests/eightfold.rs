//! The program of all papers, and the pages that it writes, opened in a browser.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use eightfold_tests::{browser::Browser, papers, program, Program, FRONT, PATIENCE};
use serde_json::Value;

fn front() -> Program {
    program(FRONT)
}

#[test]
fn every_paper_is_listed_with_the_claim_that_it_is_known_for() {
    let listed = front().run(&["list", "--json"]).exits(0).json();
    let names: Vec<&str> =
        listed["papers"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, papers());
    let text = front().run(&["list"]).exits(0).stdout;
    for paper in listed["papers"].as_array().unwrap() {
        let known = paper["headline"].as_str().unwrap();
        let claim = paper["claims"].as_array().unwrap().iter().find(|claim| claim["id"] == known);
        assert!(claim.is_some() && text.contains(known), "{known}");
    }
}

#[test]
fn wrong_words_are_said_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent");
    let cases: [(&[&str], &str); 6] = [
        (&["fly"], "there is no verb and no paper 'fly'"),
        (&["reproduce"], "PAPER"),
        (&["reproduce", "nothing", "--quick"], "there is no paper 'nothing'; choose from: capsules, "),
        (&["reproduce", "--all", "--threads", "0"], "--threads"),
        (&["report", "--from", absent.to_str().unwrap()], "absent with results"),
        (&["completions", "nosh"], "nosh"),
    ];
    for (args, part) in cases {
        let run = front().run(args);
        let said = run.sentence();
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn a_paper_s_own_program_is_within_it() {
    let [own, within] = [("dcnn", vec!["explain"]), (FRONT, vec!["dcnn", "explain"])]
        .map(|(name, args)| program(name).run(&args).exits(0).stdout);
    assert_eq!(own, within);
    // a measurement that starts the program again finds the paper in it
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let run = front().run(&["sparse-dcnn", "reproduce", "memory", "--quick", "--json", "-q", "--out", out]);
    assert_ne!(run.json()["claims"][0]["verdict"], "not-run", "{}", run.stdout);
}

#[test]
fn papers_are_measured_kept_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let args = ["reproduce", "dcnn", "--quick", "--json", "--out", out];
    let first = front().run(&args);
    assert!(matches!(first.code, Some(0 | 1)), "{}", first.stderr);
    let claims = &first.json()["papers"][0]["report"]["claims"];
    assert!(claims.as_array().unwrap().len() > 5, "{}", first.stdout);
    let again = front().run(&[&args[..], &["--resume"]].concat());
    assert_eq!(again.code, first.code);
    assert!(again.stderr.contains("from an earlier run"), "{}", again.stderr);
    assert_eq!(*claims, again.json()["papers"][0]["report"]["claims"], "what was kept is another");
    let page = PathBuf::from(again.json()["page"].as_str().unwrap());
    assert!(fs::read_to_string(page.with_file_name("dcnn.html")).unwrap().contains("node-table"));
    // another form of the same claims is not taken for this one
    let other = front().run(&["reproduce", "dcnn", "--resume", "-q", "--out", out]);
    assert_eq!(other.code, Some(2), "{}", other.stderr);
    assert!(other.stderr.contains("cannot resume"), "{}", other.stderr);
}

#[test]
#[cfg(unix)]
fn ended_by_a_signal_it_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let args = ["reproduce", "dcnn", "sparse-dcnn", "--quick", "--out", out];
    let mut running = front().start(&args, &[]);
    running.until_it_listens();
    let measured = || fs::read_dir(dir.path().join("dcnn")).map_or(0, |files| files.count());
    // the lock, and a claim
    while measured() < 3 {
        assert!(running.is_running(), "it ended before a claim was measured");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    running.signal("TERM");
    let run = running.wait(PATIENCE);
    assert_eq!(run.code, Some(143), "{}", run.stderr);
    assert!(
        run.stderr.contains("interrupted by SIGTERM") && run.stderr.contains("--resume"),
        "{}",
        run.stderr
    );
    assert!(!dir.path().join("site").exists() && !dir.path().join("sparse-dcnn").exists());
    let on = front().run(&[&args[..], &["--resume"]].concat());
    assert!(matches!(on.code, Some(0 | 1)), "{}", on.stderr);
    assert!(on.stderr.contains("from an earlier run"), "{}", on.stderr);
    assert!(dir.path().join("site/sparse-dcnn.html").is_file());
}

/// What a page is asked: which of its figures cannot be seen, which text is cut, overlaps or has too little contrast, and
/// where its links go.
const LOOK: &str = include_str!("look.js");

#[test]
fn pages_are_sound_in_a_browser() {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("site");
    let run = front().run(&["report", "--out", site.to_str().unwrap()]);
    let index = PathBuf::from(run.exits(0).stdout.trim());
    assert_eq!(index, site.join("index.html"));
    let pages: Vec<PathBuf> = fs::read_dir(&site).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(pages.len(), papers().len() + 1);
    let Some(mut browser) = Browser::start() else { return };
    let mut anchors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut links, mut figures) = (BTreeSet::new(), 0);
    for page in &pages {
        let name = page.file_name().unwrap().to_str().unwrap().to_owned();
        for (width, scheme) in [(400, "light"), (1400, "light"), (400, "dark"), (1400, "dark")] {
            browser.open(page, width, scheme);
            let seen = browser.ask(LOOK);
            let shot = format!("{}-{width}-{scheme}.png", name.trim_end_matches(".html"));
            let shot = Path::new(env!("CARGO_TARGET_TMPDIR")).join("site").join(shot);
            browser.photograph(&shot);
            let place = format!("{name} at {width} pixels in the {scheme} (see {})", shot.display());
            assert!(browser.complaints.is_empty(), "{place}: {:?}", browser.complaints);
            for fault in ["wide", "unseen", "cut", "overlapping", "faint", "unnamed"] {
                let found = seen[fault].as_array().unwrap();
                assert!(found.is_empty(), "{place}: {fault}: {}", Value::from(found.clone()));
            }
            figures += seen["figures"].as_u64().unwrap();
            anchors.insert(name.clone(), texts(&seen["ids"]));
            links.extend(texts(&seen["links"]).into_iter().map(|link| (name.clone(), link)));
        }
    }
    assert!(figures > 100, "only {figures} figures: is this test looking at the right pages?");
    for (page, link) in &links {
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target =
            Path::new(path.strip_prefix("file://").unwrap_or_else(|| panic!("{page} leads to {link}")));
        let name = target.file_name().unwrap().to_str().unwrap();
        let there = anchors.get(name).unwrap_or_else(|| panic!("{page}: there is no page {link}"));
        assert!(anchor.is_empty() || there.contains(anchor), "{page}: there is no place {link}");
    }
    println!("{} pages, {figures} figures, {} links", pages.len(), links.len());
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
