//! How long the diffusion takes on a graph of Cora's size and shape.

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::graph::{
    adjacency, diffuse, diffuse_dense, power_series, transition_matrix, BlockModel, Csr, Normalization,
    ParallelEdges,
};

const NODES: usize = 2708;
const FEATURES: usize = 1433;
const WORDS_PER_NODE: usize = 18;

fn transition() -> Csr {
    let sizes = [351, 217, 418, 818, 426, 298, 180];
    // Repeats are dropped, so a little more than Cora's mean degree of 3.9 is asked for.
    let (graph, _) = BlockModel::planted(&sizes, 4.2, 0.8, Some(2.7)).generate(1).expect("valid parameters");
    let a = adjacency(&graph, ParallelEdges::Merge).expect("a small graph");
    transition_matrix(&a, Normalization::RANDOM_WALK).expect("an adjacency matrix")
}

fn words() -> Csr {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (mut indptr, mut columns) = (vec![0], Vec::new());
    for _ in 0..NODES {
        let mut row: Vec<u32> = (0..WORDS_PER_NODE).map(|_| rng.gen_range(0..FEATURES as u32)).collect();
        row.sort_unstable();
        row.dedup();
        columns.extend(row);
        indptr.push(columns.len());
    }
    let ones = vec![1.0; columns.len()];
    Csr::new((NODES, FEATURES), indptr, columns, ones)
}

fn benches(c: &mut Criterion) {
    let (p, x) = (transition(), words());
    let mut group = c.benchmark_group("cora-sized");
    for hops in [1, 2, 3] {
        let nnz = diffuse(&p, &x, hops).expect("valid input").nnz();
        group.throughput(Throughput::Elements(nnz as u64));
        group.bench_function(format!("diffuse, {hops} hops"), |b| b.iter(|| diffuse(&p, &x, hops)));
    }
    let mut dense = vec![0.0f32; NODES * FEATURES];
    for (&v, (i, k)) in &x {
        dense[i as usize * FEATURES + k as usize] = v;
    }
    group.sample_size(10).throughput(Throughput::Elements((3 * NODES * FEATURES) as u64));
    group.bench_function("diffuse_dense, 2 hops", |b| {
        b.iter(|| diffuse_dense(&p, &dense, NODES, FEATURES, 2))
    });
    group.bench_function("power_series, 2 hops", |b| b.iter(|| power_series(&p, 2)));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
