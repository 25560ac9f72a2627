//! Damaged files: every loader answers with a value or an error, never a panic, a hang or a huge allocation.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use datasets::citation::{self, UnknownIds};
use datasets::{tu, ArcCounts, DatasetError};
use proptest::prelude::*;

type Files = [(&'static str, &'static str)];

const LINQS: &Files = &[
    ("zoo.content", "a\t1\t0\t1\tants\nb\t1\t1\t0\tbees\nc\t0\t0\t1\tants\nd\t0\t0.5\t0\tcats\n"),
    ("zoo.cites", "a\tb\nb\tc\nc\ta\nd\td\nb\ta\n"),
];

const PUBMED: &Files = &[
    (
        "Pubmed-Diabetes.NODE.paper.tab",
        "NODE\tpaper\ncat=1,2,3:label\tnumeric:w-rat:0.0\tnumeric:w-use:0.0\tstring:summary\n\
         11\tlabel=2\tw-use=0.5\tw-rat=0.25\tsummary=w-use,w-rat\n12\tlabel=1\tw-rat=0.125\tsummary=w-rat\n",
    ),
    ("Pubmed-Diabetes.DIRECTED.cites.tab", "DIRECTED\tcites\nNO_FEATURES\n1\tpaper:11\t|\tpaper:12\n"),
];

const TU: &Files = &[
    ("X_A.txt", "1, 2\n2, 1\n2,3\n3,2\n4, 5\n5, 4\n"),
    ("X_graph_indicator.txt", "1\r\n1\r\n1\r\n2\r\n2\r\n"),
    ("X_graph_labels.txt", "1\n-1\n"),
    ("X_node_labels.txt", "6\n7\n6\n8\n6\n"),
    ("X_edge_labels.txt", "1\n1\n2\n2\n1\n1\n"),
    ("X_node_attributes.txt", "0.5, 1\n1.5, 2\n2.5, 3\n3.5, 4\n4.5, 5e-1\n"),
];

/// Loads the files with every loader that could read them and returns the error messages.
fn load(files: &[(&str, Vec<u8>)]) -> Vec<Result<(), DatasetError>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    load_from(folder.path(), files[0].0)
}

fn load_from(folder: &Path, first: &str) -> Vec<Result<(), DatasetError>> {
    if first.starts_with("X_") {
        return vec![tu::load(folder, "X").map(drop)];
    }
    let name = if first.starts_with("zoo") { "zoo" } else { "pubmed" };
    [UnknownIds::Error, UnknownIds::Skip].map(|ids| citation::load_with(folder, name, ids).map(drop)).into()
}

