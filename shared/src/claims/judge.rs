//! From an interval to a yes or no: the checks that a verdict is made of.
//!
//! A check holds when the *whole* interval lies on the right side, fails when the whole interval lies on
//! the wrong side, and is undecided in between: more seeds would decide it. An undecided check does not
//! hold.

use serde::{Deserialize, Serialize};

use super::float;
use super::number::{interval_text, number};
use super::stats::{tost, Interval, StatsError};

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Shown to be so.
    Holds,
    /// The interval straddles the bound.
    Undecided,
    /// Shown not to be so.
    Fails,
}

/// One test that a claim rests on, with the numbers that decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is looked at, such as "two-hop accuracy on cora".
    pub label: String,
    /// What must be so, such as "95 % interval at or above 0.8500".
    pub rule: String,
    /// What was seen, such as "0.8609 [0.8531, 0.8687], n = 10".
    pub found: String,
    /// The number that was judged.
    #[serde(with = "float::or_nan")]
    pub value: f64,
    /// Its interval, where it has one.
    pub interval: Option<Interval>,
    /// Whether it is so.
    pub outcome: Outcome,
}

/// The paper's number is reached: the interval lies at or above `target − slack`.
///
/// `slack` is how far below the paper still counts as reached, and belongs to the claim, not to the data: a
/// published mean has a spread of its own. With slack 0 this asks for a mean surely not below the target.
///
/// # Example
/// ```
/// use shared::claims::{judge, stats::interval95, Outcome};
/// let accuracy = interval95(&[0.861, 0.858, 0.866, 0.859, 0.863])?;
/// assert_eq!(judge::reaches("accuracy", &accuracy, 0.8677, 0.0177).outcome, Outcome::Holds);
/// assert_eq!(judge::reaches("accuracy", &accuracy, 0.8677, 0.0).outcome, Outcome::Fails);
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
#[must_use]
pub fn reaches(label: &str, interval: &Interval, target: f64, slack: f64) -> Check {
    let bound = target - slack;
    let rule =
        format!("{} at or above {}{}", level_text(interval), number(bound), slack_text(target, slack, '-'));
    check(label, rule, interval, interval.lo >= bound, interval.hi >= bound)
}

/// The quantity stays low: the interval lies at or below `target + slack`.
#[must_use]
pub fn stays_below(label: &str, interval: &Interval, target: f64, slack: f64) -> Check {
    let bound = target + slack;
    let rule =
        format!("{} at or below {}{}", level_text(interval), number(bound), slack_text(target, slack, '+'));
    check(label, rule, interval, interval.hi <= bound, interval.lo <= bound)
}

/// One side beats the other: the interval of the paired difference lies above `margin`.
#[must_use]
pub fn above_by(label: &str, difference: &Interval, margin: f64) -> Check {
    let rule = format!("{} of the paired difference above {}", level_text(difference), number(margin));
    check(label, rule, difference, difference.lo > margin, difference.hi > margin)
}

/// The quantity is where the paper has it: the interval lies inside `target ± margin`.
#[must_use]
pub fn within(label: &str, interval: &Interval, target: f64, margin: f64) -> Check {
    let (low, high) = (target - margin, target + margin);
    let rule = format!("{} inside {} to {}", level_text(interval), number(low), number(high));
    let possible = interval.hi >= low && interval.lo <= high;
    check(label, rule, interval, interval.lo >= low && interval.hi <= high, possible)
}

/// Two sides are the same for practical purposes: both one-sided t tests of `|difference| < margin` reject at
/// 5 % ([`tost`]).
///
/// # Errors
/// As [`tost`].
pub fn equivalent(label: &str, differences: &[f64], margin: f64) -> Result<Check, StatsError> {
    let test = tost(differences, margin)?;
    // the 90 % interval lies inside ±margin exactly when both tests reject at 5 %
    let interval = super::stats::interval(differences, 0.90)?;
    let rule = format!("equal within ±{}: two one-sided t tests, p below 0.05", number(margin));
    let possible = interval.hi >= -margin && interval.lo <= margin;
    let mut check = check(label, rule, &interval, test.p() < 0.05, possible);
    check.found = format!("{}, p = {}", check.found, number(test.p()));
    Ok(check)
}

/// Something that is so for every seed, such as "wins on every split".
#[must_use]
pub fn every(label: &str, holds: &[bool]) -> Check {
    let (count, n) = (holds.iter().filter(|&&h| h).count(), holds.len());
    Check {
        label: label.into(),
        rule: "so for every seed".into(),
        found: format!("{count} of {n} seeds"),
        value: if n == 0 { f64::NAN } else { count as f64 / n as f64 },
        interval: None,
        outcome: if n > 0 && count == n { Outcome::Holds } else { Outcome::Fails },
    }
}

