//! Every law on the same points: parameters with intervals, and which law the points support.

use serde::Serialize;

use super::{
    bootstrap::{draws, of_law, of_seeds},
    least_squares::{fit, Mean},
    CurveError, Law, Points,
};

/// How intervals are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurveOptions {
    /// Draws of the bootstrap.
    pub draws: usize,
    /// Fixes them.
    pub seed: u64,
    /// The share of draws inside an interval.
    pub level: f64,
}

impl Default for CurveOptions {
    fn default() -> Self {
        CurveOptions { draws: 1_000, seed: 0, level: 0.95 }
    }
}

impl CurveOptions {
    /// # Errors
    /// [`CurveError::Setting`] for draws or a level out of range.
    pub fn validate(&self) -> Result<(), CurveError> {
        if !(100..=100_000).contains(&self.draws) {
            let (field, value) = ("the number of draws", self.draws.to_string());
            return Err(CurveError::Setting { field, value, allowed: "between 100 and 100,000" });
        }
        if !(0.5..=0.999).contains(&self.level) {
            let (field, value) = ("the level of intervals", self.level.to_string());
            return Err(CurveError::Setting { field, value, allowed: "between 0.5 and 0.999" });
        }
        Ok(())
    }
}

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// From the points.
    pub value: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// A law on the points.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fitted {
    /// The law.
    pub law: Law,
    /// Its parameters.
    pub parameters: Vec<f64>,
    /// The sum of squared residuals of all runs.
    pub sse: f64,
    /// 1 less the residual variance of means over their variance.
    pub r2: f64,
    /// Akaike's criterion for small samples, by all runs: N ln(SSE/N) + 2k + 2k(k + 1)/(N − k − 1), with k counting the
    /// variance as a parameter; less is better. Infinite where there are too few runs.
    pub aicc: f64,
    /// The root mean square error of the means, each predicted from the other sizes; none where those are too few for the law.
    pub left_out: Option<f64>,
    /// Parameters of the bootstrap's draws.
    #[serde(skip)]
    draws: Vec<Vec<f64>>,
    #[serde(skip)]
    level: f64,
}

impl Fitted {
    /// An interval for something that follows from the parameters: the middle `level` of what the draws come to.
    fn interval(&self, of: impl Fn(&[f64]) -> Option<f64>) -> Option<Estimate> {
        let value = of(&self.parameters)?;
        let mut all: Vec<f64> = self.draws.iter().filter_map(|p| of(p)).collect();
        if all.is_empty() {
            return Some(Estimate { value, lo: value, hi: value });
        }
        all.sort_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        let at = |share: f64| {
            // between order statistics, as share (n + 1) counts them
            let place = (share * (all.len() + 1) as f64 - 1.0).clamp(0.0, (all.len() - 1) as f64);
            let (low, part) = (place.floor() as usize, place.fract());
            match all.get(low + 1) {
                Some(next) if part > 0.0 && next.is_finite() => all[low] + part * (next - all[low]),
                Some(next) if part > 0.0 => *next,
                _ => all[low],
            }
        };
        Some(Estimate { value, lo: at(tail), hi: at(1.0 - tail) })
    }

    /// Each parameter with its interval, in the order of [`Law::parameters`].
    #[must_use]
    pub fn estimates(&self) -> Vec<Estimate> {
        (0..self.parameters.len()).filter_map(|at| self.interval(|p| p.get(at).copied())).collect()
    }

    /// The mean score at n.
    #[must_use]
    pub fn predict(&self, n: f64) -> Option<Estimate> {
        self.interval(|p| Some(self.law.value(p, n)))
    }

    /// The examples for a mean score of `target`: infinite where the law never gets there, and at the upper end where too many
    /// draws never do.
    #[must_use]
    pub fn examples_for(&self, target: f64) -> Option<Estimate> {
        self.interval(|p| Some(self.law.examples_for(p, target).unwrap_or(f64::INFINITY)))
    }
}

/// Every law that the points are enough for, the best by [`aicc`](Fitted::aicc) first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurveStudy {
    /// The fits.
    pub fits: Vec<Fitted>,
    /// The standard deviation of a run around the mean of its size, pooled over sizes; none without repeated runs, and intervals
    /// are then by the residuals of the law.
    pub noise: Option<f64>,
    /// How many times the largest size predictions may be trusted to: up to where some supported law leaves the interval of
    /// the best one; between 1 and 100.
    pub reach: f64,
    /// The largest size.
    pub largest: f64,
}

/// No prediction is trusted further than this many times the largest size.
const MOST_REACH: f64 = 100.0;

/// Laws within this of the best one's criterion are supported as well.
pub const SUPPORTED: f64 = 4.0;

impl CurveStudy {
    /// Fits every law.
    ///
    /// # Errors
    /// [`CurveError::Setting`].
    pub fn of(points: &Points, options: &CurveOptions) -> Result<Self, CurveError> {
        Self::of_laws(points, &Law::ALL, options)
    }