fn bytes_of(files: &Files) -> Vec<(&'static str, Vec<u8>)> {
    files.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Replaces one file of a set, loads it and returns the (first) error's message.
fn error_with(files: &Files, name: &str, text: impl AsRef<[u8]>) -> String {
    let mut changed = bytes_of(files);
    changed.iter_mut().find(|(file, _)| *file == name).unwrap().1 = text.as_ref().to_vec();
    load(&changed).remove(0).unwrap_err().to_string()
}

#[test]
fn the_fixtures_are_valid_and_mean_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [LINQS, PUBMED, TU].concat() {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let zoo = citation::load(folder.path(), "zoo").unwrap();
    assert_eq!(zoo.edges(), [(0, 1), (0, 2), (1, 2)]);
    assert_eq!((zoo.counts().self_loops, zoo.counts().duplicates), (1, 1));
    assert_eq!(
        (zoo.class_names(), zoo.labels()),
        (&["ants", "bees", "cats"].map(String::from)[..], &[0, 1, 0, 2][..])
    );
    assert_eq!(zoo.features().row(3), Some((&[1][..], &[0.5][..])));
    assert!(!zoo.features().is_binary());

    let pubmed = citation::load(folder.path(), "pubmed").unwrap();
    assert_eq!(pubmed.features().row(0), Some((&[0, 1][..], &[0.25, 0.5][..])));
    assert_eq!(
        (pubmed.labels(), pubmed.node_ids()[1].as_str(), pubmed.edges()),
        (&[1, 0][..], "12", &[(0, 1)][..])
    );

    let set = tu::load(folder.path(), "X").unwrap();
    let graph = &set.graphs()[0];
    assert_eq!((&graph.edges[..], &graph.edge_labels[..]), (&[(0, 1), (1, 2)][..], &[0, 1][..]));
    assert_eq!((&graph.node_labels[..], graph.label), (&[0, 1, 0][..], 1));
    assert_eq!(set.graphs()[1].node_attributes, Some(vec![3.5, 4.0, 4.5, 0.5]));
    assert_eq!(
        (set.node_label_values(), set.class_names()),
        (&[6, 7, 8][..], &["-1", "1"].map(String::from)[..])
    );
}

#[test]
fn folders_and_compression_make_no_difference() {
    let flat = tempfile::tempdir().unwrap();
    for (name, text) in [LINQS, TU].concat() {
        std::fs::write(flat.path().join(name), text).unwrap();
    }
    for deep in ["tu/X", "X"] {
        let folder = tempfile::tempdir().unwrap();
        let (graphs, papers) = (folder.path().join(deep), folder.path().join("zoo"));
        for (inner, files) in [(&graphs, TU), (&papers, LINQS)] {
            std::fs::create_dir_all(inner).unwrap();
            for (name, text) in files {
                std::fs::write(inner.join(format!("{name}.gz")), gzip(text)).unwrap();
            }
        }
        assert_eq!(tu::load(folder.path(), "X").unwrap(), tu::load(flat.path(), "X").unwrap());
        let zoo = citation::load(folder.path(), "zoo").unwrap();
        assert_eq!(zoo, citation::load(flat.path(), "zoo").unwrap());
    }
}

#[test]
fn odd_arcs_are_joined_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    for (end, text) in [
        ("A", "2, 1\n1, 2\n1, 2\n2, 2\n3, 2\n"),
        ("graph_indicator", "1\n1\n1\n"),
        ("graph_labels", "5\n"),
        ("edge_labels", "7\n8\n7\n7\n9\n"),
    ] {
        std::fs::write(folder.path().join(format!("X_{end}.txt")), text).unwrap();
    }
    let set = tu::load(folder.path(), "X").unwrap();
    let counts = ArcCounts { arcs: 5, self_loops: 1, duplicates: 1, one_way: 1, label_conflicts: 1 };
    assert_eq!(set.counts(), counts);
    assert_eq!(set.graphs()[0].edges, [(0, 1), (1, 2)]);
    // The first listed arc of 1-2 says 7.
    assert_eq!((set.edge_label_values(), &set.graphs()[0].edge_labels[..]), (&[7, 8, 9][..], &[0, 2][..]));
    assert!(set.node_label_values().is_empty() && set.graphs()[0].node_labels.is_empty());
}

