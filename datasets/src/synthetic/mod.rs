//! Synthetic twins of the real sets: made by code, seeded, any size, no files.
//!
//! A twin shows the patterns that the papers claim to exploit, so that every program runs at once on any machine.
//! Numbers measured on a twin are numbers about the twin: they say nothing about the real set.
//!
//! The same settings and seed give the same set on every run and with any number of threads.

pub mod brackets;
pub mod citation;
pub mod digits;
mod drawing;
pub mod mixture;
pub mod molecules;
mod outlines;
mod pen;
pub mod scenes;
pub mod shapes;
mod strokes;

#[cfg(test)]
mod probe;

pub use brackets::Brackets;
pub use citation::{citation, CitationConfig};
pub use digits::{digits, DigitConfig, Digits};
pub use mixture::Mixture;
pub use molecules::{molecules, MoleculeConfig};
pub use scenes::{scenes, SceneConfig, Scenes};
pub use shapes::{shapes, ShapeConfig, Shapes, SHAPE_CLASSES};

use rand::Rng;

use crate::DatasetError;

/// Draws indices in proportion to fixed weights.
#[derive(Debug)]
pub(crate) struct Weighted {
    cumulative: Vec<f64>,
}

impl Weighted {
    /// Weights must be finite and at least 0; a table whose weights sum to 0 draws nothing.
    pub(crate) fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut total = 0.0;
        let add = |weight: f64| {
            total += weight;
            total
        };
        Self { cumulative: weights.into_iter().map(add).collect() }
    }

    /// The sum of the weights.
    pub(crate) fn total(&self) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    /// An index, by binary search; `None` where no index has weight.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Option<usize> {
        let total = self.total();
        if total <= 0.0 {
            return None;
        }
        let point = rng.r#gen::<f64>() * total;
        Some(self.cumulative.partition_point(|&end| end <= point).min(self.cumulative.len() - 1))
    }
}

/// Items with weights, drawn by [`Weighted`].
#[derive(Debug)]
pub(crate) struct Pool {
    items: Vec<usize>,
    weights: Weighted,
}

impl Pool {
    /// The items in the given order, each with the weight that `weight` gives it.
    pub(crate) fn new(items: Vec<usize>, weight: impl Fn(usize) -> f64) -> Self {
        let weights = Weighted::new(items.iter().map(|&item| weight(item)));
        Self { items, weights }
    }

    /// An item; `None` where no item has weight.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Option<usize> {
        self.weights.draw(rng).and_then(|at| self.items.get(at).copied())
    }
}

/// Checks that a whole number is within its documented range.
pub(crate) fn within(
    field: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), DatasetError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(DatasetError::config(field, value, format!("{least} to {most}")))
}

/// Checks that a number is finite and within its documented range.
pub(crate) fn between(field: &'static str, value: f64, least: f64, most: f64) -> Result<(), DatasetError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(DatasetError::config(field, value, format!("{least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn weighted_draws_follow_the_weights_and_avoid_zeros() {
        let table = Weighted::new([0.0, 1.0, 0.0, 3.0, 0.0]);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut counts = [0; 5];
        (0..4000).for_each(|_| counts[table.draw(&mut rng).unwrap()] += 1);
        assert_eq!((counts[0], counts[2], counts[4]), (0, 0, 0));
        assert!((900..1100).contains(&counts[1]), "{counts:?}"); // mean 1000, standard deviation 27
        assert_eq!(Weighted::new([0.0, 0.0]).draw(&mut rng), None);
        assert_eq!(Weighted::new([]).draw(&mut rng), None);
    }
}