/// A number with no randomness in it is at most `bound`, such as the error of an identity. NaN fails.
#[must_use]
pub fn at_most(label: &str, value: f64, bound: f64) -> Check {
    exact(label, format!("at most {}", number(bound)), value, value <= bound)
}

/// A number with no randomness in it is at least `bound`. NaN fails.
#[must_use]
pub fn at_least(label: &str, value: f64, bound: f64) -> Check {
    exact(label, format!("at least {}", number(bound)), value, value >= bound)
}

fn exact(label: &str, rule: String, value: f64, holds: bool) -> Check {
    let outcome = if holds { Outcome::Holds } else { Outcome::Fails };
    Check { label: label.into(), rule, found: number(value), value, interval: None, outcome }
}

fn check(label: &str, rule: String, interval: &Interval, holds: bool, possible: bool) -> Check {
    let outcome = match (holds, possible) {
        (true, _) => Outcome::Holds,
        (false, true) => Outcome::Undecided,
        (false, false) => Outcome::Fails,
    };
    Check {
        label: label.into(),
        rule,
        found: interval_text(interval),
        value: interval.mean,
        interval: Some(*interval),
        outcome,
    }
}

fn level_text(interval: &Interval) -> String {
    format!("{} % interval", number(interval.level * 100.0))
}

fn slack_text(target: f64, slack: f64, sign: char) -> String {
    if slack == 0.0 {
        return String::new();
    }
    format!(" ({} {sign} {})", number(target), number(slack))
}

#[cfg(test)]
mod tests {
    use super::super::stats::interval95;
    use super::*;

    fn around(mean: f64, half: f64) -> Interval {
        Interval { mean, sd: half, lo: mean - half, hi: mean + half, n: 5, level: 0.95 }
    }

    #[test]
    fn each_check_has_its_three_outcomes() {
        use Outcome::{Fails, Holds, Undecided};
        for (mean, expected) in [(0.9, Holds), (0.86, Undecided), (0.8, Fails)] {
            assert_eq!(reaches("", &around(mean, 0.02), 0.87, 0.01).outcome, expected, "reaches {mean}");
        }
        for (mean, expected) in [(0.1, Holds), (0.2, Undecided), (0.3, Fails)] {
            assert_eq!(stays_below("", &around(mean, 0.02), 0.2, 0.0).outcome, expected, "below {mean}");
        }
        for (mean, expected) in [(0.1, Holds), (0.01, Undecided), (-0.1, Fails)] {
            assert_eq!(above_by("", &around(mean, 0.02), 0.0).outcome, expected, "above {mean}");
        }
        for (mean, expected) in
            [(0.5, Holds), (0.53, Undecided), (0.47, Undecided), (0.6, Fails), (0.4, Fails)]
        {
            assert_eq!(within("", &around(mean, 0.02), 0.5, 0.04).outcome, expected, "within {mean}");
        }
        assert_eq!(equivalent("", &[0.001, -0.001, 0.0], 0.1).unwrap().outcome, Holds);
        assert_eq!(equivalent("", &[0.2, -0.2, 0.0], 0.1).unwrap().outcome, Undecided);
        assert_eq!(equivalent("", &[0.201, 0.199, 0.2], 0.1).unwrap().outcome, Fails);
    }

    #[test]
    fn one_seed_decides_nothing() {
        let one = interval95(&[0.99]).unwrap();
        assert_eq!(reaches("", &one, 0.5, 0.0).outcome, Outcome::Undecided);
        assert_eq!(above_by("", &one, 0.0).outcome, Outcome::Undecided);
        assert_eq!(within("", &one, 0.99, 0.5).outcome, Outcome::Undecided);
        assert_eq!(equivalent("", &[0.0], 0.1).unwrap().outcome, Outcome::Undecided);
    }

    #[test]
    fn exact_checks_refuse_nan_and_the_empty_set() {
        assert_eq!(at_most("", f64::NAN, 1.0).outcome, Outcome::Fails);
        assert_eq!(at_least("", f64::NAN, 1.0).outcome, Outcome::Fails);
        assert_eq!(every("", &[]).outcome, Outcome::Fails);
        assert_eq!(every("", &[true, false]).outcome, Outcome::Fails);
        assert_eq!(every("", &[true, true]).outcome, Outcome::Holds);
        assert_eq!(at_most("", 1e-6, 1e-6).outcome, Outcome::Holds);
    }

    #[test]
    fn the_words_carry_the_numbers() {
        let check = reaches("accuracy", &around(0.8609, 0.0078), 0.8677, 0.0177);
        assert_eq!(check.rule, "95 % interval at or above 0.8500 (0.8677 - 0.0177)");
        assert_eq!(check.found, "0.8609 [0.8531, 0.8687], n = 5");
    }
}
