//! Learning curves: which law a score follows as data grows, how sure that is, and how far it may be trusted.
//!
//! [`Points`] holds the scores of runs by the number of examples that they were trained on; [`CurveStudy`] fits every [`Law`] to
//! them by least squares, puts intervals around it by a bootstrap over seeds, and tells which laws the points support.
//!
//! ```
//! use data_scaling::curve::{CurveOptions, CurveStudy, Law, Point, Points};
//! // accuracies of two seeds at five sizes
//! let scores = [[0.412, 0.398], [0.507, 0.501], [0.604, 0.596], [0.691, 0.705], [0.797, 0.803]];
//! let sizes = [1e3, 1e4, 1e5, 1e6, 1e7];
//! let runs: Vec<Point> =
//!     sizes.iter().zip(scores).flat_map(|(n, of)| of.map(|score| Point { n: *n, score })).collect();
//! let study = CurveStudy::of(&Points::new(&runs)?, &CurveOptions::default())?;
//! let best = &study.fits[0];
//! assert_eq!(best.law, Law::LogLinear);
//! let more = best.examples_for(0.85).expect("a line reaches every score");
//! assert!((2e7..6e7).contains(&more.value), "0.85 takes {:.1e} examples", more.value);
//! # Ok::<(), data_scaling::curve::CurveError>(())
//! ```

mod bootstrap;
mod csv;
mod error;
mod law;
mod least_squares;
mod points;
mod study;
mod told;

pub use csv::parse_points;
pub use error::CurveError;
pub use law::Law;
pub use points::{Point, Points, Size};
pub use study::{CurveOptions, CurveStudy, Estimate, Fitted, SUPPORTED};
pub use told::told;
