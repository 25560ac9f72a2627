//! Whole models on other devices than the host with its kernels: the same training, and resumed across.

use super::*;
use crate::{
    device::read_backs,
    nn::state::{state_dict, NamedTensor},
    ops::cross_entropy::softmax_cross_entropy,
    optim::Sgd,
    testing::{assert_same_within, assert_tensors_close, TestDevice},
    train::State,
};

/// Of the largest value, of scores, gradients, and of what training made of weights.
const TOLERANCE: f64 = 1e-4;

/// How far images are moved to see what rounding does to a model: a deep one has units that a last bit switches on or off, and
/// with them a piece of the gradient.
const NUDGE: f32 = 1e-6;

/// The most that is put down to rounding.
const MOST: f64 = 0.1;

fn batch(net: &dyn ImageNetwork, nudge: f32) -> (Vec<f32>, Targets) {
    let mut rng = RunRng::new(5, 5);
    let mut draw = || rand::Rng::gen_range(&mut rng, -1.5..1.5);
    let images: Vec<f32> = (0..4 * net.image_len()).map(|_| draw()).collect();
    let images = images.into_iter().map(|x| x + nudge * draw()).collect();
    (images, Targets::new(vec![3, 1, 4, 1], 10).unwrap())
}

/// max |a − b| / max |b|.
fn off(a: &[f32], b: &[f32]) -> f64 {
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, |most: f32, v| most.max(v.abs()));
    let apart = largest(&mut a.iter().zip(b).map(|(a, b)| a - b));
    f64::from(apart) / f64::from(largest(&mut b.iter().copied())).max(1e-30)
}

/// What is allowed where a nudge of the images on the host makes this much of a difference.
fn allowed(by_nudge: f64) -> f64 {
    (4.0 * by_nudge).clamp(TOLERANCE, MOST)
}

/// A network on a device, some steps of training, and what it then is.
struct Trained {
    net: Box<dyn ImageNetwork>,
    losses: Vec<f32>,
    nudge: f32,
}

impl Trained {
    fn new(model: ZooModel, device: DeviceKind) -> Self {
        let mut options = ZooOptions::new(sgd(0.01), 3);
        options.group = Some(2);
        Trained { net: model.build(device, &options).unwrap(), losses: vec![], nudge: 0.0 }
    }

    fn steps(&mut self, steps: usize) {
        let (images, targets) = batch(&*self.net, self.nudge);
        for _ in 0..steps {
            self.losses.push(self.net.step(&images, &targets).unwrap() as f32);
        }
    }

    fn check(&self, other: &Trained, what: &str) {
        assert_same_within(what, &self.losses, &other.losses, TOLERANCE);
        assert_tensors_close(what, &self.net.weights(), &other.net.weights(), TOLERANCE);
    }

    /// How far what training did to the weights is from what it did in another run: ‖w − w'‖ / ‖w' − w₀‖.
    fn off(&self, other: &Trained, start: &Trained) -> f64 {
        let distance = |a: &Trained, b: &Trained| {
            let (a, b) = (a.net.weights(), b.net.weights());
            let pairs = a.iter().zip(&b).flat_map(|(a, b)| a.values().iter().zip(b.values()));
            pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
        };
        distance(self, other) / distance(other, start)
    }
}

/// The gradient of a fresh model, and its scores in use.
fn fresh(model: ZooModel, device: DeviceKind, nudge: f32) -> [Vec<f32>; 2] {
    let mut net = Trained::new(model, device).net;
    let (images, targets) = batch(&*net, nudge);
    let mut gradient = Vec::new();
    net.gradient(&images, &targets, 1.0, &mut gradient).unwrap();
    [gradient, net.scores(&images).unwrap()]
}

#[test]
fn every_model_has_the_same_gradient_and_scores_on_every_device() {
    for model in ZooModel::ALL {
        let (host, nudged) = (fresh(model, DeviceKind::Cpu, 0.0), fresh(model, DeviceKind::Cpu, NUDGE));
        for device in TestDevice::all() {
            let there = device.run(|kind| fresh(model, kind, 0.0));
            for at in [0, 1] {
                let what = format!("{model} on {}, {}", device.name(), ["gradient", "scores"][at]);
                assert_same_within(&what, &there[at], &host[at], allowed(off(&nudged[at], &host[at])));
            }
        }
    }
}

