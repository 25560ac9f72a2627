//! The discriminator that cannot be bettered, and the value of the game against it.

use shared::train::RunRng;

use super::{
    density::{jensen_shannon, sigmoid, softplus, weighted, Estimate, GaussianMixture, Quadrature},
    error::TheoryError,
};

/// The streams of a seed that the two samples are drawn from.
const STREAMS: [u64; 2] = [0x6761_1001, 0x6761_1002];

/// What the discriminator is told: α on data, β on generated points.
///
/// (1, 0) is the plain game, (0.9, 0) one-sided smoothing, (0.9, 0.1) two-sided smoothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Labels {
    real: f64,
    fake: f64,
}

impl Labels {
    /// 1 on data, 0 on generated points.
    pub const HARD: Labels = Labels { real: 1.0, fake: 0.0 };

    /// α = `real` and β = `fake`.
    ///
    /// # Errors
    /// Labels without 0 ≤ `fake` < `real` ≤ 1.
    pub fn new(real: f64, fake: f64) -> Result<Self, TheoryError> {
        if !(real > 0.0 && real <= 1.0) {
            return Err(TheoryError::Setting {
                what: "the label of data",
                value: real,
                allowed: "above 0, at most 1",
            });
        }
        if !(fake >= 0.0 && fake < real) {
            let allowed = "at least 0 and below the label of data";
            return Err(TheoryError::Setting { what: "the label of generated points", value: fake, allowed });
        }
        Ok(Self { real, fake })
    }

    /// α, the label of data.
    #[must_use]
    pub fn real(&self) -> f64 {
        self.real
    }

    /// β, the label of generated points.
    #[must_use]
    pub fn fake(&self) -> f64 {
        self.fake
    }
}

/// The discriminator's problem: to tell `data` from `model`.
///
/// V(D) = E_data[α log D + (1 − α) log (1 − D)] + E_model[β log D + (1 − β) log (1 − D)]
///
/// D*(x) = (α p_data + β p_g) / (p_data + p_g)
///
/// With hard labels V(D*) = −log 4 + 2 JSD(p_data ‖ p_g), so the generator that plays against D* minimises the
/// Jensen-Shannon divergence; the least value −log 4 = −1.386 is reached where p_g = p_data and D* = ½.
///
/// # Reference
/// The survey's section on training; Goodfellow et al. 2014, proposition 1 and theorem 1; Salimans et al. 2016,
/// section 3.4, for the smoothed labels.
///
/// # Example
/// ```
/// use gan::theory::{Discrimination, GaussianMixture, Labels};
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let (data, model) = (GaussianMixture::normal(0.0, 1.0)?, GaussianMixture::normal(4.0, 1.0)?);
/// let plain = Discrimination::new(&data, &model);
/// assert!((plain.optimal_value() - plain.value_by_theorem()).abs() < 1e-12);
/// // any other discriminator does worse
/// assert!(plain.value(|x| 1.0 - x)? < plain.optimal_value());
/// // smoothing the label of generated points keeps D* away from 0 where only they are
/// let two_sided = plain.with_labels(Labels::new(0.9, 0.1)?);
/// assert!(plain.optimal(4.0) < 0.01 && two_sided.optimal(4.0) > 0.1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Discrimination<'a> {
    data: &'a GaussianMixture,
    model: &'a GaussianMixture,
    labels: Labels,
}

impl<'a> Discrimination<'a> {
    /// With hard labels.
    #[must_use]
    pub fn new(data: &'a GaussianMixture, model: &'a GaussianMixture) -> Self {
        Self { data, model, labels: Labels::HARD }
    }

    /// The same densities with other labels.
    #[must_use]
    pub fn with_labels(self, labels: Labels) -> Self {
        Self { labels, ..self }
    }

    /// D*(x).
    #[must_use]
    pub fn optimal(&self, x: f64) -> f64 {
        let share = sigmoid(self.log_ratio(x));
        self.labels.real * share + self.labels.fake * (1.0 - share)
    }

    /// log D* − log (1 − D*), which with hard labels is the log-ratio of the densities.
    #[must_use]
    pub fn optimal_logit(&self, x: f64) -> f64 {
        let Labels { real, fake } = self.labels;
        let logs = [self.data.log_pdf(x), self.model.log_pdf(x)];
        log_sum([real, fake], logs) - log_sum([1.0 - real, 1.0 - fake], logs)
    }

    /// log p_data(x) − log p_g(x).
    #[must_use]
    pub fn log_ratio(&self, x: f64) -> f64 {
        self.data.log_pdf(x) - self.model.log_pdf(x)
    }

