use super::*;
use crate::families::vae_gan::posterior;

type Game2<const H: usize> = VaeGan<Net<2, 4, H>, Net<2, 2, H>, Judge<2, H>, Cpu, 2, 2, 4, H>;

fn vae_gan<const H: usize>(recipe: &Recipe, balance: Balance, seed: u64) -> Game2<H> {
    let dev = Cpu::seed_from_u64(seed);
    let nets = (BuildModule::build(&dev), BuildModule::build(&dev), BuildModule::build(&dev));
    VaeGan::new(nets, dev, recipe, balance, seed).unwrap()
}

/// KL(N(μ, e^s) ‖ N(0, 1)) by the integral, on a grid.
fn kl_by_integral(mean: f64, s: f64) -> f64 {
    let sigma = (s / 2.0).exp();
    let step = sigma / 100.0;
    (-1000..=1000)
        .map(|i| {
            let z = mean + f64::from(i) * step;
            let log_q = -0.5 * ((z - mean) / sigma).powi(2) - sigma.ln();
            let log_p = -0.5 * z * z;
            log_q.exp() * (log_q - log_p) * step / std::f64::consts::TAU.sqrt()
        })
        .sum()
}

#[test]
fn the_divergence_is_the_integral_and_draws_are_of_the_posterior() {
    let dev = Cpu::default();
    let told = dev.tensor([[0.0, 0.5, 0.0, -1.0], [-2.0, 1.0, 1.2, 0.3]]);
    let told: Vectors<4, Cpu> = told.reshape_like(&(2, Const));
    let eps: Vectors<2, Cpu> = dev.tensor([[1.0, -2.0], [0.5, 0.0]]).reshape_like(&(2, Const));
    let (z, kl): (Vectors<2, Cpu>, _) = posterior(told, eps).unwrap();
    let expected = [(0.0, 0.0), (0.5, -1.0), (-2.0, 1.2), (1.0, 0.3)].map(|(m, s)| kl_by_integral(m, s));
    assert!(expected[0].abs() < 1e-9);
    let expected = expected.iter().sum::<f64>() / 2.0;
    assert!((f64::from(kl.array()) - expected).abs() < 1e-5, "{} for {expected}", kl.array());
    let expected = [1.0, 0.5 - 2.0 * (-0.5f32).exp(), -2.0 + 0.5 * 0.6f32.exp(), 1.0];
    assert!(mean_square(&z.as_vec(), &expected) < 1e-12);
}

#[test]
fn gradients_go_through_the_draws_and_the_divergence() {
    let dev = Cpu::default();
    let at = [0.3f32, -0.5, 0.2, -1.0];
    let eps: Vectors<2, Cpu> = dev.tensor([[1.0, -2.0]]).reshape_like(&(1, Const));
    let told = |at: [f32; 4]| -> Vectors<4, Cpu> { dev.tensor([at]).reshape_like(&(1, Const)) };
    let loss = |at: [f32; 4]| -> f64 {
        let (z, kl): (Vectors<2, Cpu>, _) = posterior(told(at), eps.clone()).unwrap();
        z.as_vec().iter().map(|z| f64::from(*z).powi(3)).sum::<f64>() + f64::from(kl.array())
    };
    let x = told(at);
    let (z, kl): (Tracked<2, Cpu>, _) = posterior(x.leaky_trace(), eps.clone()).unwrap();
    let cubes: Loss<Cpu> = z.powi(3).sum();
    let slope = (cubes + kl).backward().get(&x).as_vec();
    for i in 0..4 {
        let (mut up, mut down) = (at, at);
        (up[i], down[i]) = (at[i] + 1e-2, at[i] - 1e-2);
        let expected = (loss(up) - loss(down)) / 2e-2;
        assert!((f64::from(slope[i]) - expected).abs() < 1e-2, "{i}: {} for {expected}", slope[i]);
    }
}

#[test]
fn each_phase_moves_its_own() {
    let (values, _) = corners(32, 1);
    let batch = Batch { values: &values, labels: &[] };
    let (makers, d) = (&["encoder", "decoder"][..], &["discriminator"][..]);
    let game = |recipe: &Recipe| vae_gan::<16>(recipe, Balance::default(), 1);
    moves(&mut game(&recipe(0.1, 0.1)), batch, &["encoder", "decoder", "discriminator"], &[]);
    moves(&mut game(&recipe(0.1, STILL)), batch, makers, d);
    moves(&mut game(&recipe(STILL, 0.1)), batch, d, makers);
}

