//! sparse-dcnn: graphs, features and labels of the user's own, what is kept of them, and what they may take.

use std::fs;

use eightfold_tests::{Program, Run};

use super::{case, House, SmallDisk};

const NODES: usize = 12;
const GRAPH: &str = "data/graph.txt";
const FEATURES: &str = "data/features.mtx";
const LABELS: &str = "data/labels.txt";
const MODEL: &str = "run/model.safetensors";

/// A ring of twelve nodes with two features and two classes, and a finished run on it.
fn house() -> House {
    let house = House::of("sparse-dcnn", &["--epochs", "2", "--batch-size", "4"]);
    house.write(GRAPH, ring());
    house.write(FEATURES, features(NODES));
    house.write(LABELS, (0..NODES).map(|i| format!("{}\n", i % 2)).collect::<String>());
    let _ = train(&house, &[]).exits(0);
    house
}

/// `train` on the files of the house.
fn train(house: &House, flags: &[&str]) -> Run {
    let files = [GRAPH, FEATURES, LABELS].map(|name| house.path(name).to_str().unwrap().to_owned());
    let [graph, features, labels] = files.each_ref().map(String::as_str);
    let files = ["--graph", graph, "--features", features, "--labels", labels, "--json", "-q"];
    house.train(&[&files, flags].concat())
}

/// `series` on the graph of the house, in the folder of the run.
fn series(house: &House, flags: &[&str]) -> Run {
    let graph = house.path(GRAPH);
    house.run("series", &[&["--graph", graph.to_str().unwrap(), "--json", "-q"], flags].concat())
}

/// The case of a damaged house, and the same graph given to `series` where the damage is to the graph.
fn both(input: &str, damage: impl Fn(&House), parts: &[&str]) {
    let house = house();
    damage(&house);
    case(&house, input, |h| train(h, &[]), parts);
    case(&house, &format!("{input}, with --dry-run"), |h| train(h, &["--dry-run"]), parts);
    case(&house, &format!("{input}, to `series`"), |h| series(h, &[]), parts);
}

#[test]
fn graphs_with_a_meaning_are_taken_with_that_meaning() {
    let house = house();
    let matrix = |size: usize, rest: &str| {
        format!("%%MatrixMarket matrix coordinate pattern symmetric\n{size} {size} {rest}")
    };
    let cases = [
        ("a ring", ring(), &[][..], 12, 24),
        ("a self-loop is one entry", ring() + "3 3\n", &[], 12, 25),
        ("an edge listed again is one edge", ring() + "0 1\n1 0\n0 1\n", &[], 12, 24),
        ("edges in one direction go both ways", "0 1\n1 2\n".into(), &[], 3, 4),
        ("with --directed they do not", "0 1\n1 2\n".into(), &["--directed"], 3, 2),
        ("isolated nodes are nodes", matrix(12, "2\n2 1\n3 2\n"), &[], 12, 4),
        ("ids that are left out are isolated nodes", "0 5\n5 1000\n7 0\n".into(), &[], 1001, 6),
        ("a weight of 0 is no edge", weighted("0"), &[], 12, 22),
        ("comments and blank lines", format!("# ring\n\n{}", ring()), &[], 12, 24),
    ];
    for (input, graph, flags, nodes, entries) in cases {
        house.write("own", graph);
        let own = house.path("own");
        let graph = ["--graph", own.to_str().unwrap(), "--dry-run", "--json", "-q"];
        let told = house.run("train", &[&graph, flags].concat()).exits(0).json();
        assert_eq!((&told["nodes"], &told["entries"]), (&nodes.into(), &entries.into()), "{input}");
        let told = house.run("series", &[&graph, flags].concat()).exits(0).json();
        assert_eq!((&told["nodes"], &told["entries"][0]), (&nodes.into(), &entries.into()), "{input}");
    }
}