    /// d/dx log D*(x): how a generator with the non-saturating loss is asked to move a point at x.
    ///
    /// (α − β) (1 − s) (log p_data − log p_g)' / (α + β (1 − s) / s)  with s = p_data / (p_data + p_g)
    ///
    /// With β = 0 this does not depend on α: one-sided smoothing leaves the generator's task as it was. With β > 0 it
    /// vanishes with s, so that points far from the data are left where they are.
    #[must_use]
    pub fn pull(&self, x: f64) -> f64 {
        let Labels { real, fake } = self.labels;
        let log_ratio = self.log_ratio(x);
        let slope = sigmoid(-log_ratio) * (self.data.score(x) - self.model.score(x));
        if fake == 0.0 {
            return slope;
        }
        (real - fake) * slope / (real + fake * (-log_ratio).exp())
    }

    /// V(D) for D = σ(logit), by quadrature.
    ///
    /// # Errors
    /// A logit that is not finite.
    pub fn value(&self, mut logit: impl FnMut(f64) -> f64) -> Result<f64, TheoryError> {
        Quadrature::over(&[self.data, self.model]).try_integrate(|x| {
            let value = logit(x);
            if !value.is_finite() {
                return Err(TheoryError::Function { what: "the logit", x, value });
            }
            Ok(self.payoff(x, value))
        })
    }

    /// V(D*), by quadrature.
    #[must_use]
    pub fn optimal_value(&self) -> f64 {
        let line = Quadrature::over(&[self.data, self.model]);
        line.integrate(|x| self.payoff(x, self.optimal_logit(x)))
    }

    /// 2 JSD(p_data ‖ p_g) − log 4, which [`optimal_value`](Self::optimal_value) is with hard labels.
    #[must_use]
    pub fn value_by_theorem(&self) -> f64 {
        2.0 * jensen_shannon(self.data, self.model) - 4f64.ln()
    }

    /// V(D) for D = σ(logit), from `n` draws of either density.
    ///
    /// # Errors
    /// Fewer than two draws, or a logit that is not finite.
    ///
    /// # Complexity
    /// 2 n logits.
    pub fn sampled_value(
        &self,
        mut logit: impl FnMut(f64) -> f64,
        n: usize,
        seed: u64,
    ) -> Result<Estimate, TheoryError> {
        if n < 2 {
            return Err(TheoryError::Setting {
                what: "the number of draws",
                value: n as f64,
                allowed: "at least 2",
            });
        }
        let mut side = |density: &GaussianMixture, label: f64, stream| {
            let gains = density.draws(n, RunRng::new(seed, stream)).into_iter().map(|x| {
                let value = logit(x);
                if !value.is_finite() {
                    return Err(TheoryError::Function { what: "the logit", x, value });
                }
                Ok(gain(label, value))
            });
            gains.collect::<Result<Vec<_>, _>>().map(|gains| Estimate::of(&gains))
        };
        let data = side(self.data, self.labels.real, STREAMS[0])?;
        let model = side(self.model, self.labels.fake, STREAMS[1])?;
        let standard_error = data.standard_error.hypot(model.standard_error);
        Ok(Estimate { mean: data.mean + model.mean, standard_error })
    }

    /// What x adds to V.
    fn payoff(&self, x: f64, logit: f64) -> f64 {
        weighted(self.data.log_pdf(x), gain(self.labels.real, logit))
            + weighted(self.model.log_pdf(x), gain(self.labels.fake, logit))
    }
}

/// t log σ(a) + (1 − t) log σ(−a).
fn gain(label: f64, logit: f64) -> f64 {
    // 0 · ∞ does not arise: a label of 0 or 1 leaves one term out
    let term = |share: f64, logit: f64| if share == 0.0 { 0.0 } else { -share * softplus(-logit) };
    term(label, logit) + term(1.0 - label, -logit)
}

