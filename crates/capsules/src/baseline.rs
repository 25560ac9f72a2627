//! The convolutional network that the paper compares with on MultiMNIST, at about the CapsNet's number of weights.

use shared::{
    device::{read_back, Backend},
    dfdx::{
        prelude::*,
        shapes::Const,
        tensor::{Tape, Tensor},
    },
    nn::{Activation, Conv2d, Linear},
    ops::{
        cross_entropy::softmax_cross_entropy,
        pool::{max_pool2d, Window},
        targets::Targets,
    },
};

use crate::{
    config::{CheckedConfig, Size},
    data::Batch,
    error::compute,
    network::{Network, Objective, Trainable},
    CapsError,
};

/// 2 x 2, stride 2.
const POOL: Window = Window::new(2, 2, 0);

/// Images to the scores of ten classes.
pub(crate) trait Cnn<D: Backend>: TensorCollection<f32, D> {
    /// Pixels on a side.
    const SIDE: usize;

    fn forward<T: Tape<f32, D>>(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        tape: T,
    ) -> Result<Tensor<(usize, Const<10>), f32, D, T>, D::Err>;
}

/// 9 x 9 convolution, pooling, 5 x 5 convolution, pooling (both of the image's size, with zeros around it), a dense layer
/// and the scores, with ReLU between.
///
/// Reference: section 6. The paper has 512, 256 and 1024 units and 24.56 million weights.
macro_rules! cnn {
    ($(#[$meta:meta])* $Name:ident: $side:literal, $maps1:literal, $maps2:literal, $hidden:literal) => {
        shared::module! {
            $(#[$meta])*
            pub(crate) struct $Name<E, D> {
                pub(crate) conv1: Conv2d<1, $maps1, $side, $side, 9, 1, 4, E, D>,
                pub(crate) conv2: Conv2d<$maps1, $maps2, { $side / 2 }, { $side / 2 }, 5, 1, 2, E, D>,
                pub(crate) fc1: Linear<{ $maps2 * ($side / 4) * ($side / 4) }, $hidden, E, D>,
                pub(crate) fc2: Linear<$hidden, 10, E, D>,
            }
        }

        impl<D: Backend> Cnn<D> for $Name<f32, D> {
            const SIDE: usize = $side;

            fn forward<T: Tape<f32, D>>(
                &self,
                images: Tensor<(usize, usize, usize, usize), f32, D>,
                tape: T,
            ) -> Result<Tensor<(usize, Const<10>), f32, D, T>, D::Err> {
                const HALF: usize = $side / 2;
                const QUARTER: usize = $side / 4;
                let batch = images.shape().0;
                let x = images.try_reshape_like(&(batch, Const::<1>, Const::<$side>, Const::<$side>))?;
                let x = self.conv1.forward_data(x, tape, Activation::Relu)?;
                let x = max_pool2d(x, POOL, (Const::<HALF>, Const::<HALF>))?;
                let x = self.conv2.forward(x, Activation::Relu)?;
                let x = max_pool2d(x, POOL, (Const::<QUARTER>, Const::<QUARTER>))?;
                let x = x.try_reshape_like(&(batch, Const::<{ $maps2 * QUARTER * QUARTER }>))?;
                self.fc2.forward(self.fc1.forward(x, Activation::Relu)?, Activation::Identity)
            }
        }
    };
}

cnn!(
    /// Beside `Small28`.
    SmallCnn28: 28, 64, 48, 861
);
cnn!(
    /// Beside `Small36`.
    SmallCnn36: 36, 96, 48, 814
);
cnn!(
    /// Beside `Small40`.
    SmallCnn40: 40, 96, 48, 818
);
cnn!(
    /// Beside `Tiny28`.
    TinyCnn28: 28, 24, 20, 472
);
cnn!(
    /// Beside `Tiny36`.
    TinyCnn36: 36, 24, 20, 569
);
cnn!(
    /// Beside `Tiny40`.
    TinyCnn40: 40, 24, 20, 612
);

/// A fresh network on a device.
pub(crate) fn build<D: Backend>(
    device: &D,
    config: &CheckedConfig,
    size: Size,
    side: usize,
) -> Result<Box<dyn Network>, CapsError> {
    match (size, side) {
        (Size::Small, 28) => trainable::<SmallCnn28<f32, D>, D>(device, config),
        (Size::Small, 36) => trainable::<SmallCnn36<f32, D>, D>(device, config),
        (Size::Small, 40) => trainable::<SmallCnn40<f32, D>, D>(device, config),
        (Size::Tiny, 28) => trainable::<TinyCnn28<f32, D>, D>(device, config),
        (Size::Tiny, 36) => trainable::<TinyCnn36<f32, D>, D>(device, config),
        (Size::Tiny, 40) => trainable::<TinyCnn40<f32, D>, D>(device, config),
        _ => Err(CapsError::Unsupported {
            what: "a convolutional network of this size",
            of: "this program",
            instead: "take `--size small` or `--size tiny`, and images of 28, 36 or 40 pixels a side",
        }),
    }
}

fn trainable<N, D>(device: &D, config: &CheckedConfig) -> Result<Box<dyn Network>, CapsError>
where
    D: Backend,
    N: Cnn<D> + BuildModule<D, f32> + 'static,
{
    let net = N::try_build(device).map_err(compute)?;
    Ok(Box::new(Trainable::new(device, Convolutional { net }, config)?))
}

struct Convolutional<N> {
    net: N,
}

impl<D: Backend, N: Cnn<D>> Objective<D> for Convolutional<N> {
    type Net = N;

    fn net(&self) -> &N {
        &self.net
    }

    fn net_mut(&mut self) -> &mut N {
        &mut self.net
    }

    fn image(&self) -> (usize, usize) {
        (1, N::SIDE)
    }

    /// Softmax cross-entropy for one digit an image; for two, the paper's: sigmoid cross-entropy of each class.
    fn loss<T: Tape<f32, D>>(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        tape: T,
        batch: &Batch,
    ) -> Result<Tensor<(), f32, D, T>, D::Err> {
        let device = images.device().clone();
        let scores = self.net.forward(images, tape)?;
        if batch.layout.digits == 1
            && let Ok(targets) = Targets::new(batch.labels.clone(), 10)
        {
            return softmax_cross_entropy(scores, &targets);
        }
        let shape = *scores.shape();
        let targets = device.try_tensor_from_vec(batch.present.clone(), shape)?;
        // -t ln p - (1 - t) ln (1 - p) = max(x, 0) - x t + ln(1 + e^-|x|)
        let soft = scores.with_empty_tape().try_abs()?.try_negate()?.try_exp()?.try_add(1.0)?.try_ln()?;
        let hard = scores.with_empty_tape().try_relu()?;
        let total = scores.try_mul(targets)?.try_negate()?.try_add(hard)?.try_add(soft)?;
        total.try_sum::<(), _>()?.try_mul(1.0 / batch.len().max(1) as f32)
    }

    fn scores(&self, images: Tensor<(usize, usize, usize, usize), f32, D>) -> Result<Vec<f32>, CapsError> {
        Ok(read_back(&self.net.forward(images, NoneTape).map_err(compute)?))
    }
}

#[cfg(test)]
mod tests {
    use shared::nn::state::parameter_count;

    use super::*;
    use crate::presets::{Paper36, Small28, Small36, Small40, Tiny28, Tiny36, Tiny40};

    fn weights<M: TensorCollection<f32, Cpu> + BuildModule<Cpu, f32>>() -> usize {
        parameter_count(&M::try_build(&Cpu::default()).unwrap())
    }

    #[test]
    fn the_papers_net_for_two_digits_has_the_papers_number_of_weights() {
        assert_eq!(weights::<Paper36<f32, Cpu>>(), 11_361_808);
    }

    #[test]
    fn each_has_about_as_many_weights_as_the_capsules_it_stands_beside() {
        let pairs = [
            ("small, 28", weights::<SmallCnn28<f32, Cpu>>(), weights::<Small28<f32, Cpu>>()),
            ("small, 36", weights::<SmallCnn36<f32, Cpu>>(), weights::<Small36<f32, Cpu>>()),
            ("small, 40", weights::<SmallCnn40<f32, Cpu>>(), weights::<Small40<f32, Cpu>>()),
            ("tiny, 28", weights::<TinyCnn28<f32, Cpu>>(), weights::<Tiny28<f32, Cpu>>()),
            ("tiny, 36", weights::<TinyCnn36<f32, Cpu>>(), weights::<Tiny36<f32, Cpu>>()),
            ("tiny, 40", weights::<TinyCnn40<f32, Cpu>>(), weights::<Tiny40<f32, Cpu>>()),
        ];
        for (sizes, cnn, capsules) in pairs {
            let apart = (cnn as f64 / capsules as f64 - 1.0).abs();
            assert!(apart < 0.005, "{sizes}: {cnn} weights beside {capsules}");
        }
    }
}
