//! Updates on a device that lends no memory, against those of the host.

use dfdx::nn::modules::{Linear, Tanh};
use dfdx::prelude::*;

use crate::device::{read_backs, without_kernels};
use crate::nn::state::state_dict;
use crate::optim::{
    AdaGradConfig, AdamConfig, AnyOptimizer, EpsPlacement, HeavyBallForm, Momentum, OptimState,
    OptimizerConfig, RmsPropConfig, SgdConfig, WeightDecay,
};
use crate::testing::{assert_close, assert_tensors_close};

type Mlp = (Linear<3, 5, f32, Cpu>, Tanh, Linear<5, 2, f32, Cpu>);

/// Every rule in every form.
fn rules() -> Vec<OptimizerConfig> {
    use HeavyBallForm::{RateInside, RateInsideCorrected, RateOutside};
    let (l2, decoupled) = (WeightDecay::L2(0.1), WeightDecay::Decoupled(0.1));
    let mut rules = vec![OptimizerConfig::Sgd(SgdConfig { weight_decay: decoupled, ..SgdConfig::default() })];
    for form in [RateOutside, RateInside, RateInsideCorrected] {
        let momentum = Momentum::HeavyBall { mu: 0.9, form };
        let config = SgdConfig { momentum, dampening: 0.25, weight_decay: l2, ..SgdConfig::default() };
        rules.push(OptimizerConfig::Sgd(config));
    }
    rules.push(OptimizerConfig::Sgd(SgdConfig {
        momentum: Momentum::Nesterov(0.9),
        weight_decay: l2,
        ..SgdConfig::default()
    }));
    for amsgrad in [false, true] {
        let config = AdamConfig { amsgrad, weight_decay: decoupled, lr: 0.02, ..AdamConfig::default() };
        rules.push(OptimizerConfig::Adam(config));
    }
    for eps_placement in [EpsPlacement::Outside, EpsPlacement::Inside] {
        let ada = AdaGradConfig {
            eps_placement,
            initial_accumulator: 0.1,
            lr_decay: 0.1,
            weight_decay: l2,
            ..AdaGradConfig::default()
        };
        rules.push(OptimizerConfig::AdaGrad(ada));
        for (centered, momentum) in [(false, 0.0), (false, 0.5), (true, 0.0), (true, 0.5)] {
            let config = RmsPropConfig {
                centered,
                momentum,
                eps_placement,
                eps: 1e-4,
                weight_decay: l2,
                ..RmsPropConfig::default()
            };
            rules.push(OptimizerConfig::RmsProp(config));
        }
    }
    rules
}

/// What training gave: the model, the state, and the norms of the gradients.
struct Run {
    model: Mlp,
    opt: AnyOptimizer,
    norms: Vec<f64>,
}

impl Run {
    fn new(rule: &OptimizerConfig) -> Self {
        let model = Mlp::build(&Cpu::seed_from_u64(7));
        Run { model, opt: AnyOptimizer::new(rule.clone()).unwrap(), norms: vec![] }
    }

    fn steps(&mut self, steps: usize) {
        let x: Tensor<Rank2<4, 3>, f32, Cpu> = Cpu::seed_from_u64(3).sample_normal();
        let mut grads = self.model.alloc_grads();
        for _ in 0..steps {
            grads = self.model.forward(x.clone().traced(grads)).square().mean().backward();
            let before = read_backs();
            self.norms.push(self.opt.step(&mut self.model, &mut grads).unwrap().grad_norm);
            if !<Cpu as crate::optim::ParamStore>::lends() {
                assert_eq!(read_backs() - before, 1, "a step tells the host its norm alone");
            }
        }
    }

    /// Rates change, a mask is laid, and it is lifted again.
    fn all(&mut self) {
        self.steps(3);
        self.opt.set_lr(self.opt.lr() * 0.3).unwrap();
        let mask: Vec<bool> = (0..15).map(|i| i % 3 != 1).collect();
        self.opt.set_mask("0.weight", Some(mask)).unwrap();
        self.steps(3);
        self.opt.set_mask("0.weight", None).unwrap();
        self.opt.set_mask_state(false);
        self.opt.set_mask("2.bias", Some(vec![false, true])).unwrap();
        self.steps(2);
    }

