//! Every op on other devices than the host with its kernels: one body, the same values and gradients.

use dfdx::{prelude::*, tensor::Tensor};

use super::{
    batch_norm::{batch_norm_eval, batch_norm_train, follow, BatchNormOptions},
    concat::concat_channels,
    conv2d::{conv2d, conv2d_of_data, conv_out, conv_transpose_out},
    conv_transpose2d::conv_transpose2d,
    cross_entropy::{label_set_cross_entropy, softmax_cross_entropy},
    diffusion::{diffusion_classifier, diffusion_conv, SparseRows},
    dropout::{dropout, DropRate},
    embedding::{embedding, Symbols},
    hinge::{multiclass_hinge, Hinge},
    linear::{linear, linear_of_data, Activation},
    logistic::{multi_label_logistic_loss, LabelReduction},
    lstm::{lstm, LstmState, LstmWeights},
    minibatch::closeness,
    pool::{avg_pool2d, global_avg_pool2d, max_pool2d, Window},
    residual::add_activate,
    response_norm::{local_response_norm, ResponseNorm},
    routing::{route, Coupling, Routing, RoutingGradient},
    squash::{primary_capsules, squash},
    targets::{LabelSets, Targets},
};
use crate::{
    device::{read_back, Backend, DeviceKind, DeviceTask},
    testing::{assert_same_within, TestDevice},
    train::RunRng,
};

/// What an op gave: its name and whose gradient it is, and the numbers.
type Found = Vec<(String, Vec<f32>)>;

const ACTIVATIONS: [Activation; 5] =
    [Activation::Identity, Activation::Relu, Activation::LeakyRelu, Activation::Tanh, Activation::Sigmoid];

/// Values in [-1, 1] that are all different.
fn tensor<S: Shape, B: Backend>(device: &B, shape: S, seed: usize) -> Tensor<S, f32, B> {
    let value = |at: usize| (((at + 31 * seed) as f32) * 2.399_963).sin();
    device.try_tensor_from_vec((0..shape.num_elements()).map(value).collect(), shape).unwrap()
}

/// Puts down an op's result and the gradients of Σ y², or of a loss itself.
macro_rules! put {
    ($found:ident, $name:expr, loss $y:expr, [$($leaf:ident),*]) => {{
        let y = $y.unwrap();
        $found.push(($name.to_string(), read_back(&y)));
        let grads = y.try_backward().unwrap();
        $($found.push((format!("{}, gradient of {}", $name, stringify!($leaf)), read_back(&grads.get(&$leaf))));)*
    }};
    ($found:ident, $name:expr, $y:expr, [$($leaf:ident),*]) => {{
        let y = $y.unwrap();
        $found.push(($name.to_string(), read_back(&y)));
        put!($found, format!("{}, squared", $name), loss y.try_square().and_then(|y| y.try_sum::<Rank0, _>()), [$($leaf),*]);
    }};
}

struct Images;
impl DeviceTask for Images {
    type Output = Found;

