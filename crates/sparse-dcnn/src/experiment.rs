//! The paper's experiments: accuracy and entries against σ, and entries against the size of a graph.

use datasets::splits::Split;
use dcnn::{experiment::networks, Examples};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use shared::{
    device::DeviceKind,
    graph::{
        adjacency, barabasi_albert, diffuse_dense_rows, diffuse_rows, erdos_renyi, multiply,
        transition_matrix, BlockModel, Csr, Normalization, ParallelEdges, PowerRows,
    },
    train::RunRng,
};

use crate::{
    data::GraphData, edge, examples, keep_entries, pre_threshold, Config, Features, Graph, Powers, Series,
    SparseError, Sparsify, Threshold,
};

/// Test accuracies of one network a split, with a rule for what is kept of the powers.
///
/// # Errors
/// The first error of a run.
pub fn accuracies(
    data: &GraphData,
    sparsify: impl Into<Sparsify>,
    hops: usize,
    splits: &[(u64, Split)],
    device: DeviceKind,
) -> Result<Vec<f64>, SparseError> {
    let config = config(sparsify.into(), hops).validate()?;
    let graph = Graph::new(data.adjacency.clone(), &config)?;
    trained(&examples(&graph, data.features.clone(), &config)?, &data.labels, &config, splits, device)
}

/// The same for powers that no rule describes: those of a control or of another program.
///
/// # Errors
/// The first error of a run.
pub fn accuracies_by<P: PowerRows>(
    data: &GraphData,
    powers: &P,
    splits: &[(u64, Split)],
    device: DeviceKind,
) -> Result<Vec<f64>, SparseError> {
    let config = config(Sparsify::default(), powers.hops());
    let examples = match data.features.clone().with_bias()? {
        Features::Sparse(x) => Examples::of_nodes(diffuse_rows(powers, &x)?),
        Features::Dense { values, columns } => {
            Examples::of_nodes(diffuse_dense_rows(powers, values, columns)?)
        }
    };
    trained(&examples, &data.labels, &config, splits, device)
}

/// The settings of every run here: the first paper's, with H hops.
#[must_use]
pub fn config(sparsify: Sparsify, hops: usize) -> Config {
    Config { sparsify, network: dcnn::Config { hops, ..dcnn::Config::default() } }
}

fn trained(
    examples: &Examples,
    labels: &[usize],
    config: &Config,
    splits: &[(u64, Split)],
    device: DeviceKind,
) -> Result<Vec<f64>, SparseError> {
    let outcomes = networks(examples, labels, splits, &config.network, device)?;
    Ok(outcomes.iter().map(|o| o.test.accuracy).collect())
}

/// P = D⁻¹A.
///
/// # Errors
/// As [`transition_matrix`].
pub fn random_walk(adjacency: &Csr) -> Result<Csr, SparseError> {
    Ok(transition_matrix(adjacency, Normalization::RANDOM_WALK)?)
}

/// Stored entries of each row.
#[must_use]
pub fn degrees(p: &Csr) -> Vec<usize> {
    p.proper_indptr().windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The most neighbours that a node may have for its row to survive pre-thresholding on an unweighted graph.
#[must_use]
pub fn largest_kept_degree(sigma: f64) -> usize {
    (1.0 / edge(sigma)).floor() as usize
}

/// P̄ made by hand: the rows of nodes with more than 1/σ neighbours are deleted. Equal to pre-thresholding where all edges
/// weigh the same.
///
/// # Errors
/// As [`keep_entries`].
pub fn delete_hubs(p: &Csr, sigma: f64) -> Result<Csr, SparseError> {
    let (most, degrees) = (largest_kept_degree(sigma), degrees(p));
    keep_entries(p, |i, _, _| degrees[i] <= most)
}

/// As many rows deleted as hold the entries that pre-thresholding drops, but chosen at random: a control for whether σ
/// chooses well. Rows are deleted in random order until as many entries are gone.
///
/// # Errors
/// As [`keep_entries`].
pub fn delete_random_rows(p: &Csr, entries: usize, seed: u64) -> Result<Csr, SparseError> {
    let degrees = degrees(p);
    let mut order: Vec<usize> = (0..p.rows()).collect();
    order.shuffle(&mut RunRng::new(seed, 2));
    let (mut deleted, mut gone) = (vec![false; p.rows()], 0);
    for row in order {
        // A row that would overshoot is passed over, so that the count comes out within the smallest degree.
        if gone + degrees[row] <= entries {
            deleted[row] = true;
            gone += degrees[row];
        }
    }
    keep_entries(p, |i, _, _| !deleted[i])
}

/// The powers of the authors' code under its option "pre": the first is thresholded, and every further one is P times
/// the one before, with P as it was: P̄, P·P̄, P·P·P̄.
///
/// # Errors
/// As [`pre_threshold`].
pub fn authors_pre(p: &Csr, sigma: f64, hops: usize) -> Result<Series, SparseError> {
    let mut powers: Vec<Csr> = Vec::with_capacity(hops);
    for _ in 0..hops {
        let next = match powers.last() {
            None => pre_threshold(p, sigma)?,
            Some(last) => multiply(p, last)?,
        };
        powers.push(next);
    }
    Ok(Series::from_powers(p.rows(), 0..p.rows(), powers))
}

/// Families of random graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// G(N, p): Poisson degrees.
    ErdosRenyi,
    /// Preferential attachment: a power law of exponent 3.
    BarabasiAlbert,
    /// Communities with degrees of a power law of exponent 2.5.
    Blocks,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 3] = [Family::ErdosRenyi, Family::BarabasiAlbert, Family::Blocks];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::ErdosRenyi => "Erdős–Rényi",
            Family::BarabasiAlbert => "Barabási–Albert",
            Family::Blocks => "block model",
        }
    }

    /// The adjacency matrix of a graph of `nodes` nodes and about this mean degree.
    ///
    /// # Errors
    /// As the generators: too few nodes or too many edges.
    pub fn adjacency(self, nodes: usize, degree: usize, seed: u64) -> Result<Csr, SparseError> {
        let graph = match self {
            Family::ErdosRenyi => erdos_renyi(nodes, degree as f64 / (nodes as f64 - 1.0).max(1.0), seed)?,
            Family::BarabasiAlbert => barabasi_albert(nodes, degree.div_ceil(2), seed)?,
            Family::Blocks => {
                let sizes: Vec<usize> = (0..4).map(|b| (b + 1) * nodes / 4 - b * nodes / 4).collect();
                BlockModel::planted(&sizes, degree as f64, 0.8, Some(2.5)).generate(seed)?.0
            }
        };
        Ok(adjacency(&graph, ParallelEdges::Merge)?)
    }
}

