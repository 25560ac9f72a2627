//! One step of the network against PyTorch: capsules, lengths, coupling, reconstruction, loss and every gradient.
//! `goldens/make_goldens.py` made the files and says how.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use capsules::{margin_loss, presets::Paper28, reconstruction_loss, CapsModel, Margin, RECONSTRUCTION};
use shared::{
    dfdx::{
        nn::tensor_collection::{
            RecursiveWalker, TensorOptions, TensorVisitor, ViewTensorName, ViewTensorRef,
        },
        prelude::*,
        tensor::Gradients,
    },
    nn::state::{load_safetensors, load_state_dict, parameter_count, parameters, NamedTensor},
    ops::routing::{Routing, RoutingGradient, RoutingSizes, RoutingTrace},
    testing::Golden,
};

capsules::caps_net! {
    /// Small enough for every weight to lie in a file.
    struct Tiny {
        image: 1 x 28, conv1: 8, primary: 2 of 8, classes: 10 of 16, decoder: 12, 20,
        layer: DigitCaps,
    }
}

/// The largest error of an element, relative to the root mean square of its tensor: gradients differ by orders of
/// magnitude from tensor to tensor.
const ALLOWED: f64 = 1e-4;

const BATCH: usize = 4;

/// Elements of a large gradient that a file holds.
const SAMPLES: usize = 512;

#[test]
fn a_small_net_is_pytorchs() {
    let golden = Tensors::read("capsnet_tiny");
    let dev = Cpu::default();
    let mut net: Tiny<f32, Cpu> = BuildModule::try_build(&dev).unwrap();
    let weights: Vec<NamedTensor> =
        parameters(&net).into_iter().map(|info| golden.tensor(&info.name).clone()).collect();
    load_state_dict(&mut net, &weights).unwrap();

    let images = golden.get("input.images");
    let step = Step::of(&dev, &net, images, &golden.labels(), RoutingGradient::Last);
    step.outputs_are(&golden);
    assert_close("coupling", &step.coupling, golden.get("output.coupling"));
    assert_eq!(step.gradients.len(), 11);
    for gradient in &step.gradients {
        let name = gradient.name();
        match golden.find(&format!("grad.{name}")) {
            Some(expected) => {
                assert_eq!(gradient.shape(), expected.shape());
                assert_close(name, gradient.values(), expected.values());
            }
            None => golden.sample_is("", gradient),
        }
    }
}

#[test]
fn the_papers_net_is_pytorchs_with_either_gradient() {
    let (golden, dev) = (Tensors::read("capsnet_full"), Cpu::default());
    let mut net: Paper28<f32, Cpu> = BuildModule::try_build(&dev).unwrap();
    assert_eq!(parameter_count(&net), 8_215_568);
    assert_eq!(parameter_count(&net) - parameter_count(&net.decoder), 6_804_224);
    let (weights, images) = formula(&parameters(&net));
    load_state_dict(&mut net, &weights).unwrap();

    let step = |gradient| Step::of(&dev, &net, &images, &golden.labels(), gradient);
    let (last, all) = (step(RoutingGradient::Last), step(RoutingGradient::All));
    for (prefix, step) in [("", &last), ("all_passes.", &all)] {
        step.outputs_are(&golden);
        assert_close("coupling", &step.coupling[..1152 * 10], golden.get("output.coupling"));
        for gradient in &step.gradients {
            golden.sample_is(prefix, gradient);
        }
    }
    // neither would pass for the other
    let digit = |step: &Step| step.gradients.iter().find(|g| g.name() == "digit.weight").unwrap().clone();
    let expected = golden.get("grad_sample.digit.weight");
    assert!(error(&sampled(digit(&last).values()), expected) < ALLOWED);
    assert!(error(&sampled(digit(&all).values()), expected) > 100.0 * ALLOWED);
}

