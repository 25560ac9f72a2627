//! A petgraph graph of your own: what a threshold drops, how far off that can make the diffusion, and the class of a node
//! that was not there. `cargo run --release -p sparse-dcnn --example own_graph`
#![allow(clippy::print_stdout)]

use datasets::splits::random_thirds;
use shared::graph::{BlockModel, Csr};
use sparse_dcnn::{bounds::error_bound, power_series, Additions, Config, SparseDcnn, Threshold};

const HOPS: usize = 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two communities that link mostly to their own; some of their members are hubs.
    let (graph, labels) = BlockModel::planted(&[300, 300], 6.0, 0.85, Some(2.6)).generate(1)?;
    let features = words(&labels);
    let split = random_thirds(labels.len(), 0)?;

    // A newcomer of whom nothing is known but three friends, all in the second community.
    let newcomer = labels.len();
    let edges = [310, 420, 530].map(|friend| (newcomer as u32, friend, 1.0)).to_vec();
    let additions = Additions { nodes: vec![vec![0.0; 8]], edges };

    for sigma in [0.01, 0.05, 0.1, 0.2] {
        let threshold = Threshold::Pre(sigma);
        let network = dcnn::Config { hops: HOPS, ..dcnn::Config::default() };
        let config = Config { sparsify: threshold.into(), network };
        let model = SparseDcnn::fit(&graph, &features, &labels, &split, &config)?;
        let classes = model.predict(&split.test)?;
        let right = classes.iter().zip(&split.test).filter(|(class, i)| **class == labels[**i]).count();
        println!("{threshold}: {right} of {} test nodes are right", split.test.len());

        // No feature is above 1, so a node's bound is how far each of its diffused features can be off.
        let p = model.graph().transition();
        let series = power_series(p, threshold, HOPS)?;
        for (hop, bound) in (1..).zip(error_bound(p, threshold, HOPS)?) {
            let mean = bound.iter().sum::<f32>() / bound.len() as f32;
            println!("  hop {hop}: {} entries kept, off by at most {mean:.3} in the mean", series.nnz(hop));
        }
        println!("  the newcomer is of class {}", model.predict_with(&additions, &[newcomer])?[0]);
    }
    Ok(())
}

/// One of eight words a node: every second node uses one of its own community's four.
fn words(labels: &[usize]) -> Csr {
    let word = |i: usize| if i.is_multiple_of(2) { labels[i] * 4 + i / 2 % 4 } else { i / 2 % 8 } as u32;
    let nodes = labels.len();
    Csr::new((nodes, 8), (0..=nodes).collect(), (0..nodes).map(word).collect(), vec![1.0; nodes])
}
