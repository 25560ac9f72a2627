//! Graph, feature and label files: what is read is what was written, in every form a file may have.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use datasets::graph_file::{
    read_edge_list, read_graph, read_matrix_market, write_edge_list, write_matrix_market, Counts, Direction,
    GraphFile, Ids, ReadOptions, Repeats,
};
use datasets::matrix_file::{read_features, read_labels, write_features, write_labels, FeatureFile};
use datasets::{CsrFeatures, DatasetError};
use proptest::prelude::*;

const DEFAULT: ReadOptions = ReadOptions {
    direction: Direction::Undirected,
    ids: Ids::AsIs,
    repeats: Repeats::Merge,
    nodes: None,
    max_bytes: None,
};
const DIRECTED: ReadOptions = ReadOptions { direction: Direction::Directed, ..DEFAULT };

fn with_file<T>(bytes: impl AsRef<[u8]>, read: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.txt");
    std::fs::write(&path, bytes).unwrap();
    read(&path)
}

fn graph(text: impl AsRef<[u8]>, options: ReadOptions) -> GraphFile {
    with_file(text, |path| read_graph(path, &options)).unwrap()
}

fn rows(graph: &GraphFile) -> Vec<Vec<u32>> {
    (0..graph.nodes()).map(|node| graph.row(node).unwrap().0.to_vec()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The rows of an edge list by the obvious way: a map from places to weights.
fn expected(edges: &[(u32, u32, Option<f32>)], options: ReadOptions) -> BTreeMap<(u32, u32), f64> {
    let mut map = BTreeMap::new();
    for &(u, v, weight) in edges {
        let weight = f64::from(weight.unwrap_or(1.0));
        let mut places = vec![(u, v)];
        if options.direction == Direction::Undirected && u != v {
            places.push((v, u));
        }
        for place in places.into_iter().filter(|_| weight > 0.0) {
            map.entry(place)
                .and_modify(|old: &mut f64| {
                    *old = if options.repeats == Repeats::Sum { *old + weight } else { old.max(weight) }
                })
                .or_insert(weight);
        }
    }
    map
}

#[test]
fn all_forms_of_a_line_mean_the_same() {
    let plain = "0 1\n1 2\n2 3\n";
    let wanted = graph(plain, DEFAULT);
    assert_eq!(rows(&wanted), [vec![1], vec![0, 2], vec![1, 3], vec![2]]);
    assert_eq!(wanted.counts(), Counts { lines: 3, ..Counts::default() });
    for text in [
        "0\t1\n1\t2\n2\t3",
        "0,1\r\n1, 2\r\n2 ,3\r\n",
        "# u v\n\n  0 1 \n% more\n1   2\n \t\r\n2\t 3\n\n",
        "\u{feff}0 1\n01 002\n2 3\n",
    ] {
        assert_eq!(graph(text, DEFAULT), wanted, "{text:?}");
        assert_eq!(graph(gzip(text.as_bytes()), DEFAULT), wanted, "{text:?}");
    }
    // Gzip files in a row are one text.
    assert_eq!(graph([gzip(b"0 1\n1 "), gzip(b"2\n2 3\n")].concat(), DEFAULT), wanted);
    // Of a file in two formats the content decides, not the name.
    let mtx = "%%matrixmarket MATRIX Coordinate pattern symmetric\n%\n4 4 3\n2 1\n3 2\n4 3\n";
    assert_eq!(graph(mtx, DEFAULT), wanted);
    assert_eq!(graph(gzip(mtx.replace('\n', "\r\n").as_bytes()), DEFAULT), wanted);
}

#[test]
fn loops_repeats_gaps_and_zeros_are_counted() {
    let text = "0 2\n2 0\n0 2\n5 5\n5 5\n7 8 0\n2 4\n";
    let both = graph(text, DEFAULT);
    assert_eq!((both.indptr(), both.columns()), (&[0, 1, 1, 3, 3, 4, 5, 5, 5, 5][..], &[2, 0, 4, 2, 5][..]));
    let counts = Counts { lines: 7, zeros: 1, self_loops: 2, repeated: 3, isolated: 5 };
    assert_eq!(both.counts(), counts);
    // The zero is a third column, so there are weights.
    assert_eq!(both.weights(), Some(&[1.0; 5][..]));

    let one_way = graph(text, DIRECTED);
    assert_eq!(
        (one_way.indptr(), one_way.columns()),
        (&[0, 1, 1, 3, 3, 3, 4, 4, 4, 4][..], &[2, 0, 4, 5][..])
    );
    assert_eq!(one_way.counts(), Counts { repeated: 2, ..counts });
}

#[test]
fn weights_of_repeats_are_the_largest_or_the_sum() {
    let text = "0 1 0.5\n1 0 2\n1 2\n0 1 0.25\n";
    let weights = |direction, repeats| {
        let graph = graph(text, ReadOptions { direction, repeats, ..DEFAULT });
        graph.weights().unwrap().to_vec()
    };
    assert_eq!(weights(Direction::Undirected, Repeats::Merge), [2.0, 2.0, 1.0, 1.0]);
    assert_eq!(weights(Direction::Undirected, Repeats::Sum), [2.75, 2.75, 1.0, 1.0]);
    assert_eq!(weights(Direction::Directed, Repeats::Merge), [0.5, 2.0, 1.0]);
    assert_eq!(weights(Direction::Directed, Repeats::Sum), [0.75, 2.0, 1.0]);
    // Without weights, a sum says how often each edge is listed.
    let counted = graph("0 1\n0 1\n1 2\n", ReadOptions { repeats: Repeats::Sum, ..DEFAULT });
    assert_eq!(counted.weights(), Some(&[2.0, 2.0, 1.0, 1.0][..]));
    assert_eq!(graph("0 1\n0 1\n", DEFAULT).weights(), None);
}

#[test]
fn compact_ids_are_numbered_in_rising_order_and_kept() {
    let text = "18446744073709551615 7\n7 1000000000000\n7 7\n3 7 0\n";
    let compact = graph(text, ReadOptions { ids: Ids::Compact, ..DEFAULT });
    assert_eq!(compact.ids(), Some(&[3, 7, 1_000_000_000_000, u64::MAX][..]));
    assert_eq!(rows(&compact), [vec![], vec![1, 2, 3], vec![1], vec![1]]);
    assert_eq!(compact.counts().isolated, 1);
    assert_eq!(compact.into_parts().3.unwrap().len(), 4);

    let mtx = "%%MatrixMarket matrix coordinate pattern general\n9000000000 9000000000 1\n9000000000 5\n";
    let compact = graph(mtx, ReadOptions { ids: Ids::Compact, direction: Direction::Directed, ..DEFAULT });
    assert_eq!((compact.ids().unwrap(), rows(&compact)), (&[4, 8_999_999_999][..], vec![vec![], vec![0]]));
}

#[test]
fn compact_ids_may_be_small_or_large_or_become_small() {
    // 2^20 + 5 is past the table of small ids on the first line, and would be within it on the later ones.
    let late = (1u64 << 20) + 5;
    let mut text = format!("{late} 1\n");
    (0..10).for_each(|i| text.push_str(&format!("{i} {}\n{late} {}\n", 1u64 << (40 + i), late + 1 - i % 2)));
    let compact = graph(&text, ReadOptions { ids: Ids::Compact, ..DEFAULT });
    let mut wanted: Vec<u64> =
        (0..10).chain([late, late + 1]).chain((0..10).map(|i| 1 << (40 + i))).collect();
    wanted.sort_unstable();
    assert_eq!(compact.ids(), Some(&wanted[..]));
    // Node 10 is `late`: joined to 1, to itself and to `late + 1`.
    assert_eq!(compact.row(10), Some((&[1, 10, 11][..], None)));
    assert_eq!((compact.row(11).unwrap().0, compact.row(3).unwrap().0), (&[10][..], &[15][..]));
    assert_eq!(compact.counts(), Counts { lines: 21, self_loops: 5, repeated: 8, ..Counts::default() });
}

#[test]
fn rows_longer_than_a_batch_are_filled() {
    let star: String = (1..5000).rev().map(|leaf| format!("0 {leaf} {leaf}\n")).collect();
    let graph = graph(&star, DEFAULT);
    assert_eq!(graph.row(0).unwrap().0, (1..5000).collect::<Vec<u32>>());
    assert_eq!(graph.row(0).unwrap().1.unwrap(), (1..5000u16).map(f32::from).collect::<Vec<_>>());
    assert_eq!(graph.row(4999), Some((&[0][..], Some(&[4999.0][..]))));
}

#[test]
fn declared_nodes_make_room_for_isolated_ones() {
    let four = ReadOptions { nodes: Some(4), ..DEFAULT };
    assert_eq!(rows(&graph("1 0\n", four)), [vec![1], vec![0], vec![], vec![]]);
    let none = graph("# no edges\n", four);
    assert_eq!((none.nodes(), none.entries(), none.counts().isolated), (4, 0, 4));
    // Whoever declares the size is believed, however few the edges.
    assert_eq!(graph("0 2999999\n", ReadOptions { nodes: Some(3_000_000), ..DEFAULT }).nodes(), 3_000_000);
}

#[test]
fn large_ids_are_read_once_enough_lines_speak_for_them() {
    // The first line names a node that only the number of all lines makes credible.
    let n = (1 << 20) + 64 * 5000;
    let mut text = format!("{} {}\n", n - 1, n - 2);
    (0..5000).for_each(|i| text.push_str(&format!("{i} {}\n", i + 1)));
    let graph = graph(&text, DEFAULT);
    assert_eq!((graph.nodes(), graph.entries()), (n, 10_002));
    assert_eq!(graph.row(n - 1), Some((&[n as u32 - 2][..], None)));
    assert_eq!(graph.row(n - 2), Some((&[n as u32 - 1][..], None)));
}

#[test]
fn one_rule_decides_about_directions_in_matrix_market() {
    let general = "%%MatrixMarket matrix coordinate integer general\n3 3 2\n1 2 4\n3 3 1\n";
    assert_eq!(rows(&graph(general, DIRECTED)), [vec![1], vec![], vec![2]]);
    assert_eq!(rows(&graph(general, DEFAULT)), [vec![1], vec![0], vec![2]]);
    let symmetric = general.replace("general", "symmetric");
    assert_eq!(graph(&symmetric, DIRECTED), graph(&symmetric, DEFAULT));
    assert_eq!(graph(&symmetric, DIRECTED).weights(), Some(&[4.0, 4.0, 1.0][..]));
}

#[test]
fn files_of_scipy_hold_what_scipy_reads() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let text = std::fs::read_to_string(folder.join("matrices.txt")).unwrap();
    let lines: Vec<(&str, Vec<f32>)> = text
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            (words.next().unwrap(), words.map(|word| word.parse().unwrap()).collect())
        })
        .collect();
    for (i, name) in ["symmetric", "directed", "pattern"].into_iter().enumerate() {
        let graph = read_matrix_market(&folder.join(format!("{name}.mtx")), &DIRECTED).unwrap();
        let floats =
            |numbers: Vec<f64>| numbers.into_iter().map(|number| number as f32).collect::<Vec<f32>>();
        let [(first, indptr), (_, columns), (_, values)] = &lines[3 * i..3 * i + 3] else { panic!() };
        assert_eq!(*first, name);
        assert_eq!(&floats(graph.indptr().iter().map(|&at| at as f64).collect()), indptr, "{name}");
        assert_eq!(&floats(graph.columns().iter().map(|&at| f64::from(at)).collect()), columns, "{name}");
        match graph.weights() {
            Some(weights) => assert_eq!(weights, values, "{name}"),
            None => assert!(name == "pattern" && values.iter().all(|&value| value == 1.0)),
        }
    }
    let dense = read_features(&folder.join("dense.mtx")).unwrap();
    assert_eq!(dense, FeatureFile::Dense { rows: 4, columns: 3, values: lines[9].1.clone() });
}

