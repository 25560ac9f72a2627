//! Everything that can go wrong with a measure, as one sentence each.

/// An error of a measure.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// Too few points, rows or numbers for the measure.
    #[error("there are {found} {what} and the measure needs at least {least}: give more")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        least: usize,
    },
    /// A last point that is not whole.
    #[error("{found} numbers are no whole number of points of dimension {dim}: points are stored one after another, all of one dimension")]
    Cut {
        /// How many numbers there are.
        found: usize,
        /// The dimension as given.
        dim: usize,
    },
    /// NaN or an infinity.
    #[error("point {point} has {value} in dimension {dimension}: every number must be finite, so drop what a diverged network made")]
    NotFinite {
        /// The first point with such a number.
        point: usize,
        /// Where in the point.
        dimension: usize,
        /// What is there.
        value: f32,
    },
    /// Two sets in different spaces.
    #[error("the first set has dimension {first} and the second {second}: both must have the same")]
    Dimensions {
        /// The dimension of the first set.
        first: usize,
        /// The dimension of the second set.
        second: usize,
    },
    /// Two sets that must be of one size.
    #[error("the first set has {first} points and the second {second}: this measure needs as many of each, so cut the larger one")]
    Sizes {
        /// Points of the first set.
        first: usize,
        /// Points of the second set.
        second: usize,
    },
    /// A list whose length does not follow from the other sizes.
    #[error("{what} has {found} numbers and should have {expected}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// A row that is no distribution over classes.
    #[error("row {row} holds {value} and sums to {sum}: give probabilities, from 0 to 1 with sum 1, which a softmax makes of a network's outputs")]
    NotProbabilities {
        /// The row.
        row: usize,
        /// Its least entry.
        value: f64,
        /// Its sum.
        sum: f64,
    },
    /// A setting outside its range.
    #[error("{what} is {value}: {allowed}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Moments that are none of any distribution.
    #[error("the covariance has {value} in row {row}, column {column}: it must be finite, symmetric and at least 0 on the diagonal")]
    NotCovariance {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// What is there.
        value: f64,
    },
    /// No scale to choose.
    #[error("the median distance between the points is 0, as when more than half of the pairs are equal: give a bandwidth")]
    NoScale,
    /// A decomposition that did not converge.
    #[error(
        "the eigenvalues of a {size} x {size} covariance were not found: scale the features nearer to 1"
    )]
    Eigenvalues {
        /// The edge of the matrix.
        size: usize,
    },
}
