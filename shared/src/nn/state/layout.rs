//! Reading and writing tensors in logical row-major order, whatever their strides.
//!
//! dfdx's `copy_into` and `copy_from` move the physical buffer and ignore strides, and the strides
//! themselves are private. Two things that are public tell all we need: a reshape to the same shape records a
//! backward operation exactly when it had to copy, and `as_vec` reads in logical order.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, Merge, NoneTape, SplitTape, Storage, Tape, Tensor};
use dfdx::tensor_ops::{Device, ReshapeTo};

use crate::device::{read_back, read_back_contiguous};

/// Why a tensor's memory could not be used, as the tail of a sentence.
pub(crate) type Reason = String;

/// The sizes of the dimensions of `tensor`.
pub(crate) fn sizes<S: Shape, D: Storage<f32>>(tensor: &Tensor<S, f32, D>) -> Vec<usize> {
    tensor.shape().concrete().into_iter().collect()
}

/// The elements in logical order.
pub(crate) fn read<S: Shape, D: Device<f32>>(tensor: &Tensor<S, f32, D>) -> Vec<f32> {
    match is_contiguous(tensor) {
        Ok(true) => read_back_contiguous(tensor),
        _ => read_back(tensor),
    }
}

/// Puts `values`, in logical order, into `tensor`. Their lengths must agree.
pub(crate) fn write<S: Shape, D: Device<f32>>(
    tensor: &mut Tensor<S, f32, D>,
    values: &[f32],
) -> Result<(), Reason> {
    let numel = tensor.shape().num_elements();
    if values.len() != numel {
        return Err(format!("{} values were given for its {numel} elements", values.len()));
    }
    match physical_order(tensor)? {
        None => tensor.copy_from(values),
        Some(order) => {
            let mut physical = vec![0.0; values.len()];
            for (&at, &value) in order.iter().zip(values) {
                physical[at] = value;
            }
            tensor.copy_from(&physical);
        }
    }
    Ok(())
}

/// Where each element, in logical order, lies in the physical buffer; `None` where the two orders are one.
///
/// # Errors
/// A tensor whose elements share memory (a broadcast one) has no such order.
///
/// # Complexity
/// O(1) for a contiguous tensor, a few copies for another.
pub(crate) fn physical_order<S: Shape, D: Device<f32>>(
    tensor: &Tensor<S, f32, D>,
) -> Result<Option<Vec<usize>>, Reason> {
    if is_contiguous(tensor).map_err(|e| e.to_string())? {
        return Ok(None);
    }
    let numel = tensor.shape().num_elements();
    let mut scratch = Gradients::<f32, D>::leaky();
    let buffer = scratch.get_or_alloc_mut(tensor).map_err(|e| e.to_string())?;
    if <D as Storage<f32>>::len(tensor.device(), buffer) != numel {
        return Err(
            "it is a broadcast view whose elements share memory, so give the model a tensor of its own"
                .to_string(),
        );
    }
    // Number the buffer and read the numbers back in logical order. An f32 counts exactly to 2^24, so
    // the low and the high digits of a position go separately.
    const BASE: usize = 1 << 20;
    let mut probe = tensor.clone();
    let mut digits = |digit: &dyn Fn(usize) -> usize| -> Vec<usize> {
        let numbers: Vec<f32> = (0..numel).map(|i| digit(i) as f32).collect();
        probe.copy_from(&numbers);
        probe.as_vec().into_iter().map(|x| x as usize).collect()
    };
    let mut order = digits(&|i| i % BASE);
    if numel > BASE {
        for (low, high) in order.iter_mut().zip(digits(&|i| i / BASE)) {
            *low += high * BASE;
        }
    }
    Ok(Some(order))
}

/// Whether the physical order of `tensor` is its logical order.
pub(crate) fn is_contiguous<S: Shape, D: Device<f32>>(tensor: &Tensor<S, f32, D>) -> Result<bool, D::Err> {
    let (_, tape) = tensor.retaped::<CopyWitness>().try_contiguous()?.split_tape();
    Ok(!tape.copied)
}

/// A tape that keeps nothing but whether an operation was put on it.
#[derive(Clone, Copy, Debug, Default)]
struct CopyWitness {
    copied: bool,
}

impl<D: Storage<f32>> Tape<f32, D> for CopyWitness {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, _: F)
    where
        F: 'static + FnOnce(&mut Gradients<f32, D>) -> Result<(), D::Err>,
    {
        self.copied = true;
    }
}

impl Merge<CopyWitness> for CopyWitness {
    fn merge(self, other: CopyWitness) -> Self {
        Self { copied: self.copied || other.copied }
    }
}

impl Merge<NoneTape> for CopyWitness {
    fn merge(self, _: NoneTape) -> Self {
        self
    }
}
