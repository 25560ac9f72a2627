//! Capsules inside a dfdx model of your own: colour images of 24 x 24, a 5 x 5 convolution in front, two layers of
//! routing, three classes, no decoder. `cargo run --release -p capsules --example capsules_own_model`
#![allow(clippy::print_stdout)]

use capsules::{margin_loss, DigitCaps, Margin, PrimaryCaps};
use rand::{rngs::StdRng, Rng, SeedableRng};
use shared::{
    device::Backend,
    dfdx::{prelude::*, tensor::Tape},
    nn::{Activation, Conv2d},
    ops::routing::Routing,
    optim::{Adam, AdamConfig},
};

const SIDE: usize = 24;
const CLASSES: usize = 3;
const BATCH: usize = 12;

shared::module! {
    /// 3 x 24 x 24 -> 12 x 20 x 20 -> 128 capsules of 8 -> 6 of 8 -> 3 of 12. A size that does not fit does not compile.
    struct Shapes<E, D> {
        stem: Conv2d<3, 12, SIDE, 20, 5, 1, 0, E, D>,
        primary: PrimaryCaps<12, 16, 20, 8, 5, 2, { 2 * 8 * 8 }, 8, E, D>,
        parts: DigitCaps<{ 2 * 8 * 8 }, 8, 6, 8, E, D>,
        whole: DigitCaps<6, 8, CLASSES, 12, E, D>,
    }
}

type Images<T> = Tensor<Rank4<BATCH, 3, SIDE, SIDE>, f32, Cpu, T>;

impl<D: Backend> Shapes<f32, D> {
    fn forward<B: Dim, T: Tape<f32, D>>(
        &self,
        images: Tensor<(B, Const<3>, Const<SIDE>, Const<SIDE>), f32, D, T>,
    ) -> Result<Tensor<(B, Const<CLASSES>, Const<12>), f32, D, T>, D::Err> {
        let x = self.stem.forward(images, Activation::Relu)?;
        let children = self.primary.forward(x, 1.0)?;
        let parts = self.parts.forward(children, Routing::default())?;
        self.whole.forward(parts, Routing { iterations: 2, ..Routing::default() })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dev = Cpu::seed_from_u64(1);
    let mut rng = StdRng::seed_from_u64(1);
    let mut net: Shapes<f32, Cpu> = BuildModule::try_build(&dev)?;
    // few children: with the weights of a layer of a thousand, lengths would be near 0 and so would gradients
    net.parts.weight = dev.sample_normal() * 0.3;
    net.whole.weight = dev.sample_normal();
    let mut adam = Adam::new(AdamConfig { lr: 3e-3, ..AdamConfig::default() })?;
    let mut grads = net.try_alloc_grads()?;
    let mut losses = Vec::new();
    for step in 0..120 {
        let (images, targets, _) = shapes(&dev, &mut rng)?;
        let loss = margin_loss(net.forward(images.traced(grads))?, targets, Margin::default())?;
        losses.push(loss.array());
        if step % 20 == 0 {
            println!("step {step}: loss {:.4}", loss.array());
        }
        grads = loss.try_backward()?;
        adam.step(&mut net, &mut grads)?;
    }

    let (images, _, classes) = shapes(&dev, &mut rng)?;
    let capsules = net.forward(images)?;
    let lengths: Tensor<Rank2<BATCH, CLASSES>, f32, _> = capsules.square().sum::<_, Axis<2>>().sqrt();
    let found = lengths.array().map(|of| (0..CLASSES).fold(0, |a, b| if of[b] > of[a] { b } else { a }));
    let right = found.iter().zip(&classes).filter(|(a, b)| a == b).count();
    println!("{right} of {BATCH} new images have the longest capsule where they should");
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert!(mean(&losses[110..]) < 0.5 * mean(&losses[..5]), "the loss did not fall: {losses:?}");
    Ok(())
}

/// A lying bar, a standing bar or a box, anywhere, in any colour, and which of them.
fn shapes(dev: &Cpu, rng: &mut StdRng) -> Result<(Images<NoneTape>, Targets, [usize; BATCH]), CpuError> {
    let (mut pixels, mut present) = (vec![0.0; BATCH * 3 * SIDE * SIDE], vec![0.0; BATCH * CLASSES]);
    let classes = std::array::from_fn(|_| rng.gen_range(0..CLASSES));
    for (image, class) in classes.iter().enumerate() {
        let (height, width) = [(3, 12), (12, 3), (7, 7)][*class];
        let (top, left) = (rng.gen_range(0..SIDE - height), rng.gen_range(0..SIDE - width));
        for channel in 0..3 {
            let colour = rng.gen_range(0.4..1.0);
            for row in top..top + height {
                pixels[((image * 3 + channel) * SIDE + row) * SIDE + left..][..width].fill(colour);
            }
        }
        present[image * CLASSES + class] = 1.0;
    }
    let (images, targets) = (dev.try_tensor_from_vec(pixels, (Const, Const, Const, Const))?, (Const, Const));
    Ok((images, dev.try_tensor_from_vec(present, targets)?, classes))
}

type Targets = Tensor<Rank2<BATCH, CLASSES>, f32, Cpu>;