#[test]
fn writers_replace_files_at_once_and_refuse_what_is_not_symmetric() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graph");
    write_edge_list(&path, [(0, 1, None)]).unwrap();
    let one_way = GraphFile::new(vec![0, 1, 1], vec![1], None).unwrap();
    let error = write_matrix_market(&path, &one_way, Direction::Undirected).unwrap_err();
    assert!(matches!(error, DatasetError::Inconsistent { .. }), "{error}");
    let uneven = GraphFile::new(vec![0, 1, 2], vec![1, 0], Some(vec![1.0, 2.0])).unwrap();
    assert!(write_matrix_market(&path, &uneven, Direction::Undirected).is_err());
    assert_eq!(read_edge_list(&path, &DEFAULT).unwrap().entries(), 2);
    write_matrix_market(&path, &uneven, Direction::Directed).unwrap();
    assert_eq!(read_graph(&path, &DIRECTED).unwrap().weights(), uneven.weights());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(names, ["graph"]);
    let error = write_edge_list(&folder.path().join("none/x"), []).unwrap_err().to_string();
    assert!(error.contains("could not write") && error.contains("none/x"), "{error}");
}

#[test]
fn parts_that_are_no_graph_are_refused() {
    for (indptr, columns, weights, why) in [
        (vec![], vec![], None, "indptr that rises from 0 to 0"),
        (vec![0, 2, 1], vec![0], None, "indptr that rises"),
        (vec![0, 2], vec![0, 0], None, "rise strictly"),
        (vec![0, 1], vec![1], None, "rise strictly below 1"),
        (vec![0, 1], vec![0], Some(vec![]), "one weight for each"),
        (vec![0, 1], vec![0], Some(vec![0.0]), "finite and above 0"),
        (vec![0, 1], vec![0], Some(vec![f32::NAN]), "finite and above 0"),
    ] {
        let message = GraphFile::new(indptr, columns, weights).unwrap_err().to_string();
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn sparse_features_may_come_in_any_order() {
    let text =
        "%%MatrixMarket matrix coordinate real general\n3 5 5\n3 5 -1.5\n1 4 2\n3 1 1e-3\n1 2 0\n3 1 1\n";
    let features = with_file(text, read_features).unwrap();
    let wanted = CsrFeatures::new(3, 5, vec![0, 1, 1, 3], vec![3, 0, 4], vec![2.0, 1.001, -1.5]).unwrap();
    assert_eq!(features, FeatureFile::Sparse(wanted));
    assert_eq!((features.rows(), features.columns()), (3, 5));
    let pattern = "%%MatrixMarket matrix coordinate pattern general\n1 2 1\n1 2\n";
    let ones = CsrFeatures::new(1, 2, vec![0, 1], vec![1], vec![1.0]).unwrap();
    assert_eq!(with_file(pattern, read_features).unwrap(), FeatureFile::Sparse(ones));
}

fn edges(nodes: u32) -> impl Strategy<Value = Vec<(u32, u32, Option<f32>)>> {
    let weight = prop_oneof![
        Just(None),
        Just(Some(0.0)),
        (1e-30f32..1e30).prop_map(Some),
        (0u8..9).prop_map(|w| Some(w.into()))
    ];
    prop::collection::vec((0..nodes, 0..nodes, weight), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn edge_lists_are_read_as_by_the_obvious_way(edges in edges(12), directed: bool, sum: bool, compact: bool) {
        let options = ReadOptions {
            direction: if directed { Direction::Directed } else { Direction::Undirected },
            repeats: if sum { Repeats::Sum } else { Repeats::Merge },
            ids: if compact { Ids::Compact } else { Ids::AsIs },
            ..DEFAULT
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edges");
        write_edge_list(&path, edges.iter().copied()).unwrap();
        let graph = read_edge_list(&path, &options).unwrap();
        let name = |node: u32| graph.ids().map_or(node, |ids| ids[node as usize] as u32);
        let wanted = expected(&edges, options);
        prop_assert_eq!(graph.entries(), wanted.len());
        for ((row, column, weight), (place, wanted)) in graph.arcs().zip(&wanted) {
            prop_assert_eq!((name(row), name(column)), *place);
            let weight = f64::from(weight.unwrap_or(1.0));
            prop_assert!((weight - wanted).abs() <= 1e-5 * wanted, "{} {}", weight, wanted);
        }
        let largest = edges.iter().map(|edge| edge.0.max(edge.1)).max().unwrap();
        if !compact {
            prop_assert_eq!(graph.nodes(), largest as usize + 1);
        }
        // Each joined line makes one entry less, or a pair of entries less.
        let counts = graph.counts();
        let kept = edges.iter().filter(|edge| edge.2 != Some(0.0)).count() as u64;
        let distinct = wanted.keys().filter(|(row, column)| directed || row <= column).count() as u64;
        prop_assert_eq!(counts.repeated, kept - distinct);
        prop_assert_eq!((counts.lines, counts.zeros), (edges.len() as u64, edges.len() as u64 - kept));
        let lonely = (0..graph.nodes() as u32).filter(|&node| !wanted.keys().any(|&(u, v)| [u, v].contains(&name(node))));
        prop_assert_eq!(counts.isolated, lonely.count());
    }

    #[test]
    fn graphs_survive_both_formats(edges in edges(9), directed: bool) {
        let direction = if directed { Direction::Directed } else { Direction::Undirected };
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        write_edge_list(&first, edges).unwrap();
        let graph = read_graph(&first, &ReadOptions { direction, ..DEFAULT }).unwrap();
        write_matrix_market(&second, &graph, direction).unwrap();
        let back = read_graph(&second, &ReadOptions { direction, ..DEFAULT }).unwrap();
        prop_assert_eq!(
            (back.indptr(), back.columns(), back.weights()),
            (graph.indptr(), graph.columns(), graph.weights())
        );
        if directed {
            write_edge_list(&second, graph.arcs()).unwrap();
        } else {
            write_edge_list(&second, graph.edges()).unwrap();
        }
        let options = ReadOptions { direction, nodes: Some(graph.nodes()), ..DEFAULT };
        let back = read_graph(&second, &options).unwrap();
        prop_assert_eq!((back.indptr(), back.columns()), (graph.indptr(), graph.columns()));
        let (indptr, columns, weights, _) = graph.into_parts();
        if !columns.is_empty() {
            prop_assert_eq!(back.weights(), weights.as_deref());
        }
        prop_assert!(GraphFile::new(indptr, columns, weights).is_ok());
    }

    #[test]
    fn features_and_labels_survive(
        columns in 1usize..5,
        values in prop::collection::vec(prop_oneof![Just(0.0f32), -1e30f32..1e30, -1.0f32..1.0], 0..40),
        labels in prop::collection::vec(0usize..9, 1..40),
        shuffle: u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let rows = values.len() / columns;
        let values = values[..rows * columns].to_vec();
        let entries = |row: usize| (0..columns).filter(move |j| row * columns + j < rows * columns);
        let (mut indptr, mut indices, mut stored) = (vec![0], vec![], vec![]);
        for row in 0..rows {
            for j in entries(row).filter(|j| values[row * columns + j] != 0.0) {
                indices.push(j as u32);
                stored.push(values[row * columns + j]);
            }
            indptr.push(indices.len());
        }
        let sparse = FeatureFile::Sparse(CsrFeatures::new(rows, columns, indptr, indices, stored).unwrap());
        for features in [sparse, FeatureFile::Dense { rows, columns, values }] {
            write_features(&path, &features).unwrap();
            prop_assert_eq!(read_features(&path).unwrap(), features);
        }

        write_labels(&path, &labels).unwrap();
        prop_assert_eq!(&read_labels(&path, Some(labels.len())).unwrap(), &labels);
        let mut pairs: Vec<String> = labels.iter().enumerate().map(|(node, label)| format!("{node},{label}\n")).collect();
        let count = pairs.len();
        (0..count).for_each(|i| pairs.swap(i, (shuffle.rotate_left(7 * i as u32) % count as u64) as usize));
        std::fs::write(&path, pairs.concat()).unwrap();
        prop_assert_eq!(&read_labels(&path, None).unwrap(), &labels);
    }
}