#[test]
fn graphs_without_a_meaning_are_said_with_their_place() {
    let matrix = |rest: &str| format!("%%MatrixMarket matrix coordinate pattern symmetric\n{rest}");
    let cases: [(&str, Vec<u8>, &[&str]); 17] = [
        ("a negative weight", weighted("-1").into(), &["line 5", "\"-1\"", "at least 0"]),
        ("a weight that is NaN", weighted("NaN").into(), &["line 5", "\"NaN\"", "finite"]),
        ("an infinite weight", weighted("inf").into(), &["line 5", "\"inf\"", "finite"]),
        (
            "weights whose sum overflows",
            ring().replace('\n', " 3e38\n").into(),
            &["node 0", "divide all weights"],
        ),
        ("a graph of 0 bytes", Vec::new(), &["graph.txt", "an empty file"]),
        ("comments alone", b"# nothing\n\n".to_vec(), &["graph.txt", "comments"]),
        (
            "an edge beyond the declared size",
            matrix("12 12 2\n2 1\n13 2\n").into(),
            &["line 4", "1 to 12", "13"],
        ),
        ("an entry too few", matrix("12 12 3\n2 1\n3 2\n").into(), &["3 entries", "after 2"]),
        ("10^12 entries that are not there", matrix("12 12 999999999999\n2 1\n").into(), &["after 1", "cut"]),
        ("a matrix that is not square", matrix("12 13 1\n2 1\n").into(), &["square", "12 x 13"]),
        ("2^32 nodes", matrix("4294967296 4294967296 1\n2 1\n").into(), &["4294967296", "from 0"]),
        (
            "2^32 - 2 nodes and one edge",
            matrix("4294967294 4294967294 1\n2 1\n").into(),
            &["4294967294", "from 0"],
        ),
        ("an id of 2^32", b"0 4294967296\n".to_vec(), &["line 1", "4294967296", "from 0"]),
        ("an id that no integer holds", b"0 99999999999999999999999\n".to_vec(), &["line 1", "99999"]),
        ("an id that is no number", ring().replace("4 5", "4 x").into(), &["line 5", "\"x\""]),
        ("an edge with one end", ring().replace("4 5", "4").into(), &["line 5", "one field"]),
        ("bytes that are no text", (0..=255).collect(), &["graph.txt", "line 1"]),
    ];
    for (input, bytes, parts) in cases {
        both(input, |h| h.write(GRAPH, &bytes), parts);
    }
    both("no graph", |h| fs::remove_file(h.path(GRAPH)).unwrap(), &["graph.txt", "check"]);
    let folder = |h: &House| {
        fs::remove_file(h.path(GRAPH)).unwrap();
        fs::create_dir(h.path(GRAPH)).unwrap();
    };
    both("a folder for a graph", folder, &["graph.txt", "directory"]);
    let cut = |h: &House| {
        h.gzip(GRAPH, |b| b.truncate(b.len() / 2));
        fs::rename(h.path("data/graph.txt.gz"), h.path(GRAPH)).unwrap();
    };
    both("a graph in a cut gzip", cut, &["graph.txt", "whole"]);
}

#[test]
fn features_and_labels_that_do_not_fit_the_graph_are_said() {
    let array = "%%MatrixMarket matrix array real general\n";
    let sparse = "%%MatrixMarket matrix coordinate real general\n";
    let labels = |change: &dyn Fn(usize) -> String| (0..NODES).map(change).collect::<String>();
    let one = |text: &str| labels(&|i| if i == 3 { format!("{text}\n") } else { "0\n".into() });
    let cases: [(&str, &str, String, &[&str]); 20] = [
        ("features for fewer nodes", FEATURES, features(11), &["features.mtx", "11 rows", "12 nodes"]),
        ("features for more nodes", FEATURES, format!("{sparse}13 2 1\n1 1 1\n"), &["13 rows", "12 nodes"]),
        (
            "a feature that is NaN",
            FEATURES,
            features(NODES).replacen("\n0\n", "\nNaN\n", 1),
            &["line 3", "NaN"],
        ),
        ("a sparse feature that is NaN", FEATURES, format!("{sparse}12 2 1\n1 1 nan\n"), &["line 3", "nan"]),
        ("features of 0 bytes", FEATURES, String::new(), &["features.mtx", "{coordinate|array}"]),
        ("features that are no matrix", FEATURES, "hello\n".into(), &["line 1", "hello"]),
        ("no feature", FEATURES, format!("{array}12 0\n"), &["0 feature columns"]),
        ("features cut", FEATURES, features(NODES)[..70].into(), &["24 entries", "after", "cut"]),
        ("more features than can be", FEATURES, format!("{array}12 99999999999999\n1\n"), &["1073741824"]),
        ("a feature beyond the columns", FEATURES, format!("{sparse}12 2 1\n1 3 1\n"), &["line 3", "3"]),
        ("labels too few", LABELS, labels(&|_| "1\n".into())[2..].into(), &["12 labels", "found 11"]),
        ("labels too many", LABELS, labels(&|_| "1\n".into()) + "0\n", &["12 labels", "found 13"]),
        ("labels of 0 bytes", LABELS, String::new(), &["labels.txt", "no label"]),
        ("a label that is no number", LABELS, one("x"), &["line 4", "\"x\"", "from 0"]),
        ("a label below 0", LABELS, one("-1"), &["line 4", "\"-1\""]),
        ("a label between two", LABELS, one("1.5"), &["line 4", "\"1.5\""]),
        ("a label that would take all memory", LABELS, one("4000000000"), &["line 4", "1048576"]),
        ("a label that no integer holds", LABELS, one("99999999999999999999999"), &["line 4"]),
        (
            "a node without a label",
            LABELS,
            labels(&|i| format!("{} 0\n", i.max(1))),
            &["second one for node 1"],
        ),
        (
            "a label for a node that is not",
            LABELS,
            labels(&|i| format!("{} 0\n", i + 1)),
            &["line 12", "found 12"],
        ),
    ];
    for (input, file, text, parts) in cases {
        let house = house();
        house.write(file, text);
        case(&house, input, |h| train(h, &[]), parts);
    }
    let house = house();
    let graph = house.path(GRAPH).to_str().unwrap().to_owned();
    case(&house, "a graph without labels", |h| h.train(&["--graph", &graph]), &["--labels FILE"]);
    case(&house, "labels without a graph", |h| h.train(&["--labels", &graph]), &["--graph"]);
    case(&house, "features without a graph", |h| h.train(&["--features", &graph]), &["--graph"]);
    case(&house, "two graphs", |h| train(h, &["--dataset", "cora"]), &["--graph", "--dataset cora"]);
}

