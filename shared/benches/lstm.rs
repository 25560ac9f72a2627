//! How long a layer of long short-term memory takes, forward and back, as one op and composed of dfdx's.

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use shared::{
    dfdx::prelude::*,
    ops::lstm::{composed, lstm, LstmState, LstmWeights},
};

/// S, B, I, H, and whether the composition is fast enough to be measured as well.
const SHAPES: [([usize; 4], bool); 3] =
    [([25, 32, 32, 128], true), ([50, 50, 64, 512], false), ([35, 20, 650, 650], false)];

fn benches(c: &mut Criterion) {
    let dev = Cpu::seed_from_u64(0);
    let mut group = c.benchmark_group("lstm");
    group.sample_size(10);
    for ([s, b, i, h], both) in SHAPES {
        let x: Tensor<(usize, usize, usize), f32, _> = dev.sample_normal_like(&(s, b, i));
        let draw = |shape: (usize, usize)| -> Tensor<(usize, usize), f32, Cpu> {
            dev.sample_normal_like(&shape) * (1.0 / (h as f32).sqrt())
        };
        let (w, u) = (draw((4 * h, i)), draw((4 * h, h)));
        let bias: Tensor<(usize,), f32, Cpu> = dev.zeros_like(&(4 * h,));
        let other: Tensor<(usize,), f32, Cpu> = dev.zeros_like(&(4 * h,));
        let state = LstmState::zeros(&dev, b, h).expect("memory");
        let weights = || LstmWeights { weight_ih: &w, weight_hh: &u, bias_ih: &bias, bias_hh: &other };
        group.throughput(Throughput::Elements((s * b) as u64));
        group.bench_function(format!("forward, {s} x {b} x {i} to {h}"), |bench| {
            bench.iter(|| lstm(x.clone(), weights(), &state).expect("memory"));
        });
        group.bench_function(format!("forward and back, {s} x {b} x {i} to {h}"), |bench| {
            bench.iter(|| lstm(x.leaky_trace(), weights(), &state).expect("memory").0.sum().backward());
        });
        if both {
            group.bench_function(format!("composed, forward and back, {s} x {b} x {i} to {h}"), |bench| {
                bench.iter(|| {
                    composed(x.leaky_trace(), weights(), &state).expect("memory").0.sum().backward()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
