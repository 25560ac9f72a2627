//! The graphs of the report.

use datasets::synthetic::{citation, CitationConfig};
use shared::{
    cli::{CliError, Drawing},
    graph::{degrees, edge_list, layout, power_series, transition_matrix, Normalization},
};

use crate::data::NodeData;

/// Nodes that can still be told apart in a picture.
const NODES: usize = 240;

/// The class of what no hop reaches, which is drawn in grey.
const BEYOND: usize = 6;

/// A small citation network made as the embedded one is: by class, and by how far the diffusion of one node reaches.
pub(super) fn drawings() -> Result<Vec<Drawing>, CliError> {
    let data =
        NodeData::try_from(citation(&CitationConfig { nodes: NODES, ..CitationConfig::default() }, 0)?)?;
    let places = layout(&data.adjacency)?;
    let links: Vec<(usize, usize)> =
        edge_list(&data.adjacency)?.into_iter().map(|(i, j)| (i as usize, j as usize)).collect();
    let degrees = degrees(&data.adjacency)?;
    let middle = (0..NODES).max_by_key(|&i| degrees[i]).unwrap_or(0);
    // the first power that reaches a node is its hop
    let powers = power_series(&transition_matrix(&data.adjacency, Normalization::RANDOM_WALK)?, 2)?;
    let hop = |node: usize| {
        powers.iter().position(|p| p.get(middle, node).is_some_and(|v| *v > 0.0)).unwrap_or(BEYOND)
    };
    let hops: Vec<usize> = (0..NODES).map(hop).collect();
    let reached = hops.iter().filter(|hop| **hop < BEYOND).count();
    Ok(vec![
        Drawing {
            title: format!("A citation network of {NODES} papers, by class"),
            alt: format!(
                "{} links between {NODES} papers of {} classes; most join papers of one class, which lie near each other.",
                links.len(),
                data.classes
            ),
            places: places.clone(),
            names: (0..data.classes).map(|class| format!("class {class}")).collect(),
            classes: data.labels,
            links: links.clone(),
        },
        Drawing {
            title: "What two hops see of it from one paper".into(),
            alt: format!(
                "The paper with the most links sees {reached} of {NODES} papers within two hops: rows of P⁰, P¹ and P²."
            ),
            places,
            names: ["the paper", "one hop", "two hops", "", "", "", "beyond"].map(str::to_owned).to_vec(),
            classes: hops,
            links,
        },
    ])
}
