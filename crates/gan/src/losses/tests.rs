use shared::dfdx::prelude::*;

use super::*;

const SCORES: [f64; 7] = [-3.0, -1.5, -0.25, 0.0, 0.5, 1.25, 4.0];

fn sigma(a: f64) -> f64 {
    1.0 / (1.0 + (-a).exp())
}

/// The three functions of a formulation in double precision, from the table.
fn reference(f: Formulation, a: f64) -> [f64; 3] {
    match f {
        Formulation::Minimax => [-sigma(a).ln(), -sigma(-a).ln(), sigma(-a).ln()],
        Formulation::NonSaturating => [-sigma(a).ln(), -sigma(-a).ln(), -sigma(a).ln()],
        Formulation::LeastSquares => [0.5 * (a - 1.0).powi(2), 0.5 * a * a, 0.5 * (a - 1.0).powi(2)],
        Formulation::Wasserstein => [-a, a, -a],
        Formulation::Hinge => [(1.0 - a).max(0.0), (1.0 + a).max(0.0), -a],
        Formulation::FDivergence(f) => {
            // the table of the f-GAN paper, as it stands
            let (t, conjugate): (f64, fn(f64) -> f64) = match f {
                Divergence::Kl => (a, |t| (t - 1.0).exp()),
                Divergence::ReverseKl => (-(-a).exp(), |t| -1.0 - (-t).ln()),
                Divergence::PearsonChi2 => (a, |t| t * t / 4.0 + t),
                Divergence::SquaredHellinger => (1.0 - (-a).exp(), |t| t / (1.0 - t)),
                Divergence::JensenShannon => {
                    (2.0f64.ln() - (1.0 + (-a).exp()).ln(), |t| -(2.0 - t.exp()).ln())
                }
                Divergence::Gan => (-(1.0 + (-a).exp()).ln(), |t| -(1.0 - t.exp()).ln()),
            };
            [-t, conjugate(t), -conjugate(t)]
        }
    }
}

fn all() -> Vec<Formulation> {
    use Formulation::*;
    let f = [
        Divergence::Kl,
        Divergence::ReverseKl,
        Divergence::PearsonChi2,
        Divergence::SquaredHellinger,
        Divergence::JensenShannon,
        Divergence::Gan,
    ];
    [Minimax, NonSaturating, LeastSquares, Wasserstein, Hinge].into_iter().chain(f.map(FDivergence)).collect()
}

fn ours(f: Formulation, which: usize, a: &[f64]) -> (f64, Vec<f32>) {
    let dev = Cpu::default();
    let a: Vec<f32> = a.iter().map(|a| *a as f32).collect();
    let a: Vectors<1, Cpu> = dev.tensor_from_vec(a.clone(), (a.len(), Const));
    let x = a.leaky_trace();
    let loss = match which {
        0 => f.on_real(x, 1.0),
        1 => f.on_fake(x, 0.0),
        _ => f.for_generator(x),
    }
    .unwrap();
    let value = f64::from(loss.array());
    (value, loss.backward().get(&a).as_vec())
}

#[test]
fn values_and_slopes_are_those_of_the_table() {
    for f in all() {
        for which in 0..3 {
            for a in SCORES {
                let value = reference(f, a)[which];
                // hinges have no slope at their corner
                let smooth = f != Formulation::Hinge || (a.abs() - 1.0).abs() > 0.01;
                let h = 1e-5;
                let slope = (reference(f, a + h)[which] - reference(f, a - h)[which]) / (2.0 * h);
                let (ours, gradient) = ours(f, which, &[a]);
                assert!(
                    (ours - value).abs() < 2e-6 * (1.0 + value.abs()),
                    "{f:?} {which} {a}: {ours} {value}"
                );
                let gradient = f64::from(gradient[0]);
                assert!(
                    !smooth || (gradient - slope).abs() < 1e-5 * (1.0 + slope.abs()),
                    "{f:?} {which} {a}"
                );
            }
        }
    }
}

#[test]
fn losses_are_means_and_bear_extreme_scores() {
    for f in [
        Formulation::Minimax,
        Formulation::NonSaturating,
        Formulation::FDivergence(Divergence::JensenShannon),
    ] {
        let (value, _) = ours(f, 1, &SCORES);
        let mean = SCORES.iter().map(|a| reference(f, *a)[1]).sum::<f64>() / SCORES.len() as f64;
        assert!((value - mean).abs() < 1e-6);
        let (value, slope) = ours(f, 1, &[500.0]);
        assert!((value - 500.0).abs() < 1.0 && (slope[0] - 1.0).abs() < 1e-6, "{f:?}: {value} {slope:?}");
        let (value, slope) = ours(f, 1, &[-500.0]);
        assert!(value.abs() < 1.0 && slope[0].abs() < 1e-6, "{f:?}: {value} {slope:?}");
    }
}

#[test]
fn the_generators_gradient_fades_with_minimax_and_not_without() {
    // survey, section III: −σ(a) against −(1 − σ(a)) where the discriminator is sure
    let (_, saturating) = ours(Formulation::Minimax, 2, &[-8.0]);
    let (_, other) = ours(Formulation::NonSaturating, 2, &[-8.0]);
    assert!((f64::from(saturating[0]) + sigma(-8.0)).abs() < 1e-6);
    assert!((f64::from(other[0]) + 1.0 - sigma(-8.0)).abs() < 1e-6);
}

#[test]
fn smoothed_labels_move_the_optimum() {
    let dev = Cpu::default();
    let slope = |a: f32, target| {
        let a: Vectors<1, Cpu> = dev.tensor_from_vec(vec![a], (1, Const));
        let loss = Formulation::NonSaturating.on_real(a.leaky_trace(), target).unwrap();
        loss.backward().get(&a).as_vec()[0]
    };
    // σ(a) = 0.9 is where a loss with the target 0.9 is flat
    assert!(slope((0.9f32 / 0.1).ln(), 0.9).abs() < 1e-6);
    assert!(slope((0.9f32 / 0.1).ln(), 1.0) < -0.09);
}
