//! Data-parallel training on models of dfdx's own layers: any number of ranks, kills, ranks that differ.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::path::Path;

use large_batch::{
    arithmetic::trained_bits,
    collective::{run_ranks, Algorithm, Collective, Options},
    train, Alone, DataParallel, LargeBatchError, LinearScaling, ModelReplica, Reduction, Replica,
    StepOutcome, Unwatched, Watch,
};
use shared::{
    dfdx::{
        nn::{builders, modules},
        prelude::*,
        tensor::Gradients,
    },
    nn::state::parameters,
    optim::{AnyOptimizer, OptimizerConfig},
    train::{FitPlan, Storage},
};

#[test]
fn any_number_of_ranks_trains_to_the_bits_of_one() {
    const WORKERS: usize = 5;
    let alone = trained_bits(WORKERS, Reduction::Ordered, &mut Alone).unwrap();
    for ranks in 1..=5 {
        let all =
            run_ranks(ranks, Options::default(), |group| trained_bits(WORKERS, Reduction::Ordered, group))
                .unwrap();
        assert!(all.iter().all(|bits| *bits == alone), "{ranks} ranks");
    }
    let near = |bits: &[u32]| {
        let apart = |(a, b): (&u32, &u32)| (f32::from_bits(*a) - f32::from_bits(*b)).abs();
        bits.iter().zip(&alone).map(apart).fold(0.0, f32::max) < 1e-4
    };
    for algorithm in [Algorithm::Ring, Algorithm::HalvingDoubling] {
        let options = Options { algorithm, ..Options::default() };
        let all = run_ranks(3, options, |group| trained_bits(WORKERS, Reduction::Local, group)).unwrap();
        assert!(all.iter().all(|bits| bits == &all[0]) && near(&all[0]), "{algorithm:?}");
    }
}

type Net = (
    modules::Linear<4, 8, f32, Cpu>,
    modules::BatchNorm1D<8, f32, Cpu>,
    ReLU,
    modules::Linear<8, 1, f32, Cpu>,
);
type Built = (builders::Linear<4, 8>, builders::BatchNorm1D<8>, ReLU, builders::Linear<8, 1>);

/// A column of inputs, or several, as a tensor.
fn rows<const F: usize>(dev: &Cpu, values: Vec<f32>) -> Tensor<(usize, Const<F>), f32, Cpu> {
    let count = values.len() / F;
    dev.tensor_from_vec(values, (count, Const))
}

/// Regression with batch normalisation, all of dfdx's own.
fn regression() -> impl Replica {
    let dev = Cpu::seed_from_u64(3);
    let model = dev.build_module::<Built, f32>();
    let row = |i: usize| -> Vec<f32> { (0..4).map(|j| ((i * 7 + j * 13) as f32).sin()).collect() };
    let x: Vec<f32> = (0..40).flat_map(row).collect();
    let optimizer = AnyOptimizer::new(OptimizerConfig::Sgd(large_batch::sgd(&parameters(&model)))).unwrap();
    let grads = model.alloc_grads();
    let backward = move |net: &mut Net, examples: &[usize], grads: Gradients<f32, Cpu>| {
        let input = rows::<4>(&dev, examples.iter().flat_map(|e| x[4 * e..4 * e + 4].to_vec()).collect());
        let wanted = rows::<1>(&dev, examples.iter().map(|e| (*e as f32).cos()).collect());
        let loss = (net.try_forward_mut(input.traced(grads))? - wanted).square().mean();
        let value = f64::from(loss.array());
        Ok::<_, CpuError>((value, loss.try_backward()?))
    };
    ModelReplica::new(model, optimizer, grads, backward)
}

/// One weight and one bias.
fn line() -> impl Replica {
    let dev = Cpu::seed_from_u64(4);
    let model = dev.build_module::<builders::Linear<1, 1>, f32>();
    let optimizer = AnyOptimizer::new(OptimizerConfig::Sgd(large_batch::sgd(&parameters(&model)))).unwrap();
    let grads = model.alloc_grads();
    let backward =
        move |net: &mut modules::Linear<1, 1, f32, Cpu>, examples: &[usize], grads: Gradients<f32, Cpu>| {
            let input = rows::<1>(&dev, examples.iter().map(|e| *e as f32 / 10.0).collect());
            let loss = net.try_forward(input.traced(grads))?.square().mean();
            let value = f64::from(loss.array());
            Ok::<_, CpuError>((value, loss.try_backward()?))
        };
    ModelReplica::new(model, optimizer, grads, backward)
}

/// Fails at a step, as if the rank had been killed there.
struct Bomb(usize);

