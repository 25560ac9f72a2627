//! The convolution on the host: products of packed weights with vectors read straight from the images.
//!
//! No matrix of windows is ever in memory. A *panel* is a few SIMD vectors of neighbouring results; a *tile* is a panel
//! for a block of output channels, held in registers while the sum runs over channels and taps. What a vector of results
//! needs of a tap is a vector of neighbouring pixels, so a prepared (padded) image can be read in place; where rows are
//! too short for that, the pixels of a panel are copied side by side first.
//!
//! # Determinism
//! Every sum is taken by one thread in an order fixed by the sizes, so the bits do not depend on the number of threads.
//! (They do depend on the machine's SIMD width and on whether it has a fused multiply-add.)

mod correlate;
mod groups;
mod input_gradient;
mod layout;
mod output;
mod panels;
mod scatter;
mod tile;
mod weight_gradient;
mod winograd;

use pulp::{Arch, Simd, WithSimd};

pub(crate) use input_gradient::spread;
pub(crate) use output::convolve;
pub(crate) use weight_gradient::weight_gradient;

/// The sizes of a convolution. A transposed one is described by the convolution that it is the gradient of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Images, B.
    pub(crate) batch: usize,
    /// Channels of the images, C.
    pub(crate) channels: usize,
    /// Height of the images, H.
    pub(crate) height: usize,
    /// Width of the images, W.
    pub(crate) width: usize,
    /// Channels of the results, O.
    pub(crate) outputs: usize,
    /// Height of the results, HO.
    pub(crate) rows: usize,
    /// Width of the results, WO.
    pub(crate) cols: usize,
    /// Side of the kernel, K.
    pub(crate) kernel: usize,
    /// Stride, S.
    pub(crate) stride: usize,
    /// Zeros around the image, P.
    pub(crate) padding: usize,
}

impl Sizes {
    /// Elements of one image, C H W.
    pub(crate) fn image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Elements of one result, O HO WO.
    pub(crate) fn result(&self) -> usize {
        self.outputs * self.rows * self.cols
    }

    /// Taps of one output channel, C K².
    pub(crate) fn taps(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }
}

/// What becomes of the values already in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// They are replaced.
    Write,
    /// They are added to.
    Add,
}

/// The widest SIMD of this machine, as far as the layout of work depends on it.
#[derive(Clone, Copy, Debug)]
struct Width {
    /// `f32`s in a vector.
    lanes: usize,
    /// Vector registers.
    registers: usize,
}

impl Width {
    fn of_machine() -> Self {
        struct Ask;
        impl WithSimd for Ask {
            type Output = Width;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> Width {
                Width { lanes: S::F32_LANES, registers: S::REGISTER_COUNT }
            }
        }
        Arch::new().dispatch(Ask)
    }

    /// Output channels in a tile of `rows` of them: what the registers hold beside three vectors of pixels.
    fn block(&self, rows: usize) -> usize {
        if self.registers >= 32 && rows > 4 {
            8
        } else {
            4
        }
    }
}
