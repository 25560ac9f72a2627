use datasets::splits::{random_thirds, Split};
use shared::{
    graph::{barabasi_albert, Csr},
    petgraph::graph::UnGraph,
};

use super::*;
use crate::{Sparsify, Threshold};

const NODES: usize = 120;

fn graph() -> UnGraph<(), ()> {
    barabasi_albert(NODES, 2, 5).unwrap()
}

/// Word k of five is held by every node i with i % 5 == k and, as noise, by a few others.
fn words() -> Csr {
    let (mut indptr, mut columns) = (vec![0], Vec::new());
    for i in 0..NODES {
        let mut row = vec![(i % 5) as u32];
        if i % 7 == 0 {
            row.push(((i + 2) % 5) as u32);
        }
        row.sort_unstable();
        row.dedup();
        columns.extend(row);
        indptr.push(columns.len());
    }
    let values = (0..columns.len()).map(|e| 1.0 + (e % 3) as f32).collect();
    Csr::new((NODES, 5), indptr, columns, values)
}

fn labels() -> Vec<usize> {
    (0..NODES).map(|i| usize::from(i % 5 > 1)).collect()
}

fn split() -> Split {
    random_thirds(NODES, 1).unwrap()
}

fn dense(x: &Csr) -> Features {
    Features::Dense { values: x.to_dense().into_raw_vec_and_offset().0, columns: x.cols() }
}

fn config(sparsify: impl Into<Sparsify>) -> Config {
    let mut config = Config { sparsify: sparsify.into(), ..Config::default() };
    config.network.epochs = 12;
    config
}

const THRESHOLDS: [Threshold; 4] =
    [Threshold::None, Threshold::Pre(0.2), Threshold::Post(0.15), Threshold::TopK(3)];

#[test]
fn without_a_threshold_it_is_dcnn() {
    let (graph, x, config) = (graph(), words(), config(Threshold::None));
    let ours = SparseDcnn::fit(&graph, &x, &labels(), &split(), &config).unwrap();
    let theirs = Dcnn::fit(&graph, &x, &labels(), &split(), &config.network).unwrap();
    let all: Vec<usize> = (0..NODES).collect();
    assert_eq!(ours.predict_proba(&all).unwrap(), theirs.predict_proba(&all).unwrap());
    assert_eq!(ours.dcnn.weights(), theirs.weights());
}

#[test]
fn dense_features_give_what_sparse_ones_give() {
    for threshold in THRESHOLDS {
        let config = config(threshold);
        let sparse = SparseDcnn::fit(&graph(), words(), &labels(), &split(), &config).unwrap();
        let dense = SparseDcnn::fit(&graph(), dense(&words()), &labels(), &split(), &config).unwrap();
        let all: Vec<usize> = (0..NODES).collect();
        let (a, b) = (sparse.predict_proba(&all).unwrap(), dense.predict_proba(&all).unwrap());
        let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{threshold}: {worst}");
    }
}