    fn run<B: Backend>(self, dev: B) -> Found {
        let mut found = Found::new();
        let x = tensor(&dev, (3, 4, 7, 6), 0);
        let (w, b) = (tensor(&dev, (5, 4, 3, 3), 1), tensor(&dev, (5,), 2));
        let out = (conv_out(7, 3, 2, 1), conv_out(6, 3, 2, 1));
        for f in ACTIVATIONS {
            let y = conv2d(x.leaky_trace(), &w, Some(&b), 2, 1, out, f);
            put!(found, format!("conv2d {f:?}"), y, [x, w, b]);
        }
        let y = conv2d_of_data(x.clone(), OwnedTape::default(), &w, None, 2, 1, out, Activation::Relu);
        put!(found, "conv2d_of_data", y, [w]);
        let wt = tensor(&dev, (4, 5, 3, 3), 3);
        let out = (conv_transpose_out(7, 3, 2, 1), conv_transpose_out(6, 3, 2, 1));
        let y = conv_transpose2d(x.leaky_trace(), &wt, Some(&b), 2, 1, out, Activation::Tanh);
        put!(found, "conv_transpose2d", y, [x, wt, b]);

        let (gamma, beta, r) = (tensor(&dev, (4,), 4), tensor(&dev, (4,), 5), tensor(&dev, (3, 4, 7, 6), 6));
        for group in [None, Some(2)] {
            let options =
                BatchNormOptions { group, activation: Activation::Relu, ..BatchNormOptions::default() };
            let (y, statistics) =
                batch_norm_train(x.leaky_trace(), &gamma, &beta, Some(&r), options).unwrap();
            put!(found, format!("batch_norm_train {group:?}"), Ok::<_, B::Err>(y), [x, gamma, beta, r]);
            let mut running = tensor(&dev, (4,), 7);
            follow(&mut running, &statistics.mean, 0.1).unwrap();
            follow(&mut running, &statistics.variance, 0.3).unwrap();
            found.push((format!("running statistics {group:?}"), read_back(&running)));
        }
        let (mean, variance) = (tensor(&dev, (4,), 8), tensor(&dev, (4,), 9).square());
        let options = BatchNormOptions::default();
        let y = batch_norm_eval(x.leaky_trace(), &gamma, &beta, [&mean, &variance], None, options);
        put!(found, "batch_norm_eval", y, [x, gamma, beta]);

        let window = Window::new(3, 2, 1);
        let out = (window.out(7), window.out(6));
        // values of which many are alike, as after a ReLU
        let ties = tensor(&dev, (3, 4, 7, 6), 10).relu();
        put!(found, "max_pool2d", max_pool2d(ties.leaky_trace(), window, out), [ties]);
        put!(found, "avg_pool2d", avg_pool2d(x.leaky_trace(), window, out), [x]);
        put!(found, "global_avg_pool2d", global_avg_pool2d(x.leaky_trace()), [x]);
        let other = tensor(&dev, (3, 2, 7, 6), 11);
        put!(found, "concat_channels", concat_channels(x.leaky_trace(), other.clone(), 6), [x, other]);
        put!(found, "add_activate", add_activate(x.leaky_trace(), &r, Activation::Relu), [x, r]);
        let norm = ResponseNorm { alpha: 0.1, radius: 2, ..ResponseNorm::CIFAR10 };
        put!(found, "local_response_norm", local_response_norm(x.leaky_trace(), norm), [x]);
        put!(found, "primary_capsules", primary_capsules(x.leaky_trace(), 2 * 42, 2), [x]);
        let rate = DropRate::new(0.4).unwrap();
        put!(found, "dropout", dropout(x.leaky_trace(), rate, &mut RunRng::new(1, 2)), [x]);
        found
    }
}

struct Vectors;
impl DeviceTask for Vectors {
    type Output = Found;

