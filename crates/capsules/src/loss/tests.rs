use proptest::prelude::*;
use shared::testing::{assert_close, finite_differences, Golden};

use super::*;

/// The three forms that PyTorch's file has, and the endings of their names.
fn forms() -> [(&'static str, Margin); 3] {
    let printed = Margin::default();
    [
        ("", printed),
        ("_authors", Margin { scale: 0.05, ..printed }),
        ("_unsquared", Margin { squared: false, ..printed }),
    ]
}

/// The loss and its gradient.
fn ours(v: &[f32], t: &[f32], [b, j, n]: [usize; 3], margin: Margin) -> (f32, Vec<f32>) {
    let dev = Cpu::default();
    let v = dev.tensor_from_vec(v.to_vec(), (b, j, n));
    let loss = margin_loss(v.leaky_trace(), dev.tensor_from_vec(t.to_vec(), (b, j)), margin).unwrap();
    let value = loss.as_vec()[0];
    (value, loss.backward().get(&v).as_vec())
}

/// Equation 4 as it is printed, one class after the other.
fn printed(v: &[f64], t: &[f64], [b, j, n]: [usize; 3], margin: Margin) -> f64 {
    let mut total = 0.0;
    for class in 0..b * j {
        let squares: f64 = v[class * n..][..n].iter().map(|v| v * v).sum();
        let length = (squares + f64::from(EPSILON)).sqrt();
        let power = if margin.squared { 2 } else { 1 };
        let present = (margin.present - length).max(0.0).powi(power);
        let absent = (length - margin.absent).max(0.0).powi(power);
        total += t[class] * present + margin.absent_weight * (1.0 - t[class]) * absent;
    }
    margin.scale * total / b as f64
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/margin_loss.json");
    let g = Golden::read(file);
    let sizes = [0, 1, 2].map(|k| g.get("sizes")[k] as usize);
    for (ending, margin) in forms() {
        let (loss, dv) = ours(&g.get_f32("v"), &g.get_f32("t"), sizes, margin);
        assert_close(&format!("loss{ending}"), &[loss], g.get(&format!("loss{ending}")), 1e-6);
        // the smallest gradients, those of the authors' form, are near 1e-3
        assert_close(&format!("dv{ending}"), &dv, g.get(&format!("dv{ending}")), 1e-7);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_printed_equation() {
    // present and too short, long enough; absent and short enough, too long; both at once in the second example
    let v = [0.3f32, -0.4, 0.8, 0.5, 0.02, 0.05, -0.5, 0.1, 0.1, 0.6, -0.7, 0.2];
    let t = [1.0f32, 1.0, 0.0, 0.0, 1.0, 0.0];
    let sizes = [2, 3, 2];
    let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    for (ending, margin) in forms() {
        let margin = Margin { present: 0.85, absent: 0.15, absent_weight: 0.7, ..margin };
        let (loss, dv) = ours(&v, &t, sizes, margin);
        let of = |v: &[Vec<f64>]| printed(&v[0], &wide(&t), sizes, margin);
        assert_close(&format!("loss{ending}"), &[loss], &[of(&[wide(&v)])], 1e-6);
        let expected = finite_differences(of, &[wide(&v)], 1e-5);
        assert_close(&format!("dv{ending}"), &dv, &expected[0], 1e-6);
    }
}

#[test]
fn a_capsule_of_no_length_has_a_finite_gradient() {
    let (loss, dv) = ours(&[0.0; 8], &[1.0, 0.0], [1, 2, 4], Margin::default());
    assert_close("loss", &[loss], &[0.8998f64.powi(2)], 1e-3);
    assert_eq!(dv, [0.0; 8]);
}

#[test]
fn reconstructions_cost_their_squared_error_summed_over_pixels() {
    let dev = Cpu::default();
    let decoded: Tensor<Rank2<2, 3>, f32, _> = dev.tensor([[0.5, 0.25, 1.0], [0.0, 0.5, 0.75]]);
    let images = dev.tensor([[1.0, 0.25, 0.0], [0.5, 0.5, 0.5]]);
    let loss = reconstruction_loss(decoded.leaky_trace(), images, 0.1).unwrap();
    // 0.1 (0.25 + 0 + 1 + 0.25 + 0 + 0.0625) / 2
    assert_close("loss", &[loss.array()], &[0.078_125], 1e-7);
    // 0.1 · 2 (x - y) / 2
    let gradient = loss.backward().get(&decoded).as_vec();
    assert_close("gradient", &gradient, &[-0.05, 0.0, 0.1, -0.05, 0.0, 0.025], 1e-7);
}

proptest! {
    /// Only lengths count: turning a capsule costs nothing.
    #[test]
    fn a_turned_capsule_costs_the_same(
        v in proptest::collection::vec(-0.6f32..0.6, 6), t in 0..8u8, angle in 0.0f32..6.3,
    ) {
        let t: Vec<f32> = (0..3).map(|k| f32::from(t >> k & 1)).collect();
        let (sin, cos) = angle.sin_cos();
        let turned: Vec<f32> =
            v.chunks_exact(2).flat_map(|v| [cos * v[0] - sin * v[1], sin * v[0] + cos * v[1]]).collect();
        for (_, margin) in forms() {
            let (one, other) = (ours(&v, &t, [1, 3, 2], margin).0, ours(&turned, &t, [1, 3, 2], margin).0);
            prop_assert!((one - other).abs() < 1e-5, "{one} and {other}");
        }
    }
}