#[test]
fn citation_errors_name_file_line_and_remedy() {
    for (name, text, wanted) in [
        (
            "zoo.content",
            "a 1 0 1 x\nb 1 0 x\n",
            "zoo.content, line 2 (byte 10): expected an id, 3 words and a class, found 2 words",
        ),
        (
            "zoo.content",
            "a 1 0 1 x\n\na 1 0 1 x\n",
            "line 3 (byte 11): expected each paper once, found \"a\", which is also on line 1",
        ),
        ("zoo.content", "a 1 0 x1 x\n", "expected a number for word 3, found \"x1\""),
        ("zoo.content", "a 1 NaN 1 x\n", "a number for word 2"),
        ("zoo.content", "a\n", "expected an id, one or more words and a class, found 0 words"),
        ("zoo.content", "\n \n", "found the end of the file"),
        (
            "zoo.cites",
            "a b\nb zebra\n",
            "zoo.cites, line 2 (byte 4): expected the id of a paper in the content file, found \"zebra\"; ",
        ),
        ("zoo.cites", "a\n", "expected two ids, found \"a\""),
        ("zoo.cites", "a b c\n", "expected two ids"),
    ] {
        let message = error_with(LINQS, name, text);
        assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
    }
    for (name, text, wanted) in [
        ("Pubmed-Diabetes.NODE.paper.tab", "", "the header `NODE paper`, found an empty file"),
        ("Pubmed-Diabetes.NODE.paper.tab", "NODE\tpaper\n", "a header with"),
        ("Pubmed-Diabetes.NODE.paper.tab", "NODE\nnumeric:w:0\n", "end of the file"),
        (
            "Pubmed-Diabetes.NODE.paper.tab",
            "NODE\nnumeric:w:0\n1\tlabel=1\tv=1\n",
            "a name in the header, found \"v=1\"",
        ),
        ("Pubmed-Diabetes.NODE.paper.tab", "NODE\nnumeric:w:0\n1\tw=1\n", "`label=C` after the id"),
        ("Pubmed-Diabetes.NODE.paper.tab", "NODE\nnumeric:w:0\n1\tlabel=1\tw=1\tw=2\n", "each word once"),
        ("Pubmed-Diabetes.NODE.paper.tab", "NODE\nnumeric:w:0\n1\tlabel=1\tw=inf\n", "a finite number"),
        ("Pubmed-Diabetes.DIRECTED.cites.tab", "DIRECTED\n", "the header `NO_FEATURES`, found the end"),
        (
            "Pubmed-Diabetes.DIRECTED.cites.tab",
            "DIRECTED\nNO_FEATURES\n1\tpaper:11\tpaper:12\n",
            "`number paper:ID",
        ),
    ] {
        let message = error_with(PUBMED, name, text);
        assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
    }
}

#[test]
fn unknown_ids_can_be_skipped_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("zoo.content"), LINQS[0].1).unwrap();
    std::fs::write(folder.path().join("zoo.cites"), "a b\nb zebra\nzebra yak\n").unwrap();
    let zoo = citation::load_with(folder.path(), "zoo", UnknownIds::Skip).unwrap();
    assert_eq!((zoo.counts().unknown, zoo.counts().citations, zoo.edges().len()), (2, 3, 1));
}

#[test]
fn missing_files_are_named_with_every_place_that_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let message = citation::load(folder.path(), "cora").unwrap_err().to_string();
    for part in
        ["cora/cora.content[.gz], cora.content[.gz]", "--data-dir", "EIGHTFOLD_DATA", "--dataset synthetic"]
    {
        assert!(message.contains(part), "{message}");
    }
    let message = tu::load(folder.path(), "MUTAG").unwrap_err().to_string();
    assert!(
        message.contains("tu/MUTAG/MUTAG_graph_labels.txt[.gz], MUTAG/MUTAG_graph_labels.txt[.gz]"),
        "{message}"
    );
    assert!(citation::load(folder.path(), "../cora").is_err());
}

#[test]
fn tu_errors_name_file_line_and_remedy() {
    for (name, text, wanted) in [
        (
            "X_A.txt",
            "1, 2\n1, 6\n",
            "X_A.txt, line 2 (byte 5): expected two nodes from 1 to 5 as `i, j`, found \"1, 6\"",
        ),
        ("X_A.txt", "0, 1\n", "two nodes from 1 to 5"),
        ("X_A.txt", "1 2\n", "two nodes from 1 to 5"),
        ("X_A.txt", "3, 4\n", "an arc within one graph, found one from graph 1 to graph 2"),
        ("X_graph_indicator.txt", "1\n1\n3\n", "a graph from 1 to 2, found \"3\""),
        ("X_graph_indicator.txt", "1\n1\n0\n", "a graph from 1 to 2"),
        ("X_graph_indicator.txt", "", "the end of the file"),
        ("X_graph_indicator.txt", "1\n1\n1\n1\n1\n", "found none of graph 2"),
        ("X_graph_labels.txt", "1\nyes\n", "the class of a graph, a whole number, found \"yes\""),
        ("X_node_labels.txt", "6\n7\n", "one line for each of 5 nodes in the graph indicator, found 2 lines"),
        ("X_edge_labels.txt", "6\n7\n", "one line for each of 6 arcs"),
        ("X_node_attributes.txt", "1\n2\n3\n", "expected one line for each of 5 nodes"),
        ("X_node_attributes.txt", "1\n2\n3\n4\n5\n6\n", "found one more"),
        ("X_node_attributes.txt", "1, 2\n3\n", "expected 2 numbers, found 1"),
        ("X_node_attributes.txt", "1, nan\n", "finite numbers between commas, found \" nan\""),
    ] {
        let message = error_with(TU, name, text);
        assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
    }
}