/// log Σ_i w_i e^{l_i} for two terms, of which one may have no weight.
fn log_sum(weights: [f64; 2], logs: [f64; 2]) -> f64 {
    match weights {
        [first, 0.0] => first.ln() + logs[0],
        [0.0, second] => second.ln() + logs[1],
        [first, second] => {
            let (a, b) = (first.ln() + logs[0], second.ln() + logs[1]);
            a.max(b) + (-(a - b).abs()).exp().ln_1p()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(mean: f64, deviation: f64) -> GaussianMixture {
        GaussianMixture::normal(mean, deviation).unwrap()
    }

    #[test]
    fn equal_densities_leave_a_coin() {
        let p = normal(1.0, 2.0);
        let even = Discrimination::new(&p, &p);
        assert_eq!((even.optimal(-7.0), even.optimal_logit(3.0), even.pull(0.0)), (0.5, 0.0, 0.0));
        assert!((even.optimal_value() + 4f64.ln()).abs() < 1e-13, "{}", even.optimal_value());
    }

    #[test]
    fn one_sided_smoothing_leaves_the_generator_its_task_and_two_sided_does_not() {
        let (data, model) = (normal(0.0, 1.0), normal(5.0, 1.0));
        let plain = Discrimination::new(&data, &model);
        let one = plain.with_labels(Labels::new(0.9, 0.0).unwrap());
        let two = plain.with_labels(Labels::new(0.9, 0.1).unwrap());
        // among the generated points, where the data are e^-12.5 as likely
        let x = 5.0;
        assert!((one.optimal(x) / plain.optimal(x) - 0.9).abs() < 1e-12);
        assert!((two.optimal(x) - 0.1).abs() < 1e-5, "β p_g is in the numerator");
        assert_eq!(one.pull(x), plain.pull(x));
        assert!((plain.pull(x) + 5.0).abs() < 1e-4 && two.pull(x).abs() < 1e-3, "{}", two.pull(x));
        // among the data the labels bound D
        assert!((one.optimal(-1.0) - 0.9).abs() < 1e-6 && (two.optimal(-1.0) - 0.9).abs() < 1e-6);
    }

    #[test]
    fn draws_give_the_value_of_the_theorem() {
        let data = GaussianMixture::new(&[(1.0, -2.0, 0.5), (1.0, 2.0, 0.5)]).unwrap();
        let model = normal(0.5, 1.5);
        let problem = Discrimination::new(&data, &model);
        let estimate = problem.sampled_value(|x| problem.optimal_logit(x), 100_000, 1).unwrap();
        let off = estimate.mean - problem.value_by_theorem();
        assert!(off.abs() < 0.02 && off.abs() < 4.0 * estimate.standard_error, "{off} {estimate:?}");
        assert!(estimate.standard_error < 0.005, "{estimate:?}");
        assert!(problem.sampled_value(|_| 0.0, 1, 0).is_err());
    }

    #[test]
    fn bad_labels_and_logits_are_named() {
        for (real, fake, start) in [
            (1.1, 0.0, "the label of data is 1.1: it must be above 0"),
            (f64::NAN, 0.0, "the label of data is NaN"),
            (0.5, 0.5, "the label of generated points is 0.5: it must be at least 0 and below"),
            (0.9, -0.1, "the label of generated points is -0.1"),
        ] {
            let message = Labels::new(real, fake).unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
        }
        let p = normal(0.0, 1.0);
        let message = Discrimination::new(&p, &p).value(|x| 1.0 / (x - x)).unwrap_err().to_string();
        assert!(message.contains("the logit is NaN at x = ") || message.contains("inf"), "{message}");
    }

    /// Two mixtures that overlap more or less.
    fn mixtures() -> impl Strategy<Value = (GaussianMixture, GaussianMixture)> {
        let part = || (0.1f64..1.0, -4.0f64..4.0, 0.2f64..2.0);
        let mixture =
            || prop::collection::vec(part(), 1..4).prop_map(|parts| GaussianMixture::new(&parts).unwrap());
        (mixture(), mixture())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_value_against_the_best_discriminator_is_the_divergence((data, model) in mixtures()) {
            let problem = Discrimination::new(&data, &model);
            let (value, theorem) = (problem.optimal_value(), problem.value_by_theorem());
            prop_assert!((value - theorem).abs() < 1e-10, "{value} {theorem}");
            prop_assert!(value >= -4f64.ln() - 1e-12);
        }

        #[test]
        fn no_discriminator_does_better(
            (data, model) in mixtures(), real in 0.6f64..=1.0, fake in 0.0f64..0.4,
            size in -2.0f64..2.0, wave in 0.1f64..3.0,
        ) {
            for labels in [Labels::HARD, Labels::new(real, 0.0).unwrap(), Labels::new(real, fake).unwrap()] {
                let problem = Discrimination::new(&data, &model).with_labels(labels);
                let best = problem.optimal_value();
                let other = problem.value(|x| problem.optimal_logit(x) + size * (wave * x).sin()).unwrap();
                prop_assert!(other <= best + 1e-11, "{other} {best}");
                let again = problem.value(|x| problem.optimal_logit(x)).unwrap();
                prop_assert!((again - best).abs() < 1e-14);
            }
        }

        #[test]
        fn the_best_discriminator_is_the_formula(
            (data, model) in mixtures(), x in -5.0f64..5.0, real in 0.6f64..=1.0, fake in 0.0f64..0.4,
        ) {
            let problem = Discrimination::new(&data, &model).with_labels(Labels::new(real, fake).unwrap());
            let (p, q) = (data.pdf(x), model.pdf(x));
            prop_assume!(p + q > 1e-250);
            let formula = (real * p + fake * q) / (p + q);
            prop_assert!((problem.optimal(x) - formula).abs() < 1e-12);
            prop_assert!((sigmoid(problem.optimal_logit(x)) - formula).abs() < 1e-12);
            let slope = (problem.optimal(x + 1e-5).ln() - problem.optimal(x - 1e-5).ln()) / 2e-5;
            prop_assert!((problem.pull(x) - slope).abs() < 1e-5 * (1.0 + slope.abs()), "{} {slope}", problem.pull(x));
        }
    }
}
