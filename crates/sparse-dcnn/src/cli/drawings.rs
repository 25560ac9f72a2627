//! The graphs of the report.

use datasets::synthetic::{citation, CitationConfig};
use dcnn::NodeData;
use shared::{
    cli::{CliError, Drawing},
    graph::{degrees, edge_list, layout, transition_matrix, Csr, Normalization},
};

use crate::pre_threshold;

/// Nodes that can still be told apart in a picture.
const NODES: usize = 240;
/// Rows of nodes with more than four links fall away.
const SIGMA: f64 = 0.25;

/// A small citation network made as the embedded one is, before and after its transition matrix is thresholded.
pub(super) fn drawings() -> Result<Vec<Drawing>, CliError> {
    let data =
        NodeData::try_from(citation(&CitationConfig { nodes: NODES, ..CitationConfig::default() }, 0)?)?;
    let places = layout(&data.adjacency)?;
    let p = transition_matrix(&data.adjacency, Normalization::RANDOM_WALK)?;
    let kept = pre_threshold(&p, SIGMA)?;
    let steps = |m: &Csr, i: u32, j: u32| {
        usize::from(m.get(i as usize, j as usize).is_some())
            + usize::from(m.get(j as usize, i as usize).is_some())
    };
    let edges = edge_list(&data.adjacency)?;
    let most = (1.0 / SIGMA).floor() as usize;
    let classes: Vec<usize> = degrees(&data.adjacency)?.into_iter().map(|d| usize::from(d > most)).collect();
    let hubs = classes.iter().sum::<usize>();
    let names = [format!("at most {most} links"), format!("more than {most}: its row is dropped")];
    let drawing = |title: String, alt: String, matrix: &Csr| Drawing {
        title,
        alt,
        places: places.clone(),
        classes: classes.clone(),
        names: names.to_vec(),
        links: edges
            .iter()
            .filter(|(i, j)| steps(matrix, *i, *j) > 0)
            .map(|&(i, j)| (i as usize, j as usize))
            .collect(),
    };
    Ok(vec![
        drawing(
            format!("P of a citation network of {NODES} papers: {} entries", p.nnz()),
            format!("All {} links, along which a step may go either way.", edges.len()),
            &p,
        ),
        drawing(
            format!("P thresholded at σ = {SIGMA}: {} entries", kept.nnz()),
            format!(
                "Links along which some step is left. The rows of {hubs} papers with more than {most} links are dropped, so a \
                 link between two of them is gone."
            ),
            &kept,
        ),
    ])
}