#[test]
fn settings_out_of_range_are_said_with_their_range() {
    let house = house();
    for rule in
        ["pre:0", "post:-1", "top:0", "x", "pre:nan", "post:inf", "pre:", "top:1.5", "none:1", "pre:1e-400"]
    {
        let parts = [rule, "none, pre:SIGMA or post:SIGMA", "top:K"];
        case(&house, &format!("--threshold {rule}"), |h| train(h, &["--threshold", rule]), &parts);
        case(&house, &format!("series --threshold {rule}"), |h| series(h, &["--threshold", rule]), &parts);
    }
    for (flag, value, parts) in [
        ("--hops", "0", &["--hops", "1 to 8"][..]),
        ("--hops", "9", &["hops is 9", "8"]),
        ("--max-memory", "1KiB", &["1.0 KiB are allowed", "raise the limit"]),
        ("--max-memory", "lots", &["lots", "512MiB"]),
        ("--max-memory", "-1", &["--max-memory", "-1"]),
        ("--max-memory", "0", &["--max-memory", "'0'"]),
        ("--max-memory", "1e99GiB", &["--max-memory", "1e99GiB"]),
    ] {
        case(&house, &format!("{flag} {value}"), |h| train(h, &[flag, value]), parts);
        case(&house, &format!("series {flag} {value}"), |h| series(h, &[flag, value]), parts);
    }
    let of_series: [(&[&str], &[&str]); 9] = [
        (&["--shard", "0/3"], &["0/3", "I from 1 to N"]),
        (&["--shard", "4/3"], &["4/3", "I from 1 to N"]),
        (&["--shard", "a/b"], &["a/b", "3/16"]),
        (&["--shard", "1/99999999999999999999"], &["1/99999999999999999999"]),
        (&["--block-rows", "0"], &["--block-rows is 0", "1 to 16777216"]),
        (&["--block-rows", "99999999999"], &["--block-rows is 99999999999"]),
        (&["--budget", "10B", "--threshold", "pre:1"], &["10 bytes", "raise the budget"]),
        (&["--budget", "10B", "--threshold", "post:1"], &["10 bytes", "raise the budget"]),
        (&["--budget", "1GiB"], &["--budget", "pre:1 or post:1"]),
    ];
    for (flags, parts) in of_series {
        case(&house, &format!("series {}", flags.join(" ")), |h| series(h, flags), parts);
    }
    let of_generate: [(&[&str], &[&str]); 6] = [
        (&["--nodes", "0"], &["--nodes is 0", "from 1"]),
        (&["--nodes", "4294967296"], &["--nodes is 4294967296"]),
        (&["--degree", "0"], &["--degree is 0"]),
        (&["--nodes", "10", "--classes", "11"], &["--classes is 11", "to 10"]),
        (&["--features", "0"], &["--features is 0"]),
        (&["--nodes", "4000000000", "--features", "60000"], &["240000000000000 values", "fewer features"]),
    ];
    for (flags, parts) in of_generate {
        case(&house, &format!("generate {}", flags.join(" ")), |h| h.run("generate", flags), parts);
    }
}

