//! Distances and inner products of all pairs of points, a row at a time.

use rayon::prelude::*;
use shared::ops::matmul::{matmul, Accumulate, Mat};

use super::Points;

/// Up to this dimension every pair is taken in `f64`; above, a matrix product pays.
const DIRECT_DIM: usize = 16;

/// Rows of a matrix product: its result stays some megabytes.
const BLOCK: usize = 64;

/// A squared distance below this share of ‖x‖² + ‖y‖² has lost digits to cancellation.
const CANCELLED: f64 = 1e-2;

/// What is taken of each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// ‖x − y‖².
    SquaredDistance,
    /// x · y.
    Product,
}

/// `f(i, [pair(a_i, b_0), pair(a_i, b_1), ..])` for every point of `a`, in order.
///
/// ‖x − y‖² = ‖x − c‖² + ‖y − c‖² − 2 (x − c)·(y − c) with c the mean of `b`; the product is in `f32`, the norms in
/// `f64`, and where the result is below 1 % of the norms or not finite it is Σ (x_k − y_k)² in `f64` instead. Equal
/// points therefore have distance 0, exactly. The rows are taken side by side, `f` may change its row.
///
/// # Shapes
/// a: n · d, b: m · d; `f` gets m numbers, n times.
///
/// # Complexity
/// O(n m d), of which a matrix product does most for d > 16; memory O((n + m) d) and 64 rows of m. Where most points
/// of both sets nearly coincide, the product saves nothing.
pub(super) fn map_rows<R: Send>(
    a: &Points<'_>,
    b: &Points<'_>,
    pair: Pair,
    f: impl Fn(usize, &mut [f64]) -> R + Sync,
) -> Vec<R> {
    debug_assert_eq!(a.dim(), b.dim());
    if a.dim() <= DIRECT_DIM {
        let row = |buffer: &mut Vec<f64>, i: usize| {
            buffer.iter_mut().zip(b.rows()).for_each(|(to, y)| *to = direct(pair, a.row(i), y));
            f(i, buffer)
        };
        return (0..a.count()).into_par_iter().map_init(|| vec![0.0; b.count()], row).collect();
    }
    let centre = match pair {
        Pair::SquaredDistance => mean(b),
        Pair::Product => vec![0.0; b.dim()],
    };
    let (left, left_squares) = shifted(a, &centre);
    let (right, right_squares) = shifted(b, &centre);
    let (m, d) = (b.count(), b.dim());
    let mut tile = vec![0.0f32; BLOCK.min(a.count()) * m];
    let mut out = Vec::with_capacity(a.count());
    for (block, rows) in left.chunks(BLOCK * d).enumerate() {
        let count = rows.len() / d;
        let tile = &mut tile[..count * m];
        let (x, y) = (Mat::new(rows, count, d), Mat::new(&right[..], m, d).t());
        matmul(x, y, Mat::new(&mut *tile, count, m), Accumulate::Overwrite);
        let row = |buffer: &mut Vec<f64>, (r, products): (usize, &[f32])| {
            let i = block * BLOCK + r;
            for (j, (to, &product)) in buffer.iter_mut().zip(products).enumerate() {
                let (product, squares) = (f64::from(product), left_squares[i] + right_squares[j]);
                let (value, least) = match pair {
                    Pair::SquaredDistance => (squares - 2.0 * product, CANCELLED * squares),
                    Pair::Product => (product, f64::NEG_INFINITY),
                };
                *to =
                    if value.is_finite() && value > least { value } else { direct(pair, a.row(i), b.row(j)) };
            }
            f(i, buffer)
        };
        out.par_extend(tile.par_chunks_exact(m).enumerate().map_init(|| vec![0.0; m], row));
    }
    out
}

fn direct(pair: Pair, x: &[f32], y: &[f32]) -> f64 {
    let both = x.iter().zip(y).map(|(x, y)| (f64::from(*x), f64::from(*y)));
    match pair {
        Pair::SquaredDistance => both.map(|(x, y)| (x - y) * (x - y)).sum(),
        Pair::Product => both.map(|(x, y)| x * y).sum(),
    }
}

/// The mean point.
pub(super) fn mean(points: &Points<'_>) -> Vec<f64> {
    let mut mean = vec![0.0; points.dim()];
    for row in points.rows() {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += f64::from(*x));
    }
    mean.iter_mut().for_each(|m| *m /= points.count() as f64);
    mean
}

/// Points relative to a centre, and their squared norms.
fn shifted(points: &Points<'_>, centre: &[f64]) -> (Vec<f32>, Vec<f64>) {
    let shift = |row: &[f32]| -> Vec<f32> {
        row.iter().zip(centre).map(|(x, c)| (f64::from(*x) - c) as f32).collect()
    };
    let rows: Vec<f32> = points.rows().flat_map(shift).collect();
    let square = |row: &[f32]| row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let squares = rows.chunks_exact(points.dim()).map(square).collect();
    (rows, squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// n points of dimension d, none of them special.
    fn ramp(n: usize, d: usize, offset: f32) -> Vec<f32> {
        (0..n * d).map(|i| offset + ((i * 37 + i * i % 71) % 101) as f32 / 50.0).collect()
    }

    #[test]
    fn both_ways_agree_with_the_definition() {
        // 70 rows are more than a block; 3 dimensions go the direct way and 40 through the product
        for (n, m, d) in [(5, 7, 3), (70, 9, 40)] {
            let (a, b) = (ramp(n, d, 0.0), ramp(m, d, 100.5));
            let (a, b) = (Points::new(&a, d).unwrap(), Points::new(&b, d).unwrap());
            for pair in [Pair::SquaredDistance, Pair::Product] {
                let rows = map_rows(&a, &b, pair, |i, row| (i, row.to_vec()));
                assert_eq!(rows.len(), n);
                for (at, (i, row)) in rows.iter().enumerate() {
                    assert_eq!(at, *i);
                    for (j, value) in row.iter().enumerate() {
                        assert_relative_eq!(*value, direct(pair, a.row(*i), b.row(j)), max_relative = 1e-5);
                    }
                }
            }
        }
    }

    #[test]
    fn cancelled_and_overflown_products_are_taken_again() {
        let d = 32;
        let mut a = ramp(3, d, 0.0);
        // two twins, one neighbour a hair away, and one point whose product overflows f32
        a.extend_from_within(..d);
        a.extend_from_within(..d);
        a[4 * d] += 1e-3;
        a.extend(vec![-1e25f32; d]);
        a.extend(vec![2e25f32; d]);
        let points = Points::new(&a, d).unwrap();
        let rows = map_rows(&points, &points, Pair::SquaredDistance, |_, row| row.to_vec());
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(row[i], 0.0);
            for (j, value) in row.iter().enumerate() {
                let expected = direct(Pair::SquaredDistance, points.row(i), points.row(j));
                assert_relative_eq!(*value, expected, max_relative = 1e-5);
            }
        }
        assert_eq!(rows[0][3], 0.0);
        assert!(rows[0][4] > 0.0);
    }
}