    /// Fits some laws.
    ///
    /// # Errors
    /// [`CurveError::Setting`].
    pub fn of_laws(points: &Points, laws: &[Law], options: &CurveOptions) -> Result<Self, CurveError> {
        options.validate()?;
        let means = means(points);
        let laws = laws.iter().copied().filter(|law| means.len() >= law.parameters().len());
        let noise = noise(points);
        let mut fits: Vec<Fitted> = laws.map(|law| fitted(law, points, &means, noise, options)).collect();
        fits.sort_by(|a, b| a.aicc.total_cmp(&b.aicc));
        let reach = reach(points, &fits);
        let largest = points.sizes().last().map_or(1.0, |size| size.n);
        Ok(CurveStudy { fits, noise, reach, largest })
    }

    /// The laws that the points do not tell from the best one, itself first.
    pub fn supported(&self) -> impl Iterator<Item = &Fitted> {
        let best = self.fits.first().map_or(f64::INFINITY, |fit| fit.aicc);
        self.fits.iter().filter(move |fit| is_supported(fit.aicc, best))
    }
}

/// Criteria that are infinite, for want of runs, tell nothing apart.
fn is_supported(aicc: f64, best: f64) -> bool {
    !best.is_finite() || aicc - best <= SUPPORTED
}

fn means(points: &Points) -> Vec<Mean> {
    points.sizes().iter().map(|s| Mean { n: s.n, y: s.mean(), weight: s.scores.len() as f64 }).collect()
}

/// The pooled standard deviation of runs around the means of their sizes, and its degrees of freedom.
fn spread(points: &Points) -> (f64, usize) {
    let (mut sum, mut free) = (0.0, 0);
    for size in points.sizes() {
        let mean = size.mean();
        sum += size.scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>();
        free += size.scores.len() - 1;
    }
    (sum, free)
}

fn noise(points: &Points) -> Option<f64> {
    let (sum, free) = spread(points);
    (free > 0).then(|| (sum / free as f64).sqrt())
}

fn fitted(law: Law, points: &Points, means: &[Mean], noise: Option<f64>, options: &CurveOptions) -> Fitted {
    let found = fit(law, means);
    let (within, free) = spread(points);
    let (sse, runs) = (found.sse + within, points.runs() as f64);
    let k = (law.parameters().len() + 1) as f64;
    let aicc = match runs - k - 1.0 {
        left if left > 0.0 => {
            runs * (sse / runs).max(f64::MIN_POSITIVE).ln() + 2.0 * k + 2.0 * k * (k + 1.0) / left
        }
        _ => f64::INFINITY,
    };
    let middle = means.iter().map(|m| m.y).sum::<f64>() / means.len() as f64;
    let total: f64 = means.iter().map(|m| (m.y - middle).powi(2)).sum();
    let rest: f64 = means.iter().map(|m| (m.y - law.value(&found.parameters, m.n)).powi(2)).sum();
    // residuals of one run, as wide as the noise
    let (residuals, free) = match noise {
        Some(_) => (of_seeds(points), free),
        None => (of_law(law, means, &found.parameters), means.len().saturating_sub(law.parameters().len())),
    };
    let draws = draws(law, means, &found.parameters, &residuals, free, options);
    Fitted {
        law,
        sse,
        r2: if total > 0.0 { 1.0 - rest / total } else { 0.0 },
        aicc,
        left_out: left_out(law, means),
        parameters: found.parameters,
        draws,
        level: options.level,
    }
}

fn left_out(law: Law, means: &[Mean]) -> Option<f64> {
    if means.len() <= law.parameters().len() {
        return None;
    }
    let error = |at: usize| {
        let others: Vec<Mean> = means.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, m)| *m).collect();
        (means[at].y - law.value(&fit(law, &others).parameters, means[at].n)).powi(2)
    };
    Some(((0..means.len()).map(error).sum::<f64>() / means.len() as f64).sqrt())
}

fn reach(points: &Points, fits: &[Fitted]) -> f64 {
    const STEPS: u32 = 40;
    let largest = points.sizes().last().map_or(1.0, |size| size.n);
    let Some(best) = fits.first().filter(|fit| !fit.draws.is_empty()) else { return 1.0 };
    let rivals: Vec<&Fitted> = fits.iter().skip(1).filter(|fit| is_supported(fit.aicc, best.aicc)).collect();
    let agree = |factor: f64| {
        best.predict(largest * factor).is_some_and(|inside| {
            let among = |y: f64| inside.lo <= y && y <= inside.hi;
            rivals.iter().all(|fit| among(fit.law.value(&fit.parameters, largest * factor)))
        })
    };
    (1..=STEPS)
        .map(|step| MOST_REACH.powf(f64::from(step) / f64::from(STEPS)))
        .take_while(|factor| agree(*factor))
        .last()
        .unwrap_or(1.0)
}