/// The limit is on the address space, so that what is taken for a moment counts too.
#[test]
fn what_takes_too_much_is_refused_before_it_takes_it() {
    let house = house();
    let _ = house.run("generate", &["--nodes", "100000", "--features", "64"]).exits(0);
    let narrow = Program { name: "sh".into(), path: "sh".into() };
    let files = ["graph.txt", "features.mtx", "labels.txt"]
        .map(|f| house.path("run").join(f).to_str().unwrap().to_owned());
    let run = |verb: &str, flags: &[&str]| {
        let program = house.program.path.to_str().unwrap();
        let out = house.path("run");
        let limit = ["-c", "ulimit -v 60000; exec \"$0\" \"$@\"", program, verb];
        let common = ["--threads", "1", "--graph", &files[0], "--out", out.to_str().unwrap(), "--json", "-q"];
        narrow.run(&[&limit[..], &common, flags].concat())
    };
    let all = ["--features", &files[1], "--labels", &files[2]];
    let free = run("train", &all);
    assert_ne!(free.code, Some(0), "the run fits in the address space: this test shows nothing");
    let with = |limit: &'static str| [&all[..], &["--max-memory", limit]].concat();
    case(
        &house,
        "a graph over --max-memory",
        |_| run("train", &with("1MiB")),
        &["the graph needs", "1.0 MiB"],
    );
    case(
        &house,
        "features over --max-memory",
        |_| run("train", &with("20MiB")),
        &["with its features", "20.0 MiB"],
    );
    case(
        &house,
        "series over --max-memory",
        |_| run("series", &["--max-memory", "1MiB"]),
        &["the graph needs"],
    );
}

#[test]
fn a_dry_run_plans_what_the_run_then_plans_and_takes() {
    let house = house();
    let _ = house.run("generate", &["--nodes", "20000", "--features", "16"]).exits(0);
    for name in ["graph.txt", "features.mtx", "labels.txt"] {
        fs::rename(house.path("run").join(name), house.path("data").join(name)).unwrap();
    }
    for threshold in ["none", "pre:0.05", "post:0.05", "top:8"] {
        let before = house.snapshot();
        let planned = train(&house, &["--threshold", threshold, "--dry-run"]).exits(0).json();
        assert!(house.snapshot() == before, "a dry run wrote files");
        let run = train(&house, &["--threshold", threshold]).exits(0).json();
        assert_eq!(planned["memory"]["plan"], run["memory"]["plan"], "{threshold}");
        assert_eq!(planned["memory"]["planned_bytes"], run["memory"]["planned_bytes"], "{threshold}");
        let limit = format!("{}B", planned["memory"]["planned_bytes"]);
        let _ = train(&house, &["--threshold", threshold, "--max-memory", &limit]).exits(0);
        if let Some(peak) = run["memory"]["peak_bytes"].as_u64() {
            let planned = run["memory"]["planned_bytes"].as_u64().unwrap();
            assert!(peak <= planned + planned / 5, "{threshold}: peak {peak}, planned {planned}");
        }
    }
}

#[test]
fn evaluating_what_is_not_there_or_not_of_this_program_is_said() {
    type Damage = fn(&House);
    let cases: [(&str, Damage, &[&str]); 9] = [
        ("no run", |h| fs::remove_dir_all(h.path("run")).unwrap(), &["run.json", "train"]),
        ("the graph is gone", |h| fs::remove_file(h.path(GRAPH)).unwrap(), &["graph.txt", "put it back"]),
        ("the labels are gone", |h| fs::remove_file(h.path(LABELS)).unwrap(), &["labels.txt", "put it back"]),
        ("the graph has other nodes", |h| h.write(GRAPH, ring() + "12 0\n"), &["12 rows", "13 nodes"]),
        ("no weights", |h| fs::remove_file(h.path(MODEL)).unwrap(), &["model.safetensors"]),
        ("cut weights", |h| h.edit(MODEL, |b| b.truncate(b.len() / 2)), &["model.safetensors"]),
        ("run.json cut", |h| h.edit("run/run.json", |b| b.truncate(b.len() / 2)), &["run.json"]),
        (
            "a model of dcnn",
            |h| drop(fs::copy(dcnn(h).join("model.safetensors"), h.path(MODEL))),
            &["not a network of this program"],
        ),
        (
            "a run of dcnn",
            |h| drop(fs::copy(dcnn(h).join("run.json"), h.path("run/run.json"))),
            &["run.json is not a run of this program"],
        ),
    ];
    for (input, damage, parts) in cases {
        let house = house();
        damage(&house);
        case(&house, &format!("eval, {input}"), |h| h.run("eval", &["--json"]), parts);
    }
}

