//! Pooling layers.

use dfdx::{
    prelude::*,
    shapes::{Const, Dim, Dtype},
    tensor::{Tape, Tensor},
};

use super::{conv_fits::Sentence, conv_out, Checked};
use crate::{
    device::Backend,
    ops::pool::{avg_pool2d, global_avg_pool2d, max_pool2d, Window},
};

/// The largest value of each K x K window, S apart, with P pixels of −∞ around the image.
///
/// # Shapes
/// x: (B, C, IN, IN), result: (B, C, OUT, OUT) with OUT = [`conv_out`]`(IN, K, S, P)` and 2 P <= K. Sizes that do not fit
/// are a compile error that names the numbers.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::MaxPool2d};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<2, 5, 28, 28>, f32, _> = dev.zeros();
/// let y: Tensor<Rank4<2, 5, 14, 14>, f32, _> = MaxPool2d::<28, 14, 3, 2, 1>.forward(x)?;
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MaxPool2d<const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize>;

/// The mean of each K x K window, S apart; the padding counts as zeros, as in PyTorch.
///
/// # Shapes
/// As [`MaxPool2d`].
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::AvgPool2d};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 1, 2, 2>, f32, _> = dev.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]);
/// assert_eq!(AvgPool2d::<2, 1, 2, 2, 0>.forward(x)?.array(), [[[[3.0]]]]);
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AvgPool2d<const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize>;

macro_rules! window_layer {
    ($Layer:ident, $op:ident) => {
        impl<const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize>
            $Layer<IN, OUT, K, S, P>
        {
            /// The pooled images.
            ///
            /// # Errors
            /// The device's: out of memory.
            #[allow(clippy::type_complexity)]
            pub fn forward<B: Dim, C: Dim, D: Backend, T: Tape<f32, D>>(
                &self,
                x: Tensor<(B, C, Const<IN>, Const<IN>), f32, D, T>,
            ) -> Result<Tensor<(B, C, Const<OUT>, Const<OUT>), f32, D, T>, D::Err> {
                let () = Self::FITS;
                $op(x, Window::new(K, S, P), (Const, Const))
            }
        }

        impl<const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize> Checked
            for $Layer<IN, OUT, K, S, P>
        {
            const FITS: () = {
                assert!(2 * P <= K, "{}", too_much_padding(stringify!($Layer), K, P).as_str());
                assert!(
                    OUT > 0 && OUT == conv_out(IN, K, S, P),
                    "{}",
                    Sentence::misfit(stringify!($Layer), [IN, OUT, K, S, P], conv_out(IN, K, S, P)).as_str()
                );
            };
        }

        impl<
                const IN: usize,
                const OUT: usize,
                const K: usize,
                const S: usize,
                const P: usize,
                E: Dtype,
                D: Device<E>,
            > TensorCollection<E, D> for $Layer<IN, OUT, K, S, P>
        {
            type To<E2: Dtype, D2: Device<E2>> = Self;

            fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
                visitor: &mut V,
            ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
                visitor.visit_fields((), |()| $Layer)
            }
        }
    };
}

window_layer!(MaxPool2d, max_pool2d);
window_layer!(AvgPool2d, avg_pool2d);

/// "MaxPool2d: P = 2 must be at most K / 2, and K = 3".
const fn too_much_padding(layer: &str, kernel: usize, padding: usize) -> Sentence {
    let start = Sentence::new().text(layer).text(": P = ").number(padding);
    start.text(" must be at most K / 2, and K = ").number(kernel)
}

/// The mean of each plane.
///
/// # Shapes
/// x: (B, C, H, W), result: (B, C).
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::GlobalAvgPool2d};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 2, 1, 2>, f32, _> = dev.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]]);
/// assert_eq!(GlobalAvgPool2d.forward(x)?.array(), [[1.5, 4.0]]);
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalAvgPool2d;

impl GlobalAvgPool2d {
    /// The means.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<B: Dim, C: Dim, H: Dim, W: Dim, D: Backend, T: Tape<f32, D>>(
        &self,
        x: Tensor<(B, C, H, W), f32, D, T>,
    ) -> Result<Tensor<(B, C), f32, D, T>, D::Err> {
        global_avg_pool2d(x)
    }
}

impl Checked for GlobalAvgPool2d {}

impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for GlobalAvgPool2d {
    type To<E2: Dtype, D2: Device<E2>> = Self;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields((), |()| GlobalAvgPool2d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::module! {
        /// Layers without tensors between two with.
        struct Net<E, D> {
            first: crate::nn::Conv2d<1, 2, 7, 7, 3, 1, 1, E, D>,
            max: MaxPool2d<7, 4, 3, 2, 1>,
            mean: AvgPool2d<4, 2, 2, 2, 0>,
            whole: GlobalAvgPool2d,
        }
    }

    #[test]
    fn pools_have_no_names_and_do_what_the_ops_do() {
        let dev = Cpu::seed_from_u64(0);
        let net: Net<f32, Cpu> = BuildModule::build(&dev);
        let names: Vec<_> = crate::nn::state::parameters(&net).into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["first.weight", "first.bias"]);
        for batch in [1, 3] {
            let x: Tensor<(usize, Const<1>, Const<7>, Const<7>), f32, _> =
                dev.sample_like(&(batch, Const, Const, Const), rand_distr::StandardNormal);
            let y = net.first.forward(x, crate::nn::Activation::Relu).unwrap();
            let pooled = net.max.forward(y.clone()).unwrap();
            let expected: Tensor<(usize, Const<2>, Const<4>, Const<4>), f32, _> =
                max_pool2d(y, Window::new(3, 2, 1), (Const, Const)).unwrap();
            assert_eq!(pooled.as_vec(), expected.as_vec());
            let means = net.mean.forward(pooled.clone()).unwrap();
            let quarter = pooled.as_vec()[..8].chunks(4).map(|r| r[0] + r[1]).sum::<f32>() / 4.0;
            approx::assert_relative_eq!(means.as_vec()[0], quarter, max_relative = 1e-6);
            assert_eq!(net.whole.forward(means).unwrap().shape(), &(batch, Const::<2>));
        }
    }

    #[test]
    fn too_much_padding_is_named() {
        let text = "MaxPool2d: P = 2 must be at most K / 2, and K = 3";
        assert_eq!(too_much_padding("MaxPool2d", 3, 2).as_str(), text);
    }
}
