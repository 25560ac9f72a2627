//! The network, at any sizes, and the sizes that this crate measures.

use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        tensor::{Tape, Tensor},
    },
    ops::routing::Routing,
};

/// A CapsNet whose sizes have been forgotten by its types, for code that serves all of them.
///
/// [`caps_net!`](crate::caps_net) implements it. The inherent methods of the network itself keep the sizes in the
/// types; these take any number of examples and panic on other image sizes.
pub trait CapsModel<D: Backend>: TensorCollection<f32, D> {
    /// The sizes.
    const SIZES: CapsSizes;

    /// The first capsules of images (B, C, IN, IN), to which no gradient goes: (B, I, M); `tape` records it. For `scale`
    /// see [`PrimaryCaps::forward`](crate::PrimaryCaps::forward).
    ///
    /// # Errors
    /// The device's.
    fn primary_capsules<T: Tape<f32, D>>(
        &self,
        images: Tensor<(usize, usize, usize, usize), f32, D>,
        tape: T,
        scale: f32,
    ) -> Result<Tensor<(usize, usize, usize), f32, D, T>, D::Err>;

    /// The class capsules of the first ones: (B, J, N).
    ///
    /// # Errors
    /// The device's.
    fn class_capsules<T: Tape<f32, D>>(
        &self,
        children: Tensor<(usize, usize, usize), f32, D, T>,
        routing: Routing,
    ) -> Result<Tensor<(usize, usize, usize), f32, D, T>, D::Err>;

    /// Images of masked class capsules (B, J N): (B, C IN IN).
    ///
    /// # Errors
    /// The device's.
    fn decode<T: Tape<f32, D>>(
        &self,
        masked: Tensor<(usize, usize), f32, D, T>,
    ) -> Result<Tensor<(usize, usize), f32, D, T>, D::Err>;

    /// W (I, J, N, M) and the bias of the routing (J, N), if there is one: what a
    /// [`RoutingTrace`](shared::ops::routing::RoutingTrace) needs.
    fn routing_weights(&self) -> (Vec<f32>, Option<Vec<f32>>);
}

/// The sizes of a CapsNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapsSizes {
    /// Channels of an image.
    pub channels: usize,
    /// Pixels on a side of an image.
    pub side: usize,
    /// Capsules of the first layer, I.
    pub children: usize,
    /// Numbers in one of them, M.
    pub length: usize,
    /// Kinds of them.
    pub types: usize,
    /// Classes, J.
    pub classes: usize,
    /// Numbers in a class capsule, N.
    pub width: usize,
}

