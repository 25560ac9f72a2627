//! The values of a tensor on the host, where they lie.

use dfdx::{
    shapes::{HasShape, Shape},
    tensor::{Cpu, Tensor},
};

/// The values of a contiguous tensor in row-major order, without a copy.
///
/// # Panics
/// If the tensor is not contiguous: a bug of the caller.
pub(crate) fn values<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> &[f32] {
    let len = tensor.shape().num_elements();
    if len == 0 {
        return &[];
    }
    let first: *const f32 = &tensor[S::Concrete::default()];
    let last: *const f32 = &tensor[last_index(tensor)];
    assert_eq!(last as usize - first as usize, (len - 1) * size_of::<f32>(), "the tensor is not contiguous");
    // SAFETY: the first and the last element lie in the one `Vec` of the tensor (both were found by its bounds-checked
    // index), `len - 1` elements apart, so everything between them is initialised. The borrow of the tensor keeps its
    // `Vec` alive and unchanged: who writes to a tensor needs it mutably, and one whose storage is shared copies it first.
    unsafe { std::slice::from_raw_parts(first, len) }
}

/// The values of a contiguous tensor in row-major order, to be changed in place. Storage that is shared with another
/// tensor is copied first.
///
/// # Panics
/// If the tensor is not contiguous: a bug of the caller.
pub(crate) fn values_mut<S: Shape>(tensor: &mut Tensor<S, f32, Cpu>) -> &mut [f32] {
    let len = tensor.shape().num_elements();
    if len == 0 {
        return &mut [];
    }
    let last = last_index(tensor);
    // after the first of these the storage is this tensor's alone and stays where it is
    let end: *const f32 = &mut tensor[last];
    let first: *mut f32 = &mut tensor[S::Concrete::default()];
    assert_eq!(end as usize - first as usize, (len - 1) * size_of::<f32>(), "the tensor is not contiguous");
    // SAFETY: as in `values`; the borrow is a mutable one, and indexing has made the storage this tensor's alone.
    unsafe { std::slice::from_raw_parts_mut(first, len) }
}

/// The index of the last element of a tensor that has one.
fn last_index<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> S::Concrete {
    let mut index = tensor.shape().concrete();
    for dimension in 0..S::NUM_DIMS {
        index[dimension] -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::*;

    #[test]
    fn every_rank_is_read_and_written_where_it_lies() {
        let dev = Cpu::default();
        let mut scalar: Tensor<Rank0, f32, _> = dev.tensor(2.5);
        assert_eq!(values(&scalar), [2.5]);
        values_mut(&mut scalar)[0] = 3.5;
        assert_eq!(scalar.array(), 3.5);
        let mut cube: Tensor<Rank3<2, 3, 2>, f32, _> = dev.sample_normal();
        assert_eq!(values(&cube), cube.as_vec());
        values_mut(&mut cube).iter_mut().enumerate().for_each(|(i, v)| *v = i as f32);
        assert_eq!(cube.array()[1][2], [10.0, 11.0]);
        let mut none: Tensor<(usize, Const<3>), f32, _> = dev.zeros_like(&(0, Const));
        assert!(values(&none).is_empty() && values_mut(&mut none).is_empty());
    }

    #[test]
    fn shared_storage_is_copied_before_it_is_written() {
        let dev = Cpu::default();
        let mut a: Tensor<Rank1<3>, f32, _> = dev.tensor([1.0, 2.0, 3.0]);
        let b = a.clone();
        values_mut(&mut a).fill(0.0);
        assert_eq!((a.array(), b.array()), ([0.0; 3], [1.0, 2.0, 3.0]));
    }

    #[test]
    #[should_panic(expected = "not contiguous")]
    fn a_permuted_tensor_is_refused() {
        let dev = Cpu::default();
        let a: Tensor<Rank2<2, 3>, f32, _> = dev.zeros();
        let _ = values(&a.permute::<Rank2<3, 2>, _>().broadcast::<Rank3<3, 2, 4>, Axis<2>>());
    }
}