impl<R> Watch<R> for Bomb {
    fn step(&mut self, step: usize, _: f64, _: &StepOutcome) -> Result<(), LargeBatchError> {
        match step == self.0 {
            true => Err(LargeBatchError::Training("killed".into())),
            false => Ok(()),
        }
    }
}

fn plan(folder: &Path, resume: bool, follows: bool) -> FitPlan {
    let config = serde_json::json!({"kn": 12});
    let storage = Storage { folder: folder.into(), every_steps: 2, resume, config };
    FitPlan { epochs: 3, batch_size: 12, seed: 5, storage: Some(storage), follows, ..FitPlan::default() }
}

/// The bits at the end of a run on `ranks` ranks; `bomb` is a rank and the step at which it dies.
fn run(
    folder: &Path,
    resume: bool,
    ranks: usize,
    bomb: Option<(usize, usize)>,
) -> Result<Vec<u32>, LargeBatchError> {
    let scaling =
        LinearScaling { base_batch: 3, base_lr: 0.02, warmup_epochs: 1, ..LinearScaling::default() };
    let schedule = scaling.schedule(12, 4)?;
    let work = |group: &mut dyn Collective| {
        let mut parallel = DataParallel::new(regression(), 3, Reduction::Ordered)?;
        let plan = plan(folder, resume, group.rank() != 0);
        let mut bomb = Bomb(bomb.filter(|b| b.0 == group.rank()).map_or(usize::MAX, |b| b.1));
        train(&mut parallel, group, 39, &plan, &schedule, "a test", &mut bomb, &mut |_| {})?;
        let state = parallel.replica.save()?;
        let bits = state.tensors.iter().flat_map(|t| t.values().to_vec()).map(f32::to_bits);
        Ok::<_, LargeBatchError>(bits.collect::<Vec<_>>())
    };
    Ok(run_ranks(ranks, Options::default(), work)?.swap_remove(0))
}

#[test]
fn a_rank_that_dies_at_any_step_loses_nothing_whatever_the_ranks_that_go_on() {
    let whole = tempfile::tempdir().unwrap();
    let expected = run(whole.path(), false, 1, None).unwrap();
    for step in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let (ranks, victim, after) = (2 + step % 3, step % 2, 1 + step % 4);
        let told = run(dir.path(), false, ranks, Some((victim, step))).unwrap_err().to_string();
        assert!(told.starts_with(&format!("rank {victim} of {ranks} failed: killed")), "{told}");
        let resumed = run(dir.path(), true, after, None).unwrap();
        assert!(resumed == expected, "step {step}: {ranks} ranks, then {after}");
    }
}

#[test]
fn ranks_that_would_train_something_else_are_refused_by_name() {
    let work = |group: &mut dyn Collective| {
        let settings = if group.rank() == 2 { "kn = 64" } else { "kn = 32" };
        DataParallel::new(regression(), 4, Reduction::Ordered)?.agree(group, settings)
    };
    let told = run_ranks(3, Options::default(), work).unwrap_err().to_string();
    assert!(told.contains("rank 2 has settings other than rank 0's (kn = 64 and kn = 32)"), "{told}");
    let work = |group: &mut dyn Collective| {
        let mut parallel = DataParallel::new(regression(), 4, Reduction::Ordered)?;
        if group.rank() == 1 {
            parallel.step(&mut Alone, &[1, 2, 3], 0.1)?;
        }
        parallel.agree(group, "")
    };
    let told = run_ranks(2, Options::default(), work).unwrap_err().to_string();
    assert!(told.contains("rank 1 has weights or optimiser state other than rank 0's"), "{told}");
}

#[test]
fn a_ragged_end_is_the_exact_mean() {
    let mut whole = DataParallel::new(line(), 5, Reduction::Ordered).unwrap();
    let mut cut = DataParallel::new(line(), 2, Reduction::Ordered).unwrap();
    let five = [3, 1, 4, 15, 9];
    let a = whole.step(&mut Alone, &five, 0.1).unwrap();
    let b = cut.step(&mut Alone, &five, 0.1).unwrap();
    assert!((a.loss - b.loss).abs() < 1e-6 && (a.square - b.square).abs() < 1e-5, "{a:?} {b:?}");
    assert_eq!((a.workers, b.workers), (1, 3));
    assert!(DataParallel::new(line(), 0, Reduction::Ordered).is_err());
    let plan = FitPlan { epochs: 1, batch_size: 8, ..FitPlan::default() };
    let schedule = LinearScaling::default().schedule(8, 5).unwrap();
    let mut unwatched = Unwatched;
    let (fitted, _) =
        train(&mut cut, &mut Alone, 40, &plan, &schedule, "", &mut unwatched, &mut |_| {}).unwrap();
    assert_eq!(fitted.cursor.step, 5);
}
