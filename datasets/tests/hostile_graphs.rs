//! Graph, feature and label files that are wrong: one sentence each, never a panic or a huge allocation.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use datasets::graph_file::{
    read_edge_list, read_graph, read_matrix_market, Direction, Ids, ReadOptions, Repeats,
};
use datasets::matrix_file::{read_features, read_labels, write_labels, FeatureShape};
use datasets::DatasetError;
use proptest::prelude::*;

fn with_file<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    read(&path)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn options() -> ReadOptions {
    ReadOptions::default()
}

/// Asserts that the file is refused in one sentence that holds all of `wanted` and names the file.
fn refused<T>(bytes: &[u8], read: impl FnOnce(&Path) -> Result<T, DatasetError>, wanted: &[&str]) {
    with_file("bad.txt", bytes, |path| {
        let message = read(path).err().unwrap_or_else(|| panic!("accepted, not {wanted:?}")).to_string();
        for wanted in wanted.iter().copied().chain(["bad.txt"]) {
            assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
        }
        assert!(!message.contains('\n') && message.len() < 600, "{message}");
    });
}

#[test]
fn edge_list_errors_name_file_line_and_remedy() {
    let comment = "correct the line, or make it a comment with #";
    let weight = "expected a weight that is finite and at least 0 (0 for no edge), found";
    let weight_hint = "correct or shift the weight, or leave the weights out";
    let cases: &[(&[u8], &[&str])] = &[
        (
            b"",
            &["line 1 (byte 0): expected lines of `u v` or `u v weight`, found an empty file", "may be cut"],
        ),
        (b"# a\n\n% b\n", &["line 4", "found comments and blank lines alone", "the intended file"]),
        (b"0 1\n2\n", &["line 2 (byte 4): expected `u v` or `u v weight`, found one field", comment]),
        (b"0 1\n1 2 3 4\n", &["line 2 (byte 4)", "found \"4\" as a fourth field", comment]),
        (
            b"source,target\n0,1\n",
            &["line 1", "a node id, a whole number from 0", "found \"source\"", comment],
        ),
        (b"0 1\n0 -1\n", &["line 2", "found \"-1\""]),
        (b"0 1.5\n", &["line 1", "found \"1.5\""]),
        (b"0 99999999999999999999\n", &["of at most 64 bits, found \"99999999999999999999\""]),
        (
            b"0,,1\n",
            &["line 1", "a field after each comma, found none", "fill the field in, or drop the comma"],
        ),
        (b"0,1,\n", &["a field after each comma"]),
        (b"0;1\n", &["found \"0;1\""]),
        (b"0 \xff\n", &["line 1", "node id"]),
        (b"0 1 1\n1 2 -0.5\n", &["line 2 (byte 6)", weight, "\"-0.5\"", weight_hint]),
        (b"0 1 NaN\n", &["line 1", weight, "\"NaN\"", weight_hint]),
        (b"0 1 inf\n", &[weight, "\"inf\""]),
        (b"0 1 1e39\n", &[weight, "\"1e39\""]),
        (b"0 1 1e-60\n", &[weight, "\"1e-60\""]),
        (b"0 1 heavy\n", &[weight, "\"heavy\""]),
        (
            b"%%MatrixMarket matrix coordinate pattern general\n2 2 1\n1 2\n",
            &["line 1", "a Matrix Market file", "read_graph"],
        ),
        (
            b"0 1\n4294967295 0\n",
            &["line 2 (byte 4)", "node ids below 4294967295", "found 4294967295", "Ids::Compact"],
        ),
        (b"4294967296 0\n", &["line 1", "node ids below 4294967295", "Ids::Compact"]),
        (
            b"0 1\n0 4294967294\n1 2\n",
            &[
                "line 2 (byte 4)",
                "at most 1048768 nodes in a file of 3 entries, found 4294967295",
                "Ids::Compact",
            ],
        ),
        (b"0 1\n0 1048704\n", &["line 2", "at most 1048704 nodes in a file of 2 entries, found 1048705"]),
    ];
    for (bytes, wanted) in cases {
        refused(bytes, |path| read_edge_list(path, &options()), wanted);
        refused(&gzip(bytes), |path| read_edge_list(path, &options()), wanted);
    }
    // The largest id that two lines speak for.
    assert_eq!(
        with_file("x", b"0 1\n0 1048703\n", |path| read_edge_list(path, &options())).unwrap().nodes(),
        1_048_704
    );
}

