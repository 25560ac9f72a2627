use dfdx::prelude::*;

use super::*;
use crate::{
    nn::state::{parameter_count, parameters},
    ops::targets::Targets,
    optim::{AdamConfig, HeavyBallForm, Momentum, SgdConfig},
};

mod determinism;
mod devices;

type D = Cpu;

fn build<M: TensorCollection<f32, D, To<f32, D> = M>>() -> M {
    BuildModule::build(&Cpu::seed_from_u64(1))
}

fn sgd(lr: f64) -> OptimizerConfig {
    let momentum = Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside };
    OptimizerConfig::Sgd(SgdConfig { lr, momentum, ..SgdConfig::default() })
}

/// The parameters that are γ or β of a batch normalisation.
fn normalisation<M: TensorCollection<f32, D>>(net: &M) -> usize {
    let ours = |name: &str| name.rsplit('.').nth(1).is_some_and(|layer| layer.contains("norm"));
    parameters(net).iter().filter(|p| p.trainable && ours(&p.name)).map(|p| p.numel()).sum()
}

/// Zhang et al. (2017) give 1,649,402 for the Inception (biases of convolutions counted, γ and β not), 1,387,786 for the
/// AlexNet, 1,735,178 and 1,209,866 for the perceptrons; PyTorch counts 272,474 for the ResNet-20 with projections.
#[test]
fn parameter_counts_are_the_papers() {
    assert_eq!(parameter_count(&build::<SmallCnn<f32, D>>()), 207_210);
    assert_eq!(parameter_count(&build::<Mlp1<f32, D>>()), 1_209_866);
    assert_eq!(parameter_count(&build::<Mlp3<f32, D>>()), 1_735_178);
    assert_eq!(parameter_count(&build::<SmallAlexNet<f32, D>>()), 1_387_786);
    assert_eq!(parameter_count(&build::<SmallInceptionPlain<f32, D>>()), 1_649_402);
    let inception = build::<SmallInception<f32, D>>();
    assert_eq!(parameter_count(&inception), 1_651_114);
    let (gamma_beta, biases) = (normalisation(&inception), 1_712);
    assert_eq!(gamma_beta, 2 * biases);
    assert_eq!(parameter_count(&inception) - gamma_beta + biases, 1_649_402, "the paper's convention");
    assert_eq!(parameter_count(&build::<Resnet8<f32, D>>()), 78_042);
    assert_eq!(parameter_count(&build::<Resnet20<f32, D>>()), 272_474);
    assert_eq!(parameter_count(&build::<Resnet32<f32, D>>()), 466_906);
}

#[test]
fn another_number_of_classes_changes_the_last_layer_alone() {
    assert_eq!(parameter_count(&build::<Mlp1<f32, D, 2>>()), 1_209_866 - 8 * 513);
    assert_eq!(parameter_count(&build::<Resnet20<f32, D, 100>>()), 272_474 + 90 * 65);
    let mut net = build::<SmallInception<f32, D, 3>>();
    let x: Tensor<Rank4<1, 3, 28, 28>, f32, _> = Cpu::default().sample_normal();
    assert_eq!(net.forward(x, NoneTape, &mut Pass::Eval).unwrap().as_vec().len(), 3);
}

