//! The paper's theorem: isomorphic graphs have the same activations. And its converse, which does not hold.
#![allow(clippy::unwrap_used)]

use dcnn::{experiment::isomorphism_error, slices, Config, DiffusionConv, Examples, Pooling};
use proptest::prelude::*;
use rand::{rngs::StdRng, seq::SliceRandom, SeedableRng};
use shared::{
    dfdx::prelude::*,
    graph::{adjacency, from_edges, permute, permute_rows, Csr, ParallelEdges},
    nn::RunTime,
    petgraph::graph::{NodeIndex, UnGraph},
};

const FEATURES: usize = 4;

/// A petgraph graph of `to.len()` nodes whose node `to[i]` is node i of the edges.
fn graph(edges: &[(u32, u32)], to: &[usize]) -> UnGraph<(), ()> {
    let mut graph = UnGraph::new_undirected();
    to.iter().for_each(|_| {
        graph.add_node(());
    });
    let node = |i: u32| NodeIndex::new(to[i as usize]);
    edges.iter().for_each(|(i, j)| {
        graph.update_edge(node(*i), node(*j), ());
    });
    graph
}

fn csr(rows: &[Vec<f32>]) -> Csr {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in rows {
        for (k, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(k as u32);
            values.push(*v);
        }
        indptr.push(indices.len());
    }
    Csr::new((rows.len(), FEATURES), indptr, indices, values)
}

fn features(rows: &[Vec<f32>], to: &[usize]) -> Csr {
    permute_rows(&csr(rows), to).unwrap()
}

fn dense(examples: &Examples, rows: &[usize]) -> Vec<f32> {
    examples.diffused().to_dense_rows(rows).unwrap()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0.0, f32::max)
}

#[derive(Debug)]
struct Case {
    edges: Vec<(u32, u32)>,
    rows: Vec<Vec<f32>>,
    to: Vec<usize>,
}

fn cases() -> impl Strategy<Value = Case> {
    (2usize..30, any::<u64>()).prop_flat_map(|(n, seed)| {
        let edge = (0..n as u32, 0..n as u32);
        let value = prop_oneof![Just(0.0f32), -1.0f32..1.0];
        let rows = proptest::collection::vec(proptest::collection::vec(value, FEATURES), n);
        (proptest::collection::vec(edge, 0..3 * n), rows).prop_map(move |(edges, rows)| {
            let mut to: Vec<usize> = (0..n).collect();
            to.shuffle(&mut StdRng::seed_from_u64(seed));
            Case { edges, rows, to }
        })
    })
}

proptest! {
    #[test]
    fn node_activations_move_with_the_nodes(case in cases(), hops in 0usize..5) {
        let config = Config { hops, ..Config::default() };
        let own: Vec<usize> = (0..case.to.len()).collect();
        let of = |to: &[usize]| {
            let a = adjacency(&graph(&case.edges, to), ParallelEdges::Merge).unwrap();
            Examples::nodes(&a, &features(&case.rows, to), &config).unwrap()
        };
        let (plain, renamed) = (of(&own), of(&case.to));
        prop_assert!(distance(&dense(&plain, &own), &dense(&renamed, &case.to)) < 1e-6);

        let a = adjacency(&graph(&case.edges, &own), ParallelEdges::Merge).unwrap();
        prop_assert!(isomorphism_error(&a, &csr(&case.rows), &case.to, &config).unwrap() < 1e-5);

        // and so do those of the layer, whatever its weights
        let dev = Cpu::seed_from_u64(1);
        let layer = DiffusionConv::<{ slices(2) }>::new(&dev, FEATURES, 0.5, &mut StdRng::seed_from_u64(2)).unwrap();
        let config = Config { hops: 2, bias_feature: false, ..Config::default() };
        let z = |to: &[usize]| {
            let a = adjacency(&graph(&case.edges, to), ParallelEdges::Merge).unwrap();
            let s = Examples::nodes(&a, &features(&case.rows, to), &config).unwrap();
            let s = dev.tensor_from_vec(dense(&s, to), (to.len(), Const, RunTime(FEATURES)));
            layer.forward(s).unwrap().as_vec()
        };
        prop_assert!(distance(&z(&own), &z(&case.to)) < 1e-6);
    }

    #[test]
    fn graph_activations_stay(case in cases(), hops in 0usize..5) {
        let own: Vec<usize> = (0..case.to.len()).collect();
        for pooling in [Pooling::Mean, Pooling::Sum] {
            let config = Config { hops, pooling, ..Config::default() };
            let pair = [&own, &case.to].map(|to| {
                let a = adjacency(&graph(&case.edges, to), ParallelEdges::Merge).unwrap();
                (a, features(&case.rows, to))
            });
            let rows = Examples::graphs(&pair, &config).unwrap();
            // the sum is over nodes in another order, and n times as large as the mean
            let tolerance = if pooling == Pooling::Sum { 1e-6 * own.len() as f32 } else { 1e-6 };
            prop_assert!(distance(&dense(&rows, &[0]), &dense(&rows, &[1])) < tolerance);
        }
    }

    #[test]
    fn edge_activations_move_with_the_edges(case in cases(), hops in 0usize..4) {
        let n = case.to.len();
        let a = from_edges(n, &case.edges).unwrap();
        let config = Config { hops, ..Config::default() };
        let edges = shared::graph::edge_list(&a).unwrap();
        let x: Vec<Vec<f32>> = edges.iter().map(|(i, j)| {
            case.rows[*i as usize].iter().zip(&case.rows[*j as usize]).map(|(a, b)| a + b).collect()
        }).collect();
        let renamed: Vec<(u32, u32)> =
            edges.iter().map(|(i, j)| (case.to[*i as usize] as u32, case.to[*j as usize] as u32)).collect();
        let all: Vec<usize> = (0..edges.len()).collect();
        let plain = Examples::edges(n, &edges, &csr(&x), &config).unwrap();
        let other = Examples::edges(n, &renamed, &csr(&x), &config).unwrap();
        prop_assert_eq!(permute(&a, &case.to).unwrap(), from_edges(n, &renamed).unwrap());
        prop_assert!(distance(&dense(&plain, &all), &dense(&other, &all)) < 1e-6);
    }
}

/// A hexagon and two triangles are not isomorphic, and no number of hops tells them apart by the mean or the sum:
/// every node has two neighbours like itself.
#[test]
fn the_converse_fails_on_a_hexagon_and_two_triangles() {
    let hexagon = from_edges(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]).unwrap();
    let triangles = from_edges(6, &[(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]).unwrap();
    let x = csr(&vec![vec![1.0, 0.0, 0.0, 0.0]; 6]);
    for pooling in [Pooling::Mean, Pooling::Sum] {
        let config = Config { hops: dcnn::MAX_HOPS, pooling, ..Config::default() };
        let pair = [(hexagon.clone(), x.clone()), (triangles.clone(), x.clone())];
        let rows = Examples::graphs(&pair, &config).unwrap();
        assert_eq!(dense(&rows, &[0]), dense(&rows, &[1]));
    }
    // With a feature of its own a node tells them apart: a walk of three steps comes home in a triangle alone.
    let mut marked = vec![vec![1.0, 0.0, 0.0, 0.0]; 6];
    marked[0] = vec![0.0, 1.0, 0.0, 0.0];
    let nodes =
        |a: &Csr| Examples::nodes(a, &csr(&marked), &Config { hops: 3, ..Config::default() }).unwrap();
    assert_ne!(dense(&nodes(&hexagon), &[0]), dense(&nodes(&triangles), &[0]));
}
