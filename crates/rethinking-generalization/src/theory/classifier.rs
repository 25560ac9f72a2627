//! Theorem 1 for classes: the label is the class number, a prediction its nearest integer.

use super::{
    direction::Direction,
    error::{length, TheoryError},
    finite_sample::{FiniteSampleNet, FitReport},
};

/// A [`FiniteSampleNet`] whose labels are class numbers.
///
/// class(x) = the integer of 0 .. K − 1 nearest to c(x)
///
/// A function to the reals can name any number of classes, so this holds 2n + d numbers for every K. It is right on
/// each row of its sample whenever the residual is below ½.
///
/// # Example
/// ```
/// use rethinking_generalization::theory::{Direction, FiniteSampleClassifier};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let x = [0.3, -1.0, 0.8, 2.0, -0.5, 0.1];
/// let (classifier, report) = FiniteSampleClassifier::fit(&x, 2, &[7, 0, 3], 10, &Direction::random(0))?;
/// assert!(report.residual < 0.5);
/// assert_eq!(classifier.classify(&x)?, [7, 0, 3]);
/// assert_eq!(classifier.net().parameters(), 2 * 3 + 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FiniteSampleClassifier {
    net: FiniteSampleNet,
    classes: usize,
}

impl FiniteSampleClassifier {
    /// The classifier that puts row i of `x` into class `labels[i]`, and what the fit measured.
    ///
    /// # Shapes
    /// x: n · d, row-major; labels: n numbers below `classes`.
    ///
    /// # Errors
    /// Those of [`FiniteSampleNet::fit`], no classes, or a label that is none of them.
    ///
    /// # Complexity
    /// O(n d + n log n) a direction tried.
    ///
    /// # Reference
    /// Zhang et al. 2017, section 4, Theorem 1.
    pub fn fit(
        x: &[f64],
        d: usize,
        labels: &[usize],
        classes: usize,
        direction: &Direction,
    ) -> Result<(Self, FitReport), TheoryError> {
        if classes == 0 {
            let allowed = "there is at least one class";
            return Err(TheoryError::Setting { what: "classes", value: 0.0, allowed });
        }
        if let Some(row) = labels.iter().position(|label| *label >= classes) {
            return Err(TheoryError::Class { row, label: labels[row], classes });
        }
        let y: Vec<f64> = labels.iter().map(|label| *label as f64).collect();
        let fitted = FiniteSampleNet::fit(x, d, &y, direction)?;
        Ok((FiniteSampleClassifier { net: fitted.net, classes }, fitted.report))
    }

    /// The class of each row of `x`.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers.
    ///
    /// # Complexity
    /// O(n + m (d + log n)) for m rows.
    pub fn classify(&self, x: &[f64]) -> Result<Vec<usize>, TheoryError> {
        let last = (self.classes - 1) as f64;
        let values = self.net.sorted().predict(x)?;
        // in range by the clamp
        Ok(values.into_iter().map(|value| value.round().clamp(0.0, last) as usize).collect())
    }

    /// The share of rows put into the class that `labels` gives.
    ///
    /// # Errors
    /// Rows that are not of d finite numbers, or another number of labels.
    pub fn accuracy(&self, x: &[f64], labels: &[usize]) -> Result<f64, TheoryError> {
        let found = self.classify(x)?;
        length("labels", labels.len(), found.len(), "one label for each row")?;
        let right = found.iter().zip(labels).filter(|(found, label)| found == label).count();
        Ok(right as f64 / found.len() as f64)
    }

    /// The network.
    #[must_use]
    pub fn net(&self) -> &FiniteSampleNet {
        &self.net
    }

    /// The number of classes K.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }
}
