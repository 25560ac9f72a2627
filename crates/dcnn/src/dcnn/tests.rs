use std::sync::OnceLock;

use proptest::prelude::*;
use shared::{
    graph::{permute, permute_rows, BlockModel},
    nn::{state::NamedTensor, Activation},
    petgraph::graph::UnGraph,
};

use super::*;
use crate::Loss;

struct Problem {
    graph: UnGraph<(), ()>,
    features: Csr,
    labels: Vec<usize>,
    split: Split,
}

/// Three planted communities; every fourth node holds the word of its own.
fn problem(seed: u64) -> Problem {
    let (graph, labels) = BlockModel::planted(&[20, 20, 20], 5.0, 0.9, None).generate(seed).unwrap();
    let columns =
        (0..60u32).map(|i| if i % 4 == 0 { labels[i as usize] as u32 } else { 3 + (i * 7) % 5 }).collect();
    let features = Csr::new((60, 8), (0..=60).collect(), columns, vec![1.0; 60]);
    Problem { graph, features, labels, split: datasets::splits::random_thirds(60, seed).unwrap() }
}

fn fit(p: &Problem, config: &Config) -> Dcnn {
    Dcnn::fit(&p.graph, &p.features, &p.labels, &p.split, config).unwrap()
}

fn small() -> Config {
    Config { batch_size: 10, epochs: 20, ..Config::default() }
}

const ALL: [usize; 60] = {
    let mut all = [0; 60];
    let mut i = 0;
    while i < 60 {
        all[i] = i;
        i += 1;
    }
    all
};

#[test]
fn it_learns_communities_and_probabilities_rank_as_classes() {
    let p = problem(2);
    for (loss, output) in [
        (Loss::Hinge, Activation::Tanh),
        (Loss::HingeAll, Activation::Identity),
        (Loss::CrossEntropy, Activation::Identity),
    ] {
        let dcnn = fit(&p, &Config { loss, output, ..small() });
        let classes = dcnn.predict(&ALL).unwrap();
        let right = p.split.test.iter().filter(|e| classes[**e] == p.labels[**e]).count();
        assert!(right * 10 >= p.split.test.len() * 6, "{loss:?}: {right} of {}", p.split.test.len());
        let probabilities = dcnn.predict_proba(&ALL).unwrap();
        assert_eq!(probabilities.len(), 60 * dcnn.classes());
        for (row, class) in probabilities.chunks_exact(3).zip(classes) {
            approx::assert_relative_eq!(row.iter().sum::<f32>(), 1.0, epsilon = 1e-6);
            assert!(row.iter().all(|p| *p > 0.0 && *p <= row[class]));
        }
    }
}

#[test]
fn predicting_takes_any_order_and_refuses_what_is_not_there() {
    let p = problem(2);
    let dcnn = fit(&p, &small());
    let forward = dcnn.predict(&ALL).unwrap();
    let backward: Vec<usize> = ALL.iter().rev().copied().collect();
    assert!(dcnn.predict(&backward).unwrap().iter().rev().eq(&forward));
    assert_eq!(dcnn.predict(&[7, 7]).unwrap(), [forward[7]; 2]);
    assert!(dcnn.predict(&[]).unwrap().is_empty());
    let sentence = dcnn.predict(&[3, 60]).unwrap_err().to_string();
    assert_eq!(sentence, "node 60 does not exist: they run from 0 to 60 - 1");
    assert!(dcnn.predict_proba(&[usize::MAX]).is_err());
}

/// Weights trained on one graph give a graph not seen before what they would have given it in training's place.
#[test]
fn a_graph_never_seen_gets_the_classes_of_the_same_weights() {
    let (p, new) = (problem(2), problem(9));
    let (dir, config) = (tempfile::tempdir().unwrap(), small());
    let dcnn = fit(&p, &config);
    let a = adjacency(&new.graph, ParallelEdges::Merge).unwrap();
    let among = Examples::nodes(&a, &new.features, &config).unwrap();
    let inductive = dcnn.predict_among(&among, &ALL).unwrap();

    // both graphs in one, with no edge between them
    let (b, file) = (adjacency(&p.graph, ParallelEdges::Merge).unwrap(), dir.path().join("w"));
    let both = shared::graph::disjoint_union(&[b, a]).unwrap();
    let stacked: Vec<u32> = p.features.indices().iter().chain(new.features.indices()).copied().collect();
    let x = Csr::new((120, 8), (0..=120).collect(), stacked, vec![1.0; 120]);
    dcnn.save(&file).unwrap();
    let saved = SavedDcnn::load(&file, DeviceKind::Cpu).unwrap();
    let members: Vec<usize> = (60..120).collect();
    let transductive = saved.predict(&Examples::nodes(&both, &x, &config).unwrap(), &members).unwrap();
    assert_eq!(inductive, transductive);
    let right = inductive.iter().zip(&new.labels).filter(|(a, b)| a == b).count();
    assert!(right > 30, "{right} of 60");
}