/// What one forward and backward pass gives.
struct Step {
    capsules: Vec<f32>,
    lengths: Vec<f32>,
    /// Of the last pass.
    coupling: Vec<f32>,
    reconstruction: Vec<f32>,
    loss: f32,
    gradients: Vec<NamedTensor>,
}

impl Step {
    fn of<M: CapsModel<Cpu>>(
        dev: &Cpu,
        net: &M,
        images: &[f32],
        labels: &[usize],
        gradient: RoutingGradient,
    ) -> Self {
        let sizes = M::SIZES;
        let (classes, width, pixels) = (sizes.classes, sizes.width, sizes.side * sizes.side);
        let routing = Routing { gradient, ..Routing::default() };
        let (mut targets, mut mask) = (vec![0.0; BATCH * classes], vec![0.0; BATCH * classes * width]);
        for (image, label) in labels.iter().enumerate() {
            let capsule = image * classes + label;
            targets[capsule] = 1.0;
            mask[capsule * width..][..width].fill(1.0);
        }
        let targets = dev.tensor_from_vec(targets, (BATCH, classes));
        let mask = dev.tensor_from_vec(mask, (BATCH, classes, width));
        let wanted = dev.tensor_from_vec(images.to_vec(), (BATCH, pixels));
        let images = dev.tensor_from_vec(images.to_vec(), (BATCH, 1, sizes.side, sizes.side));

        let (images, tape) = images.traced(net.try_alloc_grads().unwrap()).split_tape();
        let u = net.primary_capsules(images, tape, 1.0).unwrap();
        let children = u.as_vec();
        let v = net.class_capsules(u, routing).unwrap();
        let capsules = v.as_vec();
        let margin = margin_loss(v.with_empty_tape(), targets, Margin::default()).unwrap();
        let decoded = net.decode((v * mask).reshape_like(&(BATCH, classes * width))).unwrap();
        let reconstruction = decoded.as_vec();
        let loss = reconstruction_loss(decoded, wanted, RECONSTRUCTION).unwrap() + margin;
        let value = loss.as_vec()[0];
        let grads = loss.backward();

        let (w, bias) = net.routing_weights();
        let of = RoutingSizes {
            batch: BATCH,
            children: sizes.children,
            length: sizes.length,
            parents: classes,
            width,
        };
        let trace = RoutingTrace::of(&of, &children, &w, bias.as_deref(), routing);
        let length = |v: &[f32]| (v.iter().map(|v| v * v).sum::<f32>() + 1e-8).sqrt();
        Step {
            lengths: capsules.chunks_exact(width).map(length).collect(),
            capsules,
            coupling: trace.couplings[2].iter().map(|c| *c as f32).collect(),
            reconstruction,
            loss: value,
            gradients: gradients(net, &grads),
        }
    }

    fn outputs_are(&self, golden: &Tensors) {
        assert_close("capsules", &self.capsules, golden.get("output.capsules"));
        assert_close("lengths", &self.lengths, golden.get("output.lengths"));
        assert_close("reconstruction", &self.reconstruction, golden.get("output.reconstruction"));
        assert_close("loss", &[self.loss], golden.get("output.loss"));
    }
}

/// A golden file.
struct Tensors(Vec<NamedTensor>);

impl Tensors {
    fn read(name: &str) -> Self {
        Tensors(load_safetensors(folder().join(format!("{name}.safetensors"))).unwrap().tensors)
    }

    fn find(&self, name: &str) -> Option<&NamedTensor> {
        self.0.iter().find(|tensor| tensor.name() == name)
    }

    fn tensor(&self, name: &str) -> &NamedTensor {
        self.find(name).unwrap_or_else(|| panic!("the golden file has no `{name}`"))
    }

    fn get(&self, name: &str) -> &[f32] {
        self.tensor(name).values()
    }

    fn labels(&self) -> Vec<usize> {
        self.get("input.labels").iter().map(|label| *label as usize).collect()
    }