/// Trains a language model a little.
struct Reads;

impl DeviceTask for Reads {
    type Output = (Vec<f32>, Vec<NamedTensor>);

    fn run<B: Backend>(self, device: B) -> Self::Output {
        let mut model: CharLstm<f32, B, 7, 6, 10> = BuildModule::try_build(&device).unwrap();
        let mut sgd = Sgd::new(SgdConfig { lr: 0.5, ..SgdConfig::default() }).unwrap();
        let symbols: Vec<usize> = (0..24).map(|i| i * i % 7).collect();
        let targets = Targets::new((0..24).map(|i| (i * i + 3) % 7).collect(), 7).unwrap();
        let (mut losses, mut grads) = (Vec::new(), model.alloc_grads());
        for _ in 0..3 {
            let start = model.start(4).unwrap();
            let (logits, _) = model.forward(&symbols, &start, model.tape(grads)).unwrap();
            let loss = softmax_cross_entropy(logits, &targets).unwrap();
            losses.push(crate::device::read_number(&loss) as f32);
            grads = loss.backward();
            sgd.step(&mut model, &mut grads).unwrap();
        }
        (losses, state_dict(&model))
    }
}

#[test]
fn a_language_model_trains_alike_on_every_device() {
    let host = DeviceKind::Cpu.launch(4, Reads).unwrap();
    for device in TestDevice::all() {
        let there = device.run(|kind| kind.launch(4, Reads).unwrap());
        assert_same_within(device.name(), &there.0, &host.0, TOLERANCE);
        assert_tensors_close(device.name(), &there.1, &host.1, TOLERANCE);
    }
}

#[test]
fn every_model_trains_alike_on_every_device_and_waits_for_it_twice_a_step() {
    for model in ZooModel::ALL {
        let mut host = Trained::new(model, DeviceKind::Cpu);
        host.steps(2);
        let mut nudged = Trained { nudge: NUDGE, ..Trained::new(model, DeviceKind::Cpu) };
        nudged.steps(2);
        let start = Trained::new(model, DeviceKind::Cpu);
        let (loss, weights) =
            (allowed(off(&nudged.losses, &host.losses)), allowed(nudged.off(&host, &start)));
        for device in TestDevice::all() {
            let trained = device.run(|kind| {
                let mut trained = Trained::new(model, kind);
                trained.steps(1);
                let before = read_backs();
                trained.steps(1);
                assert_eq!(read_backs() - before, 2, "{model} on {}: the loss and the norm", device.name());
                trained
            });
            let what = format!("{model} on {}", device.name());
            assert_same_within(&what, &trained.losses, &host.losses, loss);
            let off = trained.off(&host, &start);
            assert!(
                off <= weights,
                "{what}: training moved the weights {off:.2e} apart, allowed {weights:.2e}"
            );
        }
    }
}

#[test]
fn a_run_goes_on_on_another_device() {
    let model = ZooModel::Resnet8;
    let mut undisturbed = Trained::new(model, DeviceKind::Cpu);
    undisturbed.steps(4);
    let resumed = |kind: DeviceKind, state: &State, losses: &[f32]| {
        let mut trained = Trained::new(model, kind);
        trained.net.load(state).unwrap();
        trained.losses = losses.to_vec();
        trained.steps(2);
        trained
    };
    for device in TestDevice::all() {
        // there and back
        let (state, losses) = device.run(|kind| {
            let mut first = Trained::new(model, kind);
            first.steps(2);
            (first.net.save().unwrap(), first.losses)
        });
        resumed(DeviceKind::Cpu, &state, &losses).check(&undisturbed, &format!("from {}", device.name()));
        let mut first = Trained::new(model, DeviceKind::Cpu);
        first.steps(2);
        let (state, losses) = (first.net.save().unwrap(), first.losses);
        device.run(|kind| {
            resumed(kind, &state, &losses).check(&undisturbed, &format!("to {}", device.name()));
        });
    }
}
