use dfdx::prelude::*;

use super::*;
use crate::{
    nn::{state, Training},
    testing::assert_close,
    train::RunRng,
};

type Norm = BatchNorm2d<2, f32, Cpu>;
type Batch<H, W> = Tensor<(usize, Const<2>, H, W), f32, Cpu>;

fn training(group: Option<usize>) -> Training {
    Training { group, ..Training::new(RunRng::new(0, 0)) }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// Mean and unbiased variance of a channel over some images, in double precision.
fn moments(x: &[f32], pixels: usize, channel: usize) -> [f64; 2] {
    let images = x.chunks_exact(2 * pixels);
    let values: Vec<f64> = images.flat_map(|i| wide(&i[channel * pixels..(channel + 1) * pixels])).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    [mean, if values.len() > 1 { squares / (values.len() - 1) as f64 } else { 0.0 }]
}

#[test]
fn names_are_pytorchs_and_running_statistics_are_not_trained() {
    let norm: Norm = BuildModule::build(&Cpu::default());
    let outline: Vec<_> = state::parameters(&norm).into_iter().map(|p| (p.name, p.trainable)).collect();
    let expected = [("weight", true), ("bias", true), ("running_mean", false), ("running_var", false)];
    assert_eq!(outline, expected.map(|(name, trainable)| (name.to_owned(), trainable)));
    assert_eq!(state::parameter_count(&norm), 4);
    assert_eq!((norm.momentum, norm.epsilon), (0.1, 1e-5));
    assert_eq!((norm.weight.array(), norm.running_var.array()), ([1.0; 2], [1.0; 2]));
}

/// m ← (1 − η) m + η μ with the unbiased variance, group after group, for batches that are no multiple of the group
/// and for a single image.
#[test]
fn running_statistics_are_pytorchs_formula_in_hoffers_order() {
    let dev = Cpu::seed_from_u64(3);
    for (batch, group) in [(6, None), (7, Some(3)), (1, None), (4, Some(1)), (2, Some(5))] {
        let mut norm: Norm = BuildModule::build(&dev);
        norm.momentum = 0.3;
        let (mut mean, mut variance) = ([0.0f64; 2], [1.0f64; 2]);
        for _ in 0..3 {
            let noise: Batch<Const<3>, Const<5>> =
                dev.sample_like(&(batch, Const, Const, Const), rand_distr::StandardNormal);
            let x = noise * 2.0 + 5.0;
            for images in x.as_vec().chunks(group.unwrap_or(batch) * 30) {
                for channel in 0..2 {
                    let [m, v] = moments(images, 15, channel);
                    mean[channel] = 0.7 * mean[channel] + 0.3 * m;
                    variance[channel] = 0.7 * variance[channel] + 0.3 * v;
                }
            }
            norm.forward(x, Activation::Identity, &mut Pass::Train(&mut training(group))).unwrap();
        }
        assert_close("mean", &norm.running_mean.array(), &mean, 1e-6);
        assert_close("variance", &norm.running_var.array(), &variance, 1e-6);
    }
}

#[test]
fn a_pass_that_is_told_not_to_leaves_no_trace() {
    let dev = Cpu::seed_from_u64(3);
    let mut norm: Norm = BuildModule::build(&dev);
    let x: Batch<Const<2>, Const<2>> = dev.sample_like(&(4, Const, Const, Const), rand_distr::StandardNormal);
    let mut silent = Training { update_running: false, ..training(None) };
    norm.forward(x.clone(), Activation::Identity, &mut Pass::Train(&mut silent)).unwrap();
    norm.forward(x, Activation::Identity, &mut Pass::Eval).unwrap();
    assert_eq!((norm.running_mean.array(), norm.running_var.array()), ([0.0; 2], [1.0; 2]));
}

/// The layer is the op with its own tensors, in values and gradients, with both tapes kept.
#[test]
fn training_with_a_residual_is_the_op() {
    let dev = Cpu::seed_from_u64(5);
    let mut norm: Norm = BuildModule::build(&dev);
    norm.weight.copy_from(&[1.5, -0.5]);
    norm.bias.copy_from(&[0.25, 1.0]);
    let x: Batch<Const<3>, Const<3>> = dev.sample_like(&(5, Const, Const, Const), rand_distr::StandardNormal);
    let r: Batch<Const<3>, Const<3>> = dev.sample_like(x.shape(), rand_distr::StandardNormal);
    let relu = Activation::Relu;
    let mut pass = training(Some(2));
    let before = norm.clone();
    let ours = norm
        .forward_residual(x.leaky_trace(), r.leaky_trace().sin(), relu, &mut Pass::Train(&mut pass))
        .unwrap();
    let options = BatchNormOptions { group: Some(2), activation: relu, ..Default::default() };
    let (sin, tape) = r.leaky_trace().sin().split_tape();
    let (op, statistics) =
        batch_norm_train(x.clone().put_tape(tape), &before.weight, &before.bias, Some(&sin), options)
            .unwrap();
    assert_eq!(ours.as_vec(), op.as_vec());
    let (ours, theirs) =
        (ours.square().sum::<Rank0, _>().backward(), op.square().sum::<Rank0, _>().backward());
    for t in [&x, &r] {
        assert_eq!(ours.get(t).as_vec(), theirs.get(t).as_vec());
        assert!(ours.get(t).as_vec().iter().any(|g| *g != 0.0));
    }
    assert_eq!(ours.get(&before.weight).array(), theirs.get(&before.weight).array());
    let mut updated = before;
    updated.update_running(&statistics).unwrap();
    assert_eq!(norm.running_mean.array(), updated.running_mean.array());
}

#[test]
fn evaluation_takes_the_running_statistics_also_for_one_image() {
    let dev = Cpu::seed_from_u64(5);
    let mut norm: Norm = BuildModule::build(&dev);
    norm.running_mean.copy_from(&[2.0, -1.0]);
    norm.running_var.copy_from(&[4.0, 0.25]);
    norm.epsilon = 0.0;
    let x: Batch<Const<1>, Const<3>> =
        dev.tensor_from_vec(vec![2.0, 4.0, 0.0, -1.0, 0.0, -2.0], (1, Const, Const, Const));
    let y = norm.forward(x, Activation::Identity, &mut Pass::Eval).unwrap();
    assert_close("y", &y.as_vec(), &[0.0, 1.0, -1.0, 0.0, 2.0, -2.0], 1e-6);
}

#[test]
fn vectors_are_images_of_one_pixel_and_a_zero_gamma_silences_the_layer() {
    let dev = Cpu::seed_from_u64(5);
    let (mut one, mut two): (BatchNorm1d<2, f32, Cpu>, Norm) =
        (BuildModule::build(&dev), BuildModule::build(&dev));
    let x: Tensor<Rank2<9, 2>, f32, _> = dev.sample_normal();
    let tanh = Activation::Tanh;
    let y = one.forward_vectors(x.clone(), tanh, &mut Pass::Train(&mut training(None))).unwrap();
    let images = x.clone().reshape::<Rank4<9, 2, 1, 1>>();
    let z = two.forward(images, tanh, &mut Pass::Train(&mut training(None))).unwrap();
    assert_eq!(y.as_vec(), z.as_vec());
    assert_eq!(one.running_var.array(), two.running_var.array());
    one.zero_gamma().unwrap();
    one.bias.copy_from(&[3.0, 4.0]);
    let y = one.forward_vectors(x, Activation::Identity, &mut Pass::Train(&mut training(None))).unwrap();
    assert_eq!(y.array(), [[3.0, 4.0]; 9]);
}
