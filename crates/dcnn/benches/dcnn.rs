//! What a run on the embedded citation graph is made of. `cargo bench -p dcnn`
#![allow(missing_docs, clippy::unwrap_used)]

use std::{hint::black_box, path::Path};

use criterion::{criterion_group, criterion_main, Criterion};
use datasets::splits::random_thirds;
use dcnn::{load_nodes, Config, Dcnn, Examples, RunOptions, SYNTHETIC};
use shared::train::EarlyStopping;

fn dcnn(c: &mut Criterion) {
    let data = load_nodes(SYNTHETIC, Path::new("")).unwrap();
    let split = random_thirds(data.labels.len(), 0).unwrap();
    let config = Config::default();
    let mut group = c.benchmark_group("dcnn");
    group.sample_size(10);

    group.bench_function("diffusion", |b| {
        b.iter(|| Examples::nodes(black_box(&data.adjacency), &data.features, &config).unwrap());
    });

    let examples = Examples::nodes(&data.adjacency, &data.features, &config).unwrap();
    let fit = |epochs: usize| {
        let config = Config { epochs, early_stopping: EarlyStopping::Never, ..config.clone() };
        let options = RunOptions::default();
        Dcnn::fit_examples(examples.clone(), &data.labels, &split, &config, &options, &mut |_| {}).unwrap()
    };
    // Building the network is in it once, so take the difference of the two for an epoch with its validation.
    for epochs in [1, 11] {
        group.bench_function(format!("fit/{epochs}-epochs"), |b| b.iter(|| fit(black_box(epochs))));
    }

    let trained = fit(1);
    let all: Vec<usize> = (0..data.labels.len()).collect();
    group.bench_function("predict", |b| b.iter(|| trained.predict(black_box(&all)).unwrap()));
    group.finish();
}

criterion_group!(benches, dcnn);
criterion_main!(benches);
