//! What holds of a layer of capsules whatever its weights are.
#![allow(clippy::unwrap_used)]

use capsules::DigitCaps;
use proptest::{collection::vec, prelude::*};
use shared::{
    dfdx::prelude::*,
    ops::routing::{Routing, RoutingGradient},
};

const CHILDREN: usize = 5;
const LENGTH: usize = 3;
const PARENTS: usize = 4;
const WIDTH: usize = 2;
/// Numbers of W that belong to one child.
const OF_CHILD: usize = PARENTS * WIDTH * LENGTH;

/// v, J N numbers, of children u and weights W.
fn routed(u: &[f32], w: &[f32], iterations: usize) -> Vec<f32> {
    let dev = Cpu::default();
    let weight = dev.tensor_from_vec(w.to_vec(), (Const, Const, Const, Const));
    let layer = DigitCaps::<CHILDREN, LENGTH, PARENTS, WIDTH, f32, Cpu> { weight };
    let u: Tensor<Rank3<1, CHILDREN, LENGTH>, f32, _> =
        dev.tensor_from_vec(u.to_vec(), (Const, Const, Const));
    layer
        .forward(u, Routing { iterations, gradient: RoutingGradient::Last, ..Routing::default() })
        .unwrap()
        .as_vec()
}

fn inputs() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    (vec(-1.0f32..1.0, CHILDREN * LENGTH), vec(-1.5f32..1.5, CHILDREN * OF_CHILD))
}

/// The blocks of `values` in another order.
fn blocks(values: &[f32], size: usize, order: &[usize]) -> Vec<f32> {
    order.iter().flat_map(|at| &values[at * size..][..size]).copied().collect()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

proptest! {
    /// Parents have no order: with their matrices swapped they are the same capsules in other places.
    #[test]
    fn permuted_parents_are_permuted_capsules(
        (u, w) in inputs(), order in Just((0..PARENTS).collect::<Vec<_>>()).prop_shuffle(), r in 1..5usize,
    ) {
        let permuted: Vec<f32> =
            w.chunks_exact(OF_CHILD).flat_map(|w| blocks(w, WIDTH * LENGTH, &order)).collect();
        let (v, again) = (routed(&u, &w, r), routed(&u, &permuted, r));
        prop_assert!(close(&again, &blocks(&v, WIDTH, &order)), "{v:?}, {again:?}");
    }

    /// Nor have children.
    #[test]
    fn permuted_children_change_nothing(
        (u, w) in inputs(), order in Just((0..CHILDREN).collect::<Vec<_>>()).prop_shuffle(), r in 1..5usize,
    ) {
        let (u2, w2) = (blocks(&u, LENGTH, &order), blocks(&w, OF_CHILD, &order));
        prop_assert!(close(&routed(&u2, &w2, r), &routed(&u, &w, r)));
    }

    /// A child of length 0 has no say, whatever its matrices are.
    #[test]
    fn an_absent_child_has_no_say((mut u, w) in inputs(), other in vec(-1.5f32..1.5, OF_CHILD), r in 1..5usize) {
        u[..LENGTH].fill(0.0);
        let mut changed = w.clone();
        changed[..OF_CHILD].copy_from_slice(&other);
        prop_assert!(close(&routed(&u, &changed, r), &routed(&u, &w, r)));
    }

    /// One pass is no routing: every parent gets a share of 1 / J of each child.
    #[test]
    fn one_pass_is_a_squashed_mean((u, w) in inputs()) {
        let mut s = [0.0f64; PARENTS * WIDTH];
        for (u, w) in u.chunks_exact(LENGTH).zip(w.chunks_exact(OF_CHILD)) {
            for (s, w) in s.iter_mut().zip(w.chunks_exact(LENGTH)) {
                *s += w.iter().zip(u).map(|(w, u)| f64::from(w * u)).sum::<f64>() / PARENTS as f64;
            }
        }
        let squashed = |s: &[f64]| {
            let squares: f64 = s.iter().map(|s| s * s).sum();
            s.iter().map(|s| (s * squares.sqrt() / (1.0 + squares)) as f32).collect::<Vec<_>>()
        };
        let expected: Vec<f32> = s.chunks_exact(WIDTH).flat_map(squashed).collect();
        let v = routed(&u, &w, 1);
        prop_assert!(v.iter().zip(&expected).all(|(v, e)| (v - e).abs() < 1e-4), "{v:?}, {expected:?}");
    }
}
