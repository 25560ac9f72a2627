//! The bridge that puts an op of ours on dfdx's tape.
//!
//! An op gives two functions over plain slices, forward and backward; [`host_op`] does everything else:
//! making inputs contiguous, lending their values and gradient buffers where they lie, recording the backward
//! step. Ops never touch the tape themselves, and nothing is copied on their way.

use dfdx::{
    shapes::Shape,
    tensor::{Cpu, CpuError, Gradients, NoneTape, Tape, Tensor, TensorFromVec},
    tensor_ops::ReshapeTo,
};

use super::values::values;

/// A contiguous input of a [`host_op`], with its shape erased so that inputs of several ranks fit in one array.
pub struct HostTensor {
    tensor: Box<dyn Lend>,
    /// Whether it has a gradient; data has none.
    differentiable: bool,
}

impl HostTensor {
    /// Takes `tensor` for a host op and gives back its tape. Its values are not copied.
    ///
    /// A permuted or broadcast tensor is made contiguous first; that step is recorded on the tape, so gradients find
    /// their way back through it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn read<S: Shape, T: Tape<f32, Cpu>>(tensor: Tensor<S, f32, Cpu, T>) -> Result<(Self, T), CpuError> {
        let (tensor, tape) = dfdx::tensor::SplitTape::split_tape(tensor.try_contiguous()?);
        Ok((HostTensor { tensor: Box::new(tensor), differentiable: true }, tape))
    }

    /// Takes a tensor that carries no tape of its own, such as a parameter. `T` is the tape of the op's other
    /// inputs: a parameter that is not contiguous joins it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn read_param<S: Shape, T: Tape<f32, Cpu>>(
        tensor: &Tensor<S, f32, Cpu, NoneTape>,
    ) -> Result<(Self, T), CpuError> {
        Self::read(tensor.retaped::<T>())
    }

    /// [`read_param`](Self::read_param) for an op that looks whether its weights want a gradient: within
    /// [`frozen`](super::frozen) they want none, and the op is lent an empty slice for it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn read_weight<S: Shape, T: Tape<f32, Cpu>>(
        tensor: &Tensor<S, f32, Cpu, NoneTape>,
    ) -> Result<(Self, T), CpuError> {
        if super::frozen::is_frozen() {
            return Ok((Self::read_data(tensor.clone())?, T::default()));
        }
        Self::read_param(tensor)
    }

    /// Takes a tensor that wants no gradient, such as a batch of images: the op is lent an empty slice for it.
    ///
    /// # Errors
    /// Out of memory.
    pub fn read_data<S: Shape>(tensor: Tensor<S, f32, Cpu, NoneTape>) -> Result<Self, CpuError> {
        Ok(HostTensor { tensor: Box::new(tensor.try_contiguous()?), differentiable: false })
    }

    fn gradient(&self, grads: &mut Gradients<f32, Cpu>) -> Result<Vec<f32>, CpuError> {
        if !self.differentiable {
            return Ok(Vec::new());
        }
        let mut buffer = self.tensor.take(grads)?;
        buffer.resize(self.tensor.values().len(), 0.0);
        Ok(buffer)
    }
}

/// A contiguous tensor, whatever its shape: what an op reads of it, and the buffer of its gradient.
trait Lend {
    /// Its values, where they lie.
    fn values(&self) -> &[f32];
    /// Takes the buffer out of `grads`; empty if it is lent out already.
    fn take(&self, grads: &mut Gradients<f32, Cpu>) -> Result<Vec<f32>, CpuError>;
    /// Puts the buffer back, adding to what has come there meanwhile.
    fn put(&self, grads: &mut Gradients<f32, Cpu>, buffer: Vec<f32>) -> Result<(), CpuError>;
}

impl<S: Shape> Lend for Tensor<S, f32, Cpu> {
    fn values(&self) -> &[f32] {
        values(self)
    }

    fn take(&self, grads: &mut Gradients<f32, Cpu>) -> Result<Vec<f32>, CpuError> {
        Ok(std::mem::take(&mut **grads.get_or_alloc_mut(self)?))
    }

