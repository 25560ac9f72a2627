use shared::{
    graph::{from_edges, Csr},
    nn::Activation,
    testing::{assert_close, Golden},
};

use super::*;
use crate::{config::Config, examples::Examples, examples::Labels, trainer::best_classes, MAX_HOPS};

const NODES: usize = 24;
const FEATURES: usize = 6;

fn csr(dense: &[f32], cols: usize) -> Csr {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.chunks_exact(cols) {
        for (k, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(k as u32);
            values.push(*v);
        }
        indptr.push(indices.len());
    }
    Csr::new((dense.len() / cols, cols), indptr, indices, values)
}

fn integers(g: &Golden, name: &str) -> Vec<usize> {
    g.get(name).iter().map(|v| *v as usize).collect()
}

/// Twenty steps of the whole network against PyTorch: losses, weights and outputs.
fn agrees_with_pytorch(name: &str, config: Config) {
    let g = Golden::read(format!("{}/tests/goldens/network/{name}.json", env!("CARGO_MANIFEST_DIR")));
    let edges: Vec<(u32, u32)> = g.get("edges").chunks_exact(2).map(|e| (e[0] as u32, e[1] as u32)).collect();
    let features = csr(&g.get_f32("features"), FEATURES);
    let examples = Examples::nodes(&from_edges(NODES, &edges).unwrap(), &features, &config).unwrap();
    let labels = Labels::new(&integers(&g, "labels"));

    let mut network =
        build(DeviceKind::Cpu, &config.validate().unwrap(), examples.features(), labels.classes()).unwrap();
    let start: Vec<NamedTensor> = network
        .weights()
        .into_iter()
        .zip(["conv_start", "dense_start", "bias_start"])
        .map(|(t, golden)| NamedTensor::new(t.name(), t.shape().to_vec(), g.get_f32(golden)).unwrap())
        .collect();
    network.load_weights(&start).unwrap();

    let mut losses = Vec::new();
    for batch in integers(&g, "order").chunks_exact(7) {
        let targets = labels.targets(batch).unwrap();
        losses.push(network.step(&examples.batch(batch).unwrap(), &targets).unwrap() as f32);
    }
    assert_close("losses", &losses, g.get("losses"), 1e-5);
    for (tensor, golden) in network.weights().iter().zip(["conv_end", "dense_end", "bias_end"]) {
        assert_close(tensor.name(), tensor.values(), g.get(golden), 1e-5);
    }
    let all: Vec<usize> = (0..NODES).collect();
    let outputs = network.scores(&examples.batch(&all).unwrap()).unwrap();
    assert_close("outputs", &outputs, g.get("outputs"), 1e-5);
    let theirs: Vec<f32> = g.get_f32("outputs");
    assert!(best_classes(&outputs, 3).eq(best_classes(&theirs, 3)));
}

#[test]
fn twenty_steps_of_the_papers_network_are_pytorchs() {
    agrees_with_pytorch("hinge", Config::default());
}

#[test]
fn twenty_steps_with_cross_entropy_are_pytorchs() {
    let (loss, output) = (Loss::CrossEntropy, Activation::Identity);
    agrees_with_pytorch("cross_entropy", Config { loss, output, ..Config::default() });
}

/// A ring with two classes.
fn ring(config: &Config) -> (Examples, Labels) {
    let edges: Vec<(u32, u32)> = (0..6).map(|i| (i, (i + 1) % 6)).collect();
    let features = csr(&[1., 0., 0., 2., 0.5, 0., 0., 1., 3., 0., 0., 1.], 2);
    let examples = Examples::nodes(&from_edges(6, &edges).unwrap(), &features, config).unwrap();
    (examples, Labels::new(&[0, 1, 0, 1, 0, 1]))
}

