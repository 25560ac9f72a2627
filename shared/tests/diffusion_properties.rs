//! Diffusion by powers that are given row by row, and of dense features slice by slice.
#![allow(clippy::unwrap_used)] // helpers of tests, which may

use proptest::prelude::*;
use shared::graph::{
    diffuse, diffuse_dense, diffuse_dense_rows, diffuse_dense_slices, diffuse_rows, from_edges, power_series,
    transition_matrix, Csr, DenseDiffused, Diffused, Diffusion, GraphError, Normalization, PowerRows,
    MAX_HOPS,
};

/// Powers that are stored, of matrices of any kind; the workspace counts the rows that it gave.
struct Stored {
    nodes: usize,
    powers: Vec<Csr>,
}

impl PowerRows for Stored {
    type Scratch = usize;

    fn nodes(&self) -> usize {
        self.nodes
    }

    fn hops(&self) -> usize {
        self.powers.len()
    }

    fn scratch(&self) -> usize {
        0
    }

    fn rows(&self, i: usize, scratch: &mut usize, give: &mut dyn FnMut(usize, &[u32], &[f32])) {
        *scratch += 1;
        for (k, power) in self.powers.iter().enumerate() {
            let span = power.indptr().outer_inds_sz(i);
            give(k + 1, &power.indices()[span.clone()], &power.data()[span]);
        }
    }
}

/// A small generator of our own: numbers of [0, 1).
fn generator(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 24) as f32
    }
}

/// P of a random graph, sometimes with self-loops and nodes without edges.
fn walks(most: usize) -> impl Strategy<Value = Csr> {
    (1..=most).prop_flat_map(|n| {
        let edge = (0..n as u32, 0..n as u32);
        prop::collection::vec(edge, 0..4 * n).prop_map(move |edges| {
            transition_matrix(&from_edges(n, &edges).unwrap(), Normalization::RANDOM_WALK).unwrap()
        })
    })
}

/// An N x N matrix of any signs, with about `share` of its entries.
fn any_matrix(n: usize, share: f32, seed: u64) -> Csr {
    let mut random = generator(seed);
    let dense: Vec<f32> =
        (0..n * n).map(|_| if random() < share { 2.0 * random() - 1.0 } else { 0.0 }).collect();
    sparse(&dense, n, n)
}

fn features(n: usize, f: usize, seed: u64) -> Vec<f32> {
    let mut random = generator(seed);
    (0..n * f).map(|_| if random() < 0.5 { 0.0 } else { random() - 0.3 }).collect()
}

/// The entries of a dense matrix that are not 0.
fn sparse(dense: &[f32], rows: usize, columns: usize) -> Csr {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..rows {
        for (j, v) in dense[i * columns..(i + 1) * columns].iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(j as u32);
            values.push(*v);
        }
        indptr.push(indices.len());
    }
    Csr::new((rows, columns), indptr, indices, values)
}

/// [X, M_1 X, …, M_H X] side by side in double precision.
fn reference(powers: &[Csr], x: &[f32], n: usize, f: usize) -> Vec<f64> {
    let width = (powers.len() + 1) * f;
    let mut s = vec![0.0; n * width];
    for i in 0..n {
        (0..f).for_each(|k| s[i * width + k] = f64::from(x[i * f + k]));
    }
    for (hop, power) in powers.iter().enumerate() {
        for (v, (i, j)) in power {
            for k in 0..f {
                s[i as usize * width + (hop + 1) * f + k] += f64::from(*v) * f64::from(x[j as usize * f + k]);
            }
        }
    }
    s
}

fn rows_of(s: &Diffusion) -> Vec<f32> {
    s.to_dense_rows(&(0..s.rows()).collect::<Vec<_>>()).unwrap()
}

