//! Steps over dfdx models: the training loop, masks, saving and resuming, and errors.

use dfdx::nn::modules::{BatchNorm2D, Linear};
use dfdx::prelude::*;

use crate::nn::state::{state_dict, NamedTensor};
use crate::optim::{
    Adam, AdamConfig, HeavyBallForm, Momentum, OptimError, OptimState, Optimizer, ParamFilter, RmsProp,
    RmsPropConfig, Sgd, SgdConfig, UpdateRule, WeightDecay,
};

type Mlp = (Linear<3, 5, f32, Cpu>, Tanh, Linear<5, 2, f32, Cpu>);

fn mlp() -> Mlp {
    Mlp::build(&Cpu::seed_from_u64(7))
}

fn batch() -> Tensor<Rank2<4, 3>, f32, Cpu> {
    Cpu::seed_from_u64(3).sample_normal()
}

fn heavy_ball(lr: f64, mu: f64) -> SgdConfig {
    let momentum = Momentum::HeavyBall { mu, form: HeavyBallForm::RateOutside };
    SgdConfig { lr, momentum, ..SgdConfig::default() }
}

/// Steps in the pattern that the documentation of `step` shows; `zero` adds dfdx's own zeroing.
fn train<R: UpdateRule>(opt: &mut Optimizer<R>, model: &mut Mlp, steps: usize, zero: bool) {
    let mut grads = model.alloc_grads();
    for _ in 0..steps {
        let loss = model.forward(batch().traced(grads)).square().mean();
        grads = loss.backward();
        opt.step(model, &mut grads).unwrap();
        if zero {
            model.zero_grads(&mut grads);
        }
    }
}

#[test]
fn the_loop_is_right_with_and_without_zero_grads_and_as_dfdx_does_it() {
    let config = dfdx::optim::SgdConfig {
        lr: 0.1,
        momentum: Some(dfdx::optim::Momentum::Classic(0.9)),
        weight_decay: Some(dfdx::optim::WeightDecay::L2(0.01)),
    };
    let mut theirs = mlp();
    let mut oracle = dfdx::optim::Sgd::new(&theirs, config);
    let mut grads = theirs.alloc_grads();
    for _ in 0..8 {
        grads = theirs.forward(batch().traced(grads)).square().mean().backward();
        dfdx::optim::Optimizer::update(&mut oracle, &mut theirs, &grads).unwrap();
        theirs.zero_grads(&mut grads);
    }
    for zero in [false, true] {
        let mut ours = mlp();
        let decay = WeightDecay::L2(0.01);
        let mut opt = Sgd::new(SgdConfig { weight_decay: decay, ..heavy_ball(0.1, 0.9) }).unwrap();
        train(&mut opt, &mut ours, 8, zero);
        for (a, b) in state_dict(&ours).iter().zip(state_dict(&theirs)) {
            for (a, b) in a.values().iter().zip(b.values()) {
                approx::assert_abs_diff_eq!(a, b, epsilon = 1e-6);
            }
        }
    }
}

#[test]
fn a_step_reports_what_it_did_and_zeroes_the_gradients() {
    let mut model = mlp();
    let mut opt = Sgd::new(SgdConfig::default()).unwrap();
    let mut grads = model.forward(batch().traced(model.alloc_grads())).square().mean().backward();
    let squares: f32 = [
        grads.get(&model.0.weight).as_vec(),
        grads.get(&model.0.bias).as_vec(),
        grads.get(&model.2.weight).as_vec(),
        grads.get(&model.2.bias).as_vec(),
    ]
    .iter()
    .flatten()
    .map(|g| g * g)
    .sum();
    let report = opt.step(&mut model, &mut grads).unwrap();
    assert_eq!((report.step, report.lr, report.parameters, report.elements), (1, 0.01, 4, 32));
    approx::assert_relative_eq!(report.grad_norm, f64::from(squares.sqrt()), max_relative = 1e-5);
    assert_eq!(grads.get(&model.0.weight).array(), [[0.0; 3]; 5]);
    assert_eq!(grads.get(&model.2.bias).array(), [0.0; 2]);
}

