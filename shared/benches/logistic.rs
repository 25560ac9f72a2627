//! How long the multi-label logistic loss takes, forward and back, on a batch of JFT-300M's 18,291 classes.

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use shared::{
    dfdx::prelude::*,
    ops::{
        cross_entropy::label_set_cross_entropy,
        logistic::{composed, multi_label_logistic_loss, LabelReduction},
        targets::LabelSets,
    },
};

const ROWS: usize = 32;
const CLASSES: usize = 18_291;
const LABELS: usize = 2;

fn benches(c: &mut Criterion) {
    // as the programs do, whose steps take the same memory again and again
    shared::device::memory::keep_freed_memory();
    let dev = Cpu::seed_from_u64(0);
    let scores: Tensor<(usize, usize), f32, _> = dev.sample_normal_like(&(ROWS, CLASSES));
    let scores = scores - 6.0;
    let sets = (0..ROWS).map(|row| (0..LABELS).map(move |k| (row * 7919 + k * 104_729) % CLASSES));
    let labels = LabelSets::new(sets, CLASSES).expect("labels below the number of classes");
    let sum = LabelReduction::Sum;
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let mut group = c.benchmark_group(format!("{ROWS} x {CLASSES}, threads: {threads}"));
        group.throughput(Throughput::Elements((ROWS * CLASSES) as u64));
        let loss = || multi_label_logistic_loss(scores.clone(), &labels, sum).expect("memory");
        group.bench_function("logistic, forward", |b| b.iter(|| pool.install(loss)));
        let step = || {
            let loss = multi_label_logistic_loss(scores.leaky_trace(), &labels, sum);
            loss.expect("memory").backward()
        };
        group.bench_function("logistic, forward and back", |b| b.iter(|| pool.install(step)));
        let softmax = || label_set_cross_entropy(scores.leaky_trace(), &labels).expect("memory").backward();
        group.bench_function("softmax, forward and back", |b| b.iter(|| pool.install(softmax)));
        group.finish();
    }
    let mut group = c.benchmark_group(format!("{ROWS} x {CLASSES}"));
    group.sample_size(10);
    group.bench_function("composed, forward and back", |b| {
        b.iter(|| composed(scores.leaky_trace(), &labels, sum).expect("memory").backward());
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
