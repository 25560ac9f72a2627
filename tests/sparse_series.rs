//! The stored series of sparse-dcnn: the same bytes from any threads, shards and processes, from runs that were killed,
//! and never from a block that is damaged or of another series.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use eightfold_tests::{assert_kept, program, snapshot, Program, Run, Running, PATIENCE};

/// The joined series.
const SERIES: &str = "series.safetensors";
/// A graph with 12 blocks of these rows.
const NODES: &str = "3000";
const ROWS: &str = "250";
const BLOCKS: usize = 12;

/// A folder with a drawn graph.
struct House {
    dir: tempfile::TempDir,
    program: Program,
    graph: String,
}

fn house() -> House {
    let (dir, program) = (tempfile::tempdir().unwrap(), program("sparse-dcnn"));
    let drawn = dir.path().join("drawn");
    let _ = program.run(&["generate", "--nodes", NODES, "--out", drawn.to_str().unwrap()]).exits(0);
    let graph = drawn.join("graph.txt").to_str().unwrap().to_owned();
    House { dir, program, graph }
}

impl House {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, out: &Path, flags: &[&str]) -> Running {
        let common = ["series", "--graph", &self.graph, "--out", out.to_str().unwrap(), "--json", "-q"];
        self.program.start(&[&common, flags].concat(), &[])
    }

    fn series(&self, out: &Path, flags: &[&str]) -> Run {
        self.start(out, flags).wait(PATIENCE)
    }

    fn merge(&self, out: &Path) -> Run {
        self.program.run(&["merge", "--out", out.to_str().unwrap(), "--json", "-q"])
    }

    /// The bytes of the whole series, computed at once by one thread.
    fn whole(&self, flags: &[&str]) -> Vec<u8> {
        let out = self.path("whole");
        let _ = self.series(&out, &[flags, &["--threads", "1"]].concat()).exits(0);
        let merged = self.merge(&out).exits(0).json();
        assert_eq!(merged["series"]["nodes"], 3000);
        let bytes = fs::read(out.join(SERIES)).unwrap();
        fs::remove_dir_all(out).unwrap();
        bytes
    }

    /// Fails unless the blocks of the folder join to these bytes.
    fn assert_merges_to(&self, whole: &[u8], out: &Path, what: &str) {
        let _ = self.merge(out).exits(0);
        assert!(fs::read(out.join(SERIES)).unwrap() == whole, "{what}: another series");
    }
}

fn block(out: &Path, number: usize) -> PathBuf {
    out.join(format!("blocks/{number:06}.safetensors"))
}

/// How many blocks the folder has.
fn blocks_in(out: &Path) -> usize {
    (0..1 << 12).filter(|number| block(out, *number).exists()).count()
}