    fn sample_is(&self, prefix: &str, gradient: &NamedTensor) {
        let (name, values) = (gradient.name(), gradient.values());
        assert_close(name, &sampled(values), self.get(&format!("{prefix}grad_sample.{name}")));
        let norm = values.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        assert_close(name, &[norm as f32], self.get(&format!("{prefix}grad_norm.{name}")));
    }
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "goldens"].iter().collect()
}

fn sampled(values: &[f32]) -> Vec<f32> {
    if values.len() <= SAMPLES {
        return values.to_vec();
    }
    (0..SAMPLES as u64).map(|i| values[(i * 2_654_435_761 % values.len() as u64) as usize]).collect()
}

/// The largest error relative to the root mean square of what is expected.
fn error(ours: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(ours.len(), expected.len());
    let squares: f64 = expected.iter().map(|e| f64::from(*e).powi(2)).sum();
    let size = (squares / expected.len() as f64).sqrt();
    assert!(size > 0.0, "nothing to compare with");
    let differences = ours.iter().zip(expected).map(|(a, e)| f64::from(a - e).abs());
    // a NaN is no small error
    differences.fold(0.0, |worst, d| if d <= worst { worst } else { d }) / size
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], expected: &[f32]) {
    let error = error(ours, expected);
    assert!(error <= ALLOWED, "{what} is off by {error:.2e} of its size, and {ALLOWED:.0e} is allowed");
}

/// The parameters and images of the file that holds neither.
fn formula(outline: &[shared::nn::state::ParamInfo]) -> (Vec<NamedTensor>, Vec<f32>) {
    let slips = Golden::read(folder().join("capsnet_full.json"));
    let check = |name: &str, values: &[f32]| {
        assert_eq!(values[..4], slips.get_f32(&format!("{name}.first")), "{name}");
        let (sum, expected) =
            (values.iter().map(|v| f64::from(*v)).sum::<f64>(), slips.get(&format!("{name}.sum"))[0]);
        assert!((sum - expected).abs() < 1e-6, "{name}: the sum is {sum} and should be {expected}");
    };
    let weights = outline.iter().enumerate().map(|(t, info)| {
        let scale = slips.get(&format!("{}.scale", info.name))[0];
        let values: Vec<f32> = (0..info.numel() as u64).map(|k| (scale * unit(t as u64, k)) as f32).collect();
        check(&info.name, &values);
        NamedTensor::new(info.name.as_str(), info.shape.clone(), values).unwrap()
    });
    let weights: Vec<NamedTensor> = weights.collect();
    let pixel = |k| (0.5 + 0.5 * unit(outline.len() as u64, k)).powi(2) as f32;
    let images: Vec<f32> = (0..(BATCH * 28 * 28) as u64).map(pixel).collect();
    check("images", &images);
    (weights, images)
}

/// Number k of tensor t, in [-1, 1).
fn unit(t: u64, k: u64) -> f64 {
    let mut z = ((t << 40) + k).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f64 / f64::from(1 << 23) - 1.0
}

/// The gradient of every parameter under its name.
fn gradients<M: TensorCollection<f32, Cpu>>(net: &M, grads: &Gradients<f32, Cpu>) -> Vec<NamedTensor> {
    let mut read = Read { grads, found: Vec::new() };
    M::iter_tensors(&mut RecursiveWalker { m: (net, String::new()), f: &mut read }).unwrap();
    read.found
}

struct Read<'a> {
    grads: &'a Gradients<f32, Cpu>,
    found: Vec<NamedTensor>,
}

impl TensorVisitor<f32, Cpu> for Read<'_> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = std::convert::Infallible;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f32, Cpu>,
        (tensor, name): (&Tensor<S, f32, Cpu>, String),
    ) -> Result<Option<Tensor<S, f32, Cpu>>, Self::Err> {
        let shape = tensor.shape().concrete().into_iter().collect();
        self.found.push(NamedTensor::new(name, shape, self.grads.get(tensor).as_vec()).unwrap());
        Ok(None)
    }
}