#[test]
fn other_features_are_refused_in_a_sentence() {
    let p = problem(2);
    let dcnn = fit(&p, &small());
    let a = adjacency(&p.graph, ParallelEdges::Merge).unwrap();
    let among = Examples::nodes(&a, &p.features, &Config { bias_feature: false, ..small() }).unwrap();
    let sentence = dcnn.predict_among(&among, &[0]).unwrap_err().to_string();
    let expected = "there are 8 features, and there should be 9, as many as the network was trained on";
    assert!(sentence.starts_with(expected), "{sentence}");
    // Other hops are other columns: refused too, not read as something else.
    let among = Examples::nodes(&a, &p.features, &Config { hops: 3, ..small() }).unwrap();
    let sentence = dcnn.predict_among(&among, &[0]).unwrap_err().to_string();
    assert!(sentence.contains("slices"), "{sentence}");
}

#[test]
fn graphs_are_classified_the_same_on_any_number_of_threads() {
    // rings against stars, with one feature that is the same everywhere
    let graphs: Vec<(UnGraph<(), ()>, Csr)> = (0..40u32)
        .map(|g| {
            let n = 5 + g % 4;
            let ring = (0..n).map(|i| (i, (i + 1) % n));
            let star = (1..n).map(|i| (0, i));
            let graph = if g % 2 == 0 { UnGraph::from_edges(ring) } else { UnGraph::from_edges(star) };
            let n = n as usize;
            let degree = |i: u32| graph.neighbors(i.into()).count() as f32;
            let values = (0..n as u32).map(degree).collect();
            let x = Csr::new((n, 1), (0..=n).collect(), vec![0; n], values);
            (graph, x)
        })
        .collect();
    let labels: Vec<usize> = (0..40).map(|g| g % 2).collect();
    let split = datasets::splits::random_thirds(40, 3).unwrap();
    let fit_on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = Config { epochs: 60, ..Config::graphs(split.train.len()) };
        let graphs = graphs.iter().map(|(g, x)| (g, x.clone()));
        pool.install(|| {
            let dcnn = Dcnn::fit_graphs(graphs, &labels, &split, &config).unwrap();
            (dcnn.trained.network.weights(), dcnn.predict(&split.test).unwrap())
        })
    };
    let one = fit_on(1);
    for threads in [2, 3] {
        assert_eq!(one, fit_on(threads), "{threads} threads");
    }
    let truth: Vec<usize> = split.test.iter().map(|g| labels[*g]).collect();
    assert_eq!(one.1, truth);
}

/// Nodes renamed: the same weights give each node what it had under its old name.
#[test]
fn predictions_of_a_trained_network_move_with_the_nodes() {
    let (p, config) = (problem(5), small());
    let dcnn = fit(&p, &config);
    let to: Vec<usize> = ALL.iter().map(|i| (i * 37 + 11) % 60).collect();
    let a = adjacency(&p.graph, ParallelEdges::Merge).unwrap();
    let renamed =
        Examples::nodes(&permute(&a, &to).unwrap(), &permute_rows(&p.features, &to).unwrap(), &config)
            .unwrap();
    let (old, new) =
        (dcnn.trained.scores(&dcnn.examples, &ALL).unwrap(), dcnn.trained.scores(&renamed, &to).unwrap());
    for (old, new) in old.iter().zip(&new) {
        approx::assert_abs_diff_eq!(old, new, epsilon = 1e-5);
    }
}

/// The bytes of a weights file, and a folder to damage copies in.
fn saved() -> &'static (Vec<u8>, tempfile::TempDir) {
    static SAVED: OnceLock<(Vec<u8>, tempfile::TempDir)> = OnceLock::new();
    SAVED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("good.safetensors");
        fit(&problem(2), &Config { epochs: 1, ..small() }).save(&file).unwrap();
        (std::fs::read(&file).unwrap(), dir)
    })
}