#[test]
fn resuming_with_other_settings_names_the_one_that_differs() {
    let house = house();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["--threshold", "post:0.1"], &["threshold", "none", "post:0.1"]),
        (&["--renormalize"], &["renormalize", "false there, true here"]),
        (&["--hops", "3"], &["hops", "2 there, 3 here"]),
        (&["--directed"], &["directed", "false there, true here"]),
    ];
    for (flags, parts) in cases {
        let run = |h: &House| train(h, &[flags, &["--resume"]].concat());
        case(&house, &format!("--resume {}", flags.join(" ")), run, parts);
    }
}

#[test]
fn folders_that_are_not_a_series_or_cannot_be_written_are_said() {
    let house = house();
    fs::create_dir(house.path("empty")).unwrap();
    house.write("file", "a file, not a folder");
    for (input, name) in
        [("an empty folder", "empty"), ("no folder", "none"), ("a file", "file"), ("a run", "run")]
    {
        let out = house.path(name);
        let merge = |h: &House| h.run("merge", &["--out", out.to_str().unwrap(), "--json"]);
        case(&house, &format!("merge in {input}"), merge, &["series.json", "--out the folder of a `series`"]);
    }
    assert!(!house.path("none").exists(), "merge made a folder");
    for verb in ["series", "generate"] {
        for name in ["file", "file/below"] {
            let out = house.path(name);
            let run = |h: &House| h.run(verb, &["--out", out.to_str().unwrap(), "--json"]);
            case(&house, &format!("{verb} --out {name}"), run, &[name, "--out that can be written to"]);
        }
    }
}

#[test]
fn a_full_disk_is_said_and_what_was_there_stays() {
    let house = house();
    let Some(disk) = SmallDisk::mount(&house.path("disk"), 256) else {
        println!("skipped: a full disk, because no small file system can be mounted here");
        return;
    };
    let [out, new] = ["disk/series", "disk/new"].map(|name| house.path(name).to_str().unwrap().to_owned());
    let _ = series(&house, &["--out", &out, "--block-rows", "5"]).exits(0);
    disk.fill();
    case(
        &house,
        "a full disk, series",
        |h| series(h, &["--out", &out, "--block-rows", "5"]),
        &["disk/series"],
    );
    case(&house, "a full disk, merge", |h| h.run("merge", &["--out", &out, "--json"]), &["disk/series"]);
    case(&house, "a full disk, train", |h| train(h, &["--out", &new]), &["disk/new"]);
    case(
        &house,
        "a full disk, generate",
        |h| h.run("generate", &["--out", &out]),
        &["disk/series", "free some space"],
    );
    fs::remove_file(house.path("disk/filler")).unwrap();
    let told = series(&house, &["--out", &out, "--block-rows", "5", "--resume"]).exits(0).json();
    assert_eq!(told["resumed"], 3);
    let _ = house.run("merge", &["--out", &out]).exits(0);
}

fn ring() -> String {
    (0..NODES).map(|i| format!("{i} {}\n", (i + 1) % NODES)).collect()
}

/// The ring with weights, of which the fifth is given.
fn weighted(weight: &str) -> String {
    let line = |i: usize| format!("{i} {} {}\n", (i + 1) % NODES, if i == 4 { weight } else { "1" });
    (0..NODES).map(line).collect()
}

fn features(rows: usize) -> String {
    let values: String = (0..2 * rows).map(|i| format!("{}\n", i % 2)).collect();
    format!("%%MatrixMarket matrix array real general\n{rows} 2\n{values}")
}

/// The folder of a finished run of the first paper.
fn dcnn(house: &House) -> std::path::PathBuf {
    let out = house.path("dcnn");
    let run = ["train", "--epochs", "2", "--out", out.to_str().unwrap()];
    let _ = eightfold_tests::program("dcnn").run(&run).exits(0);
    out
}