#[test]
fn what_is_not_trainable_stays_put() {
    let dev = Cpu::default();
    let mut model = BatchNorm2D::<2, f32, Cpu>::build(&dev);
    let mut grads = model.alloc_grads();
    let config = SgdConfig { weight_decay: WeightDecay::L2(1.0), lr: 0.5, ..SgdConfig::default() };
    let report = Sgd::new(config).unwrap().step(&mut model, &mut grads).unwrap();
    assert_eq!(report.parameters, 2);
    assert_eq!(model.scale.array(), [0.5; 2]);
    assert_eq!(model.running_var.array(), [1.0; 2]);
}

#[test]
fn decay_spares_the_parameters_it_is_told_to() {
    let (mut model, before) = (mlp(), mlp());
    let mut grads = model.alloc_grads();
    let decay_on = ParamFilter::except(["bias"]);
    let config =
        SgdConfig { lr: 1.0, weight_decay: WeightDecay::Decoupled(0.5), decay_on, ..SgdConfig::default() };
    Sgd::new(config).unwrap().step(&mut model, &mut grads).unwrap();
    assert_eq!(model.0.weight.array(), (before.0.weight * 0.5).array());
    assert_eq!(model.0.bias.array(), before.0.bias.array());
}

#[test]
fn masked_weights_and_their_state_stay_exactly_zero() {
    let mut model = mlp();
    let mut opt = Adam::new(AdamConfig { amsgrad: true, lr: 0.05, ..AdamConfig::default() }).unwrap();
    train(&mut opt, &mut model, 2, false);
    let mask: Vec<bool> = (0..15).map(|i| i % 3 == 1).collect();
    opt.set_mask("0.weight", Some(mask.clone())).unwrap();
    let slots = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
    let check = |opt: &Adam, model: &Mlp, weights_too: bool| {
        for (i, &keep) in mask.iter().enumerate() {
            for slot in slots {
                assert_eq!(opt.slot("0.weight", slot).unwrap()[i] != 0.0, keep, "{slot} {i}");
            }
            assert!(!weights_too || (model.0.weight.as_vec()[i] != 0.0) == keep, "weight {i}");
        }
    };
    check(&opt, &model, false);
    opt.apply_masks(&mut model).unwrap();
    check(&opt, &model, true);
    for _ in 0..3 {
        train(&mut opt, &mut model, 1, false);
        check(&opt, &model, true);
    }
    assert_eq!(opt.mask("0.weight"), Some(&mask[..]));

    // Let go, they move again.
    opt.set_mask("0.weight", None).unwrap();
    train(&mut opt, &mut model, 1, false);
    assert!(model.0.weight.as_vec().iter().all(|&w| w != 0.0));
}

#[test]
fn a_mask_holds_from_the_first_step_on() {
    let mut model = mlp();
    let mut opt = Sgd::new(heavy_ball(0.1, 0.9)).unwrap();
    opt.set_mask("2.bias", Some(vec![true, false])).unwrap();
    train(&mut opt, &mut model, 1, false);
    let bias = model.2.bias.array();
    assert!(bias[0] != 0.0 && bias[1] == 0.0, "{bias:?}");
}

#[test]
fn a_resumed_run_goes_on_to_the_same_bits() {
    fn check<R: UpdateRule + Clone>(config: R) {
        let (mut model, mut opt) = (mlp(), Optimizer::new(config.clone()).unwrap());
        opt.set_mask("2.weight", Some((0..10).map(|i| i != 4).collect())).unwrap();
        train(&mut opt, &mut model, 5, false);
        opt.set_lr(0.003).unwrap();
        let saved = opt.export_state();
        let json = serde_json::to_string(&saved.scalars).unwrap();
        let state = OptimState { scalars: serde_json::from_str(&json).unwrap(), ..saved };

        let (mut resumed_model, mut resumed) = (model.clone(), Optimizer::new(config).unwrap());
        resumed.import_state(&resumed_model, &state).unwrap();
        assert_eq!(resumed.export_state(), state);
        train(&mut opt, &mut model, 5, false);
        train(&mut resumed, &mut resumed_model, 5, false);
        assert_eq!(state_dict(&model), state_dict(&resumed_model));
        assert_eq!(opt.export_state(), resumed.export_state());
        assert_eq!(resumed.step_count(), 10);
    }
    check(Adam::new(AdamConfig::default()).unwrap().config().clone());
    check(RmsProp::new(RmsPropConfig { momentum: 0.5, ..Default::default() }).unwrap().config().clone());
    let form = HeavyBallForm::RateInsideCorrected;
    check(SgdConfig { momentum: Momentum::HeavyBall { mu: 0.9, form }, ..SgdConfig::default() });
    check(SgdConfig::default());
}