#[test]
fn any_number_of_threads_and_shards_merges_to_the_same_bytes() {
    let house = house();
    for threshold in ["none", "pre:0.12", "post:0.05", "top:6"] {
        let keep = ["--threshold", threshold];
        let whole = house.whole(&keep);
        for (threads, rows, order) in [
            ("2", ROWS, &["1/1"][..]),
            ("4", ROWS, &["3/3", "1/3", "2/3"]),
            ("1", "77", &["2/2", "1/2"]),
            ("2", "3000", &["1/2", "2/2"]),
            ("3", "999", &["5/5", "4/5", "3/5", "2/5", "1/5"]),
        ] {
            let out = house.path(&format!("{}-{threads}-{rows}", threshold.replace(':', "-")));
            let mut entries = vec![0, 0];
            for shard in order {
                let flags = ["--shard", shard, "--threads", threads, "--block-rows", rows];
                let told = house.series(&out, &[&keep[..], &flags].concat()).exits(0).json();
                let counts = told["entries"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap());
                entries.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
            house.assert_merges_to(
                &whole,
                &out,
                &format!("{threshold}, {threads} threads, shards {order:?}"),
            );
            let merged = house.merge(&out).exits(0).json();
            let joined: Vec<u64> = serde_json::from_value(merged["entries"].clone()).unwrap();
            assert_eq!(joined, entries, "{threshold}: the shards count other entries than the whole");
        }
    }
}

#[test]
fn the_embedded_graph_has_one_series_too() {
    let house = house();
    let run = |out: &Path, flags: &[&str]| {
        let common = ["series", "--out", out.to_str().unwrap(), "--threshold", "post:0.1", "--hops", "3"];
        let told = house.program.run(&[&common, flags, &["--json"]].concat()).exits(0).json();
        assert_eq!(told["nodes"], 1000);
    };
    let outs = ["one", "shards"].map(|name| house.path(name));
    run(&outs[0], &["--threads", "1"]);
    for shard in ["2/3", "3/3", "1/3"] {
        run(&outs[1], &["--threads", "2", "--block-rows", "64", "--shard", shard]);
    }
    let [one, shards] = outs.map(|out| {
        let _ = house.merge(&out).exits(0);
        fs::read(out.join(SERIES)).unwrap()
    });
    assert!(one == shards);
}

#[test]
fn shards_can_be_computed_at_the_same_time() {
    let house = house();
    let whole = house.whole(&["--threshold", "post:0.02"]);
    let out = house.path("out");
    // the first shard twice: two processes that do the same work do not harm one another
    let running = ["1/3", "2/3", "3/3", "1/3"].map(|shard| {
        house.start(
            &out,
            &["--threshold", "post:0.02", "--block-rows", "50", "--shard", shard, "--threads", "1"],
        )
    });
    for shard in running {
        let _ = shard.wait(PATIENCE).exits(0);
    }
    house.assert_merges_to(&whole, &out, "shards at the same time");
}

#[test]
fn the_dry_run_counts_what_is_then_written() {
    let house = house();
    for threshold in ["none", "pre:0.12", "post:0.05", "top:6"] {
        let out = house.path(&threshold.replace(':', "-"));
        let planned = house.series(&out, &["--threshold", threshold, "--dry-run"]).exits(0).json();
        assert!(!out.exists(), "a dry run wrote files");
        let written = house.series(&out, &["--threshold", threshold]).exits(0).json();
        assert_eq!(planned["entries"], written["entries"], "{threshold}");
    }
}

#[test]
fn the_budget_is_kept_and_used() {
    let house = house();
    let out = house.path("out");
    for (side, budget) in [("pre", 200_000), ("post", 200_000), ("pre", 400_000), ("post", 400_000)] {
        let (rule, bytes) = (format!("{side}:1"), format!("{budget}B"));
        let told =
            house.series(&out, &["--threshold", &rule, "--budget", &bytes, "--dry-run"]).exits(0).json();
        let taken = told["bytes"].as_u64().unwrap();
        assert!(taken <= budget && taken > budget / 4, "{side}: {taken} bytes of {budget}");
        let picked = told["threshold"].as_str().unwrap();
        assert!(picked.starts_with(side) && picked != rule, "{picked}");
    }
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was() {
    let house = house();
    let flags = ["--threshold", "post:0.02", "--hops", "3", "--block-rows", "40"];
    let whole = house.whole(&flags);
    let resumed = [&flags[..], &["--resume"]].concat();
    let (mut killed, mut without_a_block, mut within) = (0, 0, 0);
    for (number, (blocks, micros)) in
        [(0, 0), (0, 3_000), (1, 0), (1, 400), (4, 1_100), (20, 50), (47, 700), (70, 0)]
            .into_iter()
            .enumerate()
    {
        let out = house.path(&number.to_string());
        let mut running = house.start(&out, &flags);
        while blocks_in(&out) < blocks && running.is_running() {
            thread::sleep(Duration::from_micros(100));
        }
        thread::sleep(Duration::from_micros(micros));
        killed += usize::from(running.kill().code.is_none());

        let there = blocks_in(&out);
        without_a_block += usize::from(there == 0);
        within += usize::from((1..75).contains(&there));
        let before = if out.exists() { snapshot(&out) } else { Default::default() };
        let written = |n: usize| fs::metadata(block(&out, n)).unwrap().modified().unwrap();
        let times: Vec<_> = (0..there).map(written).collect();
        let told = house.series(&out, &resumed).exits(0).json();
        assert_eq!((&told["resumed"], &told["blocks"]), (&there.into(), &75.into()), "killed at {blocks}");
        assert_kept(&before, &out, "going on");
        assert!(times == (0..there).map(written).collect::<Vec<_>>(), "a finished block was written again");
        house.assert_merges_to(&whole, &out, &format!("killed after {blocks} blocks and {micros} us"));
    }
    println!("{killed} kills, {without_a_block} before the first block, {within} between two");
    assert!(killed >= 7 && without_a_block >= 1 && within >= 5);
}

#[test]
fn a_damaged_block_is_refused_by_merge_and_mended_by_resume() {
    type Damage = fn(&mut Vec<u8>);
    let house = house();
    let flags = ["--threshold", "post:0.05", "--block-rows", ROWS];
    let (whole, out) = (house.whole(&flags), house.path("out"));
    let _ = house.series(&out, &flags).exits(0);
    house.assert_merges_to(&whole, &out, "before the damage");
    let damages: [(&str, Damage); 7] = [
        ("cut", |b| b.truncate(b.len() / 2)),
        ("cut by a byte", |b| b.truncate(b.len() - 1)),
        ("longer", |b| b.extend([0; 8])),
        ("empty", Vec::clear),
        ("a bit of a value", |b| *b.last_mut().unwrap() ^= 4),
        ("a bit in the middle", |b| {
            let middle = b.len() / 2;
            b[middle] ^= 1;
        }),
        ("not a block", |b| *b = b"PK\x03\x04 not what it should be".to_vec()),
    ];
    for (what, damage) in damages {
        let sound = fs::read(block(&out, 5)).unwrap();
        let mut bytes = sound.clone();
        damage(&mut bytes);
        fs::write(block(&out, 5), bytes).unwrap();
        let before = snapshot(&out);
        let run = house.merge(&out);
        let said = run.sentence();
        println!("| a block, {what} | {} |", said.replace(house.dir.path().to_str().unwrap(), "DIR"));
        assert!(said.contains("000005.safetensors") && said.contains("compute it again"), "{what}: {said}");
        assert_kept(&before, &out, what);

        let told = house.series(&out, &[&flags[..], &["--resume"]].concat()).exits(0).json();
        assert_eq!(told["resumed"], BLOCKS - 1, "{what}");
        assert!(fs::read(block(&out, 5)).unwrap() == sound, "{what}: mended to another block");
        house.assert_merges_to(&whole, &out, what);
    }
}

/// Where a flipped bit is not noticed, because it says nothing, the series is the same.
#[test]
fn no_flipped_bit_of_a_block_changes_the_series() {
    let house = house();
    let flags = ["--threshold", "post:0.2", "--block-rows", "1000"];
    let (whole, out) = (house.whole(&flags), house.path("out"));
    let _ = house.series(&out, &flags).exits(0);
    let sound = fs::read(block(&out, 1)).unwrap();
    let header = 8 + u64::from_le_bytes(sound[..8].try_into().unwrap()) as usize;
    let places = (0..header).step_by(23).chain((header..sound.len()).step_by(sound.len() / 20));
    for at in places {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(block(&out, 1), bytes).unwrap();
        let run = house.merge(&out);
        if run.code == Some(0) {
            assert!(fs::read(out.join(SERIES)).unwrap() == whole, "byte {at} changed the series unnoticed");
        } else {
            assert!(run.sentence().contains("000001.safetensors"), "byte {at}: {}", run.stderr);
        }
    }
}

#[test]
fn blocks_that_do_not_belong_together_are_not_joined() {
    let house = house();
    let flags = ["--threshold", "pre:0.12", "--block-rows", ROWS];
    let (whole, out, other) = (house.whole(&flags), house.path("out"), house.path("other"));
    let _ = house.series(&out, &flags).exits(0);
    let _ = house.series(&other, &["--threshold", "pre:0.2", "--block-rows", ROWS]).exits(0);
    let refused = |what: &str, run: Run, parts: &[&str]| {
        let said = run.sentence();
        println!("| {what} | {} |", said.replace(house.dir.path().to_str().unwrap(), "DIR"));
        for part in parts {
            assert!(said.contains(part), "{what}: `{part}` is not in: {said}");
        }
        assert!(!out.join(SERIES).exists(), "{what}: joined all the same");
    };
    let mend = |what: &str, computed: usize| {
        let told = house.series(&out, &[&flags[..], &["--resume"]].concat()).exits(0).json();
        assert_eq!(told["resumed"], BLOCKS - computed, "{what}");
        house.assert_merges_to(&whole, &out, what);
        fs::remove_file(out.join(SERIES)).unwrap();
    };

    fs::remove_file(block(&out, 7)).unwrap();
    refused("a block is missing", house.merge(&out), &["000007.safetensors", "shard", "--resume"]);
    mend("a block is missing", 1);
    fs::copy(block(&out, 3), block(&out, 4)).unwrap();
    refused("a block twice", house.merge(&out), &["000004.safetensors", "run its shard again"]);
    mend("a block twice", 1);
    fs::copy(block(&other, 0), block(&out, 0)).unwrap();
    refused("a block of another series", house.merge(&out), &["000000.safetensors", "another series"]);
    mend("a block of another series", 1);

    let plan = out.join("series.json");
    let sound = fs::read(&plan).unwrap();
    let before = snapshot(&out);
    for flags in [
        &["--threshold", "pre:0.2", "--block-rows", ROWS][..],
        &["--threshold", "pre:0.12", "--block-rows", "300"],
        &["--threshold", "pre:0.12", "--block-rows", ROWS, "--hops", "3"],
        &["--threshold", "pre:0.12", "--block-rows", ROWS, "--renormalize"],
        &["--threshold", "pre:0.12", "--block-rows", ROWS, "--directed"],
        &["--threshold", "pre:0.12", "--block-rows", ROWS, "--resume", "--shard", "1/3", "--hops", "1"],
    ] {
        refused(
            &format!("series {}", flags.join(" ")),
            house.series(&out, flags),
            &["another series", "--out"],
        );
        assert_kept(&before, &out, "another series");
    }
    fs::copy(other.join("series.json"), &plan).unwrap();
    refused("series.json of another series", house.merge(&out), &["000000.safetensors", "another series"]);
    for (what, bytes) in
        [("cut", &sound[..sound.len() / 2]), ("empty", b""), ("of something else", b"[1, 2]")]
    {
        fs::write(&plan, bytes).unwrap();
        let what = format!("series.json {what}");
        refused(&what, house.merge(&out), &["series.json", "run `series` again"]);
        refused(&what, house.series(&out, &flags), &["series.json", "run `series` again"]);
    }
    fs::remove_file(&plan).unwrap();
    refused("no series.json", house.merge(&out), &["series.json", "--out"]);
    mend("no series.json", 0);
}
