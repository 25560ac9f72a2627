//! Laboratories: arms that branch from one dense network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::fs;

use dsd::{
    experiment::{Lab, Part, Run, Setting, BRACKETS},
    Kind, Model,
};
use shared::{claims::Context, nn::state::NamedTensor};

fn setting(model: Model) -> Setting {
    let train = if model == Model::Lstm { 1_500 } else { 60 };
    Setting {
        model,
        train,
        test: 500,
        epochs: [4, 2, 2],
        batch: 15,
        lr: 0.1,
        weight_decay: 1e-4,
        sparsity: 0.4,
    }
}

fn lab(model: Model, context: &Context<'_>) -> Lab {
    let dataset = if model == Model::Lstm { BRACKETS } else { "synthetic" };
    Lab::open(context, setting(model), dataset).unwrap()
}

fn ends(run: &Run) -> Vec<u64> {
    let of =
        |end: &dsd::experiment::PhaseEnd| [end.train.loss, end.train.error, end.test.loss, end.test.error];
    run.phases.iter().flat_map(of).map(f64::to_bits).collect()
}

#[test]
fn arms_branch_from_one_dense_network_and_a_sparsity_of_zero_is_the_control() {
    let context = Context::quiet(true);
    for model in [Model::Mlp, Model::Lstm] {
        let lab = lab(model, &context);
        let arms = [lab.setting().at_sparsity(0.0), lab.setting().control(), lab.setting().dsd()];
        let runs = lab.runs(&context, &arms, &[1, 2]).unwrap();
        for ((none, control), dsd) in runs[0].iter().zip(&runs[1]).zip(&runs[2]) {
            assert_eq!(ends(none), ends(control), "{model}");
            assert_ne!(ends(dsd), ends(control), "{model}");
            let sparsity = dsd.phases[0].achieved.sparsity();
            assert!((sparsity - 0.4).abs() < 1e-3, "{model}: {sparsity}");
            assert_eq!(dsd.phases[1].kind, Kind::Dense);
            assert!(dsd.phases[1].achieved.layers.is_empty());
            let weights = dsd.weights.as_ref().unwrap();
            let counts = |at: usize| weights.histograms[at].0.iter().sum::<u64>() as f64;
            assert!((counts(1) / counts(0) - 0.6).abs() < 0.01 && counts(3) == counts(0));
        }
        assert_ne!(ends(&runs[2][0]), ends(&runs[2][1]), "seeds differ");
    }
}

#[test]
fn an_arm_is_the_same_at_any_number_of_threads() {
    let context = Context::quiet(true);
    for model in [Model::ConvNet, Model::Lstm] {
        let lab = lab(model, &context);
        let weights = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| lab.arm(&context, &lab.setting().dsd(), 3).unwrap().weights())
        };
        let one = weights(1);
        assert!(one == weights(2) && one == weights(5), "{model}");
    }
}

#[test]
fn finished_runs_are_kept_as_cells() {
    let folder = tempfile::tempdir().unwrap();
    let cells = folder.path().join("cells");
    let context = Context { cells: Some(cells.clone()), ..Context::quiet(true) };
    // settings of this test alone: no other has put their runs into the memory of this process
    let lab = Lab::open(&context, Setting { test: 77, ..setting(Model::Mlp) }, "synthetic").unwrap();
    let arms = [lab.setting().dsd(), lab.setting().control()];
    let runs = lab.runs(&context, &arms, &[5]).unwrap();
    assert_eq!(runs.len(), 2);
    let mut kinds: Vec<String> = fs::read_dir(&cells)
        .unwrap()
        .map(|entry| entry.unwrap().path().extension().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["json", "json", "json", "safetensors"], "a dense network, its weights, two arms");
}

#[test]
fn the_recurrent_layers_are_pruned_and_the_embedding_is_not() {
    let context = Context::quiet(true);
    let lab = lab(Model::Lstm, &context);
    let dsd = lab.setting().dsd();
    let mut sparse = dsd.clone();
    sparse.phases.truncate(1);
    let subject = lab.arm(&context, &sparse, 1).unwrap();
    let zeros = |name: &str| -> f64 {
        let weights = subject.weights();
        let tensor: &NamedTensor = weights.iter().find(|t| t.name() == name).unwrap();
        tensor.values().iter().filter(|w| **w == 0.0).count() as f64 / tensor.values().len() as f64
    };
    for name in ["lstm.weight_ih_l0", "lstm.weight_hh_l0", "output.weight"] {
        assert!((zeros(name) - 0.4).abs() < 1e-3, "{name}: {}", zeros(name));
    }
    assert_eq!(zeros("embedding.weight"), 0.0);
    assert!(subject.score(Part::Test).unwrap().loss > 0.0);
}
