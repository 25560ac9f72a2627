//! Invariants of `shared::graph` on random graphs, and what it refuses.
#![allow(clippy::unwrap_used)] // helpers of tests, which may

use proptest::prelude::*;
use shared::graph::{
    adjacency, append_column, barabasi_albert, component_sizes, components, degrees, diffuse, diffuse_dense,
    disjoint_union, edge_augmented, edge_homophily, erdos_renyi, from_edges, graph_stats, identity,
    line_graph, multiply, permute, permute_rows, power_series, power_series_dense, transition_matrix,
    weighted_adjacency, BlockModel, Csr, Diffused, GraphError, Isolated, Normalization, ParallelEdges,
    MAX_HOPS,
};
use shared::petgraph::graph::{DiGraph, UnGraph};
use shared::petgraph::graphmap::UnGraphMap;
use shared::petgraph::visit::NodeFiltered;

const NORMALIZATIONS: [Normalization; 5] = [
    Normalization::RANDOM_WALK,
    Normalization::RandomWalk { isolated: Isolated::SelfLoop },
    Normalization::DegreePlusOneColumns,
    Normalization::SelfLoops,
    Normalization::Symmetric,
];

/// A random undirected graph, sometimes with self-loops and isolated nodes, of up to `most` nodes.
fn graphs(most: usize) -> impl Strategy<Value = Csr> {
    (1..=most).prop_flat_map(|n| {
        let edge = (0..n as u32, 0..n as u32);
        prop::collection::vec(edge, 0..4 * n).prop_map(move |edges| from_edges(n, &edges).unwrap())
    })
}

/// A graph, features for it and a relabelling. Features are wide enough at times for the sparse way of summing.
fn labelled() -> impl Strategy<Value = (Csr, Csr, Vec<usize>)> {
    (graphs(150), 1usize..400, any::<u64>()).prop_flat_map(|(a, f, seed)| {
        let n = a.rows();
        let order = Just((0..n).collect::<Vec<_>>()).prop_shuffle();
        (Just(a), Just(features(n, f, 5, seed)), order)
    })
}

