//! The loaders on the real sets, against counts known from elsewhere. Skipped where the sets are absent.

#![allow(clippy::print_stdout)] // "skipped" is for the person who runs the tests

use std::path::PathBuf;

use datasets::citation::{self, UnknownIds};
use datasets::images::ImageShape;
use datasets::overlap::{MultiMnist, MultiMnistConfig};
use datasets::{cifar, idx, tu, EdgeCounts};

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

#[test]
fn mnist_has_its_known_counts() {
    let Some(folder) = real_data("mnist") else { return };
    let set = idx::load(&folder, "mnist").unwrap();
    assert_eq!((set.train.shape(), set.train.classes()), (ImageShape::new(1, 28, 28), 10));
    assert_eq!(set.train.class_counts(), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(set.test.class_counts(), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    // The mean and deviation that every tutorial normalises by, .1307 and .3081.
    let pixels = set.train.pixels();
    let mean = pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / pixels.len() as f64;
    let square = pixels.iter().map(|&pixel| f64::from(pixel).powi(2)).sum::<f64>() / pixels.len() as f64;
    assert!((mean / 255.0 - 0.1307).abs() < 5e-5, "{mean}");
    assert!(((square - mean * mean).sqrt() / 255.0 - 0.3081).abs() < 5e-5);
    assert_eq!(set.train.labels()[..8], [5, 0, 4, 1, 9, 2, 1, 3]);
    // Any folder that holds the four files will do.
    assert_eq!(idx::load(&folder.join("mnist"), "mnist").unwrap(), set);
}

#[test]
fn mnist_pairs_overlap_less_than_the_papers_80_percent() {
    let Some(folder) = real_data("mnist") else { return };
    let digits = idx::load(&folder, "mnist").unwrap().test;
    // Measured with seed 0; the means of 20,000 pairs have a standard error near .002.
    for (shift, nominal, of_smaller, of_mean, of_union) in
        [(4, 0.726, 0.727, 0.612, 0.461), (6, 0.616, 0.604, 0.509, 0.366)]
    {
        let pairs = MultiMnist::new(&digits, MultiMnistConfig { shift, ..Default::default() }, 1).unwrap();
        assert_eq!((pairs.len(), pairs.shape().pixels()), (10_000_000, 1296));
        let found = pairs.mean_overlap((0..20_000).map(|number| pairs.shuffled(number))).unwrap();
        for (found, wanted) in [
            (found.nominal, nominal),
            (found.of_smaller, of_smaller),
            (found.of_mean, of_mean),
            (found.of_union, of_union),
        ] {
            assert!((found - wanted).abs() < 0.01, "shift {shift}: {found}, not {wanted}");
        }
    }
}

/// Any copy of CIFAR-10, whether the official one or one whose pixels went through JPEG.
#[test]
fn cifar10_has_its_known_counts() {
    let Some(folder) = real_data("cifar-10-batches-bin") else { return };
    let set = cifar::load(&folder, "cifar10").unwrap();
    assert_eq!((set.train.class_counts(), set.test.class_counts()), (vec![5000; 10], vec![1000; 10]));
    assert_eq!(set.train.shape(), cifar::SHAPE);
    // The channel means that every tutorial normalises by, .4914, .4822 and .4465; JPEG moves them little.
    for (channel, wanted) in [0.4914, 0.4822, 0.4465].into_iter().enumerate() {
        let sum: f64 = set
            .train
            .iter()
            .flat_map(|(image, _)| &image[1024 * channel..][..1024])
            .map(|&x| f64::from(x))
            .sum();
        let mean = sum / (255.0 * 1024.0 * 50_000.0);
        assert!((mean - wanted).abs() < 0.002, "channel {channel}: {mean}");
    }
}
