//! Graphs of several kinds, and what the properties are checked against.

use proptest::prelude::*;
use shared::graph::{
    adjacency, barabasi_albert, from_edges, transition_matrix, Csr, Normalization, ParallelEdges, PowerRows,
};
use sparse_dcnn::{Powers, Sparsify, Threshold};

/// Columns and values of one row.
pub(crate) type Row = (Vec<u32>, Vec<f32>);

/// A number of [0, 1) for a pair, from a small generator of our own.
pub(crate) fn chance(seed: u64, i: u64, j: u64) -> f32 {
    let mut state = seed ^ (i << 32 | j);
    for _ in 0..3 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^= state >> 29;
    }
    (state >> 40) as f32 / (1u32 << 24) as f32
}

/// Random, star, clique, path and scale-free graphs without weights, of up to `most` nodes.
pub(crate) fn unweighted(most: usize) -> impl Strategy<Value = Csr> {
    let random = (1..=most).prop_flat_map(|n| {
        let edge = (0..n as u32, 0..n as u32);
        prop::collection::vec(edge, 0..4 * n).prop_map(move |edges| from_edges(n, &edges).unwrap())
    });
    let star = (2..=most as u32).prop_map(|n| {
        let edges: Vec<(u32, u32)> = (1..n).map(|leaf| (0, leaf)).collect();
        from_edges(n as usize, &edges).unwrap()
    });
    let clique = (2..=most.min(25) as u32).prop_map(|n| {
        let edges: Vec<(u32, u32)> = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).collect();
        from_edges(n as usize, &edges).unwrap()
    });
    let path = (2..=most as u32).prop_map(|n| {
        let edges: Vec<(u32, u32)> = (1..n).map(|i| (i - 1, i)).collect();
        from_edges(n as usize, &edges).unwrap()
    });
    let scale_free = (5..=most, 1usize..4, any::<u64>()).prop_map(|(n, m, seed)| scale_free(n, m, seed));
    prop_oneof![3 => random, 1 => star, 1 => clique, 1 => path, 2 => scale_free]
}

pub(crate) fn scale_free(n: usize, m: usize, seed: u64) -> Csr {
    adjacency(&barabasi_albert(n, m, seed).unwrap(), ParallelEdges::Merge).unwrap()
}

/// Any of these, half of them with weights; the two directions of an edge weigh differently.
pub(crate) fn graphs(most: usize) -> impl Strategy<Value = Csr> {
    (unweighted(most), any::<bool>(), any::<u64>()).prop_map(|(a, weigh, seed)| match weigh {
        true => weighted(a, seed),
        false => a,
    })
}

pub(crate) fn weighted(mut a: Csr, seed: u64) -> Csr {
    let pairs: Vec<(u32, u32)> = a.iter().map(|(_, pair)| pair).collect();
    for (weight, (i, j)) in a.data_mut().iter_mut().zip(pairs) {
        *weight = 0.01 + chance(seed, i.into(), j.into()).powi(3);
    }
    a
}

pub(crate) fn walk(a: &Csr) -> Csr {
    transition_matrix(a, Normalization::RANDOM_WALK).unwrap()
}

/// σ of all sizes, and often 1/m, where entries lie on the edge.
pub(crate) fn sigmas() -> impl Strategy<Value = f64> {
    prop_oneof![1e-4f64..1.2, (1u32..30).prop_map(|m| 1.0 / f64::from(m))]
}

pub(crate) fn thresholds() -> impl Strategy<Value = Threshold> {
    prop_oneof![
        1 => Just(Threshold::None),
        2 => sigmas().prop_map(Threshold::Pre),
        2 => sigmas().prop_map(Threshold::Post),
        2 => (1usize..12).prop_map(Threshold::TopK),
    ]
}

/// All four thresholds, with and without renormalised rows.
pub(crate) fn sparsifications() -> impl Strategy<Value = Sparsify> {
    (thresholds(), any::<bool>()).prop_map(|(threshold, renormalize)| Sparsify { threshold, renormalize })
}

/// N x F numbers from -1 to 1, about half of them 0.
pub(crate) fn features(n: usize, f: usize, seed: u64) -> Vec<f32> {
    let x = |k: usize| (4.0 * chance(seed, k as u64, 1) - 2.0).clamp(-1.0, 1.0);
    (0..n * f).map(|k| if chance(seed, k as u64, 0) < 0.5 { 0.0 } else { x(k) }).collect()
}

/// The entries of a dense matrix that are not 0.
pub(crate) fn sparse(dense: &[f32], columns: usize) -> Csr {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.chunks_exact(columns) {
        for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(j as u32);
            values.push(*v);
        }
        indptr.push(indices.len());
    }
    Csr::new((dense.len() / columns, columns), indptr, indices, values)
}

/// Rows `i` of all powers as they are given with this workspace.
pub(crate) fn rows_with<P: PowerRows>(powers: &P, i: usize, scratch: &mut P::Scratch) -> Vec<Row> {
    let mut rows = Vec::new();
    powers.rows(i, scratch, &mut |hop, columns, values| {
        assert_eq!(hop, rows.len() + 1, "hops in their order");
        assert!(columns.windows(2).all(|pair| pair[0] < pair[1]), "columns rise: {columns:?}");
        assert_eq!(columns.len(), values.len());
        rows.push((columns.to_vec(), values.to_vec()));
    });
    assert_eq!(rows.len(), powers.hops());
    rows
}

/// All rows: `[node][hop - 1]`.
pub(crate) fn all_rows<P: PowerRows>(powers: &P) -> Vec<Vec<Row>> {
    let mut scratch = powers.scratch();
    (0..powers.nodes()).map(|i| rows_with(powers, i, &mut scratch)).collect()
}

pub(crate) fn kept(p: &Csr, sparsify: impl Into<Sparsify>, hops: usize) -> Vec<Vec<Row>> {
    all_rows(&Powers::new(p, sparsify, hops).unwrap())
}

/// P¹ to P^H, dense, in double precision.
pub(crate) fn dense_powers(p: &Csr, hops: usize) -> Vec<Vec<Vec<f64>>> {
    let n = p.rows();
    let mut one = vec![vec![0.0; n]; n];
    for (v, (i, j)) in p {
        one[i as usize][j as usize] = f64::from(*v);
    }
    let mut powers = vec![one.clone()];
    for _ in 1..hops {
        let last = powers.last().unwrap();
        let times_p = |row: &Vec<f64>| {
            let mut out = vec![0.0; n];
            for (weight, from) in row.iter().zip(&one).filter(|(weight, _)| **weight > 0.0) {
                out.iter_mut().zip(from).for_each(|(o, v)| *o += weight * v);
            }
            out
        };
        powers.push(last.iter().map(times_p).collect());
    }
    powers.truncate(hops);
    powers
}