    fn run<B: Backend>(self, dev: B) -> Found {
        let mut found = Found::new();
        let x = tensor(&dev, (4, 6), 0);
        let (w, b) = (tensor(&dev, (5, 6), 1), tensor(&dev, (5,), 2));
        put!(found, "linear", linear(x.leaky_trace(), &w, &b, Activation::Sigmoid), [x, w, b]);
        let y = linear_of_data(x.clone(), OwnedTape::default(), &w, &b, Activation::LeakyRelu);
        put!(found, "linear_of_data", y, [w, b]);
        let targets = Targets::new(vec![1, 5, 0, 1], 6).unwrap();
        put!(found, "softmax_cross_entropy", loss softmax_cross_entropy(x.leaky_trace(), &targets), [x]);
        for hinge in [Hinge::CrammerSinger, Hinge::WestonWatkins] {
            put!(found, format!("{hinge:?}"), loss multiclass_hinge(x.leaky_trace(), &targets, hinge), [x]);
        }
        let sets = LabelSets::new([vec![1, 2], vec![], vec![0], vec![3, 4, 5]], 6).unwrap();
        put!(found, "label_set_cross_entropy", loss label_set_cross_entropy(x.leaky_trace(), &sets), [x]);
        for over in [LabelReduction::Sum, LabelReduction::Mean] {
            let y = multi_label_logistic_loss(x.leaky_trace(), &sets, over);
            put!(found, format!("multi_label_logistic_loss {over:?}"), loss y, [x]);
        }
        let symbols = Symbols::new(vec![3, 0, 3], 4).unwrap();
        put!(found, "embedding", embedding(&x, &symbols, OwnedTape::default()), [x]);
        let m = tensor(&dev, (4, 3, 2), 3);
        put!(found, "closeness", closeness(m.leaky_trace()), [m]);
        put!(found, "squash", squash(m.leaky_trace()), [m]);

        let (weight_ih, weight_hh) = (tensor(&dev, (12, 2), 4), tensor(&dev, (12, 3), 5));
        let (bias_ih, bias_hh) = (tensor(&dev, (12,), 6), tensor(&dev, (12,), 7));
        let state = LstmState { hidden: tensor(&dev, (3, 3), 8), cell: tensor(&dev, (3, 3), 9) };
        let weights = LstmWeights {
            weight_ih: &weight_ih,
            weight_hh: &weight_hh,
            bias_ih: &bias_ih,
            bias_hh: &bias_hh,
        };
        let (y, last) = lstm(m.leaky_trace(), weights, &state).unwrap();
        found.push(("the last cells".into(), read_back(&last.cell)));
        put!(found, "lstm", Ok::<_, B::Err>(y), [m, weight_ih, weight_hh, bias_ih, bias_hh]);

        let diffused = tensor(&dev, (4, 3, 2), 10);
        let conv = tensor(&dev, (3, 2), 11);
        put!(found, "diffusion_conv", diffusion_conv(diffused.leaky_trace(), &conv), [diffused, conv]);
        let rows = SparseRows::new(6, vec![0, 2, 2, 5], vec![0, 3, 1, 2, 5], vec![0.5, -1.0, 2.0, 0.25, 1.5]);
        let (weight, bias) = (tensor(&dev, (4, 6), 12), tensor(&dev, (4,), 13));
        let y = diffusion_classifier(&rows.unwrap(), conv.leaky_trace(), &weight, &bias, Activation::Tanh);
        put!(found, "diffusion_classifier", y, [conv, weight, bias]);

        let (u, w) = (tensor(&dev, (2, 5, 3), 14), tensor(&dev, (5, 4, 6, 3), 15));
        let bias = tensor(&dev, (4, 6), 16);
        for gradient in [RoutingGradient::Last, RoutingGradient::All] {
            for coupling in [Coupling::Parents, Coupling::Leaky, Coupling::Children] {
                let routing = Routing { iterations: 3, gradient, coupling };
                let y = route(u.leaky_trace(), &w, Some(&bias), routing);
                put!(found, format!("route {gradient:?} {coupling:?}"), y, [u, w, bias]);
            }
        }
        found
    }
}

fn check(host: &Found, run: impl Fn(DeviceKind) -> Found) {
    for device in TestDevice::all() {
        let there = device.run(&run);
        assert_eq!(there.len(), host.len());
        for ((name, ours), (expected_name, expected)) in there.iter().zip(host) {
            assert_eq!(name, expected_name);
            assert!(expected.iter().any(|v| *v != 0.0), "{name} is nothing but zeros");
            assert_same_within(&format!("{name} on {}", device.name()), ours, expected, 1e-4);
        }
    }
}

#[test]
fn ops_on_images_are_the_same_on_every_device() {
    let run = |kind: DeviceKind| kind.launch(0, Images).unwrap();
    check(&run(DeviceKind::Cpu), run);
}

#[test]
fn ops_on_vectors_are_the_same_on_every_device() {
    let run = |kind: DeviceKind| kind.launch(0, Vectors).unwrap();
    check(&run(DeviceKind::Cpu), run);
}