fn load_bytes(name: &str, bytes: &[u8]) -> Result<SavedDcnn, DcnnError> {
    let file = saved().1.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    SavedDcnn::load(&file, DeviceKind::Cpu)
}

#[test]
fn saved_weights_predict_the_same() {
    let (p, dir) = (problem(2), tempfile::tempdir().unwrap());
    let dcnn = fit(&p, &small());
    let file = dir.path().join("model.safetensors");
    dcnn.save(&file).unwrap();
    let loaded = SavedDcnn::load(&file, DeviceKind::Cpu).unwrap();
    assert_eq!(loaded.config(), &small());
    assert_eq!(loaded.0.network.weights(), dcnn.trained.network.weights());
    assert_eq!(loaded.predict(dcnn.examples(), &ALL).unwrap(), dcnn.predict(&ALL).unwrap());
    assert!(dcnn.save(&file.join("below-a-file")).is_err());
    assert!(SavedDcnn::load(&dir.path().join("none"), DeviceKind::Cpu).is_err());
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let good = &saved().0;
    for cut in (0..good.len()).step_by(13).chain([good.len() - 1]) {
        assert!(load_bytes("cut", &good[..cut]).is_err(), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Whatever became of the bytes: weights of the right shapes or an error, never a panic.
    #[test]
    fn damaged_files_never_panic(
        damage in proptest::collection::vec((0.0f64..1.0, any::<u8>()), 1..4), header: bool,
    ) {
        let mut bytes = saved().0.clone();
        // half of the cases in the header, which is a small part of the file
        let until = if header { 900.min(bytes.len()) } else { bytes.len() };
        for (at, byte) in damage {
            bytes[(at * until as f64) as usize] = byte;
        }
        if let Ok(loaded) = load_bytes("damaged", &bytes) {
            let examples = Examples::nodes(
                &shared::graph::from_edges(1, &[]).unwrap(), &Csr::zero((1, 8)), &loaded.0.config,
            ).unwrap();
            let _ = loaded.predict(&examples, &[0]);
        }
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load_bytes("foreign", &bytes).is_err());
    }
}

#[test]
fn sizes_that_a_note_claims_are_checked_against_the_tensors() {
    let config = serde_json::to_string(&Config::default()).unwrap();
    let file = saved().1.path().join("crafted");
    let tensor = |name: &str, shape: Vec<usize>| {
        let values = vec![0.5; shape.iter().product()];
        NamedTensor::new(name, shape, values).unwrap()
    };
    let crafted = |features: &str, classes: &str, tensors: &[NamedTensor]| {
        let note = format!(r#"{{"config":{config},"features":{features},"classes":{classes}}}"#);
        save_safetensors(&file, tensors, Some(&note)).unwrap();
        SavedDcnn::load(&file, DeviceKind::Cpu)
    };
    let real = [
        tensor("conv.weight", vec![3, 2]),
        tensor("dense.bias", vec![2]),
        tensor("dense.weight", vec![2, 6]),
    ];
    assert!(crafted("2", "2", &real).is_ok());
    let huge = usize::MAX.to_string();
    for (features, classes) in [
        ("4000000000", "4000000000"),
        (&*huge, &*huge),
        (&*huge, "1"),
        ("1", &*huge),
        ("0", "20"),
        ("3", "2"),
        ("-1", "2"),
        ("2.5", "2"),
    ] {
        assert!(crafted(features, classes, &real).is_err(), "{features} features, {classes} classes");
    }
    // as many weights as claimed, in other shapes or under other names
    assert!(crafted("2", "2", &[tensor("w", vec![20])]).is_err());
    assert!(crafted("0", "20", &[tensor("dense.bias", vec![20])]).is_err());
    let turned = [real[0].clone(), real[1].clone(), tensor("dense.weight", vec![6, 2])];
    assert!(crafted("2", "2", &turned).is_err());

    save_safetensors(&file, &real, None).unwrap();
    let sentence = SavedDcnn::load(&file, DeviceKind::Cpu).err().unwrap().to_string();
    assert!(sentence.contains("is not a network of this program (it has no settings)"), "{sentence}");
    save_safetensors(&file, &real, Some(r#"{"config":{"hops":77},"features":2,"classes":2}"#)).unwrap();
    let sentence = SavedDcnn::load(&file, DeviceKind::Cpu).err().unwrap().to_string();
    assert!(sentence.starts_with("hops is 77"), "{sentence}");
}
