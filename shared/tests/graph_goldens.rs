//! `shared::graph` against SciPy and networkx: see `goldens/graph/make_goldens.py`.
#![allow(clippy::unwrap_used)] // helpers of tests, which may

use std::collections::BTreeMap;

use approx::assert_relative_eq;
use serde::Deserialize;
use shared::graph::{
    adjacency, average_clustering, diffuse, diffuse_dense, edge_augmented, edge_homophily, edge_list,
    from_edges, graph_stats, line_graph, power_series, power_series_dense, transition_matrix,
    weighted_adjacency, Csr, Isolated, Normalization, ParallelEdges,
};
use shared::petgraph::graph::{DiGraph, Graph, UnGraph};
use shared::petgraph::visit::EdgeRef;
use shared::petgraph::EdgeType;

#[derive(Deserialize)]
struct Goldens {
    karate: Diffusion,
    weighted: Diffusion,
    statistics: BTreeMap<String, Statistics>,
    homophily: Homophily,
    edge_augmented: EdgeAugmented,
    line_graph: Line,
    line_digraph: Line,
}

#[derive(Deserialize)]
struct Diffusion {
    adjacency: Sparse,
    x: Sparse,
    normalizations: BTreeMap<String, Powers>,
}

#[derive(Deserialize)]
struct Powers {
    p: Sparse,
    p2: Sparse,
    p2x: Sparse,
}

#[derive(Deserialize)]
struct Sparse {
    rows: usize,
    cols: usize,
    indptr: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Statistics {
    nodes: usize,
    edge_list: Vec<(u32, u32)>,
    edges: usize,
    self_loops: usize,
    isolated: usize,
    mean_degree: f64,
    density: f64,
    components: Vec<usize>,
    average_clustering: f64,
}

#[derive(Deserialize)]
struct Homophily {
    labels: Vec<String>,
    value: f64,
}

#[derive(Deserialize)]
struct EdgeAugmented {
    edges: Vec<(u32, u32)>,
    matrix: Sparse,
}

#[derive(Deserialize)]
struct Line {
    edges: Vec<(u32, u32)>,
    line_edges: Vec<(u32, u32)>,
}

impl Sparse {
    fn csr(&self) -> Csr {
        let parts = (self.indptr.clone(), self.columns.clone(), self.values.clone());
        Csr::new((self.rows, self.cols), parts.0, parts.1, parts.2)
    }

    fn dense(&self) -> Vec<f32> {
        dense(&self.csr())
    }
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("goldens/graph/graph.json")).unwrap()
}

fn dense(m: &Csr) -> Vec<f32> {
    let mut out = vec![0.0; m.rows() * m.cols()];
    for (&v, (i, j)) in m {
        out[i as usize * m.cols() + j as usize] = v;
    }
    out
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (&a, &b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 2e-6 * b.abs().max(1.0), "{what} at {at}: {a}, golden {b}");
    }
}

fn normalization(name: &str) -> Normalization {
    match name {
        "random_walk_zero_row" => Normalization::RANDOM_WALK,
        "random_walk_self_loop" => Normalization::RandomWalk { isolated: Isolated::SelfLoop },
        "degree_plus_one_columns" => Normalization::DegreePlusOneColumns,
        "self_loops" => Normalization::SelfLoops,
        "symmetric" => Normalization::Symmetric,
        other => panic!("no such normalization: {other}"),
    }
}

#[test]
fn transitions_powers_and_diffusions_match_scipy() {
    let goldens = goldens();
    for (graph, case) in [("karate", &goldens.karate), ("weighted", &goldens.weighted)] {
        let (a, x) = (case.adjacency.csr(), case.x.csr());
        let (n, f) = (x.rows(), x.cols());
        assert_eq!(case.normalizations.len(), 5);
        for (name, golden) in &case.normalizations {
            let what = format!("{graph} {name}");
            let p = transition_matrix(&a, normalization(name)).unwrap();
            assert_eq!(p.indices(), golden.p.columns, "{what}");
            assert_close(&dense(&p), &golden.p.dense(), &what);

            let powers = power_series(&p, 2).unwrap();
            assert_close(&dense(&powers[2]), &golden.p2.dense(), &what);
            let tensor = power_series_dense(&p, 2).unwrap();
            let second: Vec<f32> = (0..n).flat_map(|i| tensor[(i * 3 + 2) * n..][..n].to_vec()).collect();
            assert_close(&second, &golden.p2.dense(), &what);

            let every_row: Vec<usize> = (0..n).collect();
            let s = diffuse(&p, &x, 2).unwrap().to_dense_rows(&every_row).unwrap();
            let s_dense = diffuse_dense(&p, &case.x.dense(), n, f, 2).unwrap();
            for s in [s, s_dense] {
                let slice =
                    |j: usize| (0..n).flat_map(|i| s[(i * 3 + j) * f..][..f].to_vec()).collect::<Vec<_>>();
                assert_close(&slice(0), &case.x.dense(), &what);
                assert_close(&slice(2), &golden.p2x.dense(), &what);
            }
        }
    }
}

