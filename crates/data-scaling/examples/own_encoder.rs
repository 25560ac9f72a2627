//! A study of a model of one's own: `cargo run --release -p data-scaling --example own_encoder`.

use data_scaling::{
    curve::{told, CurveOptions, CurveStudy},
    points, scaling_study, scene_task, DataScalingError, Encoder, Head, LabelledScenes, Length, Network,
    Outcome, Pretraining, Source, StudyPlan, Trainable, Transferring,
};
use datasets::synthetic::{scenes, SceneConfig};
use shared::{
    device::Backend,
    dfdx::{prelude::*, shapes::Dim, tensor::Tape},
    nn::{Activation, Conv2d, Flatten, Linear, Pass},
    optim::{AdamConfig, OptimizerConfig},
};

shared::module! {
    /// A convolution and a hidden layer.
    struct Mine<E, D> {
        conv: Conv2d<3, 8, 32, 16, 3, 2, 1, E, D>,
        flatten: Flatten<8, 16, 2048>,
        hidden: Linear<2048, 64, E, D>,
    }
}

impl<D: Backend> Encoder<D> for Mine<f32, D> {
    type Channels = Const<3>;
    type Side = Const<32>;
    type Features = Const<64>;

    fn features<B: Dim, T: Tape<f32, D>>(
        &mut self,
        images: Tensor<(B, Const<3>, Const<32>, Const<32>), f32, D>,
        tape: T,
        _: &mut Pass<'_>,
    ) -> Result<Tensor<(B, Const<64>), f32, D, T>, D::Err> {
        let x: Tensor<(B, Const<8>, Const<16>, Const<16>), _, _, _> =
            self.conv.forward_data(images, tape, Activation::Relu)?;
        self.hidden.forward(self.flatten.forward(x)?, Activation::Relu)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenes = scenes(&SceneConfig::default(), 0)?;
    let task = scene_task(&scenes.transfer(), 240, 480, "scenes".into())?;
    let source = LabelledScenes::new(scenes, 0);
    let adam = OptimizerConfig::Adam(AdamConfig::default());
    let model = |seed: u64| -> Result<Box<dyn Network>, DataScalingError> {
        let device = Cpu::seed_from_u64(seed);
        let encoder: Mine<f32, Cpu> = BuildModule::build(&device);
        let head = Head::new(&device, source.labels(), None, seed)?;
        Ok(Box::new(Trainable::new(encoder, head, adam.clone(), device, seed)?))
    };
    let pretraining = Pretraining { length: Length::Images(3_000), ..Pretraining::default() };
    let plan = StudyPlan {
        sizes: vec![30, 300, 3_000],
        seeds: vec![0, 1],
        pretraining,
        transferring: Transferring { frozen_steps: 100, tuned_passes: 4, ..Transferring::default() },
        held_out: 0,
        model: "mine".into(),
        cells: None,
        shard: None,
    };
    let cells = scaling_study(&model, &source, &task, &plan, &|_| {})?;
    let study = CurveStudy::of(&points(&cells, Outcome::last_tuned)?, &CurveOptions::default())?;
    #[allow(clippy::print_stdout)]
    for line in told(&study, &[30_000.0], &[])? {
        println!("{line}");
    }
    Ok(())
}