#[test]
fn every_number_of_hops_builds_and_trains() {
    for hops in 0..=MAX_HOPS {
        for bias_feature in [false, true] {
            let config = Config { hops, bias_feature, ..Config::default() };
            let (examples, labels) = ring(&config);
            let features = 2 + usize::from(bias_feature);
            assert_eq!(examples.features(), features);
            let mut network = build(DeviceKind::Cpu, &config.validate().unwrap(), features, 2).unwrap();
            let shapes: Vec<Vec<usize>> = network.weights().iter().map(|t| t.shape().to_vec()).collect();
            assert_eq!(shapes, [vec![hops + 1, features], vec![2, (hops + 1) * features], vec![2]]);
            let before = network.weights();
            let all = [0, 1, 2, 3, 4, 5];
            let (rows, targets) = (examples.batch(&all).unwrap(), labels.targets(&all).unwrap());
            let first = network.step(&rows, &targets).unwrap();
            assert!(first.is_finite() && network.evaluate(&rows, &targets).unwrap().1 < first, "{hops} hops");
            for (before, after) in before.iter().zip(network.weights()) {
                assert_ne!(before.values(), after.values(), "{} with {hops} hops", after.name());
            }
        }
    }
    let error = Config { hops: MAX_HOPS + 1, ..Config::default() }.validate().unwrap_err();
    assert!(error.to_string().starts_with("hops is 9: it must be from 0 (no graph) to 8"), "{error}");
}

#[test]
fn diffusion_weights_that_are_not_trained_stay_one() {
    let config = Config { train_diffusion: false, ..Config::default() };
    let (examples, labels) = ring(&config);
    let mut network = build(DeviceKind::Cpu, &config.validate().unwrap(), 3, 2).unwrap();
    let all = [0, 1, 2, 3, 4, 5];
    let dense = network.weights()[1].clone();
    for _ in 0..5 {
        network.step(&examples.batch(&all).unwrap(), &labels.targets(&all).unwrap()).unwrap();
        assert!(network.weights()[0].values().iter().all(|w| *w == 1.0));
    }
    assert_ne!(network.weights()[1], dense);
}

#[test]
fn initial_weights_follow_the_paper_or_its_authors() {
    let std = |values: &[f32]| (values.iter().map(|w| w * w).sum::<f32>() / values.len() as f32).sqrt();
    // Glorot's bound for 3 x 400 inputs and 5 outputs, and the deviation of a uniform number
    let glorot = (6.0f32 / (3.0 * 400.0 + 5.0)).sqrt();
    for (init, conv, dense) in [(Init::Paper, 0.1, 0.1), (Init::Authors, 0.01, glorot / 3f32.sqrt())] {
        let config = Config { init, ..Config::default() }.validate().unwrap();
        let weights = build(DeviceKind::Cpu, &config, 400, 5).unwrap().weights();
        approx::assert_relative_eq!(std(weights[0].values()), conv, max_relative = 0.1);
        approx::assert_relative_eq!(std(weights[1].values()), dense, max_relative = 0.1);
        assert!(weights[2].values().iter().all(|b| *b == 0.0));
    }
}

#[test]
fn a_saved_state_goes_on_as_if_it_had_never_stopped() {
    let config = Config::default();
    let (examples, labels) = ring(&config);
    let config = config.validate().unwrap();
    let all = [0, 1, 2, 3, 4, 5];
    let (rows, targets) = (examples.batch(&all).unwrap(), labels.targets(&all).unwrap());
    let mut network = build(DeviceKind::Cpu, &config, 3, 2).unwrap();
    network.step(&rows, &targets).unwrap();
    let mut resumed = build(DeviceKind::Cpu, &config, 3, 2).unwrap();
    resumed.load(&network.save().unwrap()).unwrap();
    for network in [&mut network, &mut resumed] {
        network.step(&rows, &targets).unwrap();
    }
    assert_eq!(network.save().unwrap(), resumed.save().unwrap());
}

#[test]
fn networks_of_no_size_or_of_too_much_are_refused() {
    let config = Config::default().validate().unwrap();
    for (features, classes) in [(0, 2), (3, 0), (usize::MAX, usize::MAX), (1 << 20, 1 << 20)] {
        let error = build(DeviceKind::Cpu, &config, features, classes).err().unwrap();
        assert!(matches!(error, DcnnError::Size { .. }), "{error}");
        assert!(error.to_string().contains("at least one feature"), "{error}");
    }
}