/// Declares a CapsNet: two 9 x 9 convolutions (stride 1 and 2), capsules, routing, decoder, with every size in its type.
///
/// ```
/// use capsules::CapsModel;
/// use shared::{dfdx::prelude::*, nn::state::parameter_count, ops::routing::Routing};
///
/// capsules::caps_net! {
///     /// For 32 x 32 colour images of 5 classes.
///     pub struct Signs {
///         image: 3 x 32,       // channels x side
///         conv1: 16,           // feature maps
///         primary: 4 of 8,     // kinds of capsules, numbers in each
///         classes: 5 of 12,    // class capsules, numbers in each
///         decoder: 64, 128,    // hidden units
///         layer: DigitCaps,    // or BiasedDigitCaps
///     }
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let net: Signs<f32, Cpu> = BuildModule::try_build(&dev)?;
/// let images: Tensor<Rank4<2, 3, 32, 32>, f32, _> = dev.sample_uniform();
/// let v: Tensor<Rank3<2, 5, 12>, f32, _> = net.forward(images, Routing::default())?;
/// assert_eq!(<Signs<f32, Cpu> as CapsModel<Cpu>>::SIZES.children, 4 * 8 * 8);
/// assert_eq!(parameter_count(&net.digit), 256 * 5 * 12 * 8);
/// # Ok::<(), CpuError>(())
/// ```
#[macro_export]
macro_rules! caps_net {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident {
            image: $channels:literal x $side:literal,
            conv1: $maps:literal,
            primary: $types:literal of $length:literal,
            classes: $classes:literal of $width:literal,
            decoder: $h1:literal, $h2:literal,
            layer: $Layer:ident $(,)?
        }
    ) => {
        $crate::__shared::module! {
            $(#[$meta])*
            $vis struct $Name<E, D> {
                /// 9 x 9, stride 1, ReLU.
                pub conv1: $crate::__shared::nn::Conv2d<
                    $channels, $maps, $side, { $crate::__shared::nn::conv_out($side, 9, 1, 0) }, 9, 1, 0, E, D
                >,
                /// 9 x 9, stride 2.
                pub primary: $crate::PrimaryCaps<
                    $maps,
                    { $types * $length },
                    { $crate::__shared::nn::conv_out($side, 9, 1, 0) },
                    { $crate::primary_side($side) },
                    9,
                    2,
                    { $types * $crate::primary_side($side) * $crate::primary_side($side) },
                    $length,
                    E,
                    D
                >,
                /// The class capsules.
                pub digit: $crate::$Layer<
                    { $types * $crate::primary_side($side) * $crate::primary_side($side) },
                    $length,
                    $classes,
                    $width,
                    E,
                    D
                >,
                /// From class capsules to images.
                pub decoder: $crate::Decoder<
                    { $classes * $width }, $h1, $h2, { $channels * $side * $side }, E, D
                >,
            }
        }

        const _: () = {
            use $crate::__shared::{
                device::Backend,
                dfdx::{prelude::*, shapes::{Const, Dim}, tensor::{Tape, Tensor}},
                nn::Activation,
                ops::routing::Routing,
            };

            const CHILDREN: usize = $types * $crate::primary_side($side) * $crate::primary_side($side);

            impl<D: Backend> $Name<f32, D> {
                /// Class capsules of images.
                ///
                /// # Errors
                /// The device's: out of memory.
                #[allow(dead_code)]
                pub fn forward<B: Dim, T: Tape<f32, D>>(
                    &self,
                    images: Tensor<(B, Const<$channels>, Const<$side>, Const<$side>), f32, D, T>,
                    routing: Routing,
                ) -> Result<Tensor<(B, Const<$classes>, Const<$width>), f32, D, T>, D::Err> {
                    let x = self.conv1.forward(images, Activation::Relu)?;
                    self.digit.forward(self.primary.forward(x, 1.0)?, routing)
                }
            }

            impl<D: Backend> $crate::CapsModel<D> for $Name<f32, D> {
                const SIZES: $crate::CapsSizes = $crate::CapsSizes {
                    channels: $channels,
                    side: $side,
                    children: CHILDREN,
                    length: $length,
                    types: $types,
                    classes: $classes,
                    width: $width,
                };

                fn primary_capsules<T: Tape<f32, D>>(
                    &self,
                    images: Tensor<(usize, usize, usize, usize), f32, D>,
                    tape: T,
                    scale: f32,
                ) -> Result<Tensor<(usize, usize, usize), f32, D, T>, D::Err> {
                    let batch = images.shape().0;
                    let images = images.try_reshape_like(&(
                        batch, Const::<$channels>, Const::<$side>, Const::<$side>,
                    ))?;
                    let x = self.conv1.forward_data(images, tape, Activation::Relu)?;
                    self.primary.forward(x, scale)?.try_reshape_like(&(batch, CHILDREN, $length))
                }

                fn class_capsules<T: Tape<f32, D>>(
                    &self,
                    children: Tensor<(usize, usize, usize), f32, D, T>,
                    routing: Routing,
                ) -> Result<Tensor<(usize, usize, usize), f32, D, T>, D::Err> {
                    let batch = children.shape().0;
                    let children =
                        children.try_reshape_like(&(batch, Const::<CHILDREN>, Const::<$length>))?;
                    self.digit.forward(children, routing)?.try_reshape_like(&(batch, $classes, $width))
                }

                fn decode<T: Tape<f32, D>>(
                    &self,
                    masked: Tensor<(usize, usize), f32, D, T>,
                ) -> Result<Tensor<(usize, usize), f32, D, T>, D::Err> {
                    let batch = masked.shape().0;
                    let masked = masked.try_reshape_like(&(batch, Const::<{ $classes * $width }>))?;
                    self.decoder.forward(masked)?.try_reshape_like(&(batch, $channels * $side * $side))
                }

                fn routing_weights(&self) -> (Vec<f32>, Option<Vec<f32>>) {
                    ($crate::__shared::device::read_back(&self.digit.weight), self.digit.bias().map(|bias| $crate::__shared::device::read_back(bias)))
                }
            }
        };
    };
}