#[test]
fn the_encoder_follows_no_score() {
    let (values, _) = corners(32, 1);
    let batch = Batch { values: &values, labels: &[] };
    // features that are the same for all examples leave the encoder nothing but KL
    let game = |kl| {
        let mut game = vae_gan::<16>(&recipe(1e-2, STILL), Balance { kl, gamma: 1.0 }, 1);
        shared::nn::state::map_parameters(&mut game.critic.player.net.second, |_, w| w.fill(0.0)).unwrap();
        game
    };
    let (mut with, mut without) = (game(1.0), game(0.0));
    moves(&mut without, batch, &[], &["encoder", "decoder"]);
    moves(&mut with, batch, &["encoder"], &["decoder"]);
}

/// A game after a turn, with one network and the draws as they were before.
fn put_back(game: &mut dyn Game, before: &State, network: &str) {
    let mut state = game.keep().unwrap();
    state.values.insert("latent".into(), before.values["latent"].clone());
    let ours = |t: &NamedTensor| t.name().starts_with(&format!("{network}."));
    state.tensors.retain(|t| !ours(t));
    state.tensors.extend(before.tensors.iter().filter(|t| ours(t)).cloned());
    game.bring(&state).unwrap();
}

/// Against a critic that stays, and with γ = 0, the decoder's loss is −fake score and the encoder's is the rest. A plain
/// step of either, the other as it was, lowers its loss by the squared length of the move over the rate.
#[test]
fn each_step_is_down_its_own_loss() {
    let (values, _) = corners(32, 1);
    let batch = Batch { values: &values, labels: &[] };
    let rate = 1e-3;
    let recipe = Recipe { formulation: Formulation::Wasserstein, ..recipe(rate, STILL) };
    for (network, other) in [("encoder", "decoder"), ("decoder", "encoder")] {
        let mut game = vae_gan::<16>(&recipe, Balance { kl: 0.5, gamma: 0.0 }, 1);
        let (state, before) = (game.keep().unwrap(), weights(&game, network));
        let first = game.turn(&[batch]).unwrap();
        let square = |(a, b): (&NamedTensor, &NamedTensor)| {
            mean_square(a.values(), b.values()) * a.values().len() as f64
        };
        let length: f64 = weights(&game, network).iter().zip(&before).map(square).sum();
        put_back(&mut game, &state, other);
        let second = game.turn(&[batch]).unwrap();
        let decoding = |report: &StepReport| -report.critic.fake_score;
        let loss = |report: &StepReport| match network {
            "decoder" => decoding(report),
            _ => report.generator_loss - decoding(report),
        };
        let (found, expected) = (loss(&first) - loss(&second), length / rate);
        assert!((found / expected - 1.0).abs() < 0.05, "{network}: {found} for {expected}");
    }
}

#[test]
fn it_resumes_with_the_same_bits() {
    let (values, _) = corners(16, 1);
    let settings = Recipe { critic_steps: 2, average: 0.9, instance_noise: 0.1, ..Recipe::default() };
    resumes(&|| Box::new(vae_gan::<16>(&settings, Balance::default(), 5)), &values, &[]);
}

#[test]
fn points_come_back_and_samples_are_near_the_data() {
    let (values, _) = corners(1024, 1);
    let rate = || adam(2e-3, 0.5, 0.999);
    let recipe = Recipe { generator: rate(), discriminator: rate(), ..Recipe::default() };
    let mut game = vae_gan::<32>(&recipe, Balance { kl: 0.05, gamma: 1.0 }, 1);
    let error = |game: &Game2<32>| mean_square(&game.reconstruct(&values).unwrap(), &values) / power(&values);
    // four standard deviations from a corner, or less
    let near = |game: &Game2<32>| {
        let samples = game.draw(500, &[], 1).unwrap();
        let near = |x: &&[f32]| x.iter().all(|x| (x.abs() - 1.0).abs() < 0.4);
        samples.chunks_exact(2).filter(near).count() as f64 / 500.0
    };
    let untrained = (error(&game), near(&game));
    train(&mut game, &values, &[], 500);
    let trained = (error(&game), near(&game));
    assert!(untrained.0 > 0.9 && untrained.1 < 0.1, "{untrained:?}");
    assert!(trained.0 < 0.1 && trained.1 > 0.6, "{trained:?}");
}
