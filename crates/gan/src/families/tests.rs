//! What all families are held to, and tools for the tests of each.

use datasets::synthetic::Mixture;
use shared::{
    dfdx::prelude::*,
    nn::state::NamedTensor,
    optim::{OptimizerConfig, SgdConfig},
    train::{State, Storage},
};

use super::*;
use crate::{adam, nets::*, play, Batch, Examples, Formulation, Game, Plan, StepReport};

mod aae;
mod bigan;
mod coded;
mod vae_gan;

type Net<const A: usize, const B: usize, const H: usize = 16> = MlpGenerator<f32, Cpu, A, H, B>;
type Judge<const A: usize, const H: usize = 16> = MlpDiscriminator<f32, Cpu, A, H, LEAKY>;

fn sgd(lr: f64) -> OptimizerConfig {
    OptimizerConfig::Sgd(SgdConfig { lr, ..SgdConfig::default() })
}

/// A rate at which no weight of 32 bits moves.
const STILL: f64 = 1e-30;

fn recipe(generator: f64, discriminator: f64) -> Recipe {
    Recipe { generator: sgd(generator), discriminator: sgd(discriminator), ..Recipe::default() }
}

/// Points around the corners of a square, and the corner of each.
fn corners(count: usize, seed: u64) -> (Vec<f32>, Vec<usize>) {
    let centres = vec![[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]];
    let values = Mixture::new(centres, 0.1).unwrap().sample(0..count as u64, seed);
    let corner = |x: &[f32]| usize::from(x[0] > 0.0) + 2 * usize::from(x[1] > 0.0);
    let labels = values.chunks_exact(2).map(corner).collect();
    (values, labels)
}

/// Points of a plane in four dimensions, two normal numbers each.
fn plane(count: usize) -> Vec<f32> {
    let mut rng = shared::train::RunRng::new(4, 0);
    let z = crate::latent::draw(crate::Prior::Normal, count, 2, &mut rng);
    z.chunks_exact(2).flat_map(|z| [z[0], z[1], 0.6 * z[0] + 0.8 * z[1], 0.8 * z[0] - 0.6 * z[1]]).collect()
}

fn train(game: &mut dyn Game, values: &[f32], labels: &[usize], steps: usize) {
    let plan = Plan { steps, batch: 64, seed: 3, ..Plan::default() };
    play(game, &Examples { values, labels }, &plan, &mut |_| Ok(())).unwrap();
}

fn mean_square(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len() as f64
}

/// The mean square of values.
fn power(values: &[f32]) -> f64 {
    mean_square(values, &vec![0.0; values.len()])
}

fn weights(game: &dyn Game, network: &str) -> Vec<NamedTensor> {
    let weights = game.keep().unwrap().take_tensors(network).unwrap();
    assert!(!weights.is_empty(), "{network}");
    weights
}

/// One turn moves every tensor of the networks in `moving` and no bit of those in `still`.
fn moves(game: &mut dyn Game, batch: Batch<'_>, moving: &[&str], still: &[&str]) -> StepReport {
    let of = |game: &dyn Game, names: &[&str]| names.iter().map(|n| weights(game, n)).collect::<Vec<_>>();
    let (mover, stayer) = (of(game, moving), of(game, still));
    let report = game.turn(&[batch]).unwrap();
    assert_eq!(of(game, still), stayer);
    for (now, before) in of(game, moving).iter().flatten().zip(mover.iter().flatten()) {
        assert!(now.values().is_empty() || now != before, "{} stays", now.name());
    }
    report
}

/// Two more turns after a state is taken back are those of the undisturbed game, bit by bit.
fn resumes(make: &dyn Fn() -> Box<dyn Game>, values: &[f32], labels: &[usize]) {
    let turn =
        |game: &mut dyn Game| game.turn(&[Batch { values, labels }, Batch { values, labels }]).unwrap();
    let mut undisturbed = make();
    turn(&mut *undisturbed);
    let kept = undisturbed.keep().unwrap();
    let mut resumed = make();
    resumed.bring(&kept).unwrap();
    assert!(resumed.keep().unwrap() == kept);
    for _ in 0..2 {
        assert_eq!(turn(&mut *resumed), turn(&mut *undisturbed));
    }
    assert!(resumed.keep().unwrap() == undisturbed.keep().unwrap());
    assert_eq!(resumed.draw(5, &[], 1).unwrap(), undisturbed.draw(5, &[], 1).unwrap());
    assert_ne!(resumed.draw(5, &[], 1).unwrap(), resumed.draw(5, &[], 2).unwrap());
    assert!(resumed.bring(&State::default()).is_err());

    // and so are those of a run whose state went through a file
    let folder = tempfile::tempdir().unwrap();
    let run = |steps, resume: Option<bool>| {
        let mut game = make();
        let folder = folder.path().to_owned();
        let storage =
            resume.map(|resume| Storage { folder, every_steps: 0, resume, config: serde_json::Value::Null });
        let plan = Plan { steps, batch: 8, seed: 3, storage, ..Plan::default() };
        play(&mut *game, &Examples { values, labels }, &plan, &mut |_| Ok(())).unwrap();
        game.keep().unwrap()
    };
    run(2, Some(false));
    assert!(run(4, Some(true)) == run(4, None));
}

/// After a plain gradient step the generator's loss, on the same draws and against a discriminator that stays, is lower by
/// rate · ‖gradient‖².
fn descends(game: &mut dyn Game, batch: Batch<'_>, rate: f64) {
    let before = game.keep().unwrap();
    let first = game.turn(&[batch]).unwrap();
    let mut after = game.keep().unwrap();
    after.values.insert("latent".into(), before.values["latent"].clone());
    game.bring(&after).unwrap();
    let second = game.turn(&[batch]).unwrap();
    let found = first.generator_loss - second.generator_loss;
    let expected = rate * first.generator_grad_norm.powi(2);
    assert!((found / expected - 1.0).abs() < 0.05, "{found} for {expected}");
}

#[test]
fn tricks_of_the_plain_game_are_refused() {
    let told = |recipe: &Recipe| validate(recipe).unwrap_err().to_string();
    let features = Recipe { aim: Aim::Features, ..Recipe::default() };
    let unrolled = Recipe { unroll: 2, ..Recipe::default() };
    assert!(told(&features).starts_with("what the generator follows is Features:"));
    assert!(told(&unrolled).starts_with("the number of unrolled steps is 2:"));
}

/// Gradients go through the discriminator to what it looks at; its weights get none.
#[test]
fn looking_through_a_discriminator_leaves_it_alone() {
    let dev = Cpu::seed_from_u64(1);
    let net: Judge<3> = BuildModule::build(&dev);
    let recipe = Recipe::default();
    let mut critic: crate::Critic<_, _, 3, 16> = crate::Critic::new(net, &recipe, 1).unwrap();
    let x: Vectors<3, Cpu> = dev.sample_normal_like(&(4, Const));
    let net = &critic.player.net;
    let (first, last) = (net.first.weight.clone(), net.last.weight.clone());
    let (features, scores) = critic.through(&recipe, 0, x.leaky_trace()).unwrap();
    let loss = scores.mean::<Rank0, _>() + features.square().mean::<Rank0, _>();
    let mut grads = loss.backward();
    assert!(grads.get(&x).as_vec().iter().any(|g| *g != 0.0));
    grads.try_alloc_for(&first).unwrap();
    grads.try_alloc_for(&last).unwrap();
    assert!(grads.get(&first).as_vec().iter().chain(&grads.get(&last).as_vec()).all(|g| *g == 0.0));
}
