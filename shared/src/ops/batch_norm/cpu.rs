use std::marker::PhantomData;

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};
use rayon::prelude::*;

use super::{
    group_sizes,
    kernel::{moments, GradientMoments, Gradients, Normalize},
    unbiased, BatchNormKernel, BatchNormOptions, BatchStatistics, Normalized,
};
use crate::{
    device::{host_op, read_back, zeros, HostTensor},
    ops::{
        functions::{with_function, Function},
        planes::Layout,
    },
};

/// How one channel of one group is normalised.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    /// The biased variance.
    variance: f64,
    /// 1 / √(σ² + ε).
    inverse: f64,
}

impl Moments {
    fn new(mean: f64, variance: f64, epsilon: f64) -> Self {
        Moments { mean, variance, inverse: 1.0 / (variance + epsilon).sqrt() }
    }
}

impl BatchNormKernel for Cpu {
    fn batch_norm_train<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        gamma: &Tensor<(C,), f32, Self>,
        beta: &Tensor<(C,), f32, Self>,
        residual: Option<&Tensor<(B, C, H, W), f32, Self>>,
        options: BatchNormOptions,
    ) -> Result<Normalized<(B, C, H, W), Self, T>, CpuError> {
        let layout = Layout::of(x.shape(), group_sizes(x.shape().0.size(), options.group));
        let (device, shape) = (x.device().clone(), (layout.groups(), layout.channels));
        let (mut mean, mut variance) = (Vec::new(), Vec::new());
        let y = op(x, gamma, beta, residual, options, layout, |layout, x| {
            let moments = batch_moments(layout, x, options.epsilon);
            // channel after channel there, group after group here
            for group in 0..layout.groups() {
                let count = layout.count(group) as f64;
                for m in moments.iter().skip(group).step_by(layout.groups()) {
                    mean.push(m.mean as f32);
                    variance.push(unbiased(m.variance, count));
                }
            }
            (moments, true)
        })?;
        let [mean, variance] = [mean, variance].map(|values| device.try_tensor_from_vec(values, shape));
        Ok((y, BatchStatistics { mean: mean?, variance: variance? }))
    }

    fn batch_norm_eval<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        gamma: &Tensor<(C,), f32, Self>,
        beta: &Tensor<(C,), f32, Self>,
        [mean, variance]: [&Tensor<(C,), f32, Self>; 2],
        residual: Option<&Tensor<(B, C, H, W), f32, Self>>,
        options: BatchNormOptions,
    ) -> Result<Tensor<(B, C, H, W), f32, Self, T>, CpuError> {
        let layout = Layout::of(x.shape(), group_sizes(x.shape().0.size(), None));
        let given = read_back(mean).into_iter().zip(read_back(variance));
        let given = given.map(|(m, v)| Moments::new(f64::from(m), f64::from(v), options.epsilon)).collect();
        op(x, gamma, beta, residual, options, layout, |_, _| (given, false))
    }

    fn follow<C: Dim>(
        running: &mut Tensor<(C,), f32, Self>,
        batch: &Tensor<(usize, usize), f32, Self>,
        momentum: f64,
    ) -> Result<(), CpuError> {
        let keep = 1.0 - momentum;
        // running statistics need not be contiguous: a user's model may hold a view
        let mut values = read_back(running);
        for group in read_back(batch).chunks_exact(values.len().max(1)) {
            for (value, new) in values.iter_mut().zip(group) {
                *value = (keep * f64::from(*value) + momentum * f64::from(*new)) as f32;
            }
        }
        running.copy_from(&values);
        Ok(())
    }
}

/// The op, with the moments of each channel and group from `moments`, which also says whether gradients go through them.
fn op<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Cpu>>(
    x: Tensor<(B, C, H, W), f32, Cpu, T>,
    gamma: &Tensor<(C,), f32, Cpu>,
    beta: &Tensor<(C,), f32, Cpu>,
    residual: Option<&Tensor<(B, C, H, W), f32, Cpu>>,
    options: BatchNormOptions,
    layout: Layout,
    moments: impl FnOnce(&Layout, &[f32]) -> (Vec<Moments>, bool),
) -> Result<Tensor<(B, C, H, W), f32, Cpu, T>, CpuError> {
    let (device, shape) = (x.device().clone(), *x.shape());
    let (x, mut tape) = HostTensor::read(x)?;
    let (gamma, tape_g) = HostTensor::read_param::<_, T>(gamma)?;
    let (beta, tape_b) = HostTensor::read_param::<_, T>(beta)?;
    tape = tape.merge(tape_g).merge(tape_b);
    let residual = match residual {
        Some(residual) => {
            let (residual, tape_r) = HostTensor::read_param::<_, T>(residual)?;
            tape = tape.merge(tape_r);
            residual
        }
        None => HostTensor::read_param::<_, T>(&device.try_zeros_like(&(0,))?)?.0,
    };
    let backward_layout = layout.clone();
    host_op(
        &device,
        tape,
        [x, gamma, beta, residual],
        shape,
        move |[x, gamma, beta, residual]| {
            let x = layout.channels_first(x);
            let (moments, through) = moments(&layout, &x);
            let residual = layout.channels_first(residual);
            let mut y = zeros(x.len());
            with_function!(options.activation, F => {
                normalize::<F>(&layout, &x, [gamma, beta], &residual, &moments, &mut y);
            });
            (layout.images_first(y), (moments, through))
        },
        move |[x, gamma, _, _], y, (moments, through), dy, [dx, dgamma, dbeta, dr]| {
            let layout = backward_layout;
            let [x, y, dy] = [x, y, dy].map(|t| layout.channels_first(t));
            let pass = Pass { layout: &layout, x: &x, y: &y, dy: &dy, gamma, moments: &moments, through };
            layout.with_channels_first([dx, dr], |[dx, dr]| {
                with_function!(options.activation, F => pass.backward::<F>(dx, dr, dgamma, dbeta));
            });
        },
    )
}

