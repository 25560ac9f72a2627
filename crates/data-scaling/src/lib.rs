#![doc = include_str!("../README.md")]

mod claims;
#[cfg(feature = "cli")]
pub mod cli;
pub mod curve;
mod encoder;
mod error;
pub mod experiment;
mod judge;
pub mod measures;
mod network;
mod pretrain;
mod source;
mod study;
mod transfer;

pub use claims::{CLAIMS, DEVIATIONS};
pub use encoder::{ConvEncoder, Encoder, Width};
pub use error::DataScalingError;
pub use judge::{held_out, Judge, Outcome};
pub use network::{conv_network, ConvOptions, Head, Net, Network, Objective, Trainable};
pub use pretrain::{pretrain, Length, Look, Pretraining};
pub use source::{scene_task, ClassedImages, Labelled, LabelledScenes, Source, Task, SHAPE, TEST_START};
pub use study::{points, scaling_study, Cell, StudyPlan};
pub use transfer::{fine_tuned, frozen, Transferring};
