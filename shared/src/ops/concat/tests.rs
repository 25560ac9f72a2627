use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, Golden};

#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    let g = Golden::read(format!("{}/tests/goldens/ops/concat.json", env!("CARGO_MANIFEST_DIR")));
    let a: Tensor<Rank4<2, 1, 2, 3>, f32, _> = dev.tensor_from_vec(g.get_f32("a"), Default::default());
    let b: Tensor<Rank4<2, 3, 2, 3>, f32, _> = dev.tensor_from_vec(g.get_f32("b"), Default::default());
    let dy: Tensor<Rank4<2, 4, 2, 3>, f32, _> = dev.tensor_from_vec(g.get_f32("dy"), Default::default());
    for kernel in [true, false] {
        let y = if kernel {
            concat_channels(a.leaky_trace(), b.clone(), Const::<4>)
        } else {
            composed(a.leaky_trace(), &b, Const::<4>)
        };
        let y = y.unwrap();
        assert_close("y", &y.as_vec(), g.get("y"), 1e-9);
        let grads = (y * dy.clone()).sum::<Rank0, _>().backward();
        assert_close("da", &grads.get(&a).as_vec(), g.get("da"), 1e-9);
        assert_close("db", &grads.get(&b).as_vec(), g.get("db"), 1e-9);
    }
}

#[test]
fn both_tapes_are_kept_and_permuted_inputs_agree() {
    let dev = Cpu::seed_from_u64(0);
    let a: Tensor<Rank4<2, 3, 4, 5>, f32, _> = dev.sample_normal();
    let b: Tensor<Rank4<3, 2, 4, 6>, f32, _> = dev.sample_normal();
    let run = |ours: bool| {
        let a_t = a.leaky_trace().sin().permute::<Rank4<3, 2, 4, 5>, Axes4<1, 0, 2, 3>>();
        let b_t = b.leaky_trace().permute::<Rank4<3, 6, 4, 2>, Axes4<0, 3, 2, 1>>();
        let a_t = a_t.permute::<Rank4<3, 5, 4, 2>, Axes4<0, 3, 2, 1>>();
        let y = if ours {
            concat_channels(a_t, b_t, Const::<11>).unwrap()
        } else {
            let (b_t, tape_b) = b_t.split_tape();
            let (a_t, tape) = a_t.split_tape();
            composed(a_t.put_tape(tape.merge(tape_b)), &b_t, Const::<11>).unwrap()
        };
        let values = y.as_vec();
        let grads = y.square().sum::<Rank0, _>().backward();
        (values, grads.get(&a).as_vec(), grads.get(&b).as_vec())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn the_same_map_twice_and_no_images() {
    let dev = Cpu::default();
    let a: Tensor<Rank4<2, 1, 1, 2>, f32, _> = dev.ones();
    let grads = concat_channels(a.leaky_trace(), a.clone(), Const::<2>).unwrap().sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&a).as_vec(), [2.0; 4]);
    let none: Tensor<(usize, Const<1>, Const<1>, Const<2>), f32, _> =
        dev.zeros_like(&(0, Const, Const, Const));
    assert_eq!(concat_channels(none.leaky_trace(), none, Const::<2>).unwrap().shape().0, 0);
}