/// The rows of the grown graph, rebuilt from nothing, are those that additions give.
#[test]
fn additions_are_the_graph_built_anew() {
    let mut grown = graph();
    let (a, b) = (grown.add_node(()), grown.add_node(()));
    let lonely = grown.add_node(());
    let edges = [(a.index(), 3), (a.index(), 0), (b.index(), a.index()), (7, 90), (b.index(), b.index())];
    for (from, to) in edges {
        grown.update_edge((from as u32).into(), (to as u32).into(), ());
    }
    let new = [vec![0.0, 1.0, 0.5, 0.0, 0.0], vec![2.0, 0.0, 0.0, 0.0, -1.0], vec![0.0; 5]];
    let additions = Additions {
        nodes: new.to_vec(),
        edges: edges.iter().map(|(from, to)| (*from as u32, *to as u32, 1.0)).collect(),
    };
    let mut values = words().to_dense().into_raw_vec_and_offset().0;
    values.extend(new.iter().flatten());
    let larger = Features::Dense { values, columns: 5 };
    let asked = [a.index(), b.index(), lonely.index(), 7, 90, 3, 0, 50];

    for threshold in THRESHOLDS {
        for renormalize in [false, true] {
            let config = config(Sparsify { threshold, renormalize });
            let checked = config.clone().validate().unwrap();
            let anew = Graph::new(adjacency(&grown, ParallelEdges::Merge).unwrap(), &checked).unwrap();
            let anew = examples(&anew, larger.clone(), &checked).unwrap();
            let expected = anew.diffused().to_dense_rows(&asked).unwrap();
            for features in [Features::from(words()), dense(&words())] {
                let model = SparseDcnn::fit(&graph(), features, &labels(), &split(), &config).unwrap();
                let found = model.diffused_with(&additions, &asked).unwrap();
                let found = Diffusion::from(found).to_dense_rows(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
                for (e, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    assert!(
                        (found - expected).abs() < 1e-5,
                        "{threshold}, entry {e}: {found} and {expected}"
                    );
                }
                assert_eq!(
                    model.predict_with(&additions, &asked).unwrap(),
                    model.dcnn.predict_among(&anew, &asked).unwrap()
                );
            }
        }
    }
}

#[test]
fn without_additions_nothing_changes() {
    let model =
        SparseDcnn::fit(&graph(), words(), &labels(), &split(), &config(Threshold::Post(0.1))).unwrap();
    let all: Vec<usize> = (0..NODES).collect();
    assert_eq!(model.predict_with(&Additions::default(), &all).unwrap(), model.predict(&all).unwrap());
}

#[test]
fn additions_that_do_not_fit_are_refused() {
    let model = SparseDcnn::fit(&graph(), words(), &labels(), &split(), &config(Threshold::None)).unwrap();
    let sentence = |additions: &Additions, nodes: &[usize]| {
        model.predict_with(additions, nodes).unwrap_err().to_string()
    };
    let node = |features: Vec<f32>| Additions { nodes: vec![features], ..Additions::default() };
    let edge = |a, b, w| Additions { edges: vec![(a, b, w)], ..Additions::default() };
    assert!(sentence(&Additions::default(), &[NODES]).contains("node 120 does not exist"));
    assert!(sentence(&node(vec![1.0]), &[0])
        .contains("there are 1 features of a new node, and there should be 5"));
    assert!(sentence(&node(vec![f32::NAN; 5]), &[0]).contains("NaN"));
    assert!(sentence(&edge(0, NODES as u32, 1.0), &[0]).contains("node 120 does not exist"));
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(sentence(&edge(0, 1, weight), &[0]).contains("weights must be finite"), "{weight}");
    }
    let mut config = config(Threshold::None);
    config.network.normalization = shared::graph::Normalization::Symmetric;
    let model = SparseDcnn::fit(&graph(), words(), &labels(), &split(), &config).unwrap();
    let error = model.predict_with(&Additions::default(), &[0]).unwrap_err().to_string();
    assert!(error.contains("random-walk normalization alone"), "{error}");
}

#[test]
fn a_saved_model_predicts_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    let model =
        SparseDcnn::fit(&graph(), words(), &labels(), &split(), &config(Threshold::Pre(0.2))).unwrap();
    model.save(&file).unwrap();
    let saved = SavedSparseDcnn::load(&file, DeviceKind::Cpu).unwrap();
    assert_eq!(**saved.config(), *model.config);
    let all: Vec<usize> = (0..NODES).collect();
    assert_eq!(saved.predict(model.examples(), &all).unwrap(), model.predict(&all).unwrap());
    // a network of the first paper is another program's
    let other = Dcnn::fit(&graph(), &words(), &labels(), &split(), &model.config.network).unwrap();
    other.save(&file).unwrap();
    let error = SavedSparseDcnn::load(&file, DeviceKind::Cpu).err().unwrap().to_string();
    assert!(error.contains("is not a network of this program"), "{error}");
}