/// N x F features with about `per_row` entries a row, from a small generator of our own.
fn features(n: usize, f: usize, per_row: usize, seed: u64) -> Csr {
    let mut state = seed | 1;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let (mut indptr, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for _ in 0..n {
        let mut row: Vec<u32> = (0..per_row).map(|_| (random() % f) as u32).collect();
        row.sort_unstable();
        row.dedup();
        values.extend(row.iter().map(|_| random() as f32 / (1u64 << 31) as f32 - 0.3));
        columns.extend(row);
        indptr.push(columns.len());
    }
    Csr::new((n, f), indptr, columns, values)
}

fn dense(m: &Csr) -> Vec<f32> {
    let mut out = vec![0.0; m.rows() * m.cols()];
    for (&v, (i, j)) in m {
        out[i as usize * m.cols() + j as usize] = v;
    }
    out
}

fn dense_rows(s: &Diffused) -> Vec<f32> {
    s.to_dense_rows(&(0..s.rows()).collect::<Vec<_>>()).unwrap()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Rows of P^j sum to 1 on every graph when isolated nodes keep their walks; under `ZeroRow` they sum to 1 for
    /// every node with an edge (the graph is undirected, so no walk can leave for an isolated node), and to 0 for one
    /// without, from the first power on.
    #[test]
    fn rows_of_random_walk_powers_sum_to_one(a in graphs(80)) {
        let degrees = degrees(&a).unwrap();
        for normalization in [
            Normalization::RANDOM_WALK,
            Normalization::RandomWalk { isolated: Isolated::SelfLoop },
            Normalization::SelfLoops,
        ] {
            let p = transition_matrix(&a, normalization).unwrap();
            for (j, power) in power_series(&p, 4).unwrap().iter().enumerate() {
                for (i, row) in power.outer_iterator().enumerate() {
                    let dead = normalization == Normalization::RANDOM_WALK && degrees[i] == 0 && j > 0;
                    let sum: f32 = row.data().iter().sum();
                    prop_assert!((sum - if dead { 0.0 } else { 1.0 }).abs() < 1e-5, "{normalization:?} {i} {j} {sum}");
                    prop_assert!(row.data().iter().all(|&v| v > 0.0));
                }
            }
        }
    }

    #[test]
    fn sparse_dense_and_power_series_agree((a, x, _) in labelled(), hops in 0usize..5) {
        let (n, f) = (x.rows(), x.cols());
        for normalization in NORMALIZATIONS {
            let p = transition_matrix(&a, normalization).unwrap();
            let s = diffuse(&p, &x, hops).unwrap();
            prop_assert_eq!((s.rows(), s.slices(), s.features()), (n, hops + 1, f));
            let dense_s = dense_rows(&s);
            prop_assert!(close(&dense_s, &diffuse_dense(&p, &dense(&x), n, f, hops).unwrap()));
            prop_assert_eq!(dense(&s.to_csr().unwrap()), dense_s.clone()); // sprs checks the order of columns too
            for (j, power) in power_series(&p, hops).unwrap().iter().enumerate() {
                let slice: Vec<f32> =
                    (0..n).flat_map(|i| dense_s[(i * (hops + 1) + j) * f..][..f].to_vec()).collect();
                prop_assert!(close(&slice, &dense(&multiply(power, &x).unwrap())));
            }
        }
        let p = transition_matrix(&a, Normalization::Symmetric).unwrap();
        let tensor = power_series_dense(&p, hops).unwrap();
        for (j, power) in power_series(&p, hops).unwrap().iter().enumerate() {
            let slice: Vec<f32> = (0..n).flat_map(|i| tensor[(i * (hops + 1) + j) * n..][..n].to_vec()).collect();
            prop_assert!(close(&slice, &dense(power)));
        }
    }

    /// The product with sprs' own, an implementation that shares no line with ours.
    #[test]
    fn products_match_sprs((a, x, _) in labelled()) {
        let p = transition_matrix(&a, Normalization::SelfLoops).unwrap();
        let usize_columns = |m: &Csr| m.to_other_types::<usize, f32, usize>();
        let theirs: Csr = (&usize_columns(&p) * &usize_columns(&x)).to_other_types();
        prop_assert!(close(&dense(&multiply(&p, &x).unwrap()), &dense(&theirs)));
    }

    /// Relabelling nodes by Π turns P into ΠPΠᵀ and S into ΠS, and leaves the mean over the graph as it was.
    #[test]
    fn diffusion_is_permutation_equivariant((a, x, to) in labelled()) {
        for normalization in NORMALIZATIONS {
            let p = transition_matrix(&a, normalization).unwrap();
            let moved = transition_matrix(&permute(&a, &to).unwrap(), normalization).unwrap();
            prop_assert!(close(&dense(&moved), &dense(&permute(&p, &to).unwrap())));
            let s = diffuse(&p, &x, 3).unwrap();
            let s_moved = diffuse(&moved, &permute_rows(&x, &to).unwrap(), 3).unwrap();
            let n = a.rows();
            prop_assert!(close(&s_moved.to_dense_rows(&to).unwrap(), &dense_rows(&s)));
            let mean = |s: &Diffused| dense_rows(&s.mean_rows(std::slice::from_ref(&(0..n))).unwrap());
            prop_assert!(close(&mean(&s_moved), &mean(&s)));
        }
    }

    #[test]
    fn union_diffuses_each_graph_alone(graphs in prop::collection::vec(graphs(30), 1..5), seed in any::<u64>()) {
        let mut ranges = Vec::new();
        let mut start = 0;
        for g in &graphs {
            ranges.push(start..start + g.rows());
            start += g.rows();
        }
        let x = features(start, 20, 4, seed);
        let p = transition_matrix(&disjoint_union(&graphs).unwrap(), Normalization::RANDOM_WALK).unwrap();
        let s = diffuse(&p, &x, 2).unwrap();
        let means = s.mean_rows(&ranges).unwrap();
        prop_assert_eq!((means.rows(), means.slices(), means.features()), (graphs.len(), 3, 20));
        let all = dense_rows(&s);
        for (g, range) in ranges.iter().enumerate() {
            let mut mean = vec![0.0; 60];
            for i in range.clone() {
                mean.iter_mut().zip(&all[i * 60..]).for_each(|(m, v)| *m += v / range.len() as f32);
            }
            prop_assert!(close(&means.to_dense_rows(&[g]).unwrap(), &mean));
        }
    }

    #[test]
    fn parallel_edges_sum_or_merge(edges in prop::collection::vec((0u32..6, 0u32..6, 0u8..4), 0..30)) {
        let mut g = UnGraph::<(), u8>::default();
        (0..6).for_each(|_| { g.add_node(()); });
        let mut sum = vec![0.0f32; 36];
        let mut merged = vec![0.0f32; 36];
        for &(i, j, w) in &edges {
            g.add_edge(i.into(), j.into(), w);
            let mut cells = vec![(i * 6 + j) as usize, (j * 6 + i) as usize];
            cells.dedup();
            for cell in cells {
                sum[cell] += f32::from(w);
                merged[cell] = merged[cell].max(f32::from(w));
            }
        }
        let build = |parallel| weighted_adjacency(&g, parallel, |&w| f32::from(w)).unwrap();
        prop_assert_eq!(dense(&build(ParallelEdges::Sum)), sum);
        prop_assert_eq!(dense(&build(ParallelEdges::Merge)), merged);
        prop_assert!(build(ParallelEdges::Sum).data().iter().all(|&w| w > 0.0));
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let a = adjacency(&barabasi_albert(1500, 3, 5).unwrap(), ParallelEdges::Merge).unwrap();
    let p = transition_matrix(&a, Normalization::RANDOM_WALK).unwrap();
    let x = features(1500, 700, 12, 9);
    let run = |threads| {
        let pool = thread_pool(threads);
        pool.install(|| {
            let s = diffuse(&p, &x, 3).unwrap();
            let means = s.mean_rows(&[0..700, 200..1500]).unwrap().to_csr().unwrap();
            (s.to_csr().unwrap(), means, diffuse_dense(&p, &dense(&x), 1500, 700, 2).unwrap())
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        let many = run(threads);
        assert_eq!(bits(one.0.data()), bits(many.0.data()));
        assert_eq!(one.0.indices(), many.0.indices());
        assert_eq!(bits(one.1.data()), bits(many.1.data()));
        assert_eq!(bits(&one.2), bits(&many.2));
    }
}

/// Very wide rows are summed by listing their columns, narrow ones by searching a dense row: the same bits either way.
#[test]
fn both_ways_of_summing_agree_to_the_bit() {
    let a = adjacency(&erdos_renyi(300, 0.01, 6).unwrap(), ParallelEdges::Merge).unwrap();
    let p = transition_matrix(&a, Normalization::Symmetric).unwrap();
    let narrow = features(300, 90, 6, 2);
    let wide = Csr::new(
        (300, 1_000_000),
        narrow.indptr().raw_storage().to_vec(),
        narrow.indices().to_vec(),
        narrow.data().to_vec(),
    );
    let (narrow, wide) = (diffuse(&p, &narrow, 2).unwrap(), diffuse(&p, &wide, 2).unwrap());
    assert!((0..300).any(|i| narrow.row_slice(i, 2).0.len() > 60));
    for i in 0..300 {
        for j in 0..3 {
            let ((k, v), (k_wide, v_wide)) = (narrow.row_slice(i, j), wide.row_slice(i, j));
            let shift = j as u32 * (1_000_000 - 90);
            assert!(k.iter().map(|k| k + shift).eq(k_wide.iter().copied()));
            assert_eq!(bits(v), bits(v_wide));
        }
    }
}

fn thread_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn diffused_rows_can_be_taken_apart() {
    let a = from_edges(200, &(0..199).map(|i| (i, i + 1)).collect::<Vec<_>>()).unwrap();
    let p = transition_matrix(&a, Normalization::RANDOM_WALK).unwrap();
    let x = append_column(&identity(200).unwrap(), 1.0).unwrap();
    let s = diffuse(&p, &x, 2).unwrap();
    assert_eq!(s.row_slice(100, 0), (&[100, 200][..], &[1.0, 1.0][..]));
    assert_eq!(s.row_slice(100, 2).0, [2 * 201 + 98, 2 * 201 + 100, 2 * 201 + 102, 2 * 201 + 200]);
    assert_eq!(s.row_slice(100, 3), (&[][..], &[][..]));
    let picked = s.select_rows(&[100, 3, 100]).unwrap();
    assert_eq!((picked.rows(), picked.row(2)), (3, s.row(100)));
    assert_eq!(picked.row(1), s.row(3));
    assert_eq!(s.nnz(), (0..200).map(|i| s.row(i).0.len()).sum::<usize>());
    let entry_bytes = 8 * s.nnz();
    assert!((entry_bytes..=entry_bytes + 14 * 200).contains(&s.memory_bytes()));
    assert_eq!(diffuse(&p, &x, 0).unwrap().to_csr().unwrap(), x);
    assert_eq!(s.select_rows(&[]).unwrap().rows(), 0);
}

#[test]
fn graphs_of_other_kinds_are_read_too() {
    let path = from_edges(4, &[(0, 1), (2, 3)]).unwrap();
    // Indices without a node, as a `StableGraph` has them after a removal, are isolated nodes.
    let full = UnGraph::<(), ()>::from_edges([(0, 1), (2, 3)]);
    let holed = NodeFiltered::from_fn(&full, |node| node.index() != 1 && node.index() != 0);
    assert_eq!(adjacency(&holed, ParallelEdges::Sum).unwrap(), from_edges(4, &[(2, 3)]).unwrap());
    let cut = NodeFiltered::from_fn(&full, |node| node.index() != 3);
    assert_eq!(adjacency(&cut, ParallelEdges::Sum).unwrap(), from_edges(4, &[(0, 1)]).unwrap());
    let map = UnGraphMap::<u32, ()>::from_edges([(10, 20), (30, 40)]);
    assert_eq!(adjacency(&map, ParallelEdges::Sum).unwrap(), path);
    let looped = UnGraph::<(), ()>::from_edges([(0, 0), (0, 1)]);
    assert_eq!(adjacency(&looped, ParallelEdges::Sum).unwrap(), from_edges(2, &[(0, 0), (0, 1)]).unwrap());
}

#[test]
fn generators_keep_their_promises() {
    let count = erdos_renyi(4000, 0.002, 3).unwrap().edge_count() as f64;
    let (mean, std) = (0.002 * 4000.0 * 3999.0 / 2.0, 126.0);
    assert!((count - mean).abs() < 4.0 * std, "{count} edges, {mean} expected");
    assert_eq!(erdos_renyi(50, 0.0, 1).unwrap().edge_count(), 0);
    assert_eq!(erdos_renyi(50, 1.0, 1).unwrap().edge_count(), 50 * 49 / 2);
    assert_eq!(erdos_renyi(0, 0.5, 1).unwrap().node_count(), 0);
    let g = erdos_renyi(60, 0.4, 8).unwrap();
    let simple = adjacency(&g, ParallelEdges::Sum).unwrap();
    assert!(simple.data().iter().all(|&w| w == 1.0), "no edge comes twice");

    let g = barabasi_albert(3000, 3, 4).unwrap();
    assert_eq!(g.edge_count(), 3 * (3000 - 3));
    let a = adjacency(&g, ParallelEdges::Sum).unwrap();
    let stats = graph_stats(&a).unwrap();
    assert!(a.data().iter().all(|&w| w == 1.0));
    assert_eq!((stats.components.len(), stats.self_loops), (1, 0));
    assert!(stats.max_degree > 60, "hubs appear: {}", stats.max_degree);

    let model = BlockModel::planted(&[1501, 1000, 499], 6.0, 0.8, Some(2.8));
    let (g, labels) = model.generate(11).unwrap();
    let a = adjacency(&g, ParallelEdges::Sum).unwrap();
    let stats = graph_stats(&a).unwrap();
    assert!(a.data().iter().all(|&w| w == 1.0) && stats.self_loops == 0);
    assert!((5.2..6.2).contains(&stats.mean_degree), "mean degree {}", stats.mean_degree);
    assert!(stats.max_degree > 40, "hubs appear: {}", stats.max_degree);
    let homophily = edge_homophily(&a, &labels).unwrap().unwrap();
    assert!((0.76..0.84).contains(&homophily), "homophily {homophily}");
    let cora_sized = BlockModel::planted(&[351, 217, 418, 818, 426, 298, 180], 4.0, 0.8, None);
    assert_eq!(cora_sized.generate(1).unwrap().1.len(), 2708);
    let flat = BlockModel { degree_exponent: None, ..model.clone() }.generate(11).unwrap().0;
    assert!(graph_stats(&adjacency(&flat, ParallelEdges::Sum).unwrap()).unwrap().max_degree < 25);

    let edges =
        |g: &UnGraph<(), ()>| g.raw_edges().iter().map(|e| (e.source(), e.target())).collect::<Vec<_>>();
    assert_eq!(edges(&model.generate(11).unwrap().0), edges(&g));
    assert_ne!(edges(&model.generate(12).unwrap().0), edges(&g));
}

#[test]
fn mean_rows_cannot_tell_a_hexagon_from_two_triangles() {
    let hexagon = from_edges(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]).unwrap();
    let triangles = from_edges(6, &[(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]).unwrap();
    let ones = Csr::new((6, 1), (0..=6).collect(), vec![0; 6], vec![1.0; 6]);
    let mean = |a: &Csr| {
        let p = transition_matrix(a, Normalization::RANDOM_WALK).unwrap();
        dense_rows(&diffuse(&p, &ones, 4).unwrap().mean_rows(std::slice::from_ref(&(0..6))).unwrap())
    };
    assert_eq!(mean(&hexagon), mean(&triangles));
    assert_eq!(component_sizes(&components(&triangles).unwrap()), [3, 3]);
}

#[test]
fn bad_input_is_refused_in_one_sentence() {
    let a = from_edges(3, &[(0, 1), (1, 2)]).unwrap();
    let x = identity(3).unwrap();
    let wide = Csr::new((3, u32::MAX as usize / 2), vec![0; 4], vec![], vec![]);
    let tall = Csr::new((4, 2), vec![0; 5], vec![], vec![]);
    let nan = Csr::new((2, 2), vec![0, 1, 1], vec![1], vec![f32::NAN]);
    let s = diffuse(&a, &x, 1).unwrap();
    let negative = DiGraph::<(), f32>::from_edges([(0, 1, -2.0)]);
    let huge_dense = Csr::new((100_000, 100_000), vec![0; 100_001], vec![], vec![]);
    let hub = UnGraph::<(), ()>::from_edges((1..100_001u32).map(|i| (0, i)));
    let uneven =
        BlockModel { block_sizes: vec![2, 2], edges: vec![vec![1.0, 2.0]; 2], degree_exponent: None };
    let two_rows = [(0..2), (2..2)];
    let (beyond, backwards) = (2..4, std::ops::Range { start: 2, end: 1 });
    let errors: Vec<(GraphError, &str)> = vec![
        (from_edges(u32::MAX as usize + 1, &[]).unwrap_err(), "32-bit"),
        (from_edges(3, &[(0, 1), (1, 3)]).unwrap_err(), "edge 1 names node 3"),
        (weighted_adjacency(&negative, ParallelEdges::Sum, |&w| w).unwrap_err(), "weighs -2"),
        (transition_matrix(&nan, Normalization::Symmetric).unwrap_err(), "node 0 to node 1 weighs NaN"),
        (transition_matrix(&tall, Normalization::Symmetric).unwrap_err(), "4 x 2"),
        (transition_matrix(&a.clone().into_csc(), Normalization::Symmetric).unwrap_err(), "to_csr()"),
        (diffuse(&a, &x, MAX_HOPS + 1).unwrap_err(), "65 hops"),
        (diffuse(&a, &x, usize::MAX).unwrap_err(), "hops"),
        (diffuse(&a, &wide, 2).unwrap_err(), "3 slices of 2147483647 features"),
        (diffuse(&a, &tall, 2).unwrap_err(), "4 entries but 3"),
        (diffuse(&a, &x.clone().into_csc(), 2).unwrap_err(), "CSC"),
        (diffuse_dense(&a, &[0.0; 5], 3, 2, 1).unwrap_err(), "5 entries but 6"),
        (diffuse_dense(&a, &[0.0; 4], 2, 2, 1).unwrap_err(), "2 entries but 3"),
        (diffuse_dense(&a, &[], 3, usize::MAX, 1).unwrap_err(), "feature matrix"),
        (power_series(&a, 65).unwrap_err(), "at most 64"),
        (power_series_dense(&huge_dense, 2).unwrap_err(), "30000000000 entries"),
        (multiply(&a, &tall).unwrap_err(), "4 entries but 3"),
        (s.to_dense_rows(&[0, 3]).unwrap_err(), "row 3"),
        (s.select_rows(&[7]).unwrap_err(), "row 7"),
        (s.mean_rows(&two_rows).unwrap_err(), "group 1 is empty"),
        (s.mean_rows(&[backwards]).unwrap_err(), "group 0 is empty"),
        (s.mean_rows(&[beyond]).unwrap_err(), "row 3"),
        (permute(&a, &[0, 1]).unwrap_err(), "2 entries but 3"),
        (permute(&a, &[0, 1, 1]).unwrap_err(), "two nodes to 1"),
        (permute(&a, &[0, 1, 3]).unwrap_err(), "row 3"),
        (edge_augmented(&a, &[(0, 3)]).unwrap_err(), "edge 0 names node 3"),
        (line_graph(&hub).unwrap_err(), "the line graph would need 4999950000 entries"),
        (edge_homophily(&a, &[0, 1]).unwrap_err(), "2 entries but 3"),
        (erdos_renyi(10, 1.5, 0).unwrap_err(), "p = 1.5"),
        (erdos_renyi(10, f64::NAN, 0).unwrap_err(), "p = NaN"),
        (erdos_renyi(1_000_000, 0.9, 0).unwrap_err(), "2^32 edges"),
        (barabasi_albert(5, 5, 0).unwrap_err(), "m = 5"),
        (barabasi_albert(5, 0, 0).unwrap_err(), "m = 0"),
        (uneven.generate(0).unwrap_err(), "symmetric"),
        (BlockModel::planted(&[], 2.0, 0.5, None).generate(0).unwrap_err(), "at least one block"),
        (BlockModel::planted(&[5], 2.0, 0.5, Some(2.0)).generate(0).unwrap_err(), "above 2"),
        (BlockModel::planted(&[5, 5], f64::NAN, 0.5, None).generate(0).unwrap_err(), "non-negative"),
        (BlockModel::planted(&[5, 5], 2.0, 1.5, None).generate(0).unwrap_err(), "non-negative"),
        (BlockModel::planted(&[usize::MAX, 5], 0.0, 0.5, None).generate(0).unwrap_err(), "32-bit"),
    ];
    for (error, part) in errors {
        let sentence = error.to_string();
        assert!(sentence.contains(part), "`{sentence}` should name `{part}`");
        assert!(sentence.contains("; "), "`{sentence}` should say what to do");
    }
}

#[test]
fn empty_matrices_are_no_special_case() {
    let nothing = from_edges(0, &[]).unwrap();
    let p = transition_matrix(&nothing, Normalization::SelfLoops).unwrap();
    assert_eq!(diffuse(&p, &identity(0).unwrap(), 3).unwrap().rows(), 0);
    assert_eq!(diffuse_dense(&p, &[], 0, 5, 3).unwrap(), [0.0; 0]);
    assert_eq!(power_series_dense(&p, 1).unwrap(), [0.0; 0]);
    let featureless = Csr::new((3, 0), vec![0; 4], vec![], vec![]);
    let a = from_edges(3, &[(0, 1), (1, 2)]).unwrap();
    let s = diffuse(&a, &featureless, 2).unwrap();
    assert_eq!((s.nnz(), s.width()), (0, 0));
    assert_eq!(s.row_slice(2, usize::MAX), (&[][..], &[][..]));
    assert_eq!(s.to_dense_rows(&[0, 1]).unwrap(), [0.0; 0]);
    assert_eq!(diffuse_dense(&a, &[], 3, 0, 2).unwrap(), [0.0; 0]);
    assert_eq!(graph_stats(&nothing).unwrap().components, [0usize; 0]);
}