fn close(found: &[f32], expected: &[f64]) -> bool {
    let near = |(f, e): (&f32, &f64)| (f64::from(*f) - e).abs() <= 1e-5 * e.abs().max(1.0);
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rows of any matrices, negative entries and empty rows among them, and features of any width, 0 included.
    #[test]
    fn products_by_rows_are_the_sums_they_are_defined_as(
        n in 1usize..150, f in prop_oneof![0usize..40, 120usize..300], hops in 0usize..4, share in 0f32..0.3, seed in any::<u64>(),
    ) {
        let powers: Vec<Csr> = (0..hops).map(|k| any_matrix(n, share, seed ^ (k as u64 + 1) << 20)).collect();
        let x = features(n, f, seed);
        let expected = reference(&powers, &x, n, f);
        let stored = Stored { nodes: n, powers };
        let dense = diffuse_dense_rows(&stored, x.clone(), f).unwrap();
        prop_assert_eq!((dense.rows(), dense.slices(), dense.features()), (n, hops + 1, f));
        prop_assert_eq!(dense.slice(0), Some(&x[..]));
        prop_assert!(close(&rows_of(&dense.into()), &expected));
        let sparsely = diffuse_rows(&stored, &sparse(&x, n, f)).unwrap();
        prop_assert_eq!((sparsely.rows(), sparsely.slices(), sparsely.features()), (n, hops + 1, f));
        for i in 0..n {
            prop_assert!(sparsely.row(i).0.windows(2).all(|pair| pair[0] < pair[1]), "columns rise");
        }
        prop_assert!(close(&rows_of(&sparsely.into()), &expected));
    }

    /// With the exact powers, all four ways agree with one another.
    #[test]
    fn by_slices_by_rows_sparse_and_dense_agree(p in walks(150), f in 1usize..70, hops in 0usize..4, seed in any::<u64>()) {
        let n = p.rows();
        let x = features(n, f, seed);
        let stored = Stored { nodes: n, powers: power_series(&p, hops).unwrap().split_off(1) };
        let expected = reference(&stored.powers, &x, n, f);
        let slices = diffuse_dense_slices(&p, x.clone(), f, hops).unwrap();
        prop_assert!(close(&diffuse_dense(&p, &x, n, f, hops).unwrap(), &expected));
        prop_assert!(close(&rows_of(&slices.into()), &expected));
        prop_assert!(close(&rows_of(&diffuse_dense_rows(&stored, x.clone(), f).unwrap().into()), &expected));
        let x = sparse(&x, n, f);
        prop_assert!(close(&rows_of(&diffuse(&p, &x, hops).unwrap().into()), &expected));
        prop_assert!(close(&rows_of(&diffuse_rows(&stored, &x).unwrap().into()), &expected));
        if hops <= 1 {
            // Nothing to be summed in another order.
            prop_assert_eq!(diffuse_rows(&stored, &x).unwrap(), diffuse(&p, &x, hops).unwrap());
        }
    }

    /// A diffusion of either kind answers alike.
    #[test]
    fn both_kinds_of_a_diffusion_answer_alike(p in walks(60), f in 1usize..30, hops in 0usize..3, seed in any::<u64>()) {
        let n = p.rows();
        let x = features(n, f, seed);
        let dense: Diffusion = diffuse_dense_slices(&p, x.clone(), f, hops).unwrap().into();
        let sparsely: Diffusion = diffuse(&p, &sparse(&x, n, f), hops).unwrap().into();
        for s in [&dense, &sparsely] {
            prop_assert_eq!((s.rows(), s.slices(), s.features(), s.width()), (n, hops + 1, f, (hops + 1) * f));
            let all = rows_of(s);
            let csr = s.to_csr().unwrap();
            prop_assert_eq!((csr.shape(), csr.nnz()), ((n, s.width()), s.nnz()));
            let (mut columns, mut values) = (vec![9], vec![9.0]); // what is there stays
            for i in 0..n {
                columns.truncate(1);
                values.truncate(1);
                s.append_row(i, &mut columns, &mut values);
                let row = csr.outer_view(i).unwrap();
                prop_assert_eq!((&columns[1..], &values[1..]), (row.indices(), row.data()));
                let mut unfolded = vec![0.0; s.width()];
                row.iter().for_each(|(j, v)| unfolded[j] = *v);
                prop_assert_eq!(&all[i * s.width()..(i + 1) * s.width()], &unfolded[..]);
            }
            prop_assert_eq!(s.to_dense_rows(&[n - 1, 0, n - 1]).unwrap(), {
                let row = |i: usize| all[i * s.width()..(i + 1) * s.width()].to_vec();
                [row(n - 1), row(0), row(n - 1)].concat()
            });
            let missing = s.to_dense_rows(&[0, n]);
            let refused = matches!(missing, Err(GraphError::RowOutOfRange { row, rows }) if (row, rows) == (n, n));
            prop_assert!(refused);
            prop_assert!(s.memory_bytes() >= 4 * s.nnz());
        }
        prop_assert_eq!(dense.nnz(), n * dense.width());
        prop_assert!(rows_of(&dense).iter().zip(&rows_of(&sparsely)).all(|(a, b)| (a - b).abs() <= 1e-5));
    }

    /// Slices that were taken apart and put together again are the diffusion they came from.
    #[test]
    fn slices_put_together_are_the_diffusion(p in walks(40), f in 1usize..9, hops in 0usize..4, seed in any::<u64>()) {
        let n = p.rows();
        let whole = diffuse_dense_slices(&p, features(n, f, seed), f, hops).unwrap();
        let slices: Vec<Vec<f32>> = (0..=hops).map(|j| whole.slice(j).unwrap().to_vec()).collect();
        prop_assert_eq!(&DenseDiffused::from_slices(slices.clone(), n, f).unwrap(), &whole);
        prop_assert_eq!(whole.slice(hops + 1), None);
        for i in 0..n {
            let row: Vec<&[f32]> = whole.row(i).collect();
            let expected: Vec<&[f32]> = slices.iter().map(|slice| &slice[i * f..(i + 1) * f]).collect();
            prop_assert_eq!(row, expected);
        }
        prop_assert!(whole.memory_bytes() >= 4 * n * f * (hops + 1));
        let mut short = slices.clone();
        short[hops].pop();
        prop_assert!(DenseDiffused::from_slices(short, n, f).is_err());
        prop_assert!(DenseDiffused::from_slices(slices, n + 1, f).is_err());
    }
}

