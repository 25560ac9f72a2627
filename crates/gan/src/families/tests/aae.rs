use super::*;

type Game2<const H: usize> = Aae<Net<2, 2, H>, Net<2, 2, H>, Judge<2, H>, Cpu, 2, 2, H>;

fn aae<const H: usize>(recipe: &Recipe, autoencoder: OptimizerConfig, seed: u64) -> Game2<H> {
    let dev = Cpu::seed_from_u64(seed);
    let nets = (BuildModule::build(&dev), BuildModule::build(&dev), BuildModule::build(&dev));
    Aae::new(nets, dev, recipe, &autoencoder, seed).unwrap()
}

#[test]
fn each_phase_moves_its_own() {
    let (values, _) = corners(32, 1);
    let batch = Batch { values: &values, labels: &[] };
    let all = ["encoder", "decoder", "discriminator"];
    let game = |fooling, discriminator, autoencoder| {
        aae::<16>(&recipe(fooling, discriminator), sgd(autoencoder), 1)
    };
    moves(&mut game(0.1, 0.1, 0.1), batch, &all, &[]);
    moves(&mut game(STILL, STILL, 0.1), batch, &["encoder", "decoder"], &["discriminator"]);
    moves(&mut game(STILL, 0.1, STILL), batch, &["discriminator"], &["encoder", "decoder"]);
    moves(&mut game(0.1, STILL, STILL), batch, &["encoder"], &["decoder", "discriminator"]);
}

#[test]
fn the_fooling_step_is_down_its_loss() {
    let (values, _) = corners(32, 1);
    let batch = Batch { values: &values, labels: &[] };
    // the decoder and the codes' error go on from a moved encoder: leave them out by a decoder of zeros
    let mut game = aae::<16>(&recipe(1e-2, STILL), sgd(STILL), 1);
    shared::nn::state::map_parameters(&mut game.decoder.net, |_, w| w.fill(0.0)).unwrap();
    descends(&mut game, batch, 1e-2);
}

#[test]
fn the_reconstruction_step_is_down_its_loss() {
    let (values, _) = corners(32, 1);
    let batch = Batch { values: &values, labels: &[] };
    let mut game = aae::<16>(&recipe(STILL, STILL), sgd(1e-2), 1);
    let error = |game: &Game2<16>| mean_square(&game.reconstruct(&values).unwrap(), &values);
    let before = (error(&game), weights(&game, "encoder"), weights(&game, "decoder"));
    game.turn(&[batch]).unwrap();
    // plain steps: the squared length of both moves, over the rate, is what the loss falls by
    let moved = |now: Vec<NamedTensor>, before: &[NamedTensor]| -> f64 {
        now.iter().zip(before).map(|(a, b)| mean_square(a.values(), b.values()) * a.values().len() as f64).sum()
    };
    let length = moved(weights(&game, "encoder"), &before.1) + moved(weights(&game, "decoder"), &before.2);
    let (found, expected) = (before.0 - error(&game), length / 1e-2);
    assert!((found / expected - 1.0).abs() < 0.05, "{found} for {expected}");
}

#[test]
fn it_resumes_with_the_same_bits() {
    let (values, _) = corners(16, 1);
    let settings = Recipe { critic_steps: 2, average: 0.9, instance_noise: 0.1, ..Recipe::default() };
    resumes(&|| Box::new(aae::<16>(&settings, adam(1e-3, 0.9, 0.999), 5)), &values, &[]);
}

#[test]
fn codes_come_to_the_prior_and_points_come_back() {
    let (values, _) = corners(1024, 1);
    let power = mean_square(&values, &vec![0.0; values.len()]);
    let fast = || adam(2e-3, 0.5, 0.999);
    let recipe = Recipe { generator: fast(), discriminator: fast(), ..Recipe::default() };
    for seed in 1..6 {
        let mut game = aae::<32>(&recipe, adam(2e-3, 0.9, 0.999), seed);
        let look = |game: &Game2<32>| {
            let code = game.encode(&values).unwrap();
            let n = code.len() as f64;
            let second = mean_square(&code, &vec![0.0; code.len()]);
            let mean = code.iter().map(|c| f64::from(*c)).sum::<f64>() / n;
            (mean_square(&game.reconstruct(&values).unwrap(), &values) / power, mean, second)
        };
        let untrained = look(&game);
        train(&mut game, &values, &[], 1000);
        eprintln!("aae {untrained:?} {:?}", look(&game));
    }
}
