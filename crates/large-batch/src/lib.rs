#![doc = include_str!("../README.md")]

mod alone;
pub mod arithmetic;
mod claims;
#[cfg(feature = "cli")]
pub mod cli;
pub mod collective;
mod data_parallel;
mod error;
pub mod experiment;
mod noise_scale;
mod recipe;
mod replica;
mod scaling;
mod self_test;
mod session;
mod shards;

pub use alone::Alone;
pub use claims::{CLAIMS, DEVIATIONS};
pub use data_parallel::{DataParallel, Reduction, StepOutcome};
pub use error::LargeBatchError;
pub use noise_scale::NoiseScale;
pub use recipe::{norm_parameters, sgd};
pub use replica::{ImageReplica, ModelReplica, Replica};
pub use scaling::{LinearScaling, RateRule, WarmupRule};
pub use self_test::{self_test, SelfCheck};
pub use session::{train, Unwatched, Watch};
pub use shards::{shard_of_epoch, shards};
