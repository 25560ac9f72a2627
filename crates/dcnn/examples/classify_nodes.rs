//! Nodes of a petgraph graph, a third of them labelled: fit, predict, probabilities, a file and back.
//! `cargo run --release -p dcnn --example classify_nodes`
#![allow(clippy::print_stdout)]

use datasets::splits::random_thirds;
use dcnn::{Config, Dcnn, Loss, SavedDcnn};
use shared::{
    device::DeviceKind,
    graph::{BlockModel, Csr},
    nn::Activation,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Three communities of pages that link mostly to their own, with five words a page.
    let (graph, labels) = BlockModel::planted(&[200, 150, 150], 5.0, 0.85, Some(2.6)).generate(1)?;
    let features = pages(&labels);
    let split = random_thirds(labels.len(), 0)?;

    // The paper's network, but with a loss that makes its probabilities mean something.
    let config = Config { loss: Loss::CrossEntropy, output: Activation::Identity, ..Config::default() };
    let dcnn = Dcnn::fit(&graph, &features, &labels, &split, &config)?;
    let classes = dcnn.predict(&split.test)?;
    let right = classes.iter().zip(&split.test).filter(|(class, node)| **class == labels[**node]).count();
    println!("{right} of {} test nodes after {} epochs", split.test.len(), dcnn.fitted().epochs.len());

    let some = &split.test[..3];
    for (node, p) in some.iter().zip(dcnn.predict_proba(some)?.chunks(dcnn.classes())) {
        println!("node {node} of class {}: {p:.3?}", labels[*node]);
    }

    let folder = std::env::temp_dir().join("dcnn-classify-nodes");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("model.safetensors");
    dcnn.save(&file)?;
    let saved = SavedDcnn::load(&file, DeviceKind::Cpu)?;
    assert_eq!(saved.predict(dcnn.examples(), &split.test)?, classes);
    println!("{} predicts the same", file.display());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Five of 60 words a page: one of its community's twenty, four of any.
fn pages(labels: &[usize]) -> Csr {
    let (mut indptr, mut words) = (vec![0], Vec::new());
    for (page, label) in labels.iter().enumerate() {
        let mut own: Vec<u32> = (1..5).map(|k| ((page * k * 7 + k * 13 + page / 9) % 60) as u32).collect();
        own.push((label * 20 + page % 20) as u32);
        own.sort_unstable();
        own.dedup();
        words.extend(own);
        indptr.push(words.len());
    }
    let ones = vec![1.0; words.len()];
    Csr::new((labels.len(), 60), indptr, words, ones)
}
