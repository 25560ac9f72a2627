//! Pooling: the maximum or the mean of each window of an image.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod max;
#[cfg(test)]
mod tests;

use dfdx::{
    prelude::*,
    shapes::{Axes2, Axes3, Axis, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use super::{erased::sizes4, targets::scalar};
use crate::device::kernel_or;

/// The windows of a pooling: squares of `kernel` pixels a side, `stride` apart, with `padding` pixels around the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// K.
    pub kernel: usize,
    /// S.
    pub stride: usize,
    /// P, at most K / 2, so that no window lies outside the image altogether.
    pub padding: usize,
}

impl Window {
    /// K, S and P.
    #[must_use]
    pub const fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        Window { kernel, stride, padding }
    }

    /// How many windows an image of `input` pixels has along a side.
    #[must_use]
    pub const fn out(self, input: usize) -> usize {
        crate::nn::conv_out(input, self.kernel, self.stride, self.padding)
    }

    /// The pixels along a side that window `at` covers inside an image of `input` pixels.
    #[inline(always)]
    fn span(self, at: usize, input: usize) -> std::ops::Range<usize> {
        let start = at * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel).saturating_sub(self.padding).min(input)
    }

    #[track_caller]
    fn check(self, input: [usize; 2], out: [usize; 2]) {
        let Window { kernel, stride, padding } = self;
        assert!(kernel > 0 && stride > 0 && 2 * padding <= kernel, "pooling: {self:?}");
        assert_eq!(
            input.map(|n| self.out(n)),
            out,
            "pooling: the result's size for {input:?} under {self:?}"
        );
    }
}

/// The largest value of each window; the padding is −∞, so it never wins, and a NaN in a window always does.
///
/// The gradient goes to the first of equal values, row by row, as in PyTorch.
///
/// # Shapes
/// x: (B, C, H, W), result: (B, C, HO, WO) with HO = (H + 2 P − K) / S + 1, rounded down, and WO alike.
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// K² comparisons a result.
///
/// # Panics
/// If the sizes do not fit, or P > K / 2: like dfdx's run-time shapes, a bug of the caller.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::pool::{max_pool2d, Window}};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 1, 2, 3>, f32, _> = dev.tensor([[[[1.0, 5.0, 2.0], [3.0, 4.0, 9.0]]]]);
/// let y: Tensor<Rank4<1, 1, 1, 2>, f32, _> = max_pool2d(x, Window::new(2, 1, 0), (Const, Const))?;
/// assert_eq!(y.array(), [[[[5.0, 9.0]]]]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn max_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, HO: Dim, WO: Dim, D: PoolKernel, T: Tape<f32, D>>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    window: Window,
    out: (HO, WO),
) -> Result<Tensor<(B, C, HO, WO), f32, D, T>, D::Err> {
    window.check([x.shape().2.size(), x.shape().3.size()], [out.0.size(), out.1.size()]);
    let (b, c, _, _) = *x.shape();
    let sizes = sizes4(x.shape());
    let (x, size) = (x.try_reshape_like(&sizes)?, (out.0.size(), out.1.size()));
    let y = kernel_or!(D::max_pool2d(x, window, size), composed_max(x, window, size))?;
    y.try_reshape_like(&(b, c, out.0, out.1))
}

/// The mean of each window: the sum over the pixels inside the image, divided by K² even where the window reaches over
/// the padding (PyTorch's default, `count_include_pad=True`).
///
/// # Shapes
/// As [`max_pool2d`].
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// K² additions a result.
///
/// # Panics
/// As [`max_pool2d`].
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::pool::{avg_pool2d, Window}};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 1, 2, 2>, f32, _> = dev.tensor([[[[4.0, 8.0], [12.0, 16.0]]]]);
/// let y: Tensor<Rank4<1, 1, 2, 2>, f32, _> = avg_pool2d(x, Window::new(2, 2, 1), (Const, Const))?;
/// assert_eq!(y.array(), [[[[1.0, 2.0], [3.0, 4.0]]]]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn avg_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, HO: Dim, WO: Dim, D: PoolKernel, T: Tape<f32, D>>(
    x: Tensor<(B, C, H, W), f32, D, T>,
    window: Window,
    out: (HO, WO),
) -> Result<Tensor<(B, C, HO, WO), f32, D, T>, D::Err> {
    window.check([x.shape().2.size(), x.shape().3.size()], [out.0.size(), out.1.size()]);
    let (b, c, _, _) = *x.shape();
    let sizes = sizes4(x.shape());
    let (x, size) = (x.try_reshape_like(&sizes)?, (out.0.size(), out.1.size()));
    let y = kernel_or!(D::avg_pool2d(x, window, size), composed_avg(x, window, size))?;
    y.try_reshape_like(&(b, c, out.0, out.1))
}

