//! When to stop before the last epoch.

use serde::{Deserialize, Serialize};

/// A rule on the validation losses of the epochs so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EarlyStopping {
    /// Train all epochs.
    #[default]
    Never,
    /// Stop when an epoch's loss is no better than the mean of the `epochs` before it (those before the first
    /// count as infinite). Atwood and Towsley's rule, with 5.
    Window {
        /// How many losses the mean is of.
        epochs: usize,
    },
    /// Stop when the best loss is `epochs` epochs old.
    Patience {
        /// How many epochs without an improvement are borne.
        epochs: usize,
    },
}

/// The losses a rule has seen; part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StopState {
    losses: Vec<f64>,
}

impl StopState {
    /// Takes the loss of the next epoch and says whether to stop after it.
    pub fn stops(&mut self, rule: EarlyStopping, loss: f64) -> bool {
        let stop = match rule {
            EarlyStopping::Never => false,
            EarlyStopping::Window { epochs } => {
                // Fewer losses than the window: the missing ones are infinite, and so is the mean.
                self.losses.len() >= epochs.max(1) && {
                    let last = &self.losses[self.losses.len() - epochs.max(1)..];
                    loss >= last.iter().sum::<f64>() / last.len() as f64
                }
            }
            EarlyStopping::Patience { epochs } => {
                let all = self.losses.iter().copied().chain([loss]);
                let best = all.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at);
                self.losses.len() - best >= epochs.max(1)
            }
        };
        self.losses.push(loss);
        stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops_after(rule: EarlyStopping, losses: &[f64]) -> Option<usize> {
        let mut state = StopState::default();
        losses.iter().position(|loss| state.stops(rule, *loss))
    }

    #[test]
    fn a_window_compares_with_the_mean_of_the_last_epochs() {
        let rule = EarlyStopping::Window { epochs: 2 };
        assert_eq!(stops_after(rule, &[9.0, 9.0]), None);
        // means: inf, inf, 4.5, 3.5
        assert_eq!(stops_after(rule, &[5.0, 4.0, 3.0, 3.5]), Some(3));
        assert_eq!(stops_after(rule, &[5.0, 4.0, 3.0, 3.4]), None);
    }

    #[test]
    fn patience_counts_from_the_best() {
        let rule = EarlyStopping::Patience { epochs: 2 };
        assert_eq!(stops_after(rule, &[3.0, 2.0, 2.5, 2.1]), Some(3));
        assert_eq!(stops_after(rule, &[3.0, 2.0, 2.5, 1.9, 1.8]), None);
        assert_eq!(stops_after(EarlyStopping::Never, &[1.0; 50]), None);
    }
}
