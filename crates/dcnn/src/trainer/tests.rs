use shared::{
    graph::{from_edges, BlockModel, Csr},
    nn::{state::NamedTensor, Activation},
    optim::{OptimizerConfig, SgdConfig},
    petgraph::graph::UnGraph,
    train::{epoch_order, EarlyStopping},
};

use super::*;
use crate::{Config, Loss};

/// Two planted communities whose nodes hold a word of their own and one of their community now and then.
fn communities(config: &Config) -> (Examples, Vec<usize>) {
    let (graph, labels): (UnGraph<(), ()>, _) =
        BlockModel::planted(&[30, 30], 5.0, 0.9, None).generate(1).unwrap();
    let a = shared::graph::adjacency(&graph, shared::graph::ParallelEdges::Merge).unwrap();
    let columns =
        (0..60u32).map(|i| if i % 3 == 0 { labels[i as usize] as u32 } else { 2 + i % 5 }).collect();
    let x = Csr::new((60, 7), (0..=60).collect(), columns, vec![1.0; 60]);
    (Examples::nodes(&a, &x, config).unwrap(), labels)
}

fn split() -> Split {
    datasets::splits::random_thirds(60, 4).unwrap()
}

fn run(config: &Config, split: &Split) -> Result<(Vec<NamedTensor>, Fitted), DcnnError> {
    let (examples, labels) = communities(config);
    let config = config.clone().validate()?;
    let options = RunOptions::default();
    let (trained, fitted) = train(&examples, &Labels::new(&labels), split, &config, &options, &mut |_| {})?;
    Ok((trained.network.weights(), fitted))
}

/// With the authors' mistake, an epoch is the training batches and then the validation batches, in their order.
#[test]
fn leaking_trains_on_the_validation_part_and_not_leaking_does_not() {
    let split = split();
    for leak_validation in [false, true] {
        let config = Config { leak_validation, epochs: 2, batch_size: 8, ..Config::default() };
        let (examples, labels) = communities(&config);
        let labels = Labels::new(&labels);
        let checked = config.clone().validate().unwrap();
        let mut by_hand = build(DeviceKind::Cpu, &checked, examples.features(), labels.classes()).unwrap();
        let mut last_loss = 0.0;
        for epoch in 0..2 {
            let order = epoch_order(split.train.len(), config.seed, epoch);
            let train: Vec<usize> = order.iter().map(|p| split.train[*p]).collect();
            last_loss = 0.0;
            let validation = if leak_validation { &split.validation[..] } else { &[] };
            for batch in train.chunks(8) {
                by_hand.step(&examples.batch(batch).unwrap(), &labels.targets(batch).unwrap()).unwrap();
            }
            for batch in validation.chunks(8) {
                let (rows, targets) = (examples.batch(batch).unwrap(), labels.targets(batch).unwrap());
                last_loss += by_hand.step(&rows, &targets).unwrap() * batch.len() as f64;
            }
        }
        let (weights, fitted) = run(&config, &split).unwrap();
        assert_eq!(weights, by_hand.weights(), "leak {leak_validation}");
        if leak_validation {
            let told = fitted.epochs[1].validation_loss.unwrap();
            assert_eq!(told, last_loss / split.validation.len() as f64);
        }
    }
}

#[test]
fn without_the_leak_validation_labels_change_nothing_but_when_to_stop() {
    let split = split();
    let config = Config { epochs: 5, early_stopping: EarlyStopping::Never, ..Config::default() };
    let (examples, mut labels) = communities(&config);
    let checked = config.clone().validate().unwrap();
    let options = RunOptions::default();
    let mut weights = Vec::new();
    for _ in 0..2 {
        let trained = train(&examples, &Labels::new(&labels), &split, &checked, &options, &mut |_| {});
        weights.push(trained.unwrap().0.network.weights());
        split.validation.iter().chain(&split.test).for_each(|e| labels[*e] = 1 - labels[*e]);
    }
    assert_eq!(weights[0], weights[1]);
}

/// Labels that nothing tells: what is learned of some says nothing of others.
#[test]
fn training_stops_when_validation_says_so() {
    let config = Config { batch_size: 4, ..Config::default() };
    let (examples, _) = communities(&config);
    let labels: Vec<usize> = (0..60).map(|i| (i * 31 % 7) % 2).collect();
    let (config, options) = (config.validate().unwrap(), RunOptions::default());
    let (_, fitted) =
        train(&examples, &Labels::new(&labels), &split(), &config, &options, &mut |_| {}).unwrap();
    let epochs = fitted.epochs.len();
    assert!(fitted.stopped_early && epochs > 5 && epochs < 100, "{epochs} epochs");
    let loss = |e: usize| fitted.epochs[e].validation_loss.unwrap();
    let last = epochs - 1;
    assert!(loss(last) >= (last - 5..last).map(loss).sum::<f64>() / 5.0);
}

#[test]
fn weights_depend_on_the_seed_and_not_on_the_threads() {
    let split = split();
    let train_on = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = Config { seed, epochs: 6, batch_size: 16, ..Config::default() };
        pool.install(|| run(&config, &split).unwrap().0)
    };
    let one = train_on(1, 0);
    for threads in [2, 3] {
        assert_eq!(one, train_on(threads, 0), "{threads} threads");
    }
    assert_ne!(one, train_on(1, 1));
}

