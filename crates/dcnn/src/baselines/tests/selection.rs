//! Model selection: what is chosen, what is read, what is refused.

use super::{block_graph, words};
use crate::baselines::{
    kernel_fit_and_test, logistic_fit_and_test, majority_fit_and_test, BaselineError, BaselineResult, Csr,
    Grid, KernelKind, Penalty, Setting, Split, Task,
};

struct Example {
    graph: Csr,
    words: Csr,
    labels: Vec<usize>,
    rows: Vec<usize>,
}

impl Example {
    fn new() -> Self {
        let (graph, labels) = block_graph(240, 3, 0.05, 0.005, 21);
        let words = words(&labels, 60, 22);
        Example { graph, words, labels, rows: (0..240).collect() }
    }

    fn task(&self) -> Task<'_> {
        let split =
            Split { train: &self.rows[..80], validation: &self.rows[80..160], test: &self.rows[160..] };
        Task { labels: &self.labels, classes: 3, split }
    }

    /// Twice the same split, which must come out twice the same.
    fn kernel(&self, task: &Task<'_>, kind: KernelKind, grid: &Grid) -> BaselineResult {
        let mut results = kernel_fit_and_test(&self.graph, &[*task, *task], kind, grid).unwrap();
        assert_eq!(results[0], results[1]);
        results.remove(0)
    }

    fn all(&self, task: &Task<'_>) -> Vec<BaselineResult> {
        let grid = Grid::quick();
        vec![
            majority_fit_and_test(task).unwrap(),
            logistic_fit_and_test(&self.words, task, Penalty::L1, &grid).unwrap(),
            logistic_fit_and_test(&self.words, task, Penalty::L2, &grid).unwrap(),
            self.kernel(task, KernelKind::Exponential, &grid),
            self.kernel(task, KernelKind::LaplacianExponential, &grid),
        ]
    }
}

#[test]
fn every_baseline_beats_the_majority_class() {
    let example = Example::new();
    let results = example.all(&example.task());
    let majority = results[0].test.accuracy;
    for result in &results[1..] {
        assert!(result.test.accuracy > majority + 0.1, "{result:?} against {majority}");
        assert!(result.converged, "{result:?}");
    }
    assert!(results[3..].iter().all(|kernel| kernel.test.accuracy > 0.8), "{results:?}");
    let json = serde_json::to_string(&results).unwrap();
    assert_eq!(serde_json::from_str::<Vec<BaselineResult>>(&json).unwrap(), results);
}

#[test]
fn test_labels_do_not_touch_the_choice() {
    let mut example = Example::new();
    let before = example.all(&example.task());
    example.labels[160..].iter_mut().for_each(|label| *label = (*label + 1) % 3);
    let after = example.all(&example.task());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.chosen, before.validation_accuracy), (after.chosen, after.validation_accuracy));
        assert_ne!(before.test, after.test);
    }
}

#[test]
fn ties_go_to_the_stronger_penalty_and_edges_are_flagged() {
    // without features every C predicts the majority class
    let example = Example::new();
    let blank = Csr::zero((240, 5));
    let result = logistic_fit_and_test(&blank, &example.task(), Penalty::L2, &Grid::quick()).unwrap();
    assert_eq!(result.chosen.strength, Some(0.01));
    assert_eq!(result.at_grid_edge, [Setting::Strength]);
    assert_eq!(result.candidates, 5);
    assert_eq!(result.test, majority_fit_and_test(&example.task()).unwrap().test);

    // without edges every alpha of either kernel gives the same features
    let empty = Csr::zero((240, 240));
    for kind in [KernelKind::Exponential, KernelKind::LaplacianExponential] {
        let result = kernel_fit_and_test(&empty, &[example.task()], kind, &Grid::full()).unwrap().remove(0);
        assert_eq!(result.chosen.strength, Some(0.001));
        assert_eq!(result.at_grid_edge, [Setting::Strength, Setting::Alpha]);
    }
}

#[test]
fn leaking_splits_and_bad_grids_are_refused() {
    let example = Example::new();
    let mut task = example.task();
    task.split.test = &example.rows[159..];
    let overlap = BaselineError::Overlap { row: 159, first: "validation", second: "test" };
    assert_eq!(majority_fit_and_test(&task).unwrap_err(), overlap);
    task.split.test = &[];
    assert!(matches!(majority_fit_and_test(&task), Err(BaselineError::NoRows { what: "test" })));

    let task = example.task();
    let mut grid = Grid::quick();
    grid.logistic_strengths.reverse();
    let refused = logistic_fit_and_test(&example.words, &task, Penalty::L2, &grid);
    assert!(matches!(refused, Err(BaselineError::Grid { .. })));
    grid.normalisations.clear();
    let refused = kernel_fit_and_test(&example.graph, &[task], KernelKind::Exponential, &grid);
    assert!(matches!(refused, Err(BaselineError::Grid { name: "normalisations" })));
    grid.laplacian_alphas.count = 0;
    let refused = kernel_fit_and_test(&example.graph, &[task], KernelKind::LaplacianExponential, &grid);
    assert!(matches!(refused, Err(BaselineError::Setting { .. })));
}