/// Mean and biased variance, for each channel and in it for each group.
fn batch_moments(layout: &Layout, x: &[f32], epsilon: f64) -> Vec<Moments> {
    let of_channel = |channel| {
        let planes = layout.channel(x, channel);
        (0..layout.groups()).map(move |group| {
            let [mean, variance] = moments(&planes[layout.planes(group)], layout.count(group));
            Moments::new(mean, variance, epsilon)
        })
    };
    (0..layout.channels).into_par_iter().flat_map_iter(of_channel).collect()
}

fn normalize<F: Function>(
    layout: &Layout,
    x: &[f32],
    [gamma, beta]: [&[f32]; 2],
    residual: &[f32],
    moments: &[Moments],
    y: &mut [f32],
) {
    let groups = layout.groups();
    layout.channels_mut(y).into_par_iter().enumerate().for_each(|(channel, mut y)| {
        let x = layout.channel(x, channel);
        let residual = (!residual.is_empty()).then(|| layout.channel(residual, channel));
        for group in 0..groups {
            let (planes, m) = (layout.planes(group), moments[channel * groups + group]);
            let scale = f64::from(gamma[channel]) * m.inverse;
            Normalize::<F> {
                x: &x[planes.clone()],
                residual: residual.as_ref().map(|r| &r[planes.clone()]),
                y: &mut y[planes],
                scale: scale as f32,
                shift: (f64::from(beta[channel]) - m.mean * scale) as f32,
                function: PhantomData,
            }
            .run();
        }
    });
}

/// What the backward pass reads.
struct Pass<'a> {
    layout: &'a Layout,
    x: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
    moments: &'a [Moments],
    /// Whether the moments are the batch's own, so that gradients go through them.
    through: bool,
}

impl Pass<'_> {
    /// With x̂ = (x − μ) / √(σ² + ε) and sums over the n values of a group:
    /// dβ = Σ da, dγ = Σ da x̂, dx = γ / √(σ² + ε) · (da − dβ / n − x̂ dγ / n), dr = da.
    fn backward<F: Function>(&self, dx: &mut [f32], dr: &mut [f32], dgamma: &mut [f32], dbeta: &mut [f32]) {
        let layout = self.layout;
        let jobs = layout.channels_mut(dx).into_iter().zip(layout.channels_mut(dr));
        let jobs: Vec<_> = jobs.zip(dgamma.iter_mut().zip(dbeta)).collect();
        jobs.into_par_iter().enumerate().for_each(|(channel, ((dx, dr), (dgamma, dbeta)))| {
            let [sum, product] = self.channel::<F>(channel, dx, dr);
            *dbeta += sum as f32;
            *dgamma += product as f32;
        });
    }

    /// One channel; gives back Σ da and Σ da x̂ over its groups, in their order.
    fn channel<'g, F: Function>(
        &self,
        channel: usize,
        mut dx: Vec<&'g mut [f32]>,
        mut dr: Vec<&'g mut [f32]>,
    ) -> [f64; 2] {
        let layout = self.layout;
        let [x, y, dy] = [self.x, self.y, self.dy].map(|t| layout.channel(t, channel));
        let mut total = [0.0; 2];
        for group in 0..layout.groups() {
            let planes = layout.planes(group);
            let m = self.moments[channel * layout.groups() + group];
            let (x, y, dy) = (&x[planes.clone()], &y[planes.clone()], &dy[planes.clone()]);
            let (mean, function) = (m.mean as f32, PhantomData::<F>);
            let [sum, product] = GradientMoments { x, y, dy, mean, function }.run();
            // Σ da (x − μ), where the loop took the mean rounded to single
            let product = (product + (f64::from(mean) - m.mean) * sum) * m.inverse;
            total = [total[0] + sum, total[1] + product];
            let (scale, n) = (f64::from(self.gamma[channel]) * m.inverse, layout.count(group) as f64);
            let through = if self.through { scale / n } else { 0.0 };
            let slope = -through * product * m.inverse;
            let constant = slope * (f64::from(mean) - m.mean) - through * sum;
            let dr = if dr.is_empty() { &mut [][..] } else { &mut dr[planes.clone()] };
            let factors = [scale as f32, slope as f32, constant as f32];
            Gradients { x, y, dy, mean, factors, dx: &mut dx[planes], dr, function }.run();
        }
        total
    }
}