#[test]
fn a_state_from_before_the_first_step_is_good_too() {
    let mut opt = Sgd::new(heavy_ball(0.1, 0.9)).unwrap();
    opt.set_mask("0.weight", Some(vec![true; 15])).unwrap();
    let state = opt.export_state();
    let mut other = Sgd::new(heavy_ball(0.5, 0.9)).unwrap();
    other.import_state(&mlp(), &state).unwrap();
    assert_eq!((other.lr(), other.mask("0.weight").map(<[bool]>::len)), (0.1, Some(15)));
}

#[test]
fn a_wrong_state_is_refused_by_name_and_changes_nothing() {
    let mut model = mlp();
    let mut opt = Sgd::new(heavy_ball(0.1, 0.9)).unwrap();
    train(&mut opt, &mut model, 1, false);
    let good = opt.export_state();
    assert_eq!(good.tensors[1].name(), "0.weight.velocity");
    assert_eq!(good.tensors[1].shape(), [5, 3]);

    let mut refuse = |change: &dyn Fn(&mut OptimState), expected: &str| {
        let mut state = good.clone();
        change(&mut state);
        let message = opt.import_state(&model, &state).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(opt.export_state(), good);
    };
    refuse(&|s| drop(s.tensors.remove(1)), "tensor `0.weight.velocity` is missing from the optimiser state");
    refuse(
        &|s| s.tensors.push(NamedTensor::new("9.velocity", vec![1], vec![0.0]).unwrap()),
        "the optimiser state holds tensor `9.velocity`",
    );
    refuse(
        &|s| s.tensors[1] = NamedTensor::new("0.weight.velocity", vec![15], vec![0.0; 15]).unwrap(),
        "tensor `0.weight.velocity` has shape [15] in the optimiser state but [5, 3] in the model",
    );
    refuse(&|s| s.tensors.push(s.tensors[0].clone()), "the name `0.bias.velocity` stands for two");
    refuse(&|s| s.scalars.rule = "adam".into(), "the state was saved by `adam` but this optimiser is `sgd`");
    refuse(&|s| s.scalars.lr = f64::NAN, "lr is NaN in the optimiser state");
    refuse(&|s| s.scalars.param_steps.retain(|name, _| name != "0.bias"), "tensor `0.bias` is missing");
    refuse(
        &|s| s.scalars.param_steps.extend([("7.bias".to_string(), 1)]),
        "the optimiser state holds tensor `7.bias`",
    );
}

#[test]
fn a_step_that_cannot_be_taken_changes_nothing() {
    let mut model = mlp();
    let before = state_dict(&model);
    let mut grads = model.alloc_grads();
    let mut opt = Sgd::new(SgdConfig { weight_decay: WeightDecay::L2(0.1), ..heavy_ball(0.1, 0.9) }).unwrap();

    opt.set_mask("2.bias", Some(vec![true; 3])).unwrap();
    let error = opt.step(&mut model, &mut grads).unwrap_err();
    assert!(matches!(error, OptimError::Length { what: "mask", expected: 2, found: 3, .. }), "{error}");
    opt.set_mask("2.bias", None).unwrap();
    opt.set_mask("2.bais", Some(vec![true; 2])).unwrap();
    let error = opt.step(&mut model, &mut grads).unwrap_err();
    assert_eq!(error, OptimError::UnknownMask { name: "2.bais".into() });
    opt.set_mask("2.bais", None).unwrap();
    opt.begin_step();
    opt.update("0.weight", &mut [1.0], &[1.0]).unwrap();
    let error = opt.step(&mut model, &mut grads).unwrap_err();
    assert!(matches!(error, OptimError::Length { what: "state", .. }), "{error}");
    assert_eq!(state_dict(&model), before);
}
