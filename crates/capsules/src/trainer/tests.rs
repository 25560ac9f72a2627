use std::path::Path;

use shared::{nn::state::NamedTensor, train::Storage};

use super::*;
use crate::{
    data::{load, Limits, SYNTHETIC},
    Config, Model, Size, Task,
};

fn parts(task: Task) -> Parts {
    let limits = Limits { train: Some(60), validation: Some(20), test: Some(20) };
    task.parts(&load(SYNTHETIC, Path::new(""), limits).unwrap(), 3).unwrap()
}

fn config(model: Model) -> CheckedConfig {
    Config { model, size: Size::Tiny, batch_size: 16, epochs: 3, ..Config::default() }.validate().unwrap()
}

fn bits(weights: &[NamedTensor]) -> Vec<u32> {
    weights.iter().flat_map(|t| t.values()).map(|v| v.to_bits()).collect()
}

#[test]
fn training_lowers_the_loss_on_every_task_and_kind_of_network() {
    for task in [Task::Digits, Task::MultiMnist, Task::AffNist] {
        for model in [Model::CapsNet, Model::Cnn] {
            let mut losses = Vec::new();
            let trained = Trained::fit(&parts(task), &config(model), &RunOptions::default(), &mut |told| {
                if let Told::Step(loss) = told {
                    losses.push(loss);
                }
            });
            trained.unwrap();
            assert_eq!(losses.len(), 12);
            assert!(losses[11] < losses[0], "{task:?} {model:?}: {losses:?}");
        }
    }
}

#[test]
fn a_run_that_was_stopped_in_an_epoch_goes_on_to_the_same_bits_at_any_number_of_threads() {
    let (parts, config) = (parts(Task::MultiMnist), config(Model::CapsNet));
    let whole = Trained::fit(&parts, &config, &RunOptions::default(), &mut |_| {}).unwrap();
    for threads in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let storage = |resume| Storage {
            folder: folder.path().into(),
            every_steps: 1,
            resume,
            config: serde_json::Value::Null,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = |resume, stop_at: usize| {
            let options = RunOptions { storage: Some(storage(resume)), ..RunOptions::default() };
            let mut steps = 0;
            pool.install(|| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    Trained::fit(&parts, &config, &options, &mut |told| {
                        if let Told::Step(_) = told {
                            steps += 1;
                            // before the checkpoint of this step is written
                            assert!(steps < stop_at, "stopped");
                        }
                    })
                }))
            })
        };
        assert!(run(false, 7).is_err());
        let resumed = run(true, usize::MAX).unwrap().unwrap();
        assert!(bits(&resumed.weights()) == bits(&whole.weights()), "{threads} threads");
        assert_eq!(resumed.fitted().unwrap().cursor.step, 12);
    }
}

#[test]
fn an_image_is_right_when_its_classes_and_no_others_are_on_top() {
    assert!(are_highest(&[0.1, 0.9, 0.2], &[1]));
    assert!(!are_highest(&[0.9, 0.9, 0.2], &[1]));
    assert!(are_highest(&[0.5, 0.9, 0.2], &[0, 1]));
    assert!(are_highest(&[0.9, 0.5, 0.2], &[1, 0]));
    assert!(!are_highest(&[0.5, 0.9, 0.6], &[0, 1]));
    assert!(!are_highest(&[f32::NAN, 0.9, 0.6], &[1]));
}

#[test]
fn weights_go_out_and_in_again() {
    let parts = parts(Task::Digits);
    let config = config(Model::CapsNet);
    let trained = Trained::fit(&parts, &config, &RunOptions::default(), &mut |_| {}).unwrap();
    let again = Trained::with_weights(&trained.weights(), &config, 28, DeviceKind::Cpu).unwrap();
    assert_eq!(trained.score(&*parts.test).unwrap(), again.score(&*parts.test).unwrap());
    let fewer = &trained.weights()[1..];
    let error = Trained::with_weights(fewer, &config, 28, DeviceKind::Cpu).err().unwrap().to_string();
    assert!(error.contains("conv1.weight"), "{error}");
}
