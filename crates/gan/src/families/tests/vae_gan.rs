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

/// With no weight on KL and none on the decoder's distance, each loss moves its own network as its gradient says.
#[test]
fn encoder_and_decoder_step_down_their_losses() {
    let (values, _) = corners(32, 1);
    let batch = Batch { values: &values, labels: &[] };
    // the decoder's loss for its part, with an encoder that no distance of features reaches
    let mut game = vae_gan::<16>(&recipe(1e-2, STILL), Balance { kl: 0.0, gamma: 0.0 }, 1);
    shared::nn::state::map_parameters(&mut game.critic.player.net.second, |_, w| w.fill(0.0)).unwrap();
    let before = weights(&game, "encoder");
    game.turn(&[batch]).unwrap();
    assert_eq!(weights(&game, "encoder"), before, "it follows no L_GAN");
    let mut game = vae_gan::<16>(&recipe(1e-2, STILL), Balance { kl: 1.0, gamma: 0.0 }, 1);
    shared::nn::state::map_parameters(&mut game.critic.player.net.second, |_, w| w.fill(0.0)).unwrap();
    game.turn(&[batch]).unwrap();
    assert_ne!(weights(&game, "encoder"), before, "it follows KL");
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
    let power = mean_square(&values, &vec![0.0; values.len()]);
    let fast = || adam(2e-3, 0.5, 0.999);
    let recipe = Recipe { generator: fast(), discriminator: fast(), ..Recipe::default() };
    for seed in 1..6 {
        let mut game = vae_gan::<32>(&recipe, Balance { kl: 0.05, gamma: 1.0 }, seed);
        let error = |game: &Game2<32>| mean_square(&game.reconstruct(&values).unwrap(), &values) / power;
        let untrained = error(&game);
        train(&mut game, &values, &[], 1000);
        eprintln!("vae-gan {untrained:?} {:?}", error(&game));
    }
}
