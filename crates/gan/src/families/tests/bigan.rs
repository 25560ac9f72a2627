use super::*;

type Game4<const H: usize> = Bigan<Net<4, 2, H>, Net<2, 4, H>, Judge<6, H>, Cpu, 4, 2, 6, H>;

fn bigan<const H: usize>(recipe: &Recipe, seed: u64) -> Game4<H> {
    let dev = Cpu::seed_from_u64(seed);
    let nets = (BuildModule::build(&dev), BuildModule::build(&dev), BuildModule::build(&dev));
    Bigan::new(nets, dev, recipe, seed).unwrap()
}

#[test]
fn each_phase_moves_its_own() {
    let values = plane(32);
    let batch = Batch { values: &values, labels: &[] };
    let (makers, d) = (&["encoder", "generator"][..], &["discriminator"][..]);
    moves(&mut bigan::<16>(&recipe(0.1, 0.1), 1), batch, &["encoder", "generator", "discriminator"], &[]);
    moves(&mut bigan::<16>(&recipe(0.1, STILL), 1), batch, makers, d);
    moves(&mut bigan::<16>(&recipe(STILL, 0.1), 1), batch, d, makers);
}

#[test]
fn the_step_of_both_is_down_their_loss() {
    let values = plane(32);
    let batch = Batch { values: &values, labels: &[] };
    for formulation in [
        Formulation::NonSaturating,
        Formulation::Minimax,
        Formulation::LeastSquares,
        Formulation::Wasserstein,
        Formulation::Hinge,
        Formulation::FDivergence(crate::theory::Divergence::JensenShannon),
    ] {
        let recipe = Recipe { formulation, ..recipe(2e-2, STILL) };
        descends(&mut bigan::<16>(&recipe, 1), batch, 2e-2);
    }
}

/// The encoder's pairs must come to look made, the generator's to look real: against a discriminator that stays, the scores
/// of (x, E(x)) fall and those of (G(z), z) rise.
#[test]
fn encoder_and_generator_pull_from_both_sides() {
    let values = plane(64);
    let batch = Batch { values: &values, labels: &[] };
    let mut game = bigan::<16>(&recipe(0.3, STILL), 1);
    let reports: Vec<StepReport> = (0..300).map(|_| game.turn(&[batch]).unwrap()).collect();
    let (first, last) = (reports[0].critic, reports[299].critic);
    assert!(last.real_score < first.real_score - 0.05, "{first:?} {last:?}");
    assert!(last.fake_score > first.fake_score + 0.03, "{first:?} {last:?}");
}

#[test]
fn it_resumes_with_the_same_bits() {
    let settings = Recipe { critic_steps: 2, average: 0.9, instance_noise: 0.1, ..Recipe::default() };
    resumes(&|| Box::new(bigan::<16>(&settings, 5)), &plane(16), &[]);
}

#[test]
fn the_encoder_comes_to_invert_the_generator() {
    let values = plane(1024);
    let rate = || adam(2e-3, 0.5, 0.999);
    let recipe = Recipe { generator: rate(), discriminator: rate(), average: 0.99, ..Recipe::default() };
    let mut game = bigan::<32>(&recipe, 1);
    let error = |game: &Game4<32>| mean_square(&game.reconstruct(&values).unwrap(), &values) / power(&values);
    let untrained = error(&game);
    train(&mut game, &values, &[], 1500);
    assert!(untrained > 0.9 && error(&game) < 0.25, "{untrained} {}", error(&game));
    let z = crate::latent::draw(crate::Prior::Normal, 500, 2, &mut shared::train::RunRng::new(8, 0));
    let back = game.encode(&game.generate(&z).unwrap()).unwrap();
    assert!(mean_square(&back, &z) < 0.4, "{}", mean_square(&back, &z));
}
