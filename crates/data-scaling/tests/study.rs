//! Studies on a source that is quick to learn: what is shown, what is kept, what is the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::{
    cell::RefCell,
    sync::{Mutex, PoisonError},
};

use data_scaling::{
    conv_network, fine_tuned, frozen, held_out, points, pretrain, scaling_study, scene_task, Cell,
    ConvOptions, DataScalingError, LabelledScenes, Length, Network, Objective, Outcome, Pretraining, Source,
    StudyPlan, Task, Transferring, Width, SHAPE, TEST_START,
};
use datasets::{
    labels::LabelNoise,
    synthetic::{scenes, SceneConfig},
};
use proptest::prelude::*;
use serde_json::{json, Value};
use shared::{
    device::DeviceKind,
    optim::{AdamConfig, OptimizerConfig},
    train::Storage,
};

/// Few labels, one object: what a small network learns in seconds.
fn source() -> LabelledScenes {
    let config =
        SceneConfig { most_objects: 1, outlines: 4, textures: 3, palettes: 1, ..SceneConfig::default() };
    LabelledScenes::new(scenes(&config, 0).unwrap(), 0)
}

fn task(source: &LabelledScenes) -> Task {
    scene_task(&source.scenes().transfer(), 48, 96, Value::Null).unwrap()
}

fn network(labels: usize, seed: u64) -> Result<Box<dyn Network>, DataScalingError> {
    let optimizer = OptimizerConfig::Adam(AdamConfig::default());
    conv_network(
        DeviceKind::Cpu,
        &ConvOptions { width: Width::Half, outputs: labels, prior: None, optimizer, seed },
    )
}

fn short() -> (Pretraining, Transferring) {
    let pretraining =
        Pretraining { images: 40, length: Length::Images(96), batch: 16, ..Pretraining::default() };
    (pretraining, Transferring { frozen_steps: 20, tuned_passes: 1, ..Transferring::default() })
}

/// A source that writes down which images were asked for.
struct Asked {
    inner: LabelledScenes,
    indices: Mutex<Vec<u64>>,
}

impl Source for Asked {
    fn image_len(&self) -> usize {
        self.inner.image_len()
    }
    fn labels(&self) -> usize {
        self.inner.labels()
    }
    fn len(&self) -> Option<u64> {
        None
    }
    fn write(&self, index: u64, pixels: &mut [f32], labels: &mut Vec<u32>) -> Result<(), DataScalingError> {
        self.indices.lock().unwrap_or_else(PoisonError::into_inner).push(index);
        self.inner.write(index, pixels, labels)
    }
    fn key(&self) -> Value {
        self.inner.key()
    }
}

#[test]
fn every_pass_shows_each_of_the_first_n_images_once() {
    let asked = Asked { inner: source(), indices: Mutex::default() };
    let plan =
        Pretraining { images: 10, length: Length::Images(36), batch: 4, parts: 3, ..Pretraining::default() };
    let mut net = network(asked.labels(), 0).unwrap();
    let parts = RefCell::new(Vec::new());
    let losses = pretrain(&mut *net, &asked, &plan, None, &mut |part, _| {
        parts.borrow_mut().push(part);
        Ok(())
    })
    .unwrap();
    assert_eq!((losses.len(), parts.into_inner()), (3, vec![1, 2, 3]));
    let indices = asked.indices.into_inner().unwrap();
    assert_eq!(indices.len(), 36);
    let passes: Vec<&[u64]> = indices.chunks(10).collect();
    for pass in &passes[..3] {
        let mut sorted = pass.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<u64>>());
    }
    assert_ne!(passes[0], passes[1]);
}

#[test]
fn pre_training_learns_its_labels() {
    let source = source();
    let plan = Pretraining {
        images: 600,
        length: Length::Images(6_000),
        lr: 4e-3,
        parts: 4,
        ..Pretraining::default()
    };
    let mut net = network(source.labels(), 1).unwrap();
    let map = |net: &dyn Network| held_out(net, &source, 300).unwrap().unwrap().map;
    let before = map(&*net);
    let losses = pretrain(&mut *net, &source, &plan, None, &mut |_, _| Ok(())).unwrap();
    assert!(losses[3] < 0.85 * losses[0], "{losses:?}");
    let after = map(&*net);
    assert!(after > 1.1 * before, "{before} {after}");
}

