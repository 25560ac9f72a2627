//! The matrix product under every dense op: the `gemm` crate behind a safe face.
//!
//! # Determinism
//! `gemm` splits rows and columns of the result among threads, never the inner dimension, so its bits do not
//! depend on the number of threads (a test holds it to that).

/// Products below this many multiply-adds run on one thread: handing them out costs more than it saves.
const PARALLEL_MIN: usize = 1 << 18;

/// A matrix in a slice, by its strides: row-major, transposed or a block of a larger one.
#[derive(Clone, Copy, Debug)]
pub struct Mat<S> {
    data: S,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<S: AsRef<[f32]>> Mat<S> {
    /// A row-major matrix of `rows` x `cols` over `data`.
    ///
    /// # Panics
    /// If `data` does not have `rows * cols` elements: a bug of the caller.
    #[track_caller]
    pub fn new(data: S, rows: usize, cols: usize) -> Self {
        assert_eq!(data.as_ref().len(), rows * cols, "a {rows} x {cols} matrix needs as many elements");
        Mat { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// The transposed matrix, over the same elements.
    #[must_use]
    pub fn t(self) -> Self {
        Mat {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            data: self.data,
        }
    }
}

/// What becomes of the values already in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulate {
    /// C = A B.
    Overwrite,
    /// C = C + A B.
    Add,
}

/// C = A B or C + A B.
///
/// # Shapes
/// A: m x k, B: k x n, C: m x n.
///
/// # Complexity
/// 2 m n k floating-point operations.
///
/// # Panics
/// If the shapes do not fit: a bug of the caller.
#[track_caller]
pub fn matmul(a: Mat<&[f32]>, b: Mat<&[f32]>, c: Mat<&mut [f32]>, accumulate: Accumulate) {
    assert_eq!((a.rows, a.cols, b.cols), (c.rows, b.rows, c.cols), "shapes of a matrix product");
    let (m, k, n) = (a.rows, a.cols, b.cols);
    let threads = rayon::current_num_threads();
    let parallelism = if threads > 1 && m * n * k >= PARALLEL_MIN {
        gemm::Parallelism::Rayon(threads)
    } else {
        gemm::Parallelism::None
    };
    // SAFETY: `Mat::new` checked that each slice holds rows * cols elements under its strides, `t` keeps that,
    // and C is borrowed mutably, so nothing overlaps it.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.data.as_mut_ptr(),
            c.col_stride as isize,
            c.row_stride as isize,
            accumulate == Accumulate::Add,
            a.data.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    fn naive(a: &[f32], b: &[f32], m: usize, k: usize, n: usize) -> Vec<f32> {
        let mut c = vec![0.0f64; m * n];
        for i in 0..m {
            for l in 0..k {
                for j in 0..n {
                    c[i * n + j] += f64::from(a[i * k + l]) * f64::from(b[l * n + j]);
                }
            }
        }
        c.into_iter().map(|v| v as f32).collect()
    }

    fn transpose(a: &[f32], rows: usize, cols: usize) -> Vec<f32> {
        (0..rows * cols).map(|i| a[(i % rows) * cols + i / rows]).collect()
    }

    #[test]
    fn agrees_with_the_definition_in_every_layout() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (17, 33, 9), (64, 1, 7)] {
            let (a, b) = (ramp(m * k), ramp(k * n));
            let (at, bt) = (transpose(&a, m, k), transpose(&b, k, n));
            let expected = naive(&a, &b, m, k, n);
            for (a, b) in [
                (Mat::new(&a[..], m, k), Mat::new(&b[..], k, n)),
                (Mat::new(&at[..], k, m).t(), Mat::new(&b[..], k, n)),
                (Mat::new(&a[..], m, k), Mat::new(&bt[..], n, k).t()),
            ] {
                let mut c = vec![1.0; m * n];
                matmul(a, b, Mat::new(&mut c, m, n), Accumulate::Add);
                for (c, e) in c.iter().zip(&expected) {
                    approx::assert_abs_diff_eq!(*c, e + 1.0, epsilon = 1e-5);
                }
                matmul(a, b, Mat::new(&mut c, m, n), Accumulate::Overwrite);
                for (c, e) in c.iter().zip(&expected) {
                    approx::assert_abs_diff_eq!(c, e, epsilon = 1e-5);
                }
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let (m, k, n) = (150, 301, 77);
        let (a, b) = (ramp(m * k), ramp(k * n));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut c = vec![0.0; m * n];
            pool.install(|| {
                matmul(Mat::new(&a, m, k), Mat::new(&b, k, n), Mat::new(&mut c, m, n), Accumulate::Overwrite);
            });
            c
        };
        let one = run(1);
        for threads in [2, 3, 4, 8] {
            assert_eq!(one, run(threads), "{threads} threads");
        }
    }
}
