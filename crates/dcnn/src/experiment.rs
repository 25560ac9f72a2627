//! The paper's experiments: train on a split, score the test part once, for each seed.

use datasets::splits::Split;
use rayon::prelude::*;
use shared::{device::DeviceKind, graph::Csr};

use crate::{
    baselines::{
        kernel_fit_and_test, logistic_fit_and_test, majority_fit_and_test, Grid, KernelKind, Penalty, Scores,
        Task,
    },
    config::Config,
    data::{GraphData, NodeData},
    examples::Examples,
    trainer::RunOptions,
    Dcnn, DcnnError,
};

/// How a network did on a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// On the test part, read once.
    pub test: Scores,
    /// Epochs trained.
    pub epochs: usize,
}

/// The rivals of the paper's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Logistic regression with this penalty on the examples' own features.
    Logistic(Penalty),
    /// Linear SVM on the rows of a graph kernel; nodes only.
    Kernel(KernelKind),
    /// Always the largest class of the training part.
    Majority,
}

/// Trains and tests one network a seed, seeds side by side; results are in the order of the seeds.
///
/// # Errors
/// The first error of a run.
pub fn networks(
    examples: &Examples,
    labels: &[usize],
    splits: &[(u64, Split)],
    config: &Config,
    device: DeviceKind,
) -> Result<Vec<Outcome>, DcnnError> {
    splits
        .par_iter()
        .with_max_len(1)
        .map(|(seed, split)| {
            let config = Config { seed: *seed, ..config.clone() };
            let options = RunOptions { device, storage: None };
            let dcnn = Dcnn::fit_examples(examples.clone(), labels, split, &config, &options, &mut |_| {})?;
            let truth: Vec<usize> = split.test.iter().map(|e| labels[*e]).collect();
            let test = Scores::of(&dcnn.predict(&split.test)?, &truth, dcnn.classes())?;
            Ok(Outcome { test, epochs: dcnn.fitted().cursor.epoch })
        })
        .collect()
}

/// Tunes a rival on the validation part and tests it, for each split.
///
/// # Errors
/// The first error of a fit.
pub fn node_baseline(
    data: &NodeData,
    splits: &[(u64, Split)],
    baseline: Baseline,
    grid: &Grid,
) -> Result<Vec<Scores>, DcnnError> {
    let tasks: Vec<Task<'_>> =
        splits.iter().map(|(_, split)| task(&data.labels, data.classes, split)).collect();
    let results = match baseline {
        Baseline::Kernel(kind) => kernel_fit_and_test(&data.adjacency, &tasks, kind, grid)?,
        Baseline::Logistic(penalty) => tasks
            .par_iter()
            .with_max_len(1)
            .map(|task| logistic_fit_and_test(&data.features, task, penalty, grid))
            .collect::<Result<_, _>>()?,
        Baseline::Majority => tasks.iter().map(majority_fit_and_test).collect::<Result<_, _>>()?,
    };
    Ok(results.into_iter().map(|r| r.test).collect())
}

/// As [`node_baseline`], on the mean node features of each graph.
///
/// # Errors
/// The first error of a fit; kernels are for nodes.
pub fn graph_baseline(
    data: &GraphData,
    splits: &[(u64, Split)],
    baseline: Baseline,
    grid: &Grid,
) -> Result<Vec<Scores>, DcnnError> {
    let own = Config { hops: 0, bias_feature: false, ..Config::default() };
    let means: Csr = Examples::graphs(&data.graphs, &own)?.diffused().to_csr()?;
    splits
        .par_iter()
        .with_max_len(1)
        .map(|(_, split)| {
            let task = task(&data.labels, data.classes, split);
            let result = match baseline {
                Baseline::Logistic(penalty) => logistic_fit_and_test(&means, &task, penalty, grid)?,
                Baseline::Kernel(_) | Baseline::Majority => majority_fit_and_test(&task)?,
            };
            Ok(result.test)
        })
        .collect()
}

fn task<'a>(labels: &'a [usize], classes: usize, split: &'a Split) -> Task<'a> {
    let split =
        crate::baselines::Split { train: &split.train, validation: &split.validation, test: &split.test };
    Task { labels, classes, split }
}

/// The largest difference between the diffusion of a graph and that of the same graph with its nodes renamed.
///
/// # Errors
/// [`DcnnError::Graph`] for a permutation that is none.
pub fn isomorphism_error(
    adjacency: &Csr,
    features: &Csr,
    to: &[usize],
    config: &Config,
) -> Result<f64, DcnnError> {
    use shared::graph::{permute, permute_rows};
    let plain = Examples::nodes(adjacency, features, config)?;
    let renamed = Examples::nodes(&permute(adjacency, to)?, &permute_rows(features, to)?, config)?;
    let mut worst = 0.0f64;
    for (node, new) in to.iter().enumerate() {
        let (a, b) = (plain.diffused().to_dense_rows(&[node])?, renamed.diffused().to_dense_rows(&[*new])?);
        for (a, b) in a.iter().zip(&b) {
            worst = worst.max(f64::from((a - b).abs()));
        }
    }
    Ok(worst)
}