/// Entries of each power of a graph, estimated from at most `rows` evenly spaced rows.
///
/// # Errors
/// As [`Powers::new`].
pub fn entries_by_rows(
    p: &Csr,
    threshold: Threshold,
    hops: usize,
    rows: usize,
) -> Result<Vec<f64>, SparseError> {
    let powers = Powers::new(p, threshold, hops)?;
    let n = p.rows();
    let rows = rows.clamp(1, n.max(1));
    let counts: Vec<Vec<usize>> = (0..rows)
        .into_par_iter()
        .with_min_len(16)
        .map_init(
            || powers.scratch(),
            |walk, r| {
                let mut counts = vec![0; hops];
                powers.rows(r * n / rows, walk, &mut |hop, columns, _| counts[hop - 1] = columns.len());
                counts
            },
        )
        .collect();
    let scale = n as f64 / rows as f64;
    Ok((0..hops).map(|k| counts.iter().map(|c| c[k] as f64).sum::<f64>() * scale).collect())
}

/// The exponent b of y ≈ a x^b by least squares on the logarithms; NaN for fewer than two points or a y of 0.
#[must_use]
pub fn log_log_slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let (xy, xx) =
        logs.iter().fold((0.0, 0.0), |(xy, xx), p| (xy + (p.0 - x) * (p.1 - y), xx + (p.0 - x) * (p.0 - x)));
    xy / xx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_exponents() {
        let points = |b: f64| (1..6).map(|x| (f64::from(x), 3.0 * f64::from(x).powf(b))).collect::<Vec<_>>();
        for b in [0.5, 1.0, 2.0] {
            assert!((log_log_slope(&points(b)) - b).abs() < 1e-12);
        }
        assert!(log_log_slope(&[(1.0, 1.0)]).is_nan());
    }

    #[test]
    fn deleting_hubs_is_thresholding_before() {
        for family in Family::ALL {
            let p = random_walk(&family.adjacency(500, 6, 3).unwrap()).unwrap();
            for sigma in [0.01, 0.05, 0.1, 1.0 / 7.0, 0.2, 1.0 / 3.0, 0.5, 1.0, 1.1] {
                assert_eq!(delete_hubs(&p, sigma).unwrap(), pre_threshold(&p, sigma).unwrap(), "{sigma}");
            }
        }
    }

    #[test]
    fn the_control_deletes_as_many_entries() {
        let p = random_walk(&Family::BarabasiAlbert.adjacency(500, 6, 3).unwrap()).unwrap();
        let gone = p.nnz() - pre_threshold(&p, 0.1).unwrap().nnz();
        let control = delete_random_rows(&p, gone, 7).unwrap();
        assert!(p.nnz() - control.nnz() <= gone && gone - (p.nnz() - control.nnz()) < 3);
    }

    #[test]
    fn the_authors_later_powers_are_fuller() {
        let p = random_walk(&Family::BarabasiAlbert.adjacency(500, 6, 3).unwrap()).unwrap();
        let (ours, theirs) =
            (crate::power_series(&p, Threshold::Pre(0.1), 3).unwrap(), authors_pre(&p, 0.1, 3).unwrap());
        assert_eq!(ours.nnz(1), theirs.nnz(1));
        assert!(theirs.nnz(2) > ours.nnz(2) && theirs.nnz(3) > ours.nnz(3));
    }
}