/// 1, 2, 3 and 5 threads give the same bits, also where a row is cut from the last block.
#[test]
fn threads_do_not_change_a_bit() {
    for n in [16, 17, 64, 65, 1000] {
        let (f, hops) = (37, 2);
        let mut random = generator(n as u64);
        let edges: Vec<(u32, u32)> = (0..4 * n)
            .map(|_| ((random() * n as f32) as u32, (random() * random() * n as f32) as u32))
            .collect();
        let p = transition_matrix(&from_edges(n, &edges).unwrap(), Normalization::RANDOM_WALK).unwrap();
        let stored = Stored { nodes: n, powers: power_series(&p, hops).unwrap().split_off(1) };
        let x = features(n, f, 3);
        let run = |threads: usize| -> (DenseDiffused, DenseDiffused, Diffused, Diffused) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                (
                    diffuse_dense_slices(&p, x.clone(), f, hops).unwrap(),
                    diffuse_dense_rows(&stored, x.clone(), f).unwrap(),
                    diffuse_rows(&stored, &sparse(&x, n, f)).unwrap(),
                    diffuse(&p, &sparse(&x, n, f), hops).unwrap(),
                )
            })
        };
        let alone = run(1);
        for threads in [2, 3, 5] {
            assert!(run(threads) == alone, "{n} nodes with {threads} threads");
        }
    }
}

#[test]
fn a_graph_without_nodes_and_features_without_columns() {
    let nothing = Stored { nodes: 0, powers: vec![Csr::zero((0, 0)); 2] };
    let s: Diffusion = diffuse_dense_rows(&nothing, Vec::new(), 3).unwrap().into();
    assert_eq!((s.rows(), s.slices(), s.width(), s.nnz()), (0, 3, 9, 0));
    assert_eq!(s.to_csr().unwrap().shape(), (0, 9));
    assert_eq!(diffuse_rows(&nothing, &Csr::zero((0, 3))).unwrap().rows(), 0);
    let p = transition_matrix(&from_edges(2, &[(0, 1)]).unwrap(), Normalization::RANDOM_WALK).unwrap();
    let s: Diffusion = diffuse_dense_slices(&p, Vec::new(), 0, 2).unwrap().into();
    assert_eq!((s.rows(), s.slices(), s.width()), (2, 3, 0));
    assert_eq!(s.to_csr().unwrap().shape(), (2, 0));
    assert_eq!(s.to_dense_rows(&[1, 0]).unwrap(), Vec::<f32>::new());
}

/// One sentence that holds all of these pieces.
#[track_caller]
fn says<T>(result: Result<T, GraphError>, pieces: &[&str]) {
    let Err(error) = result else { panic!("not refused; expected {pieces:?}") };
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.ends_with('.'), "one sentence: {text}");
    for piece in pieces {
        assert!(text.contains(piece), "'{piece}' is not in: {text}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let p =
        transition_matrix(&from_edges(3, &[(0, 1), (1, 2)]).unwrap(), Normalization::RANDOM_WALK).unwrap();
    let stored = |hops: usize| Stored { nodes: 3, powers: vec![p.clone(); hops] };
    let height = ["the feature matrix has 5 entries but 6 are expected", "nodes times features"];
    says(diffuse_dense_slices(&p, vec![0.0; 5], 2, 1), &height);
    says(diffuse_dense_rows(&stored(1), vec![0.0; 5], 2), &height);
    says(diffuse_dense_slices(&p, vec![0.0; 5], usize::MAX, 1), &["the feature matrix has 5 entries"]);
    says(diffuse_rows(&stored(1), &Csr::zero((4, 2))), &["the matrix on the right has 4 entries but 3"]);
    says(diffuse_rows(&stored(1), &Csr::zero((3, 3)).to_csc()), &["the feature matrix is stored by columns"]);
    says(diffuse_rows(&stored(2), &Csr::zero((3, 1 << 31))), &["3 slices of 2147483648 features"]);
    let hops = ["65 hops were asked for", "at most 64"];
    says(diffuse_dense_slices(&p, vec![0.0; 3], 1, MAX_HOPS + 1), &hops);
    says(diffuse_dense_rows(&stored(MAX_HOPS + 1), vec![0.0; 3], 1), &hops);
    says(diffuse_rows(&stored(MAX_HOPS + 1), &Csr::zero((3, 1))), &hops);
    says(diffuse_dense_slices(&p.to_csc(), vec![0.0; 3], 1, 1), &["stored by columns"]);
    says(diffuse_dense_slices(&Csr::zero((2, 3)), vec![0.0; 2], 1, 1), &["2 x 3", "must be square"]);
    says(
        DenseDiffused::from_slices(vec![vec![0.0; 6], vec![0.0; 5]], 3, 2),
        &["a slice has 5 entries but 6"],
    );
    says(DenseDiffused::from_slices(Vec::new(), 3, 2), &["hop 0"]);
    says(DenseDiffused::from_slices(Vec::new(), 0, 2), &["hop 0"]);
}
