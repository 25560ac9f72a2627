//! What the survey's section on applications is about: classification with few labels.

mod classifier;
mod semi_supervised;
mod semi_training;

pub use classifier::{jitter, Classifier, NoisyMlp, NormGenerator};
pub use semi_supervised::{SemiConfig, SemiReport, SemiSupervised};
pub use semi_training::{choose_labelled, Labelled, SemiTold};
