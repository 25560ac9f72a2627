use proptest::prelude::*;
use rand::{rngs::StdRng, Rng, SeedableRng};
use shared::{
    graph::{identity, BlockModel, Isolated, Normalization},
    petgraph::graph::UnGraph,
    testing::assert_close,
    train::EarlyStopping,
};

use super::*;
use crate::{Config, Dcnn};

/// A dense matrix in `f64`, by rows.
type Dense = Vec<Vec<f64>>;

fn csr(dense: &Dense) -> Csr {
    let cols = dense.first().map_or(0, Vec::len);
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense {
        for (k, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(k as u32);
            values.push(*v as f32);
        }
        indptr.push(indices.len());
    }
    Csr::new((dense.len(), cols), indptr, indices, values)
}

fn product(a: &Dense, b: &Dense) -> Dense {
    let cols = b.first().map_or(0, Vec::len);
    let entry = |row: &Vec<f64>, k: usize| row.iter().zip(b).map(|(a, b)| a * b[k]).sum();
    a.iter().map(|row| (0..cols).map(|k| entry(row, k)).collect()).collect()
}

/// [X, PX, .., P^H X] side by side, P = D⁻¹A with zero rows where there are no edges: the definition.
fn brute_force(a: &Dense, x: &Dense, hops: usize, bias: bool) -> Dense {
    let p: Dense = a
        .iter()
        .map(|row| {
            let degree: f64 = row.iter().sum();
            row.iter().map(|a| if degree > 0.0 { a / degree } else { 0.0 }).collect()
        })
        .collect();
    let mut slice: Dense =
        x.iter().map(|row| row.iter().copied().chain(bias.then_some(1.0)).collect()).collect();
    let mut s = slice.clone();
    for _ in 0..hops {
        slice = product(&p, &slice);
        s.iter_mut().zip(&slice).for_each(|(s, more)| s.extend(more));
    }
    s
}

fn adjacency_of(nodes: usize, edges: &[(u32, u32)]) -> Dense {
    let mut a = vec![vec![0.0; nodes]; nodes];
    for (i, j) in edges {
        a[*i as usize][*j as usize] = 1.0;
        a[*j as usize][*i as usize] = 1.0;
    }
    a
}

#[track_caller]
fn assert_rows(examples: &Examples, expected: &Dense) {
    assert_eq!(examples.len(), expected.len());
    let all: Vec<usize> = (0..expected.len()).collect();
    let ours = examples.diffused().to_dense_rows(&all).unwrap();
    assert_close("rows", &ours, &expected.concat(), 1e-6);
    // and as the network gets them
    assert_eq!(examples.batch(&all).unwrap().to_dense(), ours);
}

/// Up to 8 nodes, some edges among them, 3 features of which many are 0.
fn graphs() -> impl Strategy<Value = (Vec<(u32, u32)>, Dense)> {
    (1usize..8).prop_flat_map(|n| {
        let pairs: Vec<(u32, u32)> =
            (0..n as u32).flat_map(|i| (i + 1..n as u32).map(move |j| (i, j))).collect();
        let count = pairs.len();
        let feature = prop_oneof![Just(0.0), (-2.0f32..2.0).prop_map(f64::from)];
        let row = proptest::collection::vec(feature, 3);
        (proptest::sample::subsequence(pairs, 0..=count), proptest::collection::vec(row, n))
    })
}

proptest! {
    #[test]
    fn node_rows_are_the_definition((edges, x) in graphs(), hops in 0usize..4, bias_feature: bool) {
        let config = Config { hops, bias_feature, ..Config::default() };
        let a = adjacency_of(x.len(), &edges);
        let examples = Examples::nodes(&csr(&a), &csr(&x), &config).unwrap();
        assert_rows(&examples, &brute_force(&a, &x, hops, bias_feature));
    }

    #[test]
    fn edge_rows_are_those_of_the_graph_with_edges_as_nodes(
        (edges, x) in graphs(), hops in 0usize..4, bias_feature: bool,
    ) {
        let (n, e) = (x.len(), edges.len());
        // [[A, Bᵀ], [B, 0]], with features on the edges alone
        let mut a = adjacency_of(n, &edges);
        a.iter_mut().for_each(|row| row.resize(n + e, 0.0));
        a.resize(n + e, vec![0.0; n + e]);
        for (k, (i, j)) in edges.iter().enumerate() {
            for end in [*i as usize, *j as usize] {
                a[n + k][end] = 1.0;
                a[end][n + k] = 1.0;
            }
        }
        let own: Dense = (0..e).map(|k| x[k % n].iter().map(|v| v + k as f64).collect()).collect();
        let mut all = vec![vec![0.0; 3]; n];
        all.extend(own.iter().cloned());
        let features = if e == 0 { Csr::zero((0, 3)) } else { csr(&own) };

        let config = Config { hops, bias_feature, ..Config::default() };
        let examples = Examples::edges(n, &edges, &features, &config).unwrap();
        assert_rows(&examples, &brute_force(&a, &all, hops, bias_feature)[n..].to_vec());
    }

    #[test]
    fn graph_rows_are_means_and_sums_of_node_rows(
        set in proptest::collection::vec(graphs(), 1..5), hops in 0usize..4, bias_feature: bool,
    ) {
        let graphs: Vec<(Csr, Csr)> =
            set.iter().map(|(edges, x)| (csr(&adjacency_of(x.len(), edges)), csr(x))).collect();
        for pooling in [Pooling::Mean, Pooling::Sum] {
            let config = Config { hops, bias_feature, pooling, ..Config::default() };
            let expected: Dense = set
                .iter()
                .map(|(edges, x)| {
                    let s = brute_force(&adjacency_of(x.len(), edges), x, hops, bias_feature);
                    let by = if pooling == Pooling::Mean { x.len() as f64 } else { 1.0 };
                    (0..s[0].len()).map(|k| s.iter().map(|row| row[k]).sum::<f64>() / by).collect()
                })
                .collect();
            assert_rows(&Examples::graphs(&graphs, &config).unwrap(), &expected);
        }
    }
}

