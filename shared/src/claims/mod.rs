//! A paper's claims as values: measured over seeds, judged by intervals, written down with everything that
//! is needed to measure them again.
//!
//! A paper crate lists `const CLAIMS: &[Claim]`. Each [`Claim`] carries a function that measures it and
//! returns [`Measured`]: rows of numbers, figures as data, and the [`Check`]s it rests on. The [`Verdict`]
//! follows from the checks alone, so no claim can be called good by hand:
//!
//! | checks | verdict |
//! |---|---|
//! | all hold | [`Verdict::Holds`] |
//! | some hold | [`Verdict::Partly`] |
//! | none holds, some fail | [`Verdict::Fails`] |
//! | none holds or fails: intervals are too wide to tell | [`Verdict::Undecided`] |
//! | there are none | [`Verdict::NotRun`] |
//!
//! # Example
//! ```
//! use shared::claims::*;
//!
//! const CLAIMS: &[Claim] = &[Claim {
//!     id: "cora-accuracy",
//!     section: "5.1, Table 1",
//!     statement: "A two-hop DCNN classifies Cora's papers better than logistic regression on their words.",
//!     paper: PaperValue::Numbers(&[("DCNN", 0.8677), ("logistic", 0.7292)]),
//!     direction: Direction::Above { margin: 0.0 },
//!     protocol: Protocol::Exact,
//!     budget: Budget { quick_s: 5, full_s: 60 },
//!     measure: cora_accuracy,
//! }];
//!
//! fn cora_accuracy(context: &Context<'_>) -> Result<Measured, ClaimError> {
//!     let seeds = context.seeds(3, 10);
//!     let (dcnn, logistic) = (vec![0.861, 0.858, 0.866], vec![0.741, 0.729, 0.733]); // one value a seed
//!     let gain = stats::paired(&dcnn, &logistic, stats::LEVEL)?;
//!     Ok(Measured::new(seeds)
//!         .row(Row::new("DCNN", dcnn)?.paper(0.8677))
//!         .row(Row::new("logistic", logistic)?.paper(0.7292))
//!         .check(judge::above_by("DCNN over logistic", &gain, 0.0)))
//! }
//!
//! let measured = (CLAIMS[0].measure)(&Context::quiet(true))?;
//! assert_eq!(measured.verdict(), Verdict::Holds);
//! # Ok::<(), ClaimError>(())
//! ```

mod cells;
mod claim;
mod deviation;
mod figure;
mod float;
pub mod judge;
mod measured;
mod number;
mod ranks;
pub mod readme;
mod report;
pub mod results;
mod sheet;
pub mod stats;
mod student;
mod text;

pub use crate::files::{atomic_write, FileError};
pub use cells::{once, Cells};
pub use claim::{
    check_lists, Budget, Claim, ClaimError, ClaimInfo, Context, Direction, PaperNumber, PaperValue, Progress,
    Protocol, Silent,
};
pub use deviation::{Deviation, DeviationInfo};
pub use figure::{Axis, Figure, Kind, Mark, Point, Series, Table};
pub use judge::{Check, Outcome};
pub use measured::{Measured, Row, Verdict};
#[cfg(feature = "cli")]
pub(crate) use number::range_text;
pub use number::{cell, duration, number};
pub use report::{ClaimResult, Fingerprint, Provenance, Report, SCHEMA};
pub use sheet::{ImageSheet, SheetError};
pub use text::{wrap, Column, TextTable};
