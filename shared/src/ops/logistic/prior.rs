/// The least share of images that [`prior_bias`] takes a class to have, and one less this the most.
pub const LEAST_PRIOR: f64 = 1e-6;

/// log(π / (1 − π)) for the share π of the images that carry each label: the bias of the last layer with which, before any
/// training, σ of a score of zero weights is the label's frequency.
///
/// Each π is held within [`LEAST_PRIOR`] and 1 − [`LEAST_PRIOR`], so that a class that no image or every image has gets a
/// bias of ∓13.8 and not an infinite one, which no gradient would move. A NaN stays a NaN.
///
/// # Example
/// ```
/// use shared::ops::logistic::prior_bias;
/// let bias = prior_bias(&[0.5, 0.1, 0.0]);
/// assert!(bias[0] == 0.0 && (bias[1] + 9f32.ln()).abs() < 1e-6 && bias[2].is_finite());
/// ```
#[must_use]
pub fn prior_bias(prior: &[f64]) -> Vec<f32> {
    let held = prior.iter().map(|share| share.clamp(LEAST_PRIOR, 1.0 - LEAST_PRIOR));
    held.map(|share| (share / (1.0 - share)).ln() as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::math::sigmoid;

    #[test]
    fn sigmoid_gives_the_shares_back() {
        for share in [1e-5, 0.003, 0.25, 0.5, 0.75, 0.999] {
            let back = f64::from(sigmoid(prior_bias(&[share])[0]));
            assert!((back / share - 1.0).abs() < 2e-6, "{share} came back as {back}");
        }
    }

    #[test]
    fn all_or_none_is_a_finite_bias() {
        let bias = prior_bias(&[0.0, 1.0, -1.0, 2.0, f64::NAN]);
        assert!(bias[..4].iter().all(|b| (13.8..13.9).contains(&b.abs())), "{bias:?}");
        assert!(bias[0] < 0.0 && bias[1] > 0.0 && bias[4].is_nan());
        assert!(prior_bias(&[]).is_empty());
    }
}