#[test]
fn judging_changes_nothing_of_the_network() {
    let source = source();
    let task = task(&source);
    let net = network(source.labels(), 2).unwrap();
    let before = net.weights();
    let (_, transferring) = short();
    let once =
        (frozen(&*net, &task, &transferring).unwrap(), fine_tuned(&*net, &task, &transferring).unwrap());
    assert_eq!(net.weights(), before);
    let again =
        (frozen(&*net, &task, &transferring).unwrap(), fine_tuned(&*net, &task, &transferring).unwrap());
    assert_eq!(once, again);
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_bits() {
    let source = source();
    let plan =
        Pretraining { images: 30, length: Length::Images(96), batch: 8, parts: 4, ..Pretraining::default() };
    let whole = {
        let mut net = network(source.labels(), 3).unwrap();
        pretrain(&mut *net, &source, &plan, None, &mut |_, _| Ok(())).unwrap();
        net.weights()
    };
    let folder = tempfile::tempdir().unwrap();
    let storage = |resume| Storage {
        folder: folder.path().into(),
        every_steps: 1,
        resume,
        config: json!({ "plan": 1 }),
    };
    let stop = |part: usize, _: &dyn Network| match part {
        2 => Err(DataScalingError::Training("stopped".into())),
        _ => Ok(()),
    };
    let mut net = network(source.labels(), 3).unwrap();
    assert!(pretrain(&mut *net, &source, &plan, Some(storage(false)), &mut { stop }).is_err());
    // another network takes over
    let mut net = network(source.labels(), 99).unwrap();
    pretrain(&mut *net, &source, &plan, Some(storage(true)), &mut |_, _| Ok(())).unwrap();
    assert_eq!(net.weights(), whole);
}

#[test]
fn shards_of_a_study_make_the_whole_and_cells_are_kept() {
    let source = source();
    let (task, labels) = (task(&source), source.labels());
    let (pretraining, transferring) = short();
    let folder = tempfile::tempdir().unwrap();
    let plan = |shard, keep: bool| StudyPlan {
        sizes: vec![20, 40],
        seeds: vec![0, 1],
        pretraining: pretraining.clone(),
        transferring: transferring.clone(),
        held_out: 32,
        model: "half".into(),
        cells: keep.then(|| folder.path().into()),
        shard,
    };
    let model = |seed: u64| network(labels, seed);
    let told = Mutex::new(0);
    let run = |plan: StudyPlan| -> Vec<Cell> {
        let tell = |_: &Cell| *told.lock().unwrap() += 1;
        scaling_study(&model, &source, &task, &plan, &tell).unwrap()
    };
    let whole = run(plan(None, false));
    assert_eq!(
        whole.iter().map(|c| (c.images, c.seed)).collect::<Vec<_>>(),
        [(20, 0), (20, 1), (40, 0), (40, 1)]
    );
    assert!(whole.iter().all(|c| c.outcome.held_out.is_some() && c.outcome.losses.len() == 1));
    let (even, odd) = (run(plan(Some((0, 2)), true)), run(plan(Some((1, 2)), true)));
    assert_eq!([&even[..1], &odd[..1], &even[1..], &odd[1..]].concat(), whole);
    // all cells are there: no model is asked for
    let none = |_: u64| -> Result<Box<dyn Network>, DataScalingError> {
        Err(DataScalingError::Training("asked".into()))
    };
    let kept = scaling_study(&none, &source, &task, &plan(None, true), &|_| {}).unwrap();
    assert_eq!(kept, whole);
    assert_eq!(points(&whole, Outcome::last_frozen).unwrap().runs(), 4);
    for bad in [
        StudyPlan { sizes: vec![], ..plan(None, false) },
        StudyPlan { seeds: vec![], ..plan(None, false) },
        plan(Some((2, 2)), false),
        StudyPlan { sizes: vec![0], ..plan(None, false) },
    ] {
        assert!(scaling_study(&model, &source, &task, &bad, &|_| {}).is_err());
    }
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let source = source();
    let mut net = network(source.labels() + 1, 0).unwrap();
    let told = pretrain(&mut *net, &source, &short().0, None, &mut |_, _| Ok(())).unwrap_err().to_string();
    assert!(told.contains("number of labels"), "{told}");
    let mut net = network(source.labels(), 0).unwrap();
    let labels = shared::ops::targets::LabelSets::new([[0]], source.labels()).unwrap();
    let told = net.step(&[0.0; 5], &labels, Objective::Logistic).unwrap_err().to_string();
    assert!(told.contains("5 values for 1 images"), "{told}");
}

#[test]
fn networks_learn_alike_on_every_device() {
    use shared::testing::{assert_same_within, assert_tensors_close, TestDevice};
    let source = source();
    let run = |device: DeviceKind, objective: Objective| {
        let sgd = shared::optim::SgdConfig { lr: 1e-3, ..shared::optim::SgdConfig::default() };
        let (optimizer, outputs) = (OptimizerConfig::Sgd(sgd), source.labels());
        let options = ConvOptions { width: Width::Half, outputs, prior: None, optimizer, seed: 5 };
        let mut net = conv_network(device, &options).unwrap();
        let plan = Pretraining {
            images: 24,
            length: Length::Images(24),
            batch: 8,
            objective,
            lr: 1e-3,
            ..short().0
        };
        let losses = pretrain(&mut *net, &source, &plan, None, &mut |_, _| Ok(())).unwrap();
        (losses.iter().map(|loss| *loss as f32).collect::<Vec<f32>>(), net.weights())
    };
    for objective in [Objective::Logistic, Objective::LogisticMean, Objective::Softmax] {
        let host = run(DeviceKind::Cpu, objective);
        for device in TestDevice::all() {
            let (what, there) =
                (format!("{objective:?} on {}", device.name()), device.run(|kind| run(kind, objective)));
            assert_same_within(&what, &there.0, &host.0, 1e-4);
            assert_tensors_close(&what, &there.1, &host.1, 1e-4);
        }
    }
}

#[test]
fn closure_adds_what_was_missing_and_a_subset_leaks_nothing() {
    let plain = source();
    let noise = LabelNoise { missing_parents: 1.0, ..LabelNoise::default() };
    let (mut open, mut closed, mut truth) = (Vec::new(), Vec::new(), Vec::new());
    let mut pixels = vec![0.0; SHAPE.pixels()];
    let as_recorded = plain.clone().with_noise(noise).unwrap().with_closure(false);
    let mended = plain.clone().with_noise(noise).unwrap();
    for index in (0..20).chain(TEST_START..TEST_START + 5) {
        plain.write(index, &mut pixels, &mut truth).unwrap();
        as_recorded.write(index, &mut pixels, &mut open).unwrap();
        mended.write(index, &mut pixels, &mut closed).unwrap();
        assert_eq!((open.len(), &closed), (1, &truth));
    }
    // without the first leaf, nothing of an image that shows it alone is left, unless someone recorded what is above
    let first: Vec<u32> = (1..plain.labels() as u32).collect();
    let fewer = plain.clone().with_noise(noise).unwrap().with_labels(&first).unwrap();
    let told = plain.clone().with_labels(&first).unwrap();
    let shows = (0..500).find(|index| {
        plain.write(*index, &mut pixels, &mut truth).unwrap();
        truth.contains(&0)
    });
    fewer.write(shows.unwrap(), &mut pixels, &mut closed).unwrap();
    assert!(closed.is_empty(), "{closed:?}");
    told.write(shows.unwrap(), &mut pixels, &mut closed).unwrap();
    assert_eq!(closed.len(), truth.len() - 1);
    assert_eq!(fewer.labels(), plain.labels() - 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn parts_are_whole_steps_and_at_least_what_was_asked_for(
        images in 1u64..5_000, asked in 1u64..5_000, batch in 1usize..80, parts in 1usize..9, passes: bool,
    ) {
        let length = if passes { Length::Passes(asked % 7 + 1) } else { Length::Images(asked) };
        let plan = Pretraining { images, length, batch, parts, ..Pretraining::default() };
        prop_assert!(plan.validate().is_ok());
        let wanted = match length {
            Length::Images(images) => images,
            Length::Passes(passes) => passes * images,
        };
        prop_assert!(plan.shown() >= wanted && plan.shown() < wanted + (batch * parts) as u64);
        prop_assert_eq!(plan.shown() % (batch * parts) as u64, 0);
        prop_assert_eq!(plan.steps() as u64, plan.shown() / batch as u64);
    }
}
