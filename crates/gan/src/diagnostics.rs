//! The three ways in which the survey sees training fail, told in plain words while it happens.

use serde::{Deserialize, Serialize};

use crate::gan::StepReport;

/// A failure that is seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "failure")]
pub enum Warning {
    /// Samples are much nearer to each other than real examples are.
    Collapse {
        /// Mean distance of two samples over that of two real examples.
        spread: f64,
    },
    /// The discriminator tells nearly everything apart.
    Saturation {
        /// The share of examples that it tells apart.
        accuracy: f64,
    },
    /// Scores run away.
    NonConvergence {
        /// The mean size of scores over what it was in the beginning.
        growth: f64,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::Collapse { spread } => write!(
                f,
                "mode collapse: two samples differ {spread:.2} times as much as two real examples; minibatch discrimination, \
                 instance noise or a gradient penalty may help"
            ),
            Warning::Saturation { accuracy } => write!(
                f,
                "the discriminator is saturated: it tells {:.1} % apart, so the generator learns little; instance noise, a \
                 gradient penalty or a slower discriminator may help",
                100.0 * accuracy
            ),
            Warning::NonConvergence { growth } => write!(
                f,
                "no convergence: scores are {growth:.0} times as large as in the beginning; lower learning rates, a gradient \
                 penalty or historical averaging may help"
            ),
        }
    }
}

/// Spread below which samples count as collapsed.
const COLLAPSED: f64 = 0.25;
/// Accuracy from which a discriminator counts as saturated.
const SATURATED: f64 = 0.995;
/// Growth of scores from which a game counts as running away, once they are large.
const RUNAWAY: (f64, f64) = (20.0, 50.0);

/// Looks at the reports of a game, a window of steps at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    window: usize,
    seen: usize,
    spread: f64,
    accuracy: f64,
    size: f64,
    first_size: Option<f64>,
    /// What the last window showed, to tell each failure once until it is over.
    told: Vec<String>,
}

impl Watch {
    /// Looks every `window` steps.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Watch { window: window.max(1), ..Watch::default() }
    }

    /// Takes a step's report; at the end of a window, gives back the failures that the window before it had not.
    pub fn look(&mut self, report: &StepReport) -> Vec<Warning> {
        self.seen += 1;
        self.spread += report.spread;
        self.accuracy += report.critic.accuracy;
        self.size += 0.5 * (report.critic.real_score.abs() + report.critic.fake_score.abs());
        if !self.seen.is_multiple_of(self.window) {
            return Vec::new();
        }
        let mean = |sum: &mut f64| std::mem::take(sum) / self.window as f64;
        let (spread, accuracy, size) =
            (mean(&mut self.spread), mean(&mut self.accuracy), mean(&mut self.size));
        let first = *self.first_size.get_or_insert(size.max(1e-3));
        let mut found = Vec::new();
        if spread < COLLAPSED {
            found.push(Warning::Collapse { spread });
        }
        if accuracy > SATURATED {
            found.push(Warning::Saturation { accuracy });
        }
        if size > RUNAWAY.1 && size / first > RUNAWAY.0 {
            found.push(Warning::NonConvergence { growth: size / first });
        }
        let kind =
            |warning: &Warning| warning.to_string().chars().take_while(|c| *c != ':').collect::<String>();
        let kinds: Vec<String> = found.iter().map(kind).collect();
        found.retain(|warning| !self.told.contains(&kind(warning)));
        self.told = kinds;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::critic::CriticReport;

    fn report(spread: f64, accuracy: f64, score: f64) -> StepReport {
        let critic =
            CriticReport { accuracy, real_score: score, fake_score: -score, ..CriticReport::default() };
        StepReport { critic, spread, ..StepReport::default() }
    }

    #[test]
    fn each_failure_is_told_once_while_it_lasts() {
        let mut watch = Watch::new(2);
        let mut told = Vec::new();
        let healthy = report(1.0, 0.7, 1.0);
        let (collapsed, sure, away) = (report(0.1, 0.7, 1.0), report(1.0, 1.0, 1.0), report(1.0, 0.7, 1e3));
        for step in [healthy, collapsed, collapsed, healthy, sure, away, collapsed] {
            for _ in 0..2 {
                told.push(watch.look(&step).iter().map(|w| w.to_string()).collect::<Vec<_>>());
            }
        }
        let starts: Vec<Vec<&str>> =
            told.iter().map(|t| t.iter().map(|w| w.split(':').next().unwrap()).collect()).collect();
        assert!(starts.iter().step_by(2).all(Vec::is_empty), "only ends of windows tell");
        let ends: Vec<_> = starts.into_iter().skip(1).step_by(2).collect();
        assert_eq!(ends[0], Vec::<&str>::new());
        assert_eq!(ends[1], ["mode collapse"]);
        assert_eq!(ends[2], Vec::<&str>::new(), "told before");
        assert_eq!(ends[4], ["the discriminator is saturated"]);
        assert_eq!(ends[5], ["no convergence"]);
        assert_eq!(ends[6], ["mode collapse"], "again, after it was over");
    }
}
