//! Edges of a graph: which stay inside a community and which lead from one to another.
//! `cargo run --release -p dcnn --example classify_edges`
#![allow(clippy::print_stdout)]

use datasets::splits::stratified_thirds;
use dcnn::{Config, Dcnn};
use shared::{
    graph::{BlockModel, Csr},
    train::EarlyStopping,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A community of 80 nodes wired among themselves, and two of 60 wired to each other.
    let expected = vec![vec![300.0, 10.0, 0.0], vec![10.0, 0.0, 300.0], vec![0.0, 300.0, 0.0]];
    let model = BlockModel { block_sizes: vec![80, 60, 60], edges: expected, degree_exponent: None };
    let (graph, blocks) = model.generate(1)?;

    // Features and labels come in the order in which `edges_of` lists the edges.
    let edges = Dcnn::edges_of(&graph)?;
    let inside = |(i, j): &(u32, u32)| usize::from(blocks[*i as usize] == blocks[*j as usize]);
    let labels: Vec<usize> = edges.iter().map(inside).collect();
    // One of two words an edge, the wrong one on every third.
    let words = labels.iter().enumerate().map(|(e, l)| *l as u32 ^ u32::from(e % 3 == 0)).collect();
    let n = edges.len();
    let features = Csr::new((n, 2), (0..=n).collect(), words, vec![1.0; n]);
    let split = stratified_thirds(&labels, 0)?;

    // In the diffusion an edge is a node between its ends, so the edges next to it are two hops away.
    for hops in [0, 2, 4] {
        let config =
            Config { hops, batch_size: 20, early_stopping: EarlyStopping::Never, ..Config::default() };
        let dcnn = Dcnn::fit_edges(&graph, &features, &labels, &split, &config)?;
        let classes = dcnn.predict(&split.test)?;
        let right = classes.iter().zip(&split.test).filter(|(class, e)| **class == labels[**e]).count();
        println!("{hops} hops: {right} of {} test edges", split.test.len());
    }
    Ok(())
}