/// One way to damage a file.
#[derive(Debug, Clone)]
enum Damage {
    Cut(usize),
    Swap(usize, usize),
    Set(usize, u8),
    Number(usize, &'static str),
    Lines(u64),
    Repeat(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let numbers =
        ["99999999999999999999999", "-1", "4294967296", "18446744073709551616", "1e400", "NaN", "", "0"];
    prop_oneof![
        any::<usize>().prop_map(Damage::Cut),
        any::<(usize, usize)>().prop_map(|(a, b)| Damage::Swap(a, b)),
        any::<(usize, u8)>().prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<usize>(), prop::sample::select(numbers.to_vec()))
            .prop_map(|(at, text)| Damage::Number(at, text)),
        any::<u64>().prop_map(Damage::Lines),
        any::<usize>().prop_map(Damage::Repeat),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    let n = bytes.len().max(1);
    if bytes.is_empty() {
        return;
    }
    match *damage {
        Damage::Cut(at) => bytes.truncate(at % n),
        Damage::Swap(a, b) => bytes.swap(a % n, b % n),
        Damage::Set(at, byte) => bytes[at % n] = byte,
        Damage::Number(at, text) => {
            // The run of digits at or after the place becomes another number.
            let Some(start) = (at % n..n).find(|&i| bytes[i].is_ascii_digit()) else { return };
            let end = (start..n).find(|&i| !bytes[i].is_ascii_digit()).unwrap_or(n);
            bytes.splice(start..end, text.bytes());
        }
        Damage::Lines(seed) => {
            let mut lines: Vec<Vec<u8>> =
                bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let count = lines.len();
            for i in 0..count {
                lines.swap(i, (seed.rotate_left(i as u32 * 7) % count as u64) as usize);
            }
            *bytes = lines.concat();
        }
        Damage::Repeat(at) => {
            let tail = bytes[at % n..].to_vec();
            bytes.extend(tail);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_files_never_panic(
        which in 0usize..3,
        damages in prop::collection::vec((any::<usize>(), damage()), 1..4),
    ) {
        let mut files = bytes_of([LINQS, PUBMED, TU][which]);
        let count = files.len();
        for (file, damage) in &damages {
            apply(damage, &mut files[file % count].1);
        }
        for error in load(&files).into_iter().filter_map(Result::err) {
            let message = error.to_string();
            prop_assert!(!message.contains('\n') && message.len() < 600, "{}", message);
        }
    }

    #[test]
    fn random_bytes_never_panic(which in 0usize..3, noise in prop::collection::vec(any::<u8>(), 0..200)) {
        for file in 0..[LINQS, PUBMED, TU][which].len() {
            let mut files = bytes_of([LINQS, PUBMED, TU][which]);
            files[file].1.clone_from(&noise);
            load(&files);
        }
    }

    #[test]
    fn damaged_gzip_never_panics(at: usize, byte: u8, cut: usize) {
        let mut packed = gzip(LINQS[0].1);
        let n = packed.len();
        packed[at % n] = byte;
        packed.truncate(n - cut % 8);
        load(&[("zoo.content.gz", packed), ("zoo.cites", LINQS[1].1.into())]);
    }
}