    fn put(&self, grads: &mut Gradients<f32, Cpu>, buffer: Vec<f32>) -> Result<(), CpuError> {
        let slot = &mut **grads.get_or_alloc_mut(self)?;
        if slot.is_empty() {
            *slot = buffer;
        } else {
            // The same tensor came in twice: its second buffer holds a part of the sum.
            slot.iter_mut().zip(buffer).for_each(|(total, part)| *total += part);
        }
        Ok(())
    }
}

/// Runs an op on host slices and records its backward pass on `tape`.
///
/// - `forward(inputs)` returns the output in row-major order and whatever backward needs besides the inputs.
/// - `backward(inputs, output, saved, output_gradient, input_gradients)` **adds** to the input gradients, one
///   mutable slice an input, as long as that input; the slice of [data](HostTensor::read_data) is empty.
///
/// # Errors
/// Out of memory, or a forward that returned another number of elements than `shape` has.
pub fn host_op<const N: usize, S, T, Saved>(
    device: &Cpu,
    tape: T,
    inputs: [HostTensor; N],
    shape: S,
    forward: impl FnOnce([&[f32]; N]) -> (Vec<f32>, Saved),
    backward: impl FnOnce([&[f32]; N], &[f32], Saved, &[f32], [&mut [f32]; N]) + 'static,
) -> Result<Tensor<S, f32, Cpu, T>, CpuError>
where
    S: Shape,
    T: Tape<f32, Cpu>,
    Saved: 'static,
{
    let (output, saved) = forward(std::array::from_fn(|i| inputs[i].tensor.values()));
    let output = device.try_tensor_from_vec(output, shape)?;
    let mut tape = tape;
    if T::OWNS_TAPE {
        let output = output.clone();
        tape.add_backward_op(move |grads| {
            let output_gradient = output.take(grads)?;
            let mut buffers: [Vec<f32>; N] = std::array::from_fn(|_| Vec::new());
            for (buffer, input) in buffers.iter_mut().zip(&inputs) {
                *buffer = input.gradient(grads)?;
            }
            {
                let mut lent = buffers.iter_mut();
                let lent = std::array::from_fn(|_| match lent.next() {
                    Some(buffer) => buffer.as_mut_slice(),
                    None => &mut [],
                });
                let values = std::array::from_fn(|i| inputs[i].tensor.values());
                backward(values, output.values(), saved, &output_gradient, lent);
            }
            for (buffer, input) in buffers.into_iter().zip(&inputs).filter(|(_, i)| i.differentiable) {
                input.tensor.put(grads, buffer)?;
            }
            output.put(grads, output_gradient)
        });
    }
    Ok(dfdx::tensor::PutTape::put_tape(output, tape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::*;

    /// a * b, element by element: small, and its two gradients differ.
    fn product<S: Shape, T: Tape<f32, Cpu> + Merge<R>, R: Tape<f32, Cpu>>(
        a: Tensor<S, f32, Cpu, T>,
        b: Tensor<S, f32, Cpu, R>,
    ) -> Result<Tensor<S, f32, Cpu, T>, CpuError> {
        let (device, shape) = (a.device().clone(), *a.shape());
        let (a, tape) = HostTensor::read(a)?;
        let (b, tape_b) = HostTensor::read(b)?;
        host_op(
            &device,
            tape.merge(tape_b),
            [a, b],
            shape,
            |[a, b]| (a.iter().zip(b).map(|(a, b)| a * b).collect(), ()),
            |[a, b], _, (), dy, [da, db]| {
                for i in 0..dy.len() {
                    da[i] += dy[i] * b[i];
                    db[i] += dy[i] * a[i];
                }
            },
        )
    }

    fn leaves(dev: &Cpu) -> (Tensor<Rank2<2, 3>, f32, Cpu>, Tensor<Rank2<3, 2>, f32, Cpu>) {
        (
            dev.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]]),
            dev.tensor([[2.0, -1.0], [0.25, 3.0], [-0.5, 1.0]]),
        )
    }

    #[test]
    fn contiguous_inputs_agree_with_dfdx() {
        let dev = Cpu::default();
        let (a, _) = leaves(&dev);
        let b: Tensor<Rank2<2, 3>, f32, _> = dev.sample_normal();
        let ours = product(a.leaky_trace(), b.clone()).unwrap();
        let theirs = a.leaky_trace() * b.clone();
        assert_eq!(ours.array(), theirs.array());
        let (ours, theirs) = (ours.square().sum().backward(), theirs.square().sum().backward());
        assert_eq!(ours.get(&a).array(), theirs.get(&a).array());
        assert_eq!(ours.get(&b).array(), theirs.get(&b).array());
    }

    #[test]
    fn permuted_inputs_keep_values_and_gradients() {
        let dev = Cpu::default();
        let (a, b) = leaves(&dev);
        let ours = product(a.leaky_trace(), b.leaky_trace().permute::<_, Axes2<1, 0>>()).unwrap();
        let theirs = a.leaky_trace() * b.leaky_trace().permute::<_, Axes2<1, 0>>();
        assert_eq!(ours.array(), theirs.array());
        let (ours, theirs) = (ours.square().sum().backward(), theirs.square().sum().backward());
        assert_eq!(ours.get(&a).array(), theirs.get(&a).array());
        assert_eq!(ours.get(&b).array(), theirs.get(&b).array());
    }

    #[test]
    fn broadcast_inputs_sum_their_gradients() {
        let dev = Cpu::default();
        let (a, _) = leaves(&dev);
        let row = dev.tensor([2.0, -0.5, 1.5]);
        let ours = product(a.leaky_trace(), row.leaky_trace().broadcast::<_, Axis<0>>()).unwrap();
        let theirs = a.leaky_trace() * row.leaky_trace().broadcast::<_, Axis<0>>();
        assert_eq!(ours.array(), theirs.array());
        let (ours, theirs) = (ours.square().sum().backward(), theirs.square().sum().backward());
        assert_eq!(ours.get(&row).array(), theirs.get(&row).array());
    }

    #[test]
    fn the_same_tensor_twice_gets_both_parts() {
        let dev = Cpu::default();
        let (a, _) = leaves(&dev);
        let grads = product(a.leaky_trace(), a.clone()).unwrap().sum().backward();
        assert_eq!(grads.get(&a).array(), (a * 2.0).array());
    }

    /// What an op has read keeps its values until the backward pass, whatever becomes of the tensor.
    #[test]
    fn a_tensor_that_changes_after_the_forward_pass_changes_no_gradient() {
        let dev = Cpu::default();
        let (a, _) = leaves(&dev);
        let mut b: Tensor<Rank2<2, 3>, f32, _> = dev.sample_normal();
        let before = b.array();
        let y = product(a.leaky_trace(), b.clone()).unwrap();
        b.fill_with_zeros();
        assert_eq!(y.sum().backward().get(&a).array(), before);
    }

    #[test]
    fn data_is_lent_no_gradient() {
        let dev = Cpu::default();
        let (a, _) = leaves(&dev);
        let (x, tape) = HostTensor::read(a.leaky_trace()).unwrap();
        let data = HostTensor::read_data(a.clone()).unwrap();
        let y = host_op(
            &dev,
            tape,
            [x, data],
            (Const::<2>, Const::<3>),
            |[x, d]| (x.iter().zip(d).map(|(x, d)| x * d).collect(), ()),
            |[_, d], _, (), dy, [dx, none]| {
                assert!(none.is_empty());
                dx.iter_mut().zip(d).zip(dy).for_each(|((dx, d), dy)| *dx += d * dy);
            },
        );
        assert_eq!(y.unwrap().sum().backward().get(&a).array(), a.array());
    }

    #[test]
    fn without_a_tape_nothing_is_recorded() {
        let dev = Cpu::default();
        let (a, _) = leaves(&dev);
        let out: Tensor<Rank2<2, 3>, f32, Cpu, NoneTape> = product(a.clone(), a).unwrap();
        assert_eq!(out.array()[0], [1.0, 4.0, 9.0]);
    }
}
