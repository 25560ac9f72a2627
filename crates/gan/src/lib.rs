#![doc = include_str!("../README.md")]

pub mod applications;
mod claims;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod critic;
pub mod data;
mod diagnostics;
mod error;
pub mod experiment;
pub mod families;
mod games;
mod gan;
pub mod latent;
mod losses;
pub mod measures;
mod net;
pub mod nets;
mod player;
mod recogniser;
pub mod scores;
pub mod theory;
mod trainer;

pub use claims::{CLAIMS, DEVIATIONS};
pub use config::{adam, Aim, Penalty, Prior, Recipe, RecipeError};
pub use critic::{Also, Critic, CriticReport};
pub use diagnostics::{Warning, Watch};
pub use error::GanError;
pub use games::{Networks, TOY_LATENT};
pub use gan::{Batch, Gan, StepReport};
pub use losses::Formulation;
pub use net::{Discriminator, Generator, Vectors};
pub use player::{Player, PlayerConfig};
pub use recogniser::{Recognised, Recogniser, CLASSES, FEATURES};
pub use trainer::{play, Examples, Game, Plan, Told};