#[test]
fn options_that_the_file_breaks_are_told_with_both_numbers() {
    let declared = ReadOptions { nodes: Some(3), ..options() };
    refused(
        b"0 1\n1 3\n",
        |path| read_edge_list(path, &declared),
        &[
            "line 2 (byte 4): expected node ids below 3, the declared number of nodes, found 3",
            "raise the declared",
        ],
    );
    let small = ReadOptions { max_bytes: Some(47), ..options() };
    // Four starts of 8 bytes and four columns of 4.
    let wanted = ["its arrays need at least 48 bytes, but max_bytes allows 47; raise max_bytes"];
    refused(b"0 1\n1 2\n", |path| read_edge_list(path, &small), &wanted);
    let enough = ReadOptions { max_bytes: Some(48), ..options() };
    assert!(with_file("x", b"0 1\n1 2\n", |path| read_edge_list(path, &enough)).is_ok());
    refused(b"0 1\n1 2 1\n", |path| read_edge_list(path, &enough), &["need at least 64 bytes", "allows 48"]);
    refused(b"0 1\n0 900000\n", |path| read_edge_list(path, &enough), &["need at least 7200032 bytes"]);
    let compact = ReadOptions { ids: Ids::Compact, ..enough };
    refused(b"0 1\n1 2\n", |path| read_edge_list(path, &compact), &["need at least 72 bytes"]);
    refused(
        b"1 2\n3 4\n5 6\n7 8\n",
        |path| read_edge_list(path, &compact),
        &["bytes, but max_bytes allows 48"],
    );

    let sum = ReadOptions { repeats: Repeats::Sum, ..options() };
    refused(
        b"0 1 3e38\n1 0 3e38\n",
        |path| read_edge_list(path, &sum),
        &["repeats with a finite sum", "row 0 and column 1", "scale the values down"],
    );

    let path = Path::new("never-opened");
    let contradiction = ReadOptions { ids: Ids::Compact, nodes: Some(3), ..options() };
    let message =
        read_graph(path, &ReadOptions { nodes: Some(1 << 32), ..options() }).unwrap_err().to_string();
    assert!(message.contains("could not open never-opened"), "{message}");
    let message = read_edge_list(path, &contradiction).unwrap_err().to_string();
    assert!(message.contains("nodes is 3, but must be left out with Ids::Compact"), "{message}");
    let message =
        read_edge_list(path, &ReadOptions { nodes: Some(1 << 32), ..options() }).unwrap_err().to_string();
    assert!(message.contains("nodes is 4294967296, but must be at most 4294967295"), "{message}");
}

#[test]
fn places_that_are_no_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.txt");
    for read in [read_edge_list, read_matrix_market, read_graph] {
        let message = read(folder.path(), &options()).unwrap_err().to_string();
        assert!(message.contains("it is a directory") && message.contains("check that"), "{message}");
        let message = read(&missing, &options()).unwrap_err().to_string();
        assert!(message.contains("could not open") && message.contains("missing.txt"), "{message}");
    }
    assert!(matches!(read_features(&missing), Err(DatasetError::Io { .. })));
    assert!(matches!(read_labels(folder.path(), None), Err(DatasetError::Io { .. })));
    #[cfg(unix)]
    {
        // Endless, and not to be read twice.
        let message = read_graph(Path::new("/dev/zero"), &options()).unwrap_err().to_string();
        assert!(message.contains("it is no regular file"), "{message}");
    }
}

#[test]
fn cut_gzip_files_are_refused() {
    let packed = gzip(&b"0 1\n1 2\n2 3\n".repeat(1000));
    for cut in [3, packed.len() / 2, packed.len() - 1] {
        refused(
            &packed[..cut],
            |path| read_graph(path, &options()),
            &["could not read", "check that the file is whole"],
        );
    }
}

