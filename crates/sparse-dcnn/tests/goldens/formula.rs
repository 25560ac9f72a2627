//! The graphs and features of `make_goldens.py`, by the same formulas.

use shared::graph::Csr;

/// SplitMix64 of k.
pub(crate) fn hashed(seed: u64, k: u64) -> u64 {
    let mut z = seed.wrapping_add((k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Numbers of [0, 1) with 24 bits, exact in `f32`.
pub(crate) fn unit(seed: u64, k: u64) -> f64 {
    (hashed(seed, k) >> 40) as f64 / f64::from(1 << 24)
}

/// The ends of m edges: the first uniform, the second the likelier the lower.
pub(crate) fn edges(seed: u64, n: u32, m: u64) -> Vec<(u32, u32)> {
    let end = |k: u64| {
        let u = unit(seed, 2 * k + 1);
        ((hashed(seed, 2 * k) % u64::from(n)) as u32, (f64::from(n) * (u * u)) as u32)
    };
    (0..m).map(end).collect()
}

/// N of [`graph_edges`].
pub(crate) const NODES: u32 = 2000;

/// The edges of a graph of skewed degree, some nodes without edges, some with an edge to themselves.
pub(crate) fn graph_edges() -> Vec<(u32, u32)> {
    let mut edges = edges(1, NODES, 3 * u64::from(NODES));
    edges.iter_mut().step_by(500).for_each(|(i, j)| *j = *i);
    edges.retain(|(i, j)| *i < NODES - 50 && *j < NODES - 50);
    edges
}

/// The same adjacency matrix with a weight for every pair of nodes.
pub(crate) fn weighted(mut a: Csr) -> Csr {
    let pairs: Vec<(u64, u64)> =
        a.iter().map(|(_, (i, j))| (u64::from(i.min(j)), u64::from(i.max(j)))).collect();
    for (weight, (i, j)) in a.data_mut().iter_mut().zip(pairs) {
        let u = unit(2, i * u64::from(NODES) + j);
        *weight = (0.05 + 4.0 * (u * u)) as f32;
    }
    a
}

/// N x F features, a few of them set where they are to be sparse.
pub(crate) fn features(f: u64, sparse: bool) -> Vec<f32> {
    let x = |k: u64| match sparse && !hashed(4, k).is_multiple_of(11) {
        true => 0.0,
        false => (unit(3, k) - 0.3) as f32,
    };
    (0..u64::from(NODES) * f).map(x).collect()
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
