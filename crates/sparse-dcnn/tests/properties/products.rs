//! What is computed from the kept entries: products with features, and how far off they are.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shared::graph::{diffuse_dense_rows, diffuse_rows, Csr, Diffusion, PowerRows};
use sparse_dcnn::{
    bounds::error_bound, count_entries, diffuse, power_series, Features, Powers, Sparsify, Threshold,
};

use crate::graphs::{
    chance, dense_powers, features, graphs, scale_free, sparse, sparsifications, thresholds, walk, weighted,
    Row,
};

const HOPS: usize = 3;

fn dense_features(values: Vec<f32>, columns: usize) -> Features {
    Features::Dense { values, columns }
}

fn all(s: &Diffusion) -> Vec<f32> {
    s.to_dense_rows(&(0..s.rows()).collect::<Vec<_>>()).unwrap()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5)
}

/// A row of chances for some of the nodes, or an empty one.
pub(crate) fn random_row(seed: u64, i: u32, nodes: usize) -> Row {
    let weight = |j: &u32| chance(seed, i.into(), u64::from(*j) + 7);
    let columns: Vec<u32> = (0..nodes as u32).filter(|j| weight(j) < 0.2).collect();
    let whole: f64 = columns.iter().map(|j| f64::from(weight(j)) + 0.01).sum();
    let values = columns.iter().map(|j| ((f64::from(weight(j)) + 0.01) / whole) as f32).collect();
    (columns, values)
}

