use rand::Rng;
use rand_distr::StandardNormal;
use shared::nn::state::state_dict;

use super::*;
use crate::{
    applications::{choose_labelled, Labelled, NoisyMlp, NormGenerator},
    trainer::Plan,
};

type Trunk = NoisyMlp<f32, Cpu, 2, 32, 32, 16>;
type Net = Classifier<Trunk, f32, Cpu, 16, 2>;
type Game = SemiSupervised<NormGenerator<f32, Cpu, 4, 16, 2>, Trunk, Cpu, 4, 2, 16, 2>;

fn game(unsupervised: f64) -> Game {
    let dev = Cpu::seed_from_u64(5);
    let nets = (BuildModule::build(&dev), BuildModule::build(&dev));
    let config = SemiConfig { unsupervised, average: 0.9, ..SemiConfig::default() };
    SemiSupervised::new(nets, dev, &config, 3).unwrap()
}

/// Two classes in two corners of the unit square.
fn points(count: usize, seed: u64) -> (Vec<f32>, Vec<usize>) {
    let mut rng = RunRng::new(seed, 0);
    let labels: Vec<usize> = (0..count).map(|i| i % 2).collect();
    let at = |label: &usize| [0.25 + 0.5 * *label as f32, 0.75 - 0.5 * *label as f32];
    let values =
        labels.iter().flat_map(at).map(|v| v + 0.05 * rng.sample::<f32, _>(StandardNormal)).collect();
    (values, labels)
}

#[test]
fn the_score_is_the_log_of_the_sum_and_does_not_overflow() {
    let dev = Cpu::default();
    let scores: Vectors<3, Cpu> = dev.tensor_from_vec(vec![1.0, 2.0, 3.0, 500.0, 0.0, -500.0], (2, Const));
    let log_z = log_partition(scores.leaky_trace()).unwrap();
    let expected = (1f64.exp() + 2f64.exp() + 3f64.exp()).ln();
    assert!((f64::from(log_z.as_vec()[0]) - expected).abs() < 1e-6);
    assert_eq!(log_z.as_vec()[1], 500.0);
    // the slopes are the softmax
    let slopes = log_z.sum::<(), _>().backward().get(&scores).as_vec();
    for (slope, score) in slopes.iter().zip([1f64, 2.0, 3.0]) {
        assert!((f64::from(*slope) - (score - expected).exp()).abs() < 1e-6);
    }
    assert_eq!(slopes[3..], [1.0, 0.0, 0.0]);
}

#[test]
fn weights_move_where_they_should() {
    let (values, labels) = points(8, 1);
    let batch = Batch { values: &values, labels: &labels };
    for (unsupervised, moves) in [(0.0, false), (0.5, true)] {
        let mut game = game(unsupervised);
        let before = (state_dict(&game.generator.net), game.discriminator.net.clone());
        let report = game.step(batch, &values).unwrap();
        assert_eq!(before.0 != state_dict(&game.generator.net), moves, "the generator at λ = {unsupervised}");
        assert_eq!(report.unsupervised > 0.0 && report.generator_loss > 0.0, moves);
        let after = &game.discriminator.net;
        assert_ne!(before.1.head.weight.as_vec(), after.head.weight.as_vec());
        assert_ne!(before.1.trunk.first.weight.as_vec(), after.trunk.first.weight.as_vec());
        // the trunk's own score is not used
        assert_eq!(before.1.trunk.last.weight.as_vec(), after.trunk.last.weight.as_vec());
    }
}

#[test]
fn two_points_with_labels_are_enough_for_two_clusters() {
    let (values, labels) = points(200, 2);
    let mut game = game(0.5);
    let mut told = 0;
    let plan = Plan { steps: 240, batch: 50, seed: 1, ..Plan::default() };
    let few = Labelled { values: &values[..4], labels: &labels[..2] };
    game.train(few, &values, &plan, &mut |_| told += 1).unwrap();
    assert!(told >= 240 && game.steps() == 240);
    let (test, classes) = points(400, 3);
    let error = game.error_rate(&test, &classes).unwrap();
    assert!(error < 0.02, "{error}");
}

#[test]
fn saved_and_loaded_it_goes_on_with_the_same_bits() {
    let (values, labels) = points(12, 4);
    let batch = Batch { values: &values, labels: &labels };
    let mut one = game(0.5);
    one.step(batch, &values).unwrap();
    let mut other = game(0.5);
    other.load(&one.save().unwrap()).unwrap();
    for _ in 0..3 {
        assert_eq!(one.step(batch, &values).unwrap(), other.step(batch, &values).unwrap());
    }
    assert_eq!(state_dict(&one.discriminator.net), state_dict(&other.discriminator.net));
    assert_eq!(state_dict(&one.generator.net), state_dict(&other.generator.net));
    assert_eq!(one.classify(&values).unwrap(), other.classify(&values).unwrap());
}

#[test]
fn a_step_has_the_same_bits_for_any_number_of_threads() {
    let (values, labels) = points(40, 6);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut game = game(0.5);
            game.step(Batch { values: &values, labels: &labels }, &values).unwrap();
            state_dict(&game.discriminator.net)
        })
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn wrong_batches_and_settings_are_refused() {
    let mut game = game(0.5);
    let values = [0.0; 4];
    for (values, labels) in [(&values[..3], &[0, 1][..]), (&values, &[0]), (&values, &[0, 2])] {
        let error = game.step(Batch { values, labels }, &[0.0; 4]).unwrap_err();
        assert!(matches!(error, GanError::Values { .. }), "{error}");
    }
    let dev = Cpu::default();
    let nets: (NormGenerator<f32, Cpu, 4, 16, 2>, Net) = (BuildModule::build(&dev), BuildModule::build(&dev));
    let config = SemiConfig { average: 1.0, ..SemiConfig::default() };
    assert!(matches!(SemiSupervised::new(nets, dev, &config, 0), Err(GanError::Recipe(_))));
}

#[test]
fn as_many_labels_of_each_class_are_chosen_by_the_seed() {
    let labels: Vec<usize> = (0..100).map(|i| i % 3).collect();
    let chosen = choose_labelled(&labels, 5, 1);
    assert_eq!(chosen.iter().map(|i| labels[*i]).collect::<Vec<_>>(), [[0; 5], [1; 5], [2; 5]].concat());
    assert_eq!(chosen, choose_labelled(&labels, 5, 1));
    assert_ne!(chosen, choose_labelled(&labels, 5, 2));
    assert_eq!(choose_labelled(&labels, 90, 1).len(), 100);
}
