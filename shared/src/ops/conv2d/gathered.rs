//! A convolution of either kind as gather and matrix product, from dfdx's ops.

use dfdx::{
    prelude::*,
    shapes::{Axes2, Axes3, Axis, Dim, Dtype},
    tensor::{Tape, Tensor},
    tensor_ops::Device,
};

use crate::ops::{functions::composed, linear::Activation};

/// f(W X + b) where column (i, j) of X holds, for each channel and each tap (p, q), the pixel of x at
/// (`pixel(i, p)`, `pixel(j, q)`), or zero where that is none.
///
/// # Shapes
/// x: (B, C, H, W), W: (O, C K²), b: (O), result: (B, O, HO, WO).
pub(crate) fn gathered_product<B, C, H, W, O, HO, WO, E, D, T>(
    x: Tensor<(B, C, H, W), E, D, T>,
    weight: Tensor<(O, usize), E, D, T>,
    bias: Option<&Tensor<(O,), E, D>>,
    kernel: usize,
    pixel: impl Fn(usize, usize, usize) -> Option<usize>,
    out: (HO, WO),
    activation: Activation,
) -> Result<Tensor<(B, O, HO, WO), E, D, T>, D::Err>
where
    B: Dim,
    C: Dim,
    H: Dim,
    W: Dim,
    O: Dim,
    HO: Dim,
    WO: Dim,
    E: Dtype,
    D: Device<E>,
    T: Tape<E, D>,
{
    let device = x.device().clone();
    let ((b, c, h, w), o) = (*x.shape(), weight.shape().0);
    let (channels, height, width) = (c.size(), h.size(), w.size());
    let (rows, columns) = (out.0.size(), out.1.size());
    // One row a pixel, and one of zeros for what lies outside; an image a column.
    let pixels = x.try_reshape_like(&(b, channels * height * width))?.try_permute::<_, Axes2<1, 0>>()?;
    let outside: Tensor<(usize, B), E, D> = device.try_zeros_like(&(1, b))?;
    let pixels = (pixels, outside).try_concat_along(Axis::<0>)?;

    let mut index = Vec::with_capacity(channels * kernel * kernel * rows * columns);
    for channel in 0..channels {
        for tap in 0..kernel * kernel {
            for at in 0..rows * columns {
                let y = pixel(at / columns, tap / kernel, height);
                let x = pixel(at % columns, tap % kernel, width);
                index.push(match (y, x) {
                    (Some(y), Some(x)) => (channel * height + y) * width + x,
                    _ => channels * height * width,
                });
            }
        }
    }
    let index = device.try_tensor_from_vec(index, (channels * kernel * kernel * rows * columns,))?;
    let windows: Tensor<(usize, B), E, D, T> = pixels.try_gather(index)?;
    let windows = windows.try_reshape_like(&(channels * kernel * kernel, rows * columns * b.size()))?;
    let y = weight.try_matmul(windows)?.try_reshape_like(&(o, rows * columns, b))?;
    let y: Tensor<(B, O, usize), E, D, T> = y.try_permute::<_, Axes3<2, 0, 1>>()?;
    let y = y.try_reshape_like(&(b, o, out.0, out.1))?;
    let y = match bias {
        None => y,
        Some(bias) => {
            let shape = *y.shape();
            y.try_add(bias.retaped::<T>().try_broadcast_like::<_, Axes3<0, 2, 3>>(&shape)?)?
        }
    };
    composed(y, activation)
}
