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

/// A device that a test compares with the host's kernels.
#[cfg(any(test, feature = "testing"))]
#[derive(Clone, Debug)]
pub struct TestDevice {
    name: String,
    kind: crate::device::DeviceKind,
}

#[cfg(any(test, feature = "testing"))]
impl TestDevice {
    /// The devices that this run of the tests can have: the host [without kernels](crate::device::without_kernels), which is
    /// what a GPU computes, and the one that the environment variable `EIGHTFOLD_TEST_DEVICE` names, such as `cuda:0`.
    ///
    /// # Panics
    /// If the variable names no device, or one that this build has not.
    #[must_use]
    pub fn all() -> Vec<Self> {
        use crate::device::DeviceKind;
        let mut devices = vec![TestDevice { name: "cpu without kernels".into(), kind: DeviceKind::Cpu }];
        if let Ok(name) = std::env::var("EIGHTFOLD_TEST_DEVICE") {
            match name.parse::<DeviceKind>().and_then(|kind| kind.check().map(|()| kind)) {
                Ok(kind) => devices.push(TestDevice { name, kind }),
                Err(why) => panic!("EIGHTFOLD_TEST_DEVICE: {why}"),
            }
        }
        devices
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` with the kind of device that is to be launched in it.
    pub fn run<R>(&self, work: impl FnOnce(crate::device::DeviceKind) -> R) -> R {
        match self.kind {
            crate::device::DeviceKind::Cpu => crate::device::without_kernels(|| work(self.kind)),
            kind => work(kind),
        }
    }
}

/// Panics unless two lists of tensors have the same names and values: |ours − expected| <= tolerance · max |expected|, the
/// maximum over the tensor.
///
/// # Panics
/// When they differ: this is an assertion.
#[track_caller]
pub fn assert_tensors_close(
    what: &str,
    ours: &[crate::nn::state::NamedTensor],
    expected: &[crate::nn::state::NamedTensor],
    tolerance: f64,
) {
    assert_eq!(ours.len(), expected.len(), "{what}: number of tensors");
    for (ours, expected) in ours.iter().zip(expected) {
        assert_eq!(ours.name(), expected.name(), "{what}: names");
        assert_same_within(&format!("{what}, {}", ours.name()), ours.values(), expected.values(), tolerance);
    }
}

/// Panics unless |ours − expected| <= tolerance · max |expected| everywhere, naming the worst element.
///
/// # Panics
/// When the two differ: this is an assertion.
#[track_caller]
pub fn assert_same_within(what: &str, ours: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(ours.len(), expected.len(), "{what}: number of elements");
    let scale = expected.iter().fold(0.0, |most: f64, v| most.max(f64::from(v.abs())));
    let off = |(a, e): (&f32, &f32)| (f64::from(*a) - f64::from(*e)).abs();
    let worst = ours.iter().zip(expected).map(off).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((at, error)) = worst {
        assert!(
            error <= tolerance * scale,
            "{what}: element {at} is {} and should be {} (error {error:.2e}, allowed {tolerance:.0e} of {scale:.2e})",
            ours[at],
            expected[at]
        );
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
    #[should_panic(expected = "element 2")]
    fn a_difference_is_measured_by_the_largest_value() {
        assert_same_within("x", &[1.0, 0.0], &[1.0, 1e-5], 1e-4);
        assert_same_within("x", &[1e-3, 0.0, 2e-7], &[1e-3, 0.0, 0.0], 1e-4);
    }

    #[test]
    #[should_panic(expected = "element 1")]
    fn a_difference_is_found() {
        assert_close("x", &[1.0, 2.0], &[1.0, 2.1], 1e-3);
    }
}