/// The mean of each plane.
///
/// # Shapes
/// x: (B, C, H, W), result: (B, C).
///
/// # Errors
/// The device's: out of memory.
///
/// # Complexity
/// One pass each way.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, ops::pool::global_avg_pool2d};
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<1, 2, 1, 2>, f32, _> = dev.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]]);
/// assert_eq!(global_avg_pool2d(x)?.array(), [[1.5, 4.0]]);
/// # Ok::<(), CpuError>(())
/// ```
pub fn global_avg_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, D: PoolKernel, T: Tape<f32, D>>(
    x: Tensor<(B, C, H, W), f32, D, T>,
) -> Result<Tensor<(B, C), f32, D, T>, D::Err> {
    let (b, c, _, _) = *x.shape();
    let sizes = sizes4(x.shape());
    let x = x.try_reshape_like(&sizes)?;
    kernel_or!(D::global_avg_pool2d(x), x.try_mean::<(usize, usize), Axes2<2, 3>>())?
        .try_reshape_like(&(b, c))
}

/// The poolings on a device. The provided methods are compositions of dfdx ops.
pub trait PoolKernel: Device<f32> {
    /// See [`max_pool2d`].
    ///
    /// # Errors
    /// The device's.
    fn max_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, HO: Dim, WO: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        window: Window,
        out: (HO, WO),
    ) -> Result<Tensor<(B, C, HO, WO), f32, Self, T>, Self::Err> {
        composed_max(x, window, out)
    }

    /// See [`avg_pool2d`].
    ///
    /// # Errors
    /// The device's.
    fn avg_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, HO: Dim, WO: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
        window: Window,
        out: (HO, WO),
    ) -> Result<Tensor<(B, C, HO, WO), f32, Self, T>, Self::Err> {
        composed_avg(x, window, out)
    }

    /// See [`global_avg_pool2d`].
    ///
    /// # Errors
    /// The device's.
    fn global_avg_pool2d<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Self>>(
        x: Tensor<(B, C, H, W), f32, Self, T>,
    ) -> Result<Tensor<(B, C), f32, Self, T>, Self::Err> {
        x.try_mean::<(B, C), Axes2<2, 3>>()
    }
}

/// The oracle of [`max_pool2d`] from dfdx's own ops, for any device and float type: windows are gathered, and of each the
/// first largest pixel is chosen. Nothing of it is looked at by the host.
///
/// # Errors
/// The device's.
pub fn composed_max<
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    HO: Dim,
    WO: Dim,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
