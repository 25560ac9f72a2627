use datasets::{GraphSetTables, LabeledGraph};

use super::*;

fn set(node_labels: [Vec<usize>; 2], values: Vec<i64>) -> GraphSet {
    let [first, second] = node_labels;
    let path = LabeledGraph {
        nodes: 3,
        edges: vec![(0, 1), (1, 2)],
        node_labels: first,
        label: 1,
        ..Default::default()
    };
    let lone = LabeledGraph { nodes: 1, node_labels: second, ..Default::default() };
    let tables = GraphSetTables {
        class_names: vec!["-1".into(), "1".into()],
        node_label_values: values,
        ..Default::default()
    };
    GraphSet::new("tiny", vec![path, lone], tables).unwrap()
}

#[test]
fn node_labels_become_one_hot_features() {
    let data = GraphData::try_from(set([vec![2, 0, 2], vec![1]], vec![6, 7, 8])).unwrap();
    assert_eq!((data.name.as_str(), data.classes), ("tiny", 2));
    assert_eq!(data.labels, [1, 0]);
    let (a, x) = &data.graphs[0];
    assert_eq!(a.to_dense().into_raw_vec_and_offset().0, [0., 1., 0., 1., 0., 1., 0., 1., 0.]);
    assert_eq!(x.to_dense().into_raw_vec_and_offset().0, [0., 0., 1., 1., 0., 0., 0., 0., 1.]);
    let (a, x) = &data.graphs[1];
    assert_eq!((a.shape(), a.nnz()), ((1, 1), 0));
    assert_eq!((x.shape(), x.indices()), ((1, 3), &[1u32][..]));
}

#[test]
fn sets_without_node_labels_get_one_feature_that_is_one() {
    let data = GraphData::try_from(set([vec![], vec![]], vec![])).unwrap();
    for (a, x) in &data.graphs {
        assert_eq!(x.shape(), (a.rows(), 1));
        assert!(x.data().iter().all(|v| *v == 1.0) && x.nnz() == a.rows());
    }
}

#[test]
fn the_embedded_sets_are_there_and_the_same_every_time() {
    let nowhere = Path::new("/no/such/folder");
    let (a, b) = (load_nodes(SYNTHETIC, nowhere).unwrap(), load_nodes(SYNTHETIC, nowhere).unwrap());
    assert_eq!((&a.adjacency, &a.features, &a.labels), (&b.adjacency, &b.features, &b.labels));
    assert_eq!(a.adjacency.rows(), a.labels.len());
    assert!(a.labels.iter().all(|l| *l < a.classes));
    let graphs = load_graphs(SYNTHETIC, nowhere).unwrap();
    assert_eq!(graphs.graphs.len(), graphs.labels.len());
    assert!(graphs.labels.iter().all(|l| *l < graphs.classes));
}

#[test]
fn a_set_that_is_not_there_is_named() {
    let nowhere = Path::new("/no/such/folder");
    let sentence = load_nodes("cora", nowhere).unwrap_err().to_string();
    assert!(sentence.contains("/no/such/folder") || sentence.contains("cora"), "{sentence}");
    assert!(load_graphs("MUTAG", nowhere).is_err());
}
