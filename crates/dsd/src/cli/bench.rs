//! `bench`: what a mask costs a step.

use std::time::Instant;

use shared::{
    claims::Context,
    cli::{BenchOptions, BenchResult, CliError, Workload},
};

use crate::{
    experiment::{Lab, Setting, BRACKETS},
    Dsd, DsdConfig, Kind, Model, Phase,
};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "dsd-mlp",
        about: "one masked step of LeNet-300-100 on 64 images, beside a dense one",
        run: |options| masked("dsd-mlp", Model::Mlp, 64, options),
    },
    Workload {
        name: "dsd-conv-net",
        about: "one masked step of the small convolutional network on 64 images, beside a dense one",
        run: |options| masked("dsd-conv-net", Model::ConvNet, 64, options),
    },
    Workload {
        name: "dsd-lstm",
        about: "one masked step of the LSTM on 20 pieces of 50 symbols, beside a dense one",
        run: |options| masked("dsd-lstm", Model::Lstm, 20, options),
    },
];

/// Dense and masked steps in turn, so that both meet the same machine; the masked one is what is reported, and `dense_ms` and
/// `masked_over_dense` beside it.
fn masked(name: &str, model: Model, batch: usize, options: &BenchOptions) -> Result<BenchResult, CliError> {
    let context = Context { device: options.device, threads: options.threads, ..Context::quiet(true) };
    let (train, sparsity) = if model == Model::Lstm { (20_000, 0.5) } else { (1_000, 0.3) };
    let setting = Setting {
        model,
        train,
        test: 1_000,
        epochs: [1, 1, 1],
        batch,
        lr: 0.01,
        weight_decay: 1e-4,
        sparsity,
    };
    let dataset = if model == Model::Lstm { BRACKETS } else { datasets::image_sets::SYNTHETIC };
    let lab = Lab::open(&context, setting, dataset)?;
    let begin = |kind| -> Result<_, CliError> {
        let mut subject = lab.subject(options.seed)?;
        Dsd::new(DsdConfig::new(vec![Phase::new(kind, 1, 0.01)]))?.begin_epoch_of(&mut *subject)?;
        Ok(subject)
    };
    let (mut dense, mut sparse) = (begin(Kind::Dense)?, begin(Kind::Sparse(sparsity))?);
    let examples = dense.examples();
    let (mut dense_ms, mut masked_ms) = (Vec::new(), Vec::new());
    for round in 0..options.warmup + options.steps {
        let members: Vec<usize> = (round * batch..(round + 1) * batch).map(|at| at % examples).collect();
        for (subject, times) in [(&mut dense, &mut dense_ms), (&mut sparse, &mut masked_ms)] {
            let start = Instant::now();
            subject.step(&members)?;
            if round >= options.warmup {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let dense = BenchResult::of_times(name, batch, dense_ms);
    let masked = BenchResult::of_times(name, batch, masked_ms);
    let ratio = masked.ms_per_step / dense.ms_per_step.max(1e-9);
    Ok(masked.extra("dense_ms", dense.ms_per_step).extra("masked_over_dense", (ratio * 1e3).round() / 1e3))
}