#[test]
fn a_run_that_diverges_names_the_step() {
    let optimizer = OptimizerConfig::Sgd(SgdConfig { lr: 3e38, ..SgdConfig::default() });
    let (loss, output) = (Loss::CrossEntropy, Activation::Identity);
    let config = Config { optimizer, loss, output, batch_size: 10, ..Config::default() };
    let sentence = run(&config, &split()).unwrap_err().to_string();
    assert!(sentence.starts_with("the loss became "), "{sentence}");
    assert!(
        sentence.contains("at step ") && sentence.contains("(epoch 1): lower the learning rate"),
        "{sentence}"
    );
}

#[test]
fn splits_and_labels_that_do_not_fit_are_refused() {
    let (examples, labels) = communities(&Config::default());
    let config = Config::default().validate().unwrap();
    let refused = |labels: &[usize], split: &Split, part: &str| {
        let options = RunOptions::default();
        let outcome = train(&examples, &Labels::new(labels), split, &config, &options, &mut |_| {});
        let sentence = outcome.err().unwrap().to_string();
        assert!(sentence.contains(part), "{sentence}");
    };
    let good = split();
    refused(&labels[1..], &good, "there are 59 labels, and there should be 60, one an example");
    refused(&labels, &Split { train: vec![], ..good.clone() }, "the training part of the split is empty");
    refused(
        &labels,
        &Split { validation: vec![], ..good.clone() },
        "the validation part of the split is empty",
    );
    for part in 0..3 {
        let mut bad = good.clone();
        [&mut bad.train, &mut bad.validation, &mut bad.test][part].push(60);
        refused(&labels, &bad, "example 60 does not exist: they run from 0 to 60 - 1");
    }
    let mut huge = labels.clone();
    huge[0] = usize::MAX;
    refused(&huge, &good, "number classes from 0 without gaps");
}

#[test]
fn a_test_part_may_be_empty_and_a_class_may_be_missing_from_training() {
    let (examples, mut labels) = communities(&Config::default());
    let split = Split { test: vec![], ..split() };
    let unseen = (0..60).find(|e| !split.train.contains(e)).unwrap();
    labels[unseen] = 4;
    let config = Config { epochs: 2, ..Config::default() }.validate().unwrap();
    let options = RunOptions::default();
    let (trained, _) =
        train(&examples, &Labels::new(&labels), &split, &config, &options, &mut |_| {}).unwrap();
    assert_eq!(trained.scores(&examples, &[0, 0]).unwrap().len(), 2 * 5);
    assert!(trained.scores(&examples, &[]).unwrap().is_empty());
}

#[test]
fn graphs_without_any_edge_train_on_their_own_features() {
    let config = Config { epochs: 30, batch_size: 4, ..Config::default() };
    let x = Csr::new((8, 2), (0..=8).collect(), vec![0, 1, 0, 1, 0, 1, 0, 1], vec![1.0; 8]);
    let examples = Examples::nodes(&from_edges(8, &[]).unwrap(), &x, &config).unwrap();
    let labels = Labels::new(&[0, 1, 0, 1, 0, 1, 0, 1]);
    let split = Split { train: vec![0, 1, 2, 3], validation: vec![4, 5], test: vec![6, 7] };
    let config = config.validate().unwrap();
    let (trained, _) =
        train(&examples, &labels, &split, &config, &RunOptions::default(), &mut |_| {}).unwrap();
    let scores = trained.scores(&examples, &split.test).unwrap();
    assert!(best_classes(&scores, 2).eq([0, 1]));
}

#[test]
fn networks_train_alike_on_every_device() {
    use shared::testing::{assert_same_within, assert_tensors_close, TestDevice};
    let optimizer = OptimizerConfig::Sgd(SgdConfig { lr: 0.5, ..SgdConfig::default() });
    for loss in [Loss::Hinge, Loss::HingeAll, Loss::CrossEntropy] {
        let config = Config { loss, optimizer: optimizer.clone(), ..Config::default() };
        let (examples, labels) = communities(&config);
        let (labels, checked) = (Labels::new(&labels), config.validate().unwrap());
        let members: Vec<usize> = (0..40).step_by(3).collect();
        let run = |device: DeviceKind| {
            let mut network = build(device, &checked, examples.features(), labels.classes()).unwrap();
            let (rows, targets) = (examples.batch(&members).unwrap(), labels.targets(&members).unwrap());
            let losses: Vec<f32> = (0..3).map(|_| network.step(&rows, &targets).unwrap() as f32).collect();
            (losses, network.scores(&rows).unwrap(), network.weights())
        };
        let host = run(DeviceKind::Cpu);
        for device in TestDevice::all() {
            let (what, there) = (format!("{loss:?} on {}", device.name()), device.run(run));
            assert_same_within(&what, &there.0, &host.0, 1e-4);
            assert_same_within(&what, &there.1, &host.1, 1e-4);
            assert_tensors_close(&what, &there.2, &host.2, 1e-4);
        }
    }
}
