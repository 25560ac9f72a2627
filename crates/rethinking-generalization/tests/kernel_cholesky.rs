//! The tiled Cholesky factorization: values, bits, errors, and its speed on demand.
#![allow(clippy::unwrap_used)] // helpers of tests, which may

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use proptest::prelude::*;
use rand::{rngs::StdRng, Rng, SeedableRng};
use rethinking_generalization::kernel::{KernelError, TileGrid, TiledCholesky, TiledSymmetric};

/// A tile source from entries.
fn entries(
    of: impl Fn(usize, usize) -> f64 + Sync,
) -> impl Fn(Range<usize>, Range<usize>, &mut [f64]) + Sync {
    move |rows, columns, out| {
        for (at, value) in out.iter_mut().enumerate() {
            *value = of(rows.start + at % rows.len(), columns.start + at / rows.len());
        }
    }
}

/// G Gᵀ + I for random G.
fn positive(size: usize, seed: u64) -> Mat<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let g = Mat::from_fn(size, size, |_, _| rng.gen_range(-1.0..1.0));
    let mut a = Mat::identity(size, size);
    matmul(a.as_mut(), Accum::Add, &g, g.transpose(), 1.0, Par::Seq);
    a
}

fn factor(a: &Mat<f64>, tile: usize) -> Result<TiledCholesky, KernelError> {
    TiledCholesky::factor(TileGrid::new(a.nrows(), tile)?, &entries(|r, c| a[(r, c)]), 0.0, &|_, _| {})
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn it_is_faers_factor_at_any_size_of_tile() {
    for (size, tile) in [(1, 1), (1, 512), (5, 2), (64, 16), (100, 33), (129, 64), (130, 512)] {
        let a = positive(size, size as u64);
        let ours = factor(&a, tile).unwrap();
        let theirs = a.llt(faer::Side::Lower).unwrap();
        for row in 0..size {
            for column in 0..size {
                let (ours, theirs) = (ours.get(row, column), theirs.L()[(row, column)]);
                assert!(
                    (ours - theirs).abs() < 1e-12 * size as f64,
                    "{size} {tile} ({row}, {column}): {ours} {theirs}"
                );
            }
        }
    }
}

#[test]
fn its_bits_do_not_depend_on_threads() {
    let a = positive(333, 7);
    let rhs: Vec<f64> = (0..333 * 3).map(|k| f64::from(k).sin()).collect();
    let run = |threads| {
        with_threads(threads, || {
            let factor = factor(&a, 40).unwrap();
            let all: Vec<f64> = (0..333 * 333).map(|k| factor.get(k / 333, k % 333)).collect();
            (bits(&all), bits(&factor.solve(&rhs, 3).unwrap()))
        })
    };
    let one = run(1);
    for threads in [2, 4, 7] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_leading_system_needs_no_factor_of_its_own() {
    let a = positive(97, 3);
    let rhs: Vec<f64> = (0..97 * 2).map(|k| f64::from(k).cos()).collect();
    let whole = factor(&a, 20).unwrap();
    let half = whole.forward(&rhs, 2).unwrap();
    for m in [1, 19, 20, 21, 60, 77, 96, 97] {
        let leading = a.submatrix(0, 0, m, m).to_owned();
        let expected = factor(&leading, 20).unwrap().solve(&rhs[..2 * m], 2).unwrap();
        let found = whole.backward(&half, 2, m).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-10, "{m}: {found} {expected}");
        }
    }
}

#[test]
fn a_matrix_that_is_not_positive_definite_names_its_row() {
    let mut a = positive(50, 1);
    a[(33, 33)] = -1.0;
    for threads in [1, 2, 4] {
        let error = with_threads(threads, || factor(&a, 8).unwrap_err());
        assert_eq!(error, KernelError::NotPositiveDefinite { row: 33, size: 50 });
    }
    a[(33, 33)] = f64::NAN;
    assert_eq!(factor(&a, 8).unwrap_err(), KernelError::NotPositiveDefinite { row: 33, size: 50 });
    // Two equal rows: rank 1, which a ridge mends.
    let ones = entries(|_, _| 1.0);
    let grid = TileGrid::new(2, 1).unwrap();
    let error = TiledCholesky::factor(grid, &ones, 0.0, &|_, _| {}).unwrap_err();
    assert_eq!(error, KernelError::NotPositiveDefinite { row: 1, size: 2 });
    assert!(TiledCholesky::factor(grid, &ones, 1e-3, &|_, _| {}).is_ok());
    assert!(TiledCholesky::factor(grid, &ones, f64::NAN, &|_, _| {}).is_err());
}

#[test]
fn wrong_right_hand_sides_are_errors() {
    let factor = factor(&positive(6, 2), 4).unwrap();
    assert!(matches!(factor.solve(&[0.0; 7], 1), Err(KernelError::Count { expected: 6, found: 7, .. })));
    assert!(factor.solve(&[], 0).is_err());
    assert!(factor.backward(&[0.0; 6], 1, 0).is_err());
    assert!(factor.backward(&[0.0; 6], 1, 7).is_err());
    assert!(matches!(
        factor.backward(&[0.0; 3], 1, 4),
        Err(KernelError::Count { expected: 4, found: 3, .. })
    ));
}

#[test]
fn progress_counts_every_tile() {
    let seen = std::sync::Mutex::new(Vec::new());
    let a = positive(30, 5);
    let grid = TileGrid::new(30, 7).unwrap();
    let note = |done, total| seen.lock().unwrap().push((done, total));
    TiledCholesky::factor(grid, &entries(|r, c| a[(r, c)]), 0.0, &note).unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (1..=15).map(|done| (done, 15)).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn its_solution_solves(size in 1usize..70, tile in 1usize..40, columns in 1usize..5, seed: u64) {
        let a = positive(size, seed);
        let source = entries(|r, c| a[(r, c)]);
        let filled = TiledSymmetric::filled(TileGrid::new(size, tile).unwrap(), &source).unwrap();
        let in_place = TiledCholesky::factor_in_place(filled, 0.0, &|_, _| {}).unwrap();
        let factor = factor(&a, tile).unwrap();
        let rhs: Vec<f64> = (0..size * columns).map(|k| (k as f64).sin()).collect();
        let x = factor.solve(&rhs, columns).unwrap();
        prop_assert_eq!(bits(&x), bits(&in_place.solve(&rhs, columns).unwrap()));
        for row in 0..size {
            for column in 0..columns {
                let product: f64 = (0..size).map(|k| a[(row, k)] * x[k * columns + column]).sum();
                prop_assert!((product - rhs[row * columns + column]).abs() < 1e-9);
            }
        }
        let determinant = a.determinant().ln();
        prop_assert!((factor.log_determinant() - determinant).abs() < 1e-8 * (1.0 + determinant.abs()));
    }
}
