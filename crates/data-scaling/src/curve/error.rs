//! What can be wrong with points, as one sentence each.

/// Points that no law can be fitted to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CurveError {
    /// A number of examples that cannot be.
    #[error(
        "{place} has {n} examples: every run needs a finite number above 0; correct it or leave the run out"
    )]
    Size {
        /// Where: the run, from 1, or the line of a file.
        place: String,
        /// Its examples.
        n: f64,
    },
    /// A score that is no number.
    #[error("{place} has the score {score}: every run needs a finite one; correct it or leave the run out")]
    Score {
        /// Where: the run, from 1, or the line of a file.
        place: String,
        /// Its score.
        score: f64,
    },
    /// Too few sizes.
    #[error(
        "there {} of {}: a law needs runs of at least 2 sizes, one that bends of at least 3, and a choice between laws of more; \
         add runs on other numbers of examples",
        if *runs == 1 { "is 1 run".into() } else { format!("are {runs} runs") },
        n.map_or("no size".into(), |n| format!("one size, {n} examples"))
    )]
    OneSize {
        /// Runs.
        runs: usize,
        /// Their size.
        n: Option<f64>,
    },
    /// A number of draws, or a level, that cannot be.
    #[error("{field} is {value}: it must be {allowed}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A line that is no run.
    #[error("{place}: {why}; a line holds two numbers, the examples that a run was trained on and its score, as in `10000,0.75`")]
    Line {
        /// The file and the line.
        place: String,
        /// What is wrong with it.
        why: String,
    },
}
