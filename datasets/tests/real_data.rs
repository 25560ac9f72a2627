//! The loaders on the real sets, against counts known from elsewhere. Skipped where the sets are absent.

#![allow(clippy::print_stdout)] // "skipped" is for the person who runs the tests

use std::path::PathBuf;

use datasets::citation::{self, UnknownIds};
use datasets::{tu, EdgeCounts};

/// The folder of the real sets: `EIGHTFOLD_DATA`, else `../shared/data` beside the project.
fn real_data(part: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = std::env::var_os("EIGHTFOLD_DATA").map_or_else(beside, PathBuf::from);
    let found = folder.join(part).is_dir().then_some(folder);
    if found.is_none() {
        println!("skipped: no real data");
    }
    found
}

#[test]
fn cora_has_its_known_counts() {
    let Some(folder) = real_data("cora") else { return };
    let cora = citation::load(&folder, "cora").unwrap();
    assert_eq!((cora.nodes(), cora.features().cols(), cora.edges().len()), (2708, 1433, 5278));
    assert_eq!(cora.counts(), EdgeCounts { citations: 5429, self_loops: 0, duplicates: 151, unknown: 0 });
    let classes = [
        ("Case_Based", 298),
        ("Genetic_Algorithms", 418),
        ("Neural_Networks", 818),
        ("Probabilistic_Methods", 426),
        ("Reinforcement_Learning", 217),
        ("Rule_Learning", 180),
        ("Theory", 351),
    ];
    assert_eq!(cora.class_names(), classes.map(|(name, _)| name));
    assert_eq!(cora.class_counts(), classes.map(|(_, count)| count));
    // 49,216 words by a count of the file outside this crate; the fact sheet gives the largest degree.
    assert!(cora.features().is_binary());
    assert_eq!(cora.features().nnz(), 49_216);
    let degrees = cora.degrees();
    assert_eq!((degrees.iter().max(), degrees.iter().min()), (Some(&168), Some(&1)));
    // Any folder that holds the two files will do.
    let again = citation::load_with(&folder.join("cora"), "cora", UnknownIds::Skip).unwrap();
    assert_eq!(again, cora);
}

#[test]
fn tu_sets_have_their_known_counts() {
    let Some(folder) = real_data("tu") else { return };
    type Row = (&'static str, usize, usize, usize, &'static [(&'static str, usize)], usize, usize, usize);
    let rows: [Row; 5] = [
        ("MUTAG", 188, 3_371, 7_442, &[("-1", 63), ("1", 125)], 7, 4, 0),
        ("PTC_MR", 344, 4_915, 10_108, &[("-1", 192), ("1", 152)], 18, 4, 0),
        ("NCI1", 4_110, 122_747, 265_506, &[("0", 2053), ("1", 2057)], 37, 0, 0),
        ("PROTEINS", 1_113, 43_471, 162_088, &[("1", 663), ("2", 450)], 3, 0, 1),
        (
            "ENZYMES",
            600,
            19_580,
            74_564,
            &[("1", 100), ("2", 100), ("3", 100), ("4", 100), ("5", 100), ("6", 100)],
            3,
            0,
            18,
        ),
    ];
    for (name, graphs, nodes, arcs, classes, node_labels, edge_labels, attributes) in rows {
        let set = tu::load(&folder, name).unwrap();
        assert_eq!((set.len(), set.total_nodes(), 2 * set.total_edges()), (graphs, nodes, arcs), "{name}");
        let found: Vec<_> = set.class_names().iter().map(String::as_str).zip(set.class_counts()).collect();
        assert_eq!(found, classes, "{name}");
        assert_eq!(set.node_label_values().len(), node_labels, "{name}");
        assert_eq!(set.edge_label_values().len(), edge_labels, "{name}");
        assert_eq!(set.attribute_width(), attributes, "{name}");
        let counts = set.counts();
        assert_eq!(
            (counts.arcs, counts.duplicates + counts.self_loops + counts.one_way),
            (arcs, 0),
            "{name}"
        );
        assert_eq!(counts.label_conflicts, 0, "{name}");
    }
}

#[test]
fn enzymes_attributes_belong_to_their_nodes() {
    let Some(folder) = real_data("tu") else { return };
    let set = tu::load(&folder, "ENZYMES").unwrap();
    let attributes = set.graphs()[0].node_attributes.as_deref().unwrap();
    assert_eq!(attributes[..4], [11.0, 15.887014, 37.78, -0.51]);
    assert_eq!(attributes[18..20], [11.0, 16.362935]);
}
