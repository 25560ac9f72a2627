//! What tests of several crates share: finite differences and golden files.

use std::{collections::BTreeMap, path::Path};

/// ∂f/∂x of a scalar function by central differences in `f64`, for each element of each input.
///
/// The error is of the order of `step`² times the third derivative; 1e-5 suits smooth functions of size 1.
#[must_use]
pub fn finite_differences(f: impl Fn(&[Vec<f64>]) -> f64, inputs: &[Vec<f64>], step: f64) -> Vec<Vec<f64>> {
    let mut moved = inputs.to_vec();
    inputs
        .iter()
        .enumerate()
        .map(|(i, input)| {
            (0..input.len())
                .map(|k| {
                    moved[i][k] = input[k] + step;
                    let above = f(&moved);
                    moved[i][k] = input[k] - step;
                    let below = f(&moved);
                    moved[i][k] = input[k];
                    (above - below) / (2.0 * step)
                })
                .collect()
        })
        .collect()
}

/// Panics unless |ours − expected| <= tolerance · max(1, |expected|) everywhere, naming the worst element.
///
/// # Panics
/// When the two differ: this is an assertion.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), expected.len(), "{what}: number of elements");
    let worst = ours
        .iter()
        .zip(expected)
        .map(|(a, e)| (f64::from(*a) - e).abs() / e.abs().max(1.0))
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((at, error)) = worst {
        assert!(
            error <= tolerance,
            "{what}: element {at} is {} and should be {} (error {error:.2e}, allowed {tolerance:.0e})",
            ours[at],
            expected[at]
        );
    }
}

/// Named arrays made by an independent program, from a JSON file `{"name": [numbers, row-major], ..}`.
#[derive(Debug, serde::Deserialize)]
pub struct Golden(BTreeMap<String, Vec<f64>>);

impl Golden {
    /// Reads a golden file.
    ///
    /// # Panics
    /// If it cannot be read: a golden file is part of the test.
    #[must_use]
    #[track_caller]
    pub fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path);
        let parsed =
            text.map_err(|e| e.to_string()).and_then(|t| serde_json::from_str(&t).map_err(|e| e.to_string()));
        match parsed {
            Ok(golden) => golden,
            Err(error) => panic!("golden file {}: {error}", path.display()),
        }
    }

    /// The array of this name.
    ///
    /// # Panics
    /// If the file has none.
    #[must_use]
    #[track_caller]
    pub fn get(&self, name: &str) -> &[f64] {
        match self.0.get(name) {
            Some(values) => values,
            None => panic!("the golden file has no `{name}`"),
        }
    }

    /// The array of this name in `f32`.
    ///
    /// # Panics
    /// If the file has none.
    #[must_use]
    #[track_caller]
    pub fn get_f32(&self, name: &str) -> Vec<f32> {
        self.get(name).iter().map(|v| *v as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_a_known_function() {
        let f = |x: &[Vec<f64>]| x[0][0].sin() * x[1][0] + x[0][1].powi(3);
        let g = finite_differences(f, &[vec![0.3, 2.0], vec![5.0]], 1e-5);
        approx::assert_relative_eq!(g[0][0], 0.3f64.cos() * 5.0, epsilon = 1e-8);
        approx::assert_relative_eq!(g[0][1], 12.0, epsilon = 1e-8);
        approx::assert_relative_eq!(g[1][0], 0.3f64.sin(), epsilon = 1e-8);
    }

    #[test]
    #[should_panic(expected = "element 1")]
    fn a_difference_is_found() {
        assert_close("x", &[1.0, 2.0], &[1.0, 2.1], 1e-3);
    }
}