#[test]
fn names_are_paths_of_fields() {
    let names: Vec<String> = parameters(&build::<Resnet20<f32, D>>()).into_iter().map(|p| p.name).collect();
    for name in
        ["conv.weight", "norm.running_var", "stage1.2.norm2.weight", "down3.shortcut.weight", "output.bias"]
    {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
    // 19 convolutions of the main path, 2 projections, 5 tensors each with their normalisation, and the last layer
    assert_eq!(names.len(), 21 * 5 + 2);
}

#[test]
fn every_model_learns_a_batch_by_heart_and_scores_one_image() {
    for model in ZooModel::ALL {
        let adam = OptimizerConfig::Adam(AdamConfig::default());
        let mut options = ZooOptions::new(adam, 3);
        options.zero_gamma = true;
        let mut net = model.build(DeviceKind::Cpu, &options).unwrap();
        assert_eq!((net.image_len(), net.classes()), (3 * model.side() * model.side(), 10));
        let mut rng = RunRng::new(5, 5);
        let images: Vec<f32> =
            (0..5 * net.image_len()).map(|_| rand::Rng::gen_range(&mut rng, -1.5..1.5)).collect();
        let targets = Targets::new(vec![3, 1, 4, 1, 5], 10).unwrap();
        let first = net.step(&images, &targets).unwrap();
        assert!((1.0..4.0).contains(&first), "{model}: {first}");
        let mut last = first;
        for _ in 0..15 {
            last = net.step(&images, &targets).unwrap();
        }
        assert!(last < 0.8 * first, "{model}: from {first} to {last}");
        let one = net.scores(&images[..net.image_len()]).unwrap();
        let all = net.scores(&images).unwrap();
        for (one, all) in one.iter().zip(&all) {
            approx::assert_relative_eq!(one, all, epsilon = 1e-3, max_relative = 1e-3);
        }
        assert!(net.evaluate(&images, &targets).unwrap().0.is_finite());
    }
}

/// With γ = 0 in every block, the network is its shortcuts: what the blocks' convolutions hold plays no part.
#[test]
fn a_zero_gamma_leaves_the_shortcuts() {
    let (mut a, mut b) = (build::<Resnet20<f32, D>>(), build::<Resnet20<f32, D>>());
    for block in &mut b.stage2.modules {
        block.conv1.weight.fill_with_ones();
    }
    let x: Tensor<Rank4<2, 3, 32, 32>, f32, _> = Cpu::default().sample_normal();
    let scores = |net: &mut Resnet20<f32, D>| {
        let mut training = Training::new(RunRng::new(0, 0));
        net.forward(x.clone(), NoneTape, &mut Pass::Train(&mut training)).unwrap().as_vec()
    };
    assert_ne!(scores(&mut a), scores(&mut b));
    a.zero_gamma().unwrap();
    b.zero_gamma().unwrap();
    assert_eq!(scores(&mut a), scores(&mut b));
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    let mut net = ZooModel::Mlp1.build(DeviceKind::Cpu, &ZooOptions::new(sgd(0.1), 0)).unwrap();
    let targets = Targets::new(vec![1, 2], 10).unwrap();
    let text = net.step(&[0.0; 2352], &targets).unwrap_err().to_string();
    assert!(text.contains("2352 values for 2 images"), "{text}");
    assert!(net.scores(&[]).is_err());
    assert!(net.step(&[0.0; 2352], &Targets::new(vec![1], 11).unwrap()).is_err());
    assert!(net.set_lr(f64::NAN).is_err());
    let none = ZooOptions { group: Some(0), ..ZooOptions::new(sgd(0.1), 0) };
    assert!(matches!(ZooModel::Resnet20.build(DeviceKind::Cpu, &none), Err(ZooError::NoGroup)));
    let labels = [0, 10];
    let pixels = vec![0.0; 2 * 2352];
    let images = LabelledImages { pixels: &pixels, labels: &labels };
    assert!(matches!(ImageLearner::new(net, images, None), Err(ZooError::Target(_))));
}

#[test]
fn names_round_trip() {
    for model in ZooModel::ALL {
        assert_eq!(model.to_string().parse(), Ok(model));
    }
    assert!("resnet".parse::<ZooModel>().unwrap_err().to_string().contains("`resnet`"));
}

/// The two halves of a step, with the running statistics as the forward pass leaves them.
#[test]
fn a_gradient_taken_and_applied_is_a_step() {
    for model in [ZooModel::SmallCnn, ZooModel::Resnet8] {
        let build = || model.build(DeviceKind::Cpu, &ZooOptions::new(sgd(0.1), 3)).unwrap();
        let (mut whole, mut halves) = (build(), build());
        let images: Vec<f32> = (0..4 * whole.image_len()).map(|i| (i % 11) as f32 / 7.0).collect();
        let targets = Targets::new(vec![3, 1, 4, 1], 10).unwrap();
        let mut row = Vec::new();
        for _ in 0..2 {
            row.clear();
            let loss = halves.gradient(&images, &targets, 1.0, &mut row).unwrap();
            halves.apply(&row).unwrap();
            assert_eq!(whole.step(&images, &targets).unwrap(), loss);
            assert!(whole.weights() == halves.weights(), "{model}");
        }
        let mut kept = whole.buffers();
        kept.iter_mut().for_each(|b| *b += 1.0);
        halves.set_buffers(&kept).unwrap();
        assert_eq!(halves.buffers(), kept);
        assert!(halves.set_buffers(&[0.0; 3]).is_err() || kept.len() == 3);
        assert!(halves.apply(&row[1..]).unwrap_err().to_string().contains("all parameters together"));
        assert_eq!(halves.weights().len(), whole.weights().len());
    }
}
