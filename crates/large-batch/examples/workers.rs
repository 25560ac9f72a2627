//! Four workers of 16 examples each, on two threads, train a model of dfdx's own layers.
#![allow(clippy::print_stdout)]

use large_batch::{collective, sgd, train, DataParallel, LargeBatchError, LinearScaling, ModelReplica};
use shared::dfdx::{
    nn::builders::{Linear, ReLU},
    prelude::*,
    tensor::Gradients,
};
use shared::{
    nn::state::parameters,
    optim::{AnyOptimizer, OptimizerConfig},
    train::FitPlan,
};

type Model = (Linear<2, 32>, ReLU, Linear<32, 1>);
type Net = <Model as BuildOnDevice<Cpu, f32>>::Built;

fn main() -> Result<(), LargeBatchError> {
    let scaling =
        LinearScaling { base_batch: 16, base_lr: 0.02, milestones: vec![20], ..LinearScaling::default() };
    let schedule = scaling.schedule(64, 16)?; // kn = 64, 16 steps an epoch of 1,024 examples
    let plan = FitPlan { epochs: 30, batch_size: 64, seed: 1, ..FitPlan::default() };
    let losses = collective::run_ranks(2, collective::Options::default(), |group| {
        let dev = Cpu::seed_from_u64(1);
        let model = dev.build_module::<Model, f32>();
        let optimizer = AnyOptimizer::new(OptimizerConfig::Sgd(sgd(&parameters(&model))))?;
        let grads = model.alloc_grads();
        let backward = move |model: &mut Net, examples: &[usize], grads: Gradients<f32, Cpu>| {
            let angle = |e: &usize| *e as f32 / 163.0;
            let points = examples.iter().flat_map(|e| [angle(e).sin(), angle(e).cos()]).collect();
            let x: Tensor<(usize, Const<2>), f32, _> = dev.tensor_from_vec(points, (examples.len(), Const));
            let wanted = examples.iter().map(|e| (3.0 * angle(e)).sin()).collect();
            let y: Tensor<(usize, Const<1>), f32, _> = dev.tensor_from_vec(wanted, (examples.len(), Const));
            let loss = (model.forward(x.traced(grads)) - y).square().mean();
            Ok::<_, CpuError>((f64::from(loss.array()), loss.backward()))
        };
        let mut parallel =
            DataParallel::new(ModelReplica::new(model, optimizer, grads, backward), 16, Default::default())?;
        let (done, noise) = train(
            &mut parallel,
            group,
            1024,
            &plan,
            &schedule,
            "an example",
            &mut large_batch::Unwatched,
            &mut |_| {},
        )?;
        Ok::<_, LargeBatchError>((done.epochs, noise.value()))
    })?;
    for epoch in losses[0].0.iter().step_by(5) {
        println!("epoch {}: loss {:.5}", epoch.epoch, epoch.train_loss);
    }
    println!("gradient noise scale: {:?} examples", losses[0].1.map(f64::round));
    Ok(())
}
