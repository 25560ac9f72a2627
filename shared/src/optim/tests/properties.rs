//! What holds for any weights and gradients.

use proptest::prelude::*;

use crate::optim::{
    chunks, AdaGradConfig, AdamConfig, AnyOptimizer, Decay, HeavyBallForm, Momentum, OptimizerConfig,
    RmsPropConfig, Schedule, Sgd, SgdConfig, Warmup, WeightDecay,
};

fn sgd(form: HeavyBallForm) -> Sgd {
    Sgd::new(SgdConfig { momentum: Momentum::HeavyBall { mu: 0.9, form }, ..SgdConfig::default() }).unwrap()
}

fn every_rule() -> Vec<OptimizerConfig> {
    let ball = Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside };
    vec![
        OptimizerConfig::Sgd(SgdConfig::default()),
        OptimizerConfig::Sgd(SgdConfig { momentum: ball, ..SgdConfig::default() }),
        OptimizerConfig::Sgd(SgdConfig { momentum: Momentum::Nesterov(0.9), ..SgdConfig::default() }),
        OptimizerConfig::Adam(AdamConfig { amsgrad: true, ..AdamConfig::default() }),
        OptimizerConfig::AdaGrad(AdaGradConfig { initial_accumulator: 0.1, ..AdaGradConfig::default() }),
        OptimizerConfig::RmsProp(RmsPropConfig { centered: true, momentum: 0.5, ..RmsPropConfig::default() }),
    ]
}

/// Numbers in [-1, 1) that look random.
fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mix = |i: usize| (i as u32).wrapping_add(seed).wrapping_mul(2_654_435_761).rotate_left(13);
    (0..n).map(|i| mix(i).wrapping_mul(2_246_822_519) as f32 / 2e9 - 1.0).collect()
}

fn send<T: Send + Sync + 'static>(_: &T) {}

#[test]
fn large_parameters_give_the_same_bits_on_any_number_of_threads() {
    let n = 3 * chunks::CHUNK + 777;
    let mask: Vec<bool> = noise(n, 5).iter().map(|&x| x > -0.5).collect();
    for config in every_rule() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut opt = AnyOptimizer::new(config.clone()).unwrap();
            send(&opt);
            opt.set_mask("w", Some(mask.clone())).unwrap();
            let mut w = noise(n, 1);
            let mut squares = 0.0;
            pool.install(|| {
                for t in 0..3 {
                    opt.begin_step();
                    squares += opt.update_shaped("w", &[n], &mut w, &noise(n, 10 + t)).unwrap();
                }
            });
            let bits: Vec<u32> = w.iter().map(|x| x.to_bits()).collect();
            (bits, squares.to_bits(), opt.export_state())
        };
        let one = run(1);
        assert!(one == run(2) && one == run(5), "{config:?}");

        // And the same as element by element.
        let mut opt = AnyOptimizer::new(config.clone()).unwrap();
        let picks = [0, 5, chunks::CHUNK - 1, chunks::CHUNK, 2 * chunks::CHUNK + 1, n - 1];
        let pick = |v: &[f32]| picks.map(|i| v[i]);
        opt.set_mask("w", Some(picks.map(|i| mask[i]).to_vec())).unwrap();
        let mut w = pick(&noise(n, 1));
        for t in 0..3 {
            opt.begin_step();
            opt.update("w", &mut w, &pick(&noise(n, 10 + t))).unwrap();
        }
        assert_eq!(w.map(f32::to_bits), picks.map(|i| one.0[i]), "{config:?}");
    }
}

