use super::*;

type Game4<const H: usize> = Aae<Net<4, 2, H>, Net<2, 4, H>, Judge<2, H>, Cpu, 4, 2, H>;

fn aae<const H: usize>(recipe: &Recipe, autoencoder: OptimizerConfig, seed: u64) -> Game4<H> {
    let dev = Cpu::seed_from_u64(seed);
    let nets = (BuildModule::build(&dev), BuildModule::build(&dev), BuildModule::build(&dev));
    Aae::new(nets, dev, recipe, &autoencoder, seed).unwrap()
}

#[test]
fn each_phase_moves_its_own() {
    let values = plane(32);
    let batch = Batch { values: &values, labels: &[] };
    let all = ["encoder", "decoder", "discriminator"];
    let game =
        |fooling, discriminator, autoencoder| aae::<16>(&recipe(fooling, discriminator), sgd(autoencoder), 1);
    moves(&mut game(0.1, 0.1, 0.1), batch, &all, &[]);
    moves(&mut game(STILL, STILL, 0.1), batch, &["encoder", "decoder"], &["discriminator"]);
    moves(&mut game(STILL, 0.1, STILL), batch, &["discriminator"], &["encoder", "decoder"]);
    moves(&mut game(0.1, STILL, STILL), batch, &["encoder"], &["decoder", "discriminator"]);
}

#[test]
fn the_fooling_step_is_down_its_loss() {
    let values = plane(32);
    let batch = Batch { values: &values, labels: &[] };
    // the decoder and the codes' error go on from a moved encoder: leave them out by a decoder of zeros
    let mut game = aae::<16>(&recipe(0.5, STILL), sgd(STILL), 1);
    shared::nn::state::map_parameters(&mut game.decoder.net, |_, w| w.fill(0.0)).unwrap();
    descends(&mut game, batch, 0.5);
}

#[test]
fn the_reconstruction_step_is_down_its_loss() {
    let values = plane(32);
    let batch = Batch { values: &values, labels: &[] };
    let mut game = aae::<16>(&recipe(STILL, STILL), sgd(1e-2), 1);
    let error = |game: &Game4<16>| mean_square(&game.reconstruct(&values).unwrap(), &values);
    let before = (error(&game), weights(&game, "encoder"), weights(&game, "decoder"));
    game.turn(&[batch]).unwrap();
    // plain steps: the squared length of both moves, over the rate, is what the loss falls by
    let moved = |now: Vec<NamedTensor>, before: &[NamedTensor]| -> f64 {
        now.iter()
            .zip(before)
            .map(|(a, b)| mean_square(a.values(), b.values()) * a.values().len() as f64)
            .sum()
    };
    let length = moved(weights(&game, "encoder"), &before.1) + moved(weights(&game, "decoder"), &before.2);
    let (found, expected) = (before.0 - error(&game), length / 1e-2);
    assert!((found / expected - 1.0).abs() < 0.05, "{found} for {expected}");
}

#[test]
fn it_resumes_with_the_same_bits() {
    let values = plane(16);
    let settings = Recipe { critic_steps: 2, average: 0.9, instance_noise: 0.1, ..Recipe::default() };
    resumes(&|| Box::new(aae::<16>(&settings, adam(1e-3, 0.9, 0.999), 5)), &values, &[]);
}

#[test]
fn codes_come_to_the_prior_and_points_come_back() {
    let values = plane(1024);
    let rate = || adam(1e-3, 0.5, 0.999);
    let recipe = Recipe { generator: rate(), discriminator: rate(), ..Recipe::default() };
    let mut game = aae::<32>(&recipe, adam(2e-3, 0.9, 0.999), 1);
    let error = |game: &Game4<32>| mean_square(&game.reconstruct(&values).unwrap(), &values) / power(&values);
    let second = |game: &Game4<32>| power(&game.encode(&values).unwrap());
    let untrained = (error(&game), second(&game));
    assert!(untrained.0 > 0.9 && untrained.1 < 0.1, "{untrained:?}");
    train(&mut game, &values, &[], 1000);
    let trained = (error(&game), second(&game));
    assert!(trained.0 < 0.02 && (trained.1 - 1.0).abs() < 0.3, "{trained:?}");
    // so that decoded draws of the prior lie in the data's plane: their third number is 0.6 a + 0.8 b
    let samples = game.draw(500, &[], 1).unwrap();
    let off: Vec<f32> = samples.chunks_exact(4).map(|x| x[2] - 0.6 * x[0] - 0.8 * x[1]).collect();
    assert!(power(&off) < 0.05 && power(&samples) > 0.5, "{} {}", power(&off), power(&samples));
}