#[test]
fn matrix_market_errors_name_file_line_and_remedy() {
    let check = "check the file against its size line, it may be cut or changed";
    let again = "write the matrix again in one of these forms";
    let coordinate = "%%MatrixMarket matrix coordinate";
    let case = |text: &str, wanted: &[&str]| {
        refused(text.as_bytes(), |path| read_matrix_market(path, &options()), wanted);
    };
    case("", &["line 1 (byte 0)", "found the end of the file", "it is empty or was cut short"]);
    case(
        "0 1\n",
        &[
            "line 1",
            "`%%MatrixMarket matrix {coordinate|array} {pattern|real|integer} {general|symmetric}`",
            "found \"0 1\"",
            again,
        ],
    );
    case(
        &format!("{coordinate} complex general\n1 1 0\n"),
        &["line 1", "values that are real, integer or", again],
    );
    for symmetry in ["skew-symmetric", "hermitian"] {
        case(
            &format!("{coordinate} real {symmetry}\n1 1 0\n"),
            &["line 1", "general or (in coordinate form) symmetric", again],
        );
    }
    case("%%MatrixMarket matrix array pattern general\n", &["line 1", "values that are real"]);
    case("%%MatrixMarket matrix heap real general\n", &["line 1", "coordinate or array form"]);
    case(
        "%%MatrixMarket matrix array real general\n2 2\n",
        &["line 2", "expected a graph in coordinate form, found an array"],
    );
    case(&format!("{coordinate} real general\n% only\n"), &["and a size line, found the end of the file"]);
    case(
        &format!("{coordinate} real general\n2 2\n"),
        &["line 2", "a size line `rows columns entries`, found \"2 2\"", check],
    );
    case(&format!("{coordinate} real general\n2 x 1\n"), &["line 2", "found \"x\""]);
    case(
        &format!("{coordinate} real general\n2 3 0\n"),
        &["line 2", "a square matrix of nodes by nodes, found 2 x 3"],
    );
    let two = format!("{coordinate} pattern symmetric\n% two\n3 3 2\n");
    case(&format!("{two}1 2\n4 1\n"), &["line 5", "a row from 1 to 3, as line 3 says, found \"4\"", check]);
    case(&format!("{two}1 2\n1 0\n"), &["line 5", "a column from 1 to 3, as line 3 says, found \"0\""]);
    case(
        &format!("{two}1 2\n"),
        &["line 5", "2 entries, as line 3 says, found the end of the file after 1", check],
    );
    case(&format!("{two}1 2\n2 3\n3 3\n"), &["line 6", "2 entries, as line 3 says, found one more", check]);
    case(&format!("{two}1 2 1.5\n"), &["line 4", "`row column`, found \"1.5\" after it"]);
    case(
        &format!("{coordinate} real general\n2 2 1\n1 2\n"),
        &["line 3", "`row column value`, found the end of the line"],
    );
    case(
        &format!("{coordinate} real general\n2 2 1\n1 2 -1\n"),
        &["line 3", "a weight that is finite and at least 0", "\"-1\""],
    );
    // Claims that the file does not bear out take no memory.
    case(
        &format!("{coordinate} pattern general\n4000000000 4000000000 1\n1 2\n"),
        &["line 2", "at most 1048640 nodes in a file of 1 entries", "Ids::Compact"],
    );
    case(
        &format!("{coordinate} pattern general\n4294967296 4294967296 1\n1 2\n"),
        &["line 2", "at most 4294967295 nodes", "Ids::Compact"],
    );
    case(
        &format!("{coordinate} pattern general\n3 3 18446744073709551615\n1 2\n"),
        &["found the end of the file after 1"],
    );
    refused(
        format!("{two}1 2\n2 3\n").as_bytes(),
        |path| read_graph(path, &ReadOptions { nodes: Some(4), ..options() }),
        &["line 3", "4 nodes, as the options say, found 3", "leave nodes out"],
    );
}

#[test]
fn feature_errors_name_file_line_and_remedy() {
    let case = |text: &str, wanted: &[&str]| refused(text.as_bytes(), read_features, wanted);
    case(
        "%%MatrixMarket matrix coordinate real symmetric\n2 2 0\n",
        &["a general matrix of nodes by features", "general form"],
    );
    case(
        "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 nan\n",
        &["line 3", "a finite value", "\"nan\""],
    );
    case(
        "%%MatrixMarket matrix coordinate real general\n5000000000 2 0\n",
        &["line 2", "at most 4294967295 rows"],
    );
    case(
        "%%MatrixMarket matrix coordinate real general\n4000000000 2 0\n",
        &["line 2", "at most 1048576 nodes in a file of 0 entries", "drop the nodes without features"],
    );
    case(
        "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n",
        &["line 6", "4 entries, as line 2 says, found the end of the file after 3"],
    );
    case("%%MatrixMarket matrix array real general\n1 2\n1\n2\n3\n", &["line 5", "found one more"]);
    case("%%MatrixMarket matrix array real general\n1 2\n1 2\n", &["line 3", "one value a line"]);
    case(
        "%%MatrixMarket matrix array real general\n30000 30000\n1\n",
        &["line 2", "900000000 values, found a file too short"],
    );
    case(
        "%%MatrixMarket matrix array real general\n60000 60000\n1\n",
        &["line 2", "passes the limit of 1073741824"],
    );
    case(
        "%%MatrixMarket matrix array real general\n9999999999999 9999999999999\n",
        &["line 2", "more than 2^64"],
    );
}