/// Pixels on a side of the second convolution's results, for images of `side`.
#[doc(hidden)]
#[must_use]
pub const fn primary_side(side: usize) -> usize {
    shared::nn::conv_out(shared::nn::conv_out(side, 9, 1, 0), 9, 2, 0)
}

/// The networks at the sizes that this crate measures.
pub mod presets {
    caps_net! {
        /// The paper's, for MNIST: 6,804,224 weights, and 1,411,344 in the decoder.
        pub struct Paper28 {
            image: 1 x 28, conv1: 256, primary: 32 of 8, classes: 10 of 16, decoder: 512, 1024,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// The paper's, for MultiMNIST: 11,361,808 weights with the decoder.
        pub struct Paper36 {
            image: 1 x 36, conv1: 256, primary: 32 of 8, classes: 10 of 16, decoder: 512, 1024,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// The paper's, for affNIST.
        pub struct Paper40 {
            image: 1 x 40, conv1: 256, primary: 32 of 8, classes: 10 of 16, decoder: 512, 1024,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// A quarter of the maps, a quarter of the capsules: about 13 times cheaper.
        pub struct Small28 {
            image: 1 x 28, conv1: 64, primary: 8 of 8, classes: 10 of 16, decoder: 512, 1024,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// [`Small28`] with the learned bias of the authors' code.
        pub struct Small28Biased {
            image: 1 x 28, conv1: 64, primary: 8 of 8, classes: 10 of 16, decoder: 512, 1024,
            layer: BiasedDigitCaps,
        }
    }
    caps_net! {
        /// [`Small28`] for MultiMNIST.
        pub struct Small36 {
            image: 1 x 36, conv1: 64, primary: 8 of 8, classes: 10 of 16, decoder: 512, 1024,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// [`Small28`] for affNIST.
        pub struct Small40 {
            image: 1 x 40, conv1: 64, primary: 8 of 8, classes: 10 of 16, decoder: 512, 1024,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// For minutes and seconds: tests, and claims on embedded data.
        pub struct Tiny28 {
            image: 1 x 28, conv1: 16, primary: 4 of 8, classes: 10 of 16, decoder: 128, 256,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// [`Tiny28`] with the learned bias of the authors' code.
        pub struct Tiny28Biased {
            image: 1 x 28, conv1: 16, primary: 4 of 8, classes: 10 of 16, decoder: 128, 256,
            layer: BiasedDigitCaps,
        }
    }
    caps_net! {
        /// [`Tiny28`] for MultiMNIST.
        pub struct Tiny36 {
            image: 1 x 36, conv1: 16, primary: 4 of 8, classes: 10 of 16, decoder: 128, 256,
            layer: DigitCaps,
        }
    }
    caps_net! {
        /// [`Tiny28`] for affNIST.
        pub struct Tiny40 {
            image: 1 x 40, conv1: 16, primary: 4 of 8, classes: 10 of 16, decoder: 128, 256,
            layer: DigitCaps,
        }
    }
}
