//! The sizes of convolutions, for types (`const`) and for run time alike.

/// The side of a convolution's result: ⌊(input + 2 padding − kernel) / stride⌋ + 1, or 0 where the kernel does not fit.
///
/// ```
/// use shared::nn::conv_out;
/// const FIRST: usize = conv_out(28, 9, 1, 0);
/// assert_eq!((FIRST, conv_out(20, 9, 2, 0), conv_out(33, 3, 2, 1), conv_out(4, 9, 1, 0)), (20, 6, 17, 0));
/// ```
#[must_use]
pub const fn conv_out(input: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    let padded = input + 2 * padding;
    if kernel == 0 || stride == 0 || padded < kernel {
        0
    } else {
        (padded - kernel) / stride + 1
    }
}

/// The side of a transposed convolution's result: (input − 1) stride + kernel − 2 padding, or 0 where nothing is left.
///
/// ```
/// use shared::nn::conv_transpose_out;
/// assert_eq!((conv_transpose_out(7, 4, 2, 1), conv_transpose_out(1, 4, 1, 0)), (14, 4));
/// ```
#[must_use]
pub const fn conv_transpose_out(input: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    if input == 0 || kernel == 0 || stride == 0 {
        return 0;
    }
    ((input - 1) * stride + kernel).saturating_sub(2 * padding)
}