proptest! {
    /// Goyal et al.: corrected, the two forms are one through any changes of rate.
    #[test]
    fn momentum_correction_makes_the_forms_one(
        lrs in proptest::collection::vec(1e-3f64..1.0, 1..30), seed in any::<u32>(),
    ) {
        let (mut outside, mut inside) =
            (sgd(HeavyBallForm::RateOutside), sgd(HeavyBallForm::RateInsideCorrected));
        let (mut a, mut b) = (noise(9, seed), noise(9, seed));
        for (t, &lr) in lrs.iter().enumerate() {
            let g = noise(9, seed.wrapping_add(t as u32));
            for (opt, w) in [(&mut outside, &mut a), (&mut inside, &mut b)] {
                opt.set_lr(lr).unwrap();
                opt.begin_step();
                opt.update("w", w, &g).unwrap();
            }
            for (a, b) in a.iter().zip(&b) {
                prop_assert!((a - b).abs() <= 1e-4, "step {t}: {a} and {b}");
            }
        }
    }

    /// At a constant rate they are one without correction, and the velocities differ by the rate.
    #[test]
    fn the_forms_are_one_at_a_constant_rate(lr in 1e-3f64..0.5, seed in any::<u32>()) {
        let (mut outside, mut inside) = (sgd(HeavyBallForm::RateOutside), sgd(HeavyBallForm::RateInside));
        let (mut a, mut b) = (noise(9, seed), noise(9, seed));
        for t in 0..20 {
            let g = noise(9, seed.wrapping_add(t));
            for (opt, w) in [(&mut outside, &mut a), (&mut inside, &mut b)] {
                opt.set_lr(lr).unwrap();
                opt.begin_step();
                opt.update("w", w, &g).unwrap();
            }
        }
        let velocities = |opt: &Sgd| opt.slot("w", "velocity").unwrap().into_owned();
        for ((a, b), (u, v)) in a.iter().zip(&b).zip(velocities(&outside).iter().zip(velocities(&inside))) {
            prop_assert!((a - b).abs() <= 1e-4);
            prop_assert!((lr as f32 * u - v).abs() <= 1e-5);
        }
    }

    #[test]
    fn a_rate_of_zero_moves_nothing_and_zero_gradients_stay_finite(seed in any::<u32>()) {
        for config in every_rule() {
            let mut opt = AnyOptimizer::new(config).unwrap();
            let mut w = noise(5, seed);
            opt.begin_step();
            opt.update("w", &mut w, &[0.0; 5]).unwrap();
            prop_assert_eq!(&w, &noise(5, seed));
            opt.set_lr(0.0).unwrap();
            opt.begin_step();
            opt.update("w", &mut w, &noise(5, !seed)).unwrap();
            prop_assert_eq!(&w, &noise(5, seed));
        }
    }

    #[test]
    fn schedules_stay_between_zero_and_the_base_rate(step in any::<usize>(), steps in 1usize..1000) {
        for decay in [
            Decay::Constant,
            Decay::Milestones { at: vec![3, 9], gamma: 0.1 },
            Decay::Every { every: steps, gamma: 0.5 },
            Decay::Exponential { gamma: 0.99 },
            Decay::Cosine { steps, floor: 0.0 },
        ] {
            for warmup in [Warmup::None, Warmup::Linear { steps, from: 0.0 }, Warmup::Constant { steps, factor: 0.2 }] {
                let schedule = Schedule { base_lr: 2.0, decay: decay.clone(), warmup };
                schedule.validate().unwrap();
                prop_assert!((0.0..=2.0).contains(&schedule.lr(step)));
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused_in_a_sentence() {
    let refuse = |config: OptimizerConfig, expected: &str| {
        let message = AnyOptimizer::new(config).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    };
    let sgd = |change: &dyn Fn(&mut SgdConfig)| {
        let mut config = SgdConfig::default();
        change(&mut config);
        OptimizerConfig::Sgd(config)
    };
    refuse(
        sgd(&|c| c.lr = -1.0),
        "lr is -1.0, but it must be a finite number above 0; change lr in the sgd settings",
    );
    refuse(sgd(&|c| c.lr = f64::INFINITY), "lr is inf");
    refuse(
        sgd(&|c| c.momentum = Momentum::Nesterov(1.0)),
        "momentum is 1.0, but it must be above 0 and below 1",
    );
    refuse(sgd(&|c| c.dampening = 0.1), "dampening is 0.1, but it must be 0 without momentum");
    refuse(sgd(&|c| c.weight_decay = WeightDecay::L2(f64::NAN)), "weight_decay is NaN");
    let mut adam = AdamConfig { beta2: 1.0, ..AdamConfig::default() };
    refuse(OptimizerConfig::Adam(adam.clone()), "beta2 is 1.0, but it must be at least 0 and below 1");
    (adam.beta2, adam.eps) = (0.9, 1e-60);
    refuse(OptimizerConfig::Adam(adam), "eps is 1e-60, but it must be finite and above 0 as a 32-bit float");
    let adagrad = AdaGradConfig { lr_decay: -0.5, ..AdaGradConfig::default() };
    refuse(OptimizerConfig::AdaGrad(adagrad), "lr_decay is -0.5");
    let rmsprop = RmsPropConfig { alpha: f64::NAN, ..RmsPropConfig::default() };
    refuse(OptimizerConfig::RmsProp(rmsprop), "alpha is NaN");

    let mut opt = AnyOptimizer::new(OptimizerConfig::Sgd(SgdConfig::default())).unwrap();
    assert!(opt.set_lr(f64::NAN).is_err() && opt.set_lr(-0.1).is_err() && opt.set_lr(0.0).is_ok());
    let bad = Schedule { decay: Decay::Milestones { at: vec![3, 3], gamma: 0.1 }, ..Schedule::constant(1.0) };
    let message = bad.validate().unwrap_err().to_string();
    assert!(
        message.starts_with("milestones is [3, 3], but it must be a list of ascending steps"),
        "{message}"
    );
    assert!(serde_json::from_str::<OptimizerConfig>(r#"{"rule":"sgd","momentun":0.9}"#).is_err());
}