#[test]
fn graphs_of_one_node_and_graphs_without_edges_have_rows() {
    let lonely = |n: usize| (csr(&adjacency_of(n, &[])), csr(&vec![vec![2.0]; n]));
    let examples = Examples::graphs(&[lonely(1), lonely(3)], &Config::default()).unwrap();
    let row = vec![2.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    assert_rows(&examples, &vec![row.clone(), row]);
    let stays = Normalization::RandomWalk { isolated: Isolated::SelfLoop };
    let config = Config { normalization: stays, ..Config::default() };
    let row = vec![2.0, 1.0, 2.0, 1.0, 2.0, 1.0];
    assert_rows(&Examples::graphs(&[lonely(1)], &config).unwrap(), &vec![row]);
}

#[track_caller]
fn refused(result: Result<Examples, DcnnError>, part: &str) {
    let sentence = result.unwrap_err().to_string();
    assert!(sentence.contains(part), "{sentence}");
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    let config = Config::default();
    let pair = from_edges(2, &[(0, 1)]).unwrap();
    let wide = |n: usize, f: usize| Csr::zero((n, f));
    refused(Examples::nodes(&pair, &wide(3, 1), &config), "3");
    refused(Examples::nodes(&wide(2, 3), &wide(2, 1), &config), "square");
    refused(Examples::nodes(&pair, &wide(2, 1).into_csc(), &config), "feature matrix");
    refused(
        Examples::graphs(&[(pair.clone(), wide(2, 1)), (pair.clone(), wide(2, 4))], &config),
        "4 features",
    );
    refused(Examples::graphs(&[(pair.clone(), wide(3, 1))], &config), "3 feature rows of a graph");
    refused(Examples::graphs(&[(pair.clone(), wide(2, 1)), (wide(0, 0), wide(0, 1))], &config), "1");
    refused(Examples::edges(2, &[(0, 1)], &wide(2, 1), &config), "2 feature rows, and there should be 1");
    refused(Examples::edges(2, &[(0, 2)], &wide(1, 1), &config), "2");
    refused(Examples::nodes(&pair, &wide(2, 1), &Config { hops: 1000, ..config }), "1000");
}

#[test]
fn what_is_no_number_is_refused_before_it_spreads() {
    let config = Config::default();
    let pair = from_edges(2, &[(0, 1)]).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let x = Csr::new((2, 3), vec![0, 1, 2], vec![0, 2], vec![1.0, bad]);
        for result in [
            Examples::nodes(&pair, &x, &config),
            Examples::graphs(&[(pair.clone(), x.clone())], &config),
            Examples::edges(2, &[(0, 1), (0, 1)], &x, &config),
        ] {
            refused(result, &format!("feature 2 in row 1 is {bad}: every feature must be a finite number"));
        }
    }
    for bad in [-1.0, f32::NAN, f32::INFINITY] {
        let a = Csr::new((2, 2), vec![0, 1, 2], vec![1, 0], vec![1.0, bad]);
        let x = identity(2).unwrap();
        refused(Examples::nodes(&a, &x, &config), "weight");
        refused(Examples::graphs(&[(a, x)], &config), "weight");
    }
}

/// A community wired among itself and two wired to each other; each edge holds one word that tells which kind it is in
/// 65 % of the cases. Only the edges around it say more, and an edge is two hops from the next.
#[test]
fn edges_inside_and_between_blocks_are_told_apart() {
    let edges = vec![vec![300.0, 10.0, 0.0], vec![10.0, 0.0, 300.0], vec![0.0, 300.0, 0.0]];
    let model = BlockModel { block_sizes: vec![80, 60, 60], edges, degree_exponent: None };
    let (graph, blocks): (UnGraph<(), ()>, _) = model.generate(4).unwrap();
    let edges = Dcnn::edges_of(&graph).unwrap();
    let labels: Vec<usize> =
        edges.iter().map(|(i, j)| usize::from(blocks[*i as usize] == blocks[*j as usize])).collect();
    let mut rng = StdRng::seed_from_u64(5);
    let words = labels.iter().map(|l| *l as u32 ^ u32::from(rng.gen_bool(0.35))).collect();
    let n = edges.len();
    let x = Csr::new((n, 2), (0..=n).collect(), words, vec![1.0; n]);
    let split = datasets::splits::stratified_thirds(&labels, 1).unwrap();
    let accuracy = |hops: usize| {
        let config =
            Config { hops, batch_size: 20, early_stopping: EarlyStopping::Never, ..Config::default() };
        let dcnn = Dcnn::fit_edges(&graph, &x, &labels, &split, &config).unwrap();
        let classes = dcnn.predict(&split.test).unwrap();
        let right = classes.iter().zip(&split.test).filter(|(class, e)| **class == labels[**e]).count();
        right as f64 / split.test.len() as f64
    };
    let inside = split.test.iter().filter(|e| labels[**e] == 1).count() as f64 / split.test.len() as f64;
    let (majority, own, around) = (inside.max(1.0 - inside), accuracy(0), accuracy(4));
    assert!(
        around > majority + 0.2 && around > own + 0.2,
        "{around}, words alone {own}, majority {majority}"
    );
}