/// The matrix with these rows in place of its own, and empty ones up to `nodes`.
pub(crate) fn replaced(p: &Csr, nodes: usize, rows: &BTreeMap<u32, Row>) -> Csr {
    let (mut indptr, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..nodes {
        if let Some((c, v)) = rows.get(&(i as u32)) {
            columns.extend_from_slice(c);
            values.extend_from_slice(v);
        } else if let Some(row) = p.outer_view(i) {
            columns.extend_from_slice(row.indices());
            values.extend_from_slice(row.data());
        }
        indptr.push(columns.len());
    }
    Csr::new((nodes, nodes), indptr, columns, values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// T3 and T4: no feature is further off at any node than its bound, for every threshold, renormalised or not.
    #[test]
    fn the_error_is_within_its_bound(a in graphs(40), threshold in thresholds(), seed in any::<u64>()) {
        let p = walk(&a);
        let (n, f) = (p.rows(), 4);
        let x = features(n, f, seed);
        let largest = x.iter().fold(0.0, |m, v| f64::from(v.abs()).max(m));
        let exact = dense_powers(&p, HOPS);
        for renormalize in [false, true] {
            let sparsify = Sparsify { threshold, renormalize };
            let bound = error_bound(&p, sparsify, HOPS).unwrap();
            let kept = power_series(&p, sparsify, HOPS).unwrap();
            prop_assert_eq!(bound.len(), HOPS);
            for hop in 0..HOPS {
                let kept = kept.power(hop + 1).unwrap();
                for i in 0..n {
                    let mut difference = exact[hop][i].clone();
                    kept.outer_view(i).unwrap().iter().for_each(|(j, v)| difference[j] -= f64::from(*v));
                    for k in 0..f {
                        let error: f64 =
                            difference.iter().enumerate().map(|(j, d)| d * f64::from(x[j * f + k])).sum();
                        let bound = f64::from(bound[hop][i]) * largest;
                        prop_assert!(
                            error.abs() <= bound + 1e-5,
                            "{sparsify:?}, power {}, node {i}: {error} is beyond {bound}", hop + 1
                        );
                    }
                    let mass: f64 = difference.iter().map(|d| d.abs()).sum();
                    if !matches!((threshold, renormalize), (Threshold::Pre(_), true)) {
                        // The bound is no larger than it must be: some features meet it.
                        prop_assert!((mass - f64::from(bound[hop][i])).abs() <= 1e-5, "{sparsify:?}: {mass}");
                    }
                }
            }
        }
    }

    /// Every way to the product agrees: rows or whole slices, stored powers or none, sparse features or dense.
    #[test]
    fn all_ways_to_the_product_agree(
        a in graphs(60), sparsify in sparsifications(), f in 1usize..40, hops in 0usize..4, seed in any::<u64>(),
    ) {
        let p = walk(&a);
        let x = features(p.rows(), f, seed);
        let powers = Powers::new(&p, sparsify, hops).unwrap();
        let series = power_series(&p, sparsify, hops).unwrap();
        let by_slices = diffuse(&powers, dense_features(x.clone(), f)).unwrap();
        let by_rows = diffuse_dense_rows(&powers, x.clone(), f).unwrap();
        prop_assert!(close(&all(&by_slices), &all(&by_rows.clone().into())));
        let sparse_x = sparse(&x, f);
        let sparsely = diffuse(&powers, sparse_x.clone().into()).unwrap();
        prop_assert!(close(&all(&by_slices), &all(&sparsely)));
        if hops > 0 {
            prop_assert_eq!(&diffuse_dense_rows(&series, x, f).unwrap(), &by_rows);
            let stored = diffuse_rows(&series, &sparse_x).unwrap();
            prop_assert_eq!(&stored, &diffuse_rows(&powers, &sparse_x).unwrap());
            prop_assert!(close(&all(&sparsely), &all(&stored.into())));
        }
    }

    /// Without a threshold this is the diffusion of the network that has none.
    #[test]
    fn the_exact_product_is_that_of_dcnn(a in graphs(60), f in 1usize..20, hops in 0usize..4, seed in any::<u64>()) {
        let x = features(a.rows(), f, seed);
        let config = dcnn::Config { hops, bias_feature: true, ..dcnn::Config::default() };
        let dense = dcnn::Examples::nodes(&a, &sparse(&x, f), &config).unwrap();
        let p = walk(&a);
        let powers = Powers::new(&p, Threshold::None, hops).unwrap();
        for x in [dense_features(x.clone(), f), Features::Sparse(sparse(&x, f))] {
            let s = diffuse(&powers, x.with_bias().unwrap()).unwrap();
            prop_assert_eq!(s.features(), f + 1);
            prop_assert!(close(&all(&s), &all(dense.diffused())));
        }
    }

    /// A threshold below every entry is none.
    #[test]
    fn a_threshold_below_all_entries_changes_nothing(a in graphs(40), f in 1usize..9, seed in any::<u64>()) {
        let p = walk(&a);
        let x = features(p.rows(), f, seed);
        let by = |threshold| {
            let powers = Powers::new(&p, threshold, HOPS).unwrap();
            all(&diffuse(&powers, dense_features(x.clone(), f)).unwrap())
        };
        let exact = by(Threshold::None);
        for threshold in [Threshold::Pre(1e-30), Threshold::Post(1e-30), Threshold::TopK(p.rows())] {
            prop_assert!(close(&by(threshold), &exact));
        }
        let bits = power_series(&p, Threshold::None, HOPS).unwrap();
        for threshold in [Threshold::Pre(1e-30), Threshold::Post(1e-30), Threshold::TopK(p.rows())] {
            prop_assert_eq!(&power_series(&p, threshold, HOPS).unwrap(), &bits);
        }
    }

    /// Products by powers with rows put over the matrix are those of the matrix with these rows.
    #[test]
    fn products_use_the_rows_put_over_a_matrix(
        a in graphs(40), sparsify in sparsifications(), new in 0usize..5, seed in any::<u64>(),
        changed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let p = walk(&a);
        let nodes = p.rows() + new;
        let rows: BTreeMap<u32, Row> = changed.iter().map(|index| {
            let i = index.index(nodes) as u32;
            (i, random_row(seed, i, nodes))
        }).collect();
        let grown = replaced(&p, nodes, &rows);
        let base = Powers::new(&p, sparsify, HOPS).unwrap();
        let over = base.with_rows(nodes, rows.into_iter().map(|(i, (columns, values))| (i, columns, values))).unwrap();
        let rebuilt = Powers::new(&grown, sparsify, HOPS).unwrap();
        let x = features(nodes, 6, seed);
        for x in [dense_features(x.clone(), 6), Features::Sparse(sparse(&x, 6))] {
            prop_assert_eq!(diffuse(&over, x.clone()).unwrap(), diffuse(&rebuilt, x).unwrap());
        }
    }
}

/// 1, 2, 3 and 5 threads give the same bits everywhere.
#[test]
fn threads_do_not_change_a_bit() {
    let p = walk(&weighted(scale_free(1500, 3, 5), 9));
    let x = features(p.rows(), 33, 4);
    let run = |threads: usize, sparsify: Sparsify| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let powers = Powers::new(&p, sparsify, 2).unwrap();
            let dense = diffuse(&powers, dense_features(x.clone(), 33)).unwrap();
            let sparsely = diffuse(&powers, Features::Sparse(sparse(&x, 33))).unwrap();
            (
                power_series(&p, sparsify, 2).unwrap(),
                count_entries(&powers, 0..powers.nodes()).unwrap(),
                dense,
                sparsely,
                error_bound(&p, sparsify, 2).unwrap(),
            )
        })
    };
    for threshold in [Threshold::None, Threshold::Pre(0.1), Threshold::Post(0.05), Threshold::TopK(5)] {
        for renormalize in [false, true] {
            let sparsify = Sparsify { threshold, renormalize };
            let alone = run(1, sparsify);
            for threads in [2, 3, 5] {
                assert!(run(threads, sparsify) == alone, "{sparsify:?} with {threads} threads");
            }
        }
    }
}
