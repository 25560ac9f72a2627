//! Train on one graph, predict on another that was not there at the time: the weights know features and hops, not
//! nodes. `cargo run --release -p dcnn --example new_graph`
#![allow(clippy::print_stdout)]

use datasets::splits::random_thirds;
use dcnn::{Config, Dcnn, Examples};
use shared::{
    graph::{adjacency, BlockModel, Csr, GraphError, ParallelEdges},
    petgraph::graph::UnGraph,
};

/// A graph, its features and the community of each node.
type Town = (UnGraph<(), ()>, Csr, Vec<usize>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::default();
    let (graph, features, labels) = town(400, 1)?;
    let dcnn = Dcnn::fit(&graph, &features, &labels, &random_thirds(labels.len(), 0)?, &config)?;

    for (nodes, seed) in [(100, 2), (1_000, 3), (10_000, 4)] {
        let (graph, features, labels) = town(nodes, seed)?;
        let examples = Examples::nodes(&adjacency(&graph, ParallelEdges::Merge)?, &features, &config)?;
        let all: Vec<usize> = (0..examples.len()).collect();
        let classes = dcnn.predict_among(&examples, &all)?;
        let right = classes.iter().zip(&labels).filter(|(a, b)| a == b).count();
        println!("a new graph of {nodes} nodes: {:.1} % right", 100.0 * right as f64 / nodes as f64);
    }
    Ok(())
}

/// Two communities of any size that share their habits: eight words, of which every second node uses its own half.
fn town(nodes: usize, seed: u64) -> Result<Town, GraphError> {
    let half = nodes / 2;
    let (graph, labels) = BlockModel::planted(&[half, nodes - half], 6.0, 0.85, None).generate(seed)?;
    let words =
        (0..nodes).map(|i| if i % 2 == 0 { labels[i] * 4 + i / 2 % 4 } else { i / 2 % 8 } as u32).collect();
    let features = Csr::new((nodes, 8), (0..=nodes).collect(), words, vec![1.0; nodes]);
    Ok((graph, features, labels))
}
