//! Tests of the baselines.

mod goldens;
mod properties;
mod selection;

use super::Csr;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sparse rows from dense ones.
fn csr(rows: &[Vec<f64>]) -> Csr {
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in rows {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            columns.push(column as u32);
            values.push(value as f32);
        }
        starts.push(columns.len());
    }
    Csr::new((rows.len(), rows.first().map_or(0, Vec::len)), starts, columns, values)
}

/// A random undirected graph whose edges mostly stay within blocks, and each node's block.
fn block_graph(nodes: usize, blocks: usize, inside: f64, across: f64, seed: u64) -> (Csr, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let labels: Vec<usize> = (0..nodes).map(|_| rng.gen_range(0..blocks)).collect();
    let mut rows = vec![vec![0.0; nodes]; nodes];
    for i in 0..nodes {
        for j in 0..i {
            if rng.gen_bool(if labels[i] == labels[j] { inside } else { across }) {
                rows[i][j] = 1.0;
                rows[j][i] = 1.0;
            }
        }
    }
    (csr(&rows), labels)
}

/// Noisy binary words whose chance depends on the label.
fn words(labels: &[usize], features: usize, seed: u64) -> Csr {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let word = |label: usize, f: usize, rng: &mut ChaCha8Rng| {
        f64::from(u8::from(rng.gen_bool(if f % 5 == label { 0.3 } else { 0.1 })))
    };
    csr(&labels.iter().map(|&l| (0..features).map(|f| word(l, f, &mut rng)).collect()).collect::<Vec<_>>())
}