    fn check(&self, other: &Run, what: &str) {
        assert_tensors_close(what, &state_dict(&self.model), &state_dict(&other.model), 2e-5);
        let (ours, theirs) = (self.opt.export_state(), other.opt.export_state());
        assert_eq!(ours.scalars, theirs.scalars, "{what}");
        assert_tensors_close(what, &ours.tensors, &theirs.tensors, 2e-5);
        let norms: Vec<f32> = self.norms.iter().map(|n| *n as f32).collect();
        assert_close(what, &norms, &other.norms, 1e-5);
    }
}

#[test]
fn every_rule_updates_a_device_as_it_updates_the_host() {
    for rule in rules() {
        let (mut host, mut device) = (Run::new(&rule), Run::new(&rule));
        host.all();
        without_kernels(|| device.all());
        device.check(&host, &format!("{rule:?}"));
        let masked = device.model.2.bias.array()[0];
        assert_eq!(masked.to_bits() << 1, 0, "{rule:?}: a masked weight is 0");
    }
}

#[test]
fn state_goes_from_a_device_to_a_file_to_the_host_and_back() {
    for rule in rules() {
        let mut undisturbed = Run::new(&rule);
        undisturbed.steps(6);
        let mut run = Run::new(&rule);
        without_kernels(|| run.steps(2));
        let resume = |run: &Run| {
            let state: OptimState = run.opt.export_state();
            let mut opt = AnyOptimizer::new(rule.clone()).unwrap();
            opt.import_state(&run.model, &state).unwrap();
            Run { model: run.model.clone(), opt, norms: run.norms.clone() }
        };
        let mut run = resume(&run);
        run.steps(2);
        let mut run = resume(&run);
        without_kernels(|| run.steps(1));
        // and without a file: what is on a device is taken over where the host goes on
        run.steps(1);
        run.check(&undisturbed, &format!("{rule:?}"));
    }
}

#[test]
fn a_clone_of_state_on_a_device_may_be_sent() {
    let rule = &rules()[5];
    let mut run = Run::new(rule);
    without_kernels(|| run.steps(2));
    let (clone, here) = (run.opt.clone(), run.opt.slot("0.weight", "exp_avg").unwrap().into_owned());
    let there = std::thread::spawn(move || clone.slot("0.weight", "exp_avg").unwrap().into_owned());
    assert_eq!(there.join().unwrap(), here);
    // the state itself may not
    let opt = run.opt;
    let there = std::thread::spawn(move || opt.slot("0.weight", "exp_avg").map(|_| ()));
    let told = there.join().unwrap_err();
    assert!(told.downcast_ref::<&str>().is_some_and(|told| told.contains("another thread")));
}

/// A rule without a program goes by the host, on any device.
#[test]
fn a_rule_without_a_program_is_run_on_the_host() {
    #[derive(Clone, Debug)]
    struct Sign;
    impl crate::optim::UpdateRule for Sign {
        fn name(&self) -> &'static str {
            "sign"
        }
        fn validate(&self) -> Result<(), crate::optim::OptimError> {
            Ok(())
        }
        fn initial_lr(&self) -> f64 {
            0.5
        }
        fn slots(&self) -> Vec<crate::optim::Slot> {
            vec![]
        }
        fn weight_decay(&self) -> (WeightDecay, &crate::optim::ParamFilter) {
            (WeightDecay::None, &crate::optim::ParamFilter::All)
        }
        fn update(
            &self,
            at: &crate::optim::StepPoint,
            w: &mut [f32],
            g: &[f32],
            _: [&mut [f32]; crate::optim::MAX_SLOTS],
        ) {
            w.iter_mut().zip(g).for_each(|(w, g)| *w -= at.lr as f32 * g.signum());
        }
    }
    let run = || {
        let mut model = Mlp::build(&Cpu::seed_from_u64(7));
        let x: Tensor<Rank2<4, 3>, f32, Cpu> = Cpu::seed_from_u64(3).sample_normal();
        let mut grads = model.forward(x.traced(model.alloc_grads())).square().mean().backward();
        crate::optim::Optimizer::new(Sign).unwrap().step(&mut model, &mut grads).unwrap();
        state_dict(&model)
    };
    assert_eq!(without_kernels(run), run());
}