>(
    x: Tensor<(B, C, H, W), E, D, T>,
    window: Window,
    (ho, wo): (HO, WO),
) -> Result<Tensor<(B, C, HO, WO), E, D, T>, D::Err> {
    let (device, (b, c, h, w)) = (x.device().clone(), *x.shape());
    let (planes, pixels, windows) = (b.size() * c.size(), h.size() * w.size(), ho.size() * wo.size());
    let (out, area) = ((b, c, ho, wo), window.kernel * window.kernel);
    if planes * windows == 0 {
        let (x, tape) = x.split_tape();
        return Ok(x.device().try_zeros_like(&out)?.put_tape(tape));
    }
    // A pixel a row, and −∞ for what lies outside the image; a plane a column.
    let x = x.try_reshape_like(&(planes, pixels))?.try_permute::<_, Axes2<1, 0>>()?;
    let outside = device.try_tensor_from_vec(vec![scalar::<E>(f64::NEG_INFINITY); planes], (1, planes))?;
    let x: Tensor<(usize, usize), E, D, T> = (x, outside).try_concat_along(Axis::<0>)?;
    let mut index = Vec::with_capacity(windows * area);
    for (at_row, at_column) in (0..ho.size()).flat_map(|r| (0..wo.size()).map(move |c| (r, c))) {
        let rows = window.span(at_row, h.size());
        let inside = rows.flat_map(|r| window.span(at_column, w.size()).map(move |c| r * w.size() + c));
        let start = index.len();
        index.extend(inside);
        index.resize(start + area, pixels);
    }
    let index = device.try_tensor_from_vec(index, (windows * area,))?;
    let gathered: Tensor<(usize, usize), E, D, T> = x.try_gather(index)?;
    let shape = (windows, area, planes);
    let gathered = gathered.try_reshape_like(&shape)?;

    // Places in a window count down, so that the first of the largest has the largest place; a NaN's is above all.
    let plain = gathered.retaped::<NoneTape>();
    let all = |value: f64| -> Result<Tensor<(usize, usize, usize), E, D>, D::Err> {
        device
            .try_tensor_from_vec(vec![scalar::<E>(value)], ())?
            .try_broadcast_like::<_, Axes3<0, 1, 2>>(&shape)
    };
    let over =
        |x: Tensor<(usize, usize, usize), E, D>| -> Result<Tensor<(usize, usize, usize), E, D>, D::Err> {
            x.try_max::<(usize, usize), Axis<1>>()?.try_broadcast_like::<_, Axis<1>>(&shape)
        };
    let places = (0..area).rev().map(|place| scalar::<E>(place as f64)).collect();
    let places: Tensor<(usize,), E, D> = device.try_tensor_from_vec(places, (area,))?;
    let places = places.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
    let places = plain.try_lt(&over(plain.clone())?)?.try_choose(all(-1.0)?, places)?;
    let places = plain.try_ne(&plain)?.try_choose(all(area as f64)?, places)?;
    let wins = places.try_ge(&over(places.clone())?)?;
    let y: Tensor<(usize, usize), E, D, T> = wins.try_choose(gathered, all(0.0)?)?.try_sum::<_, Axis<1>>()?;
    y.try_permute::<(usize, usize), Axes2<1, 0>>()?.try_reshape_like(&out)
}

/// The oracle of [`avg_pool2d`] from dfdx's own ops, for any device and float type: one product with a (H W, HO WO)
/// matrix that has 1 / K² where a pixel belongs to a window.
///
/// # Errors
/// The device's.
pub fn composed_avg<
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    HO: Dim,
    WO: Dim,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
>(
    x: Tensor<(B, C, H, W), E, D, T>,
    window: Window,
    (ho, wo): (HO, WO),
) -> Result<Tensor<(B, C, HO, WO), E, D, T>, D::Err> {
    let (device, (b, c, h, w)) = (x.device().clone(), *x.shape());
    let (planes, pixels, windows) = (b.size() * c.size(), h.size() * w.size(), ho.size() * wo.size());
    let out = (b, c, ho, wo);
    if planes * windows == 0 {
        let (x, tape) = x.split_tape();
        return Ok(x.device().try_zeros_like(&out)?.put_tape(tape));
    }
    let mut matrix = vec![E::default(); pixels * windows];
    let share = scalar::<E>(1.0 / (window.kernel * window.kernel) as f64);
    for (at_row, at_column) in (0..ho.size()).flat_map(|r| (0..wo.size()).map(move |c| (r, c))) {
        for row in window.span(at_row, h.size()) {
            for column in window.span(at_column, w.size()) {
                matrix[(row * w.size() + column) * windows + at_row * wo.size() + at_column] = share;
            }
        }
    }
    let matrix = device.try_tensor_from_vec(matrix, (pixels, windows))?;
    x.try_reshape_like(&(planes, pixels))?.try_matmul(matrix)?.try_reshape_like(&out)
}
