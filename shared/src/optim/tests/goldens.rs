//! Trajectories and schedules against PyTorch; `make_goldens.py` beside the golden files says how.

use serde::Deserialize;

use crate::optim::{AnyOptimizer, OptimizerConfig, Schedule};

const N: usize = 12;
const STEPS: usize = 100;
const EVERY: usize = 10;

#[derive(Deserialize)]
struct Case {
    name: String,
    config: OptimizerConfig,
    lrs: Option<Vec<f64>>,
    points: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Rates {
    name: String,
    config: Schedule,
    rates: Vec<f64>,
}

/// The gradient of `make_goldens.py`.
fn gradient(t: usize, w: &[f32]) -> Vec<f32> {
    let bowl = |(i, &w): (usize, &f32)| {
        let (i, w) = (i as f64, f64::from(w));
        ((0.2 + 0.15 * i) * (w - (2.0 * i).cos()) + 0.3 * (3.0 * w + 0.1 * t as f64).sin()) as f32
    };
    w.iter().enumerate().map(bowl).collect()
}

#[test]
fn trajectories_are_pytorchs() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../tests/goldens/optim/optimisers.json")).unwrap();
    assert_eq!(cases.len(), 21);
    for case in cases {
        let mut opt = AnyOptimizer::new(case.config).unwrap();
        let mut w: Vec<f32> = (0..N).map(|i| (i as f64 + 1.0).sin() as f32).collect();
        for t in 0..STEPS {
            if let Some(lrs) = &case.lrs {
                opt.set_lr(lrs[t]).unwrap();
            }
            let g = gradient(t, &w);
            opt.begin_step();
            opt.update("w", &mut w, &g).unwrap();
            if (t + 1) % EVERY == 0 {
                for (found, expected) in w.iter().zip(&case.points[t / EVERY]) {
                    let close = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                    assert!(close, "{}, step {}: {found} and not {expected}", case.name, t + 1);
                }
            }
        }
        assert_eq!(case.points.len(), STEPS / EVERY);
    }
}

#[test]
fn schedules_are_pytorchs() {
    let cases: Vec<Rates> =
        serde_json::from_str(include_str!("../../../tests/goldens/optim/schedules.json")).unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        case.config.validate().unwrap();
        assert_eq!(case.rates.len(), 40);
        for (step, expected) in case.rates.iter().enumerate() {
            let found = case.config.lr(step);
            assert!(
                (found - expected).abs() <= 1e-12 + 1e-9 * expected,
                "{}, step {step}: {found} and not {expected}",
                case.name
            );
        }
    }
}
