use super::*;
use proptest::prelude::*;

const GAME: QuadraticGame = QuadraticGame::BILINEAR;

fn radii_of(dynamics: Dynamics, eta: f64, steps: usize) -> Vec<f64> {
    GAME.play(dynamics, eta, [0.6, -0.8], steps).unwrap().radii()
}

#[test]
fn bad_settings_are_named() {
    let message = |eta, start| GAME.play(Dynamics::Alternating, eta, start, 1).unwrap_err().to_string();
    assert_eq!(message(0.0, [0.0; 2]), "the step size is 0: it must be finite and above 0");
    assert_eq!(message(0.1, [0.0, f64::NAN]), "the start has NaN at position 1: every number must be finite");
    let far = GAME.play(Dynamics::Simultaneous, 1e3, [1.0, 0.0], 200).unwrap_err();
    assert!(matches!(far, TheoryError::Diverged { step: 100..=105 }), "{far}");
}

#[test]
fn averages_approach_the_saddle_where_points_circle_it() {
    let circling = GAME.play(Dynamics::Alternating, 0.2, [0.6, -0.8], 20_000).unwrap();
    let averages = circling.average_radii();
    assert!(circling.radii()[20_000] > 0.8);
    // one turn takes 2π / η steps, so the sum stays bounded by its radius over half the step size
    assert!(averages.iter().zip(1u32..).all(|(r, t)| r * f64::from(t) < 12.5), "1 / t");
    let leaving = GAME.play(Dynamics::Simultaneous, 0.2, [0.6, -0.8], 1000).unwrap();
    assert!(leaving.average_radii()[1000] > 1e4);
}

#[test]
fn eigenvalues_solve_known_matrices() {
    let pair = Matrix2([[1.0, -2.0], [2.0, 1.0]]).eigenvalues();
    assert_eq!(pair.map(|l| (l.re, l.im)), [(1.0, 2.0), (1.0, -2.0)]);
    let real = Matrix2([[2.0, 1.0], [1.0, 2.0]]).eigenvalues();
    assert_eq!(real.map(|l| (l.re, l.im)), [(3.0, 0.0), (1.0, 0.0)]);
    let game = QuadraticGame { a: 0.3, b: 4.0, c: 0.1 };
    let [first, _] = game.field_jacobian().eigenvalues();
    assert!((first.re + 0.2).abs() < 1e-15 && (first.im - (16.0f64 - 0.01).sqrt()).abs() < 1e-14);
}

proptest! {
    #[test]
    fn simultaneous_steps_leave_by_the_exact_factor(eta in 0.01f64..0.9) {
        let factor = (1.0 + eta * eta).sqrt();
        for pair in radii_of(Dynamics::Simultaneous, eta, 200).windows(2) {
            prop_assert!((pair[1] / pair[0] - factor).abs() < 1e-12);
        }
    }

    #[test]
    fn alternating_steps_keep_their_invariant(eta in 0.01f64..1.9, b in -1.0f64..1.0) {
        let game = QuadraticGame { a: 0.0, b, c: 0.0 };
        let path = game.play(Dynamics::Alternating, eta, [0.6, -0.8], 2000).unwrap();
        let level = game.alternating_invariant(eta, [0.6, -0.8]);
        let pull = eta * b.abs();
        let [least, most] = [level / (1.0 + pull / 2.0), level / (1.0 - pull / 2.0)].map(f64::sqrt);
        for (point, radius) in path.points().iter().zip(path.radii()) {
            prop_assert!((game.alternating_invariant(eta, *point) - level).abs() < 1e-10 * level);
            prop_assert!(radius > least * (1.0 - 1e-9) && radius < most * (1.0 + 1e-9));
        }
    }

    #[test]
    fn bilinear_eigenvalues_are_those_of_the_table(eta in 0.01f64..0.5, k in 0usize..5, gamma in 0.0f64..1.0) {
        let square = eta * eta;
        for (dynamics, modulus) in [
            (Dynamics::Simultaneous, 1.0 + square),
            (Dynamics::Alternating, 1.0),
            (Dynamics::Extragradient, 1.0 - square + square * square),
            (Dynamics::Unrolled { steps: k }, 1.0 - (2.0 * k as f64 - 1.0) * square),
            (Dynamics::Consensus { weight: gamma }, (1.0 - gamma * eta).powi(2) + square),
        ] {
            let jacobian = GAME.step_jacobian(dynamics, eta);
            let [first, second] = jacobian.eigenvalues();
            if first.im > 0.0 {
                prop_assert!((first.modulus().powi(2) - modulus).abs() < 1e-13, "{dynamics:?}");
            }
            // the product of the eigenvalues, real or not
            let product = first.re * second.re - first.im * second.im;
            prop_assert!((product - jacobian.determinant()).abs() < 1e-13);
            prop_assert!((jacobian.determinant() - modulus).abs() < 1e-13, "{dynamics:?}");
        }
    }

    #[test]
    fn unrolled_extragradient_and_consensus_reach_the_saddle(eta in 0.1f64..0.35) {
        for dynamics in [
            Dynamics::Unrolled { steps: 1 },
            Dynamics::Unrolled { steps: 5 },
            Dynamics::Extragradient,
            Dynamics::Consensus { weight: 0.5 },
        ] {
            let radius = radii_of(dynamics, eta, 4000)[4000];
            prop_assert!(radius < 1e-8, "{dynamics:?} {eta} {radius}");
        }
    }

    #[test]
    fn steps_are_gradients_of_the_game(
        a in 0.0f64..2.0, b in -2.0f64..2.0, c in 0.0f64..2.0, k in 0usize..6, x in -1.0f64..1.0, y in -1.0f64..1.0,
    ) {
        let (game, eta, h) = (QuadraticGame { a, b, c }, 0.1, 1e-4);
        let value = |x: f64, y: f64| game.value([x, y]);
        let slope = [value(x + h, y) - value(x - h, y), value(x, y + h) - value(x, y - h)].map(|rise| rise / (2.0 * h));
        let field = game.field([x, y]);
        prop_assert!((field[0] + slope[0]).abs() < 1e-9 && (field[1] - slope[1]).abs() < 1e-9);
        // the cost after k steps of y, differentiated as a whole
        let ahead = |x: f64| {
            let y = (0..k).fold(y, |y, _| y + eta * (b * x - c * y));
            value(x, y)
        };
        let moved = game.step(Dynamics::Unrolled { steps: k }, eta, [x, y]);
        prop_assert!((moved[0] - (x - eta * (ahead(x + h) - ahead(x - h)) / (2.0 * h))).abs() < 1e-9);
        prop_assert!((moved[1] - (y + eta * slope[1])).abs() < 1e-9);
    }

    #[test]
    fn powers_of_the_jacobian_are_the_trajectory(a in 0.0f64..1.0, c in 0.0f64..1.0, eta in 0.01f64..0.5) {
        let game = QuadraticGame { a, b: 1.0, c };
        for dynamics in [Dynamics::Alternating, Dynamics::Extragradient, Dynamics::Unrolled { steps: 3 }] {
            let jacobian = game.step_jacobian(dynamics, eta);
            let path = game.play(dynamics, eta, [1.0, 2.0], 30).unwrap();
            let power = (0..30).fold([1.0, 2.0], |z, _| jacobian.apply(z));
            let last = path.points()[30];
            prop_assert!((power[0] - last[0]).abs() < 1e-12 && (power[1] - last[1]).abs() < 1e-12);
        }
    }
}
