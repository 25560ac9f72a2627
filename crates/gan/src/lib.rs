#![doc = include_str!("../README.md")]

pub mod applications;
mod config;
mod critic;
mod diagnostics;
mod error;
mod gan;
pub mod latent;
mod losses;
pub mod measures;
mod net;
pub mod nets;
mod player;
pub mod theory;
mod trainer;

pub use config::{adam, Aim, Penalty, Prior, Recipe, RecipeError};
pub use critic::{Also, Critic, CriticReport};
pub use diagnostics::{Warning, Watch};
pub use error::GanError;
pub use gan::{Batch, Gan, StepReport};
pub use losses::Formulation;
pub use net::{Discriminator, Generator, Vectors};
pub use player::{Player, PlayerConfig};
pub use trainer::{play, Examples, Game, Plan, Told};
