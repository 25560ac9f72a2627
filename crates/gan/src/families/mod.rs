//! The survey's families of models around the game: with codes or classes, with inference, with an autoencoder.
//!
//! | family | networks | the discriminator sees | besides |
//! |---|---|---|---|
//! | [`CodedGan`]: AC-GAN, InfoGAN | G, D with heads | x against G(z) | classes or codes told from features |
//! | [`Bigan`]: ALI, BiGAN | E, G, D | (x, E(x)) against (G(z), z) | nothing |
//! | [`Aae`]: adversarial autoencoder | E, Dec, D | z against E(x) | ‖x − Dec(E(x))‖² |
//! | [`VaeGan`] | E, Dec, D | x against Dec(E(x)) and Dec(z) | KL, and a distance of features |
//!
//! Each takes networks of your own by the traits [`Generator`] and [`Discriminator`](crate::Discriminator) and is a
//! [`Game`](crate::Game), so that [`play`](crate::play) trains, keeps and resumes it.

mod aae;
mod bigan;
mod coded;
mod coded_gan;
mod matching;
#[cfg(test)]
mod tests;
mod vae_gan;

use shared::{
    device::{read_back, read_number, Backend},
    dfdx::{prelude::*, tensor::OwnedTape},
    nn::Pass,
    ops::targets::Targets,
};

use crate::{
    config::{Aim, Recipe, RecipeError},
    error::compute,
    gan::{rows_of, SAMPLE_BATCH},
    net::{Generator, Vectors},
    player::PlayerConfig,
    GanError,
};

pub use aae::Aae;
pub use bigan::Bigan;
pub use coded::{Coded, Coding};
pub use coded_gan::CodedGan;
pub use matching::{best_matching, Matching};
pub use vae_gan::{Balance, VaeGan};

/// Streams of the seed, beside those of the plain game.
const DROPOUT_STREAM: u64 = 1;
const LATENT_STREAM: u64 = 2;
const ENCODER_DROPOUT_STREAM: u64 = 3;
const NOISE_STREAM: u64 = 4;

/// Vectors with a tape, and a loss on it.
type Tracked<const N: usize, D> = Vectors<N, D, OwnedTape<f32, D>>;
type Loss<D> = Tensor<(), f32, D, OwnedTape<f32, D>>;

/// Whole vectors as a tensor.
fn vectors<const N: usize, D: Backend>(
    device: &D,
    what: &'static str,
    values: &[f32],
) -> Result<Vectors<N, D>, GanError> {
    let rows = rows_of(what, values, N)?;
    device.try_tensor_from_vec(values.to_vec(), (rows, Const)).map_err(compute)
}

/// What a network in use makes of many vectors, some at a time.
fn apply<const A: usize, const B: usize, D: Backend, G: Generator<A, B, D>>(
    net: &mut G,
    device: &D,
    what: &'static str,
    values: &[f32],
) -> Result<Vec<f32>, GanError> {
    rows_of(what, values, A)?;
    let mut made = Vec::with_capacity(values.len() / A.max(1) * B);
    for values in values.chunks(SAMPLE_BATCH * A.max(1)) {
        let x = vectors(device, what, values)?;
        made.extend(read_back(&net.generate(x, &mut Pass::Eval).map_err(compute)?));
    }
    Ok(made)
}

/// A recipe's ranges, and that it asks for no trick that only the plain game has.
fn validate(recipe: &Recipe) -> Result<(), GanError> {
    recipe.validate()?;
    let refuse = |setting, value: String, allowed| Err(RecipeError { setting, value, allowed }.into());
    if recipe.aim != Aim::Scores {
        let allowed = "this family follows scores; match features with the plain game";
        return refuse("what the generator follows", format!("{:?}", recipe.aim), allowed);
    }
    if recipe.unroll > 0 {
        let allowed = "this family takes 0; unroll the plain game";
        return refuse("the number of unrolled steps", recipe.unroll.to_string(), allowed);
    }
    Ok(())
}

/// The settings of a player on the generator's side.
fn maker(recipe: &Recipe) -> PlayerConfig {
    let optimizer = recipe.generator.clone();
    PlayerConfig { optimizer, clip: None, history: recipe.history, average: recipe.average }
}

/// Labels as targets, one a row.
fn targets(labels: &[usize], classes: usize, rows: usize) -> Result<Targets, GanError> {
    let what = "classes that there are";
    let good = labels.iter().filter(|label| **label < classes).count();
    let wrong = GanError::Values { what, found: good, examples: rows, width: 1, expected: rows };
    match Targets::new(labels.to_vec(), classes) {
        Ok(targets) if targets.len() == rows => Ok(targets),
        _ => Err(wrong),
    }
}

fn value<D: Backend>(loss: &Loss<D>) -> f64 {
    read_number(loss)
}

/// Half the squared distance of two batches of vectors, as a mean over the batch: −log N(found; wanted, I) without its
/// constant.
fn half_distance<const N: usize, D: Backend>(
    found: Tracked<N, D>,
    wanted: Vectors<N, D>,
) -> Result<Loss<D>, D::Err> {
    let square: Loss<D> = found.try_sub(wanted)?.try_square()?.try_mean()?;
    square.try_mul(0.5 * N as f32)
}