#[test]
fn petgraph_of_any_kind_gives_the_golden_adjacency() {
    let goldens = goldens();
    let edges = &goldens.edge_augmented.edges;
    let karate = goldens.karate.adjacency.csr();
    assert_eq!(from_edges(34, edges).unwrap(), karate);
    assert_eq!(edge_list(&karate).unwrap().len(), edges.len());
    let un = UnGraph::<(), (), u32>::from_edges(edges);
    let weighted = goldens.weighted.adjacency.csr();
    for parallel in [ParallelEdges::Sum, ParallelEdges::Merge] {
        assert_eq!(adjacency(&un, parallel).unwrap(), karate);
        let mut csr = shared::petgraph::csr::Csr::<(), (), shared::petgraph::Undirected, u32>::with_nodes(34);
        edges.iter().for_each(|&(a, b)| assert!(csr.add_edge(a, b, ())));
        assert_eq!(adjacency(&csr, parallel).unwrap(), karate);

        let mut di = DiGraph::<(), f32>::new();
        let nodes: Vec<_> = (0..7).map(|_| di.add_node(())).collect();
        for (&w, (i, j)) in &weighted {
            di.add_edge(nodes[i as usize], nodes[j as usize], w);
        }
        assert_eq!(weighted_adjacency(&di, parallel, |&w| w).unwrap(), weighted);
    }
}

#[test]
fn statistics_match_networkx() {
    let goldens = goldens();
    for (name, golden) in &goldens.statistics {
        let a = from_edges(golden.nodes, &golden.edge_list).unwrap();
        let stats = graph_stats(&a).unwrap();
        assert_eq!(stats.edges, golden.edges, "{name}");
        assert_eq!(stats.self_loops, golden.self_loops, "{name}");
        assert_eq!(stats.isolated, golden.isolated, "{name}");
        assert_eq!(stats.components, golden.components, "{name}");
        assert_relative_eq!(stats.mean_degree, golden.mean_degree, epsilon = 1e-12);
        assert_relative_eq!(stats.density, golden.density, epsilon = 1e-12);
        assert_relative_eq!(average_clustering(&a).unwrap(), golden.average_clustering, epsilon = 1e-12);
    }
    let karate = goldens.karate.adjacency.csr();
    let homophily = edge_homophily(&karate, &goldens.homophily.labels).unwrap().unwrap();
    assert_relative_eq!(homophily, goldens.homophily.value, epsilon = 1e-12);
}

#[test]
fn edge_graphs_match_scipy_and_networkx() {
    let goldens = goldens();
    let augmented = edge_augmented(&goldens.karate.adjacency.csr(), &goldens.edge_augmented.edges).unwrap();
    assert_eq!(augmented, goldens.edge_augmented.matrix.csr());
    let line = &goldens.line_graph;
    assert_eq!(line_edges(&UnGraph::<(), ()>::from_edges(&line.edges)), line.line_edges);
    let line = &goldens.line_digraph;
    assert_eq!(line_edges(&DiGraph::<(), ()>::from_edges(&line.edges)), line.line_edges);
}

fn line_edges<Ty: EdgeType>(graph: &Graph<(), (), Ty>) -> Vec<(u32, u32)> {
    let line = line_graph(graph).unwrap();
    assert_eq!(line.node_count(), graph.edge_count());
    let mut edges: Vec<_> =
        line.edge_references().map(|e| (e.source().index() as u32, e.target().index() as u32)).collect();
    edges.sort_unstable();
    edges
}
