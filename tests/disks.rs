//! Every program on a disk that is full, on one that is read-only, and in a folder that another run works in: one sentence, and
//! everything that was there stays.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{fs, path::Path, thread, time::Duration};

use eightfold_tests::{
    assert_kept,
    disk::SmallDisk,
    programs, snapshot,
    trainings::{self, House},
    Run, Snapshot, PATIENCE,
};

fn houses() -> impl Iterator<Item = House> {
    programs().into_iter().map(House::of)
}

/// A run that was killed after its first epoch.
fn leave_half_done(house: &House, out: &Path) {
    let mut running = house.start(out, &[]);
    while fs::read_to_string(out.join("record.jsonl")).map_or(0, |text| text.lines().count()) < 1 {
        assert!(running.is_running(), "{}: it ended before it could be killed", house.program.name);
        thread::sleep(Duration::from_micros(300));
    }
    let _ = running.kill();
    // what it was in the middle of writing would be cleared away by the next run, and be room for a checkpoint
    shared::files::remove_leftovers(out);
}

/// One sentence that names the place, with every file as it was.
fn refused(run: &Run, before: &Snapshot, disk: &Path, part: &str) {
    let said = run.sentence();
    assert!(said.contains(part), "`{}`: `{part}` is not in: {said}", run.line);
    assert_kept(before, disk, &run.line);
}

#[test]
fn a_full_disk_is_said_and_with_room_again_it_ends_the_same() {
    for house in houses() {
        let whole = house.whole(&[]);
        let bytes: usize = whole.values().map(Vec::len).sum();
        let at = house.path("disk");
        let Some(disk) = SmallDisk::mount(&at, bytes / 256 + 512) else {
            println!("skipped: a full disk, because no small file system can be mounted here");
            return;
        };
        let (run, new, claims) = (at.join("run"), at.join("new"), at.join("claims"));
        leave_half_done(&house, &run);
        disk.fill();
        let before = snapshot(&at);
        refused(&house.train(&run, &["--resume"]), &before, &at, "disk/run");
        refused(&house.train(&run, &[]), &before, &at, "disk/run");
        refused(&house.train(&new, &[]), &before, &at, "disk/new");
        let claim = house.program.claims_by_time().swap_remove(0);
        let reproduce = house.verb(&["reproduce", &claim, "--quick"], &claims);
        refused(&reproduce, &before, &at, "disk/claims");
        disk.make_room();
        let _ = house.train(&run, &["--resume"]).exits(0);
        assert_kept(&whole, &run, &format!("{} after a full disk", house.program.name));
    }
}

#[test]
fn a_read_only_disk_is_said_and_can_be_read_from() {
    for house in houses() {
        let whole = house.whole(&[]);
        let bytes: usize = whole.values().map(Vec::len).sum();
        let at = house.path("disk");
        let Some(disk) = SmallDisk::mount(&at, bytes / 256 + 4096) else {
            println!("skipped: a read-only disk, because no small file system can be mounted here");
            return;
        };
        let (run, new) = (at.join("run"), at.join("new"));
        let _ = house.train(&run, &[]).exits(0);
        if !disk.writable(false) {
            println!("skipped: a read-only disk, because a file system cannot be made one here");
            return;
        }
        let before = snapshot(&at);
        refused(&house.train(&run, &["--resume"]), &before, &at, "disk/run");
        refused(&house.train(&run, &[]), &before, &at, "disk/run");
        refused(&house.train(&new, &[]), &before, &at, "--out that can be written to");
        refused(&house.verb(&["reproduce", "--quick"], &new), &before, &at, "--out that can be written to");
        for words in
            trainings::OWN.iter().filter(|(name, _)| *name == house.program.name).map(|(_, line)| line)
        {
            let words: Vec<&str> = words.split(' ').collect();
            // what writes nothing, or has nothing to read, ends as it does elsewhere
            let ended = house.verb(&words, &new);
            assert!(matches!(ended.code, Some(0 | 2)), "`{}`\n{}", ended.line, ended.stderr);
            if ended.code == Some(2) {
                assert!(!ended.sentence().is_empty());
            }
        }
        let data = house.path("data");
        let read = house.verb(&["eval", "--data-dir", data.to_str().unwrap()], &run);
        let _ = read.exits(0);
        assert_kept(&before, &at, &house.program.name);
        assert!(disk.writable(true));
    }
}

#[test]
fn a_second_run_into_a_folder_is_refused_and_the_first_is_not_disturbed() {
    for house in houses() {
        // which makes it last
        let often = ["--checkpoint-every", "1"];
        let whole = house.whole(&often);
        let out = house.path("out");
        let mut first = house.start(&out, &often);
        while !out.join("checkpoint.safetensors").exists() {
            assert!(first.is_running(), "{}: it ended before its first checkpoint", house.program.name);
            thread::sleep(Duration::from_micros(300));
        }
        let mut refused = 0;
        for flags in [&[][..], &["--resume"]] {
            let second = house.train(&out, &[&often, flags].concat());
            if second.code == Some(2) {
                let said = second.sentence();
                assert!(said.contains("in use by another run") && said.contains("--out"), "{said}");
                refused += 1;
            }
        }
        if first.is_running() {
            let claim = house.program.claims_by_time().swap_remove(0);
            let reproduce = house.verb(&["reproduce", &claim, "--quick"], &out);
            assert!(matches!(reproduce.code, Some(0..=2)), "{}", reproduce.stderr);
            if reproduce.code == Some(2) {
                assert!(reproduce.sentence().contains("in use by another run"), "{}", reproduce.stderr);
            }
        }
        let _ = first.wait(PATIENCE).exits(0);
        assert_kept(&whole, &out, &format!("{} beside others", house.program.name));
        println!("{}: {refused} refused while the first ran", house.program.name);
        assert!(refused >= 1, "{}: the first ended before another came", house.program.name);
    }
}