#[test]
fn label_errors_name_file_line_and_remedy() {
    let every = "give every node from 0 a label, and no other";
    let case = |text: &str, wanted: &[&str]| refused(text.as_bytes(), |path| read_labels(path, None), wanted);
    case("", &["a label for each node, found no label"]);
    case("# none\n", &["line 2", "no label"]);
    case("0\n-1\n", &["line 2 (byte 2)", "a whole number from 0, found \"-1\"", "number the classes from 0"]);
    case("0\nred\n", &["line 2", "found \"red\""]);
    case("0\n1 1\n", &["line 2", "as on the first line, found two fields"]);
    case("0 1\n1\n", &["line 2", "found one field"]);
    case("0 1 2\n", &["line 1", "\"2\" as a third field"]);
    case("0 1\n3 0\n1 1\n", &["line 2 (byte 4)", "a node below 3, the number of labels, found 3", every]);
    case("0 1\n1 0\n0 1\n", &["line 3", "one label for each node, found a second one for node 0", every]);
    case("0\n1048576\n", &["line 2", "a label below 1048576"]);
    refused(b"0\n1\n", |path| read_labels(path, Some(3)), &["3 labels, one for each node, found 2", every]);
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        write_labels(&folder.path().join("x"), &[1 << 20]),
        Err(DatasetError::Inconsistent { .. })
    ));
}

const SEEDS: [&str; 5] = [
    "# c\n0 1 0.5\n1,2\r\n2\t0 1e3\n5 5\n",
    "%%MatrixMarket matrix coordinate real general\n%\n3 3 3\n1 2 0.5\n2 3 1\n3 3 2e0\n",
    "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n",
    "%%MatrixMarket matrix array real general\n2 2\n1\n2\n-3\n4\n",
    "0 1\n1 0\n2 1\n",
];

/// Reads the bytes in every way and checks whatever is made of them.
fn read_all(bytes: &[u8]) {
    with_file("any", bytes, |path| {
        let mut errors = Vec::new();
        for direction in [Direction::Undirected, Direction::Directed] {
            for (ids, repeats) in [(Ids::AsIs, Repeats::Sum), (Ids::Compact, Repeats::Merge)] {
                let options = ReadOptions { direction, ids, repeats, nodes: None, max_bytes: Some(1 << 24) };
                for read in [read_edge_list, read_matrix_market, read_graph] {
                    match read(path, &options) {
                        Ok(graph) => {
                            let (indptr, columns, weights, ids) = graph.into_parts();
                            assert!(ids.is_none_or(|ids| ids.len() + 1 == indptr.len()));
                            datasets::graph_file::GraphFile::new(indptr, columns, weights).unwrap();
                        }
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
        errors.extend(read_features(path).err());
        errors.extend(read_labels(path, None).err());
        for error in errors {
            let message = error.to_string();
            assert!(!message.contains('\n') && message.len() < 600, "{message}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&noise);
    }

    #[test]
    fn likely_bytes_never_panic(text in "(%%MatrixMarket matrix (array|coordinate) (real|pattern) (general|symmetric)\n)?([0-9]{1,2}[ ,\t][0-9]{1,3}([ ,][0-9e.-]{1,6})?\r?\n|[#% ,0-9\n]{0,5}){0,20}") {
        read_all(text.as_bytes());
    }

    #[test]
    fn damaged_files_never_panic(
        which in 0usize..5,
        at: usize,
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"0159 ,\n.-#%e".to_vec())],
        cut in 0usize..8,
        packed: bool,
    ) {
        let mut bytes = SEEDS[which].as_bytes().to_vec();
        if packed {
            bytes = gzip(&bytes);
        }
        let n = bytes.len();
        bytes[at % n] = byte;
        bytes.truncate(n - cut);
        read_all(&bytes);
    }
}

#[test]
fn the_shape_of_features_is_known_before_they_are_read() {
    let shape = |text: &str| with_file("x.mtx", text.as_bytes(), FeatureShape::read);
    let dense = shape("%%MatrixMarket matrix array real general\n% note\n1000000 5000\n1\n").unwrap();
    assert_eq!((dense.rows, dense.columns, dense.dense), (1_000_000, 5000, true));
    assert_eq!(dense.bytes(), 20_000_000_000);
    let sparse = shape("%%MatrixMarket matrix coordinate real general\n7 9 2\n1 1 1\n2 2 1\n").unwrap();
    assert_eq!((sparse.rows, sparse.columns, sparse.dense, sparse.bytes()), (7, 9, false, 2 * 8 + 7 * 8));
    assert!(shape("").is_err() && shape("hello\n").is_err());
}
