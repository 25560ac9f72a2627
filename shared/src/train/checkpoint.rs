//! One file that holds all of a run: weights, optimisers, generators, cursor.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::StopState;
use crate::nn::state::{load_safetensors, save_safetensors, NamedTensor, StateError};

/// The name of the checkpoint in a run's folder.
pub const CHECKPOINT_FILE: &str = "checkpoint.safetensors";

/// Raised when the meaning of a checkpoint changes.
const FORMAT: u32 = 1;

/// What a [`Learner`](super::Learner) keeps in a checkpoint: tensors by name, and values of any kind by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Weights and optimiser slots.
    pub tensors: Vec<NamedTensor>,
    /// Step counts, generator positions, settings.
    pub values: BTreeMap<String, Value>,
}

impl State {
    /// Keeps tensors under `prefix.`.
    ///
    /// # Errors
    /// None today; tensors are valid by construction.
    pub fn put_tensors(&mut self, prefix: &str, tensors: Vec<NamedTensor>) -> Result<(), StateError> {
        for tensor in tensors {
            let (name, shape) = (format!("{prefix}.{}", tensor.name()), tensor.shape().to_vec());
            self.tensors.push(NamedTensor::new(name, shape, tensor.into_values())?);
        }
        Ok(())
    }

    /// The tensors kept under `prefix.`, without the prefix.
    ///
    /// # Errors
    /// None today; tensors are valid by construction.
    pub fn take_tensors(&self, prefix: &str) -> Result<Vec<NamedTensor>, StateError> {
        let ours = |t: &NamedTensor| t.name().strip_prefix(prefix)?.strip_prefix('.').map(str::to_owned);
        self.tensors
            .iter()
            .filter_map(|t| {
                ours(t).map(|name| NamedTensor::new(name, t.shape().to_vec(), t.values().to_vec()))
            })
            .collect()
    }

    /// Keeps a value.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn put(&mut self, key: &str, value: &impl Serialize) -> Result<(), CheckpointError> {
        let value = serde_json::to_value(value)
            .map_err(|e| CheckpointError::Value { key: key.into(), reason: e.to_string() })?;
        self.values.insert(key.into(), value);
        Ok(())
    }

    /// Reads a kept value.
    ///
    /// # Errors
    /// [`CheckpointError::Value`] if it is missing or of another kind.
    pub fn get<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<T, CheckpointError> {
        let error = |reason: String| CheckpointError::Value { key: key.into(), reason };
        let value = self.values.get(key).ok_or_else(|| error("it is missing".into()))?;
        T::deserialize(value).map_err(|e| error(e.to_string()))
    }
}

/// Where a run is: the next batch to train on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Epochs completed.
    pub epoch: usize,
    /// Batches of this epoch done.
    pub batch: usize,
    /// Steps done in all.
    pub step: usize,
}

/// All of a run, as one file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The run's settings: a checkpoint resumes only the run it came from.
    pub config: Value,
    /// Where the run is.
    pub cursor: Cursor,
    /// What early stopping has seen.
    pub stopping: StopState,
    /// The loss summed over the batches of the epoch so far, and how many examples they held.
    pub epoch_loss: (f64, usize),
    /// Whether the run has ended.
    pub finished: bool,
    /// The learner's own state.
    pub state: State,
}

/// The part of a checkpoint that is not tensors, as JSON in the file's note.
#[derive(Serialize, Deserialize)]
struct Note {
    format: u32,
    config: Value,
    cursor: Cursor,
    stopping: StopState,
    epoch_loss: (f64, usize),
    finished: bool,
    values: BTreeMap<String, Value>,
    /// Of all tensor bytes, so that a flipped bit is not trained on.
    sha256: String,
}

/// A checkpoint that could not be written, read or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The tensors or their file.
    #[error(transparent)]
    State(#[from] StateError),
    /// A safetensors file, but no checkpoint.
    #[error("{} is not a checkpoint of this program ({reason}): give the folder of a run it made, or start anew without --resume", file.display())]
    NotACheckpoint {
        /// The file.
        file: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The content does not match its own checksum.
    #[error("{} is damaged (its tensors do not match their SHA-256): restore it, or start anew without --resume", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
    },
    /// A checkpoint of a run with other settings.
    #[error(
        "{} was made with other settings ({differences}): resume with those, or choose another --out",
        file.display()
    )]
    OtherConfig {
        /// The file.
        file: PathBuf,
        /// The settings that differ.
        differences: String,
    },
    /// There is no checkpoint.
    #[error("there is no {} to resume: give the --out of an interrupted run, or start one without --resume", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A value is missing or of another kind.
    #[error("the value `{key}` of the checkpoint cannot be used ({reason}): start anew without --resume")]
    Value {
        /// Its key.
        key: String,
        /// Why not.
        reason: String,
    },
}

impl Checkpoint {
    /// Writes the checkpoint atomically: whoever reads `file` finds the one before or this one, whole.
    ///
    /// # Errors
    /// [`CheckpointError::State`] when the file system refuses; the file is then as before.
    pub fn save(&self, file: &Path) -> Result<(), CheckpointError> {
        let note = Note {
            format: FORMAT,
            config: self.config.clone(),
            cursor: self.cursor,
            stopping: self.stopping.clone(),
            epoch_loss: self.epoch_loss,
            finished: self.finished,
            values: self.state.values.clone(),
            sha256: digest(&self.state.tensors),
        };
        let note = serde_json::to_string(&note)
            .map_err(|e| CheckpointError::Value { key: "note".into(), reason: e.to_string() })?;
        Ok(save_safetensors(file, &self.state.tensors, Some(&note))?)
    }

    /// Reads and checks a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`], one sentence naming the file; nothing is changed.
    pub fn load(file: &Path) -> Result<Self, CheckpointError> {
        if !file.exists() {
            return Err(CheckpointError::Missing { file: file.into() });
        }
        let saved = load_safetensors(file)?;
        let not_ours = |reason: String| CheckpointError::NotACheckpoint { file: file.into(), reason };
        let note = saved.note.ok_or_else(|| not_ours("it holds tensors only".into()))?;
        let note: Note = serde_json::from_str(&note).map_err(|e| not_ours(e.to_string()))?;
        if note.format != FORMAT {
            return Err(not_ours(format!("its format is {} and this version reads {FORMAT}", note.format)));
        }
        if note.sha256 != digest(&saved.tensors) {
            return Err(CheckpointError::Damaged { file: file.into() });
        }
        Ok(Checkpoint {
            config: note.config,
            cursor: note.cursor,
            stopping: note.stopping,
            epoch_loss: note.epoch_loss,
            finished: note.finished,
            state: State { tensors: saved.tensors, values: note.values },
        })
    }

    /// Reads the checkpoint of a run with these settings.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`CheckpointError::OtherConfig`] naming the settings that differ.
    pub fn load_for(file: &Path, config: &Value) -> Result<Self, CheckpointError> {
        let checkpoint = Self::load(file)?;
        if checkpoint.config == *config {
            return Ok(checkpoint);
        }
        let mut differences = Vec::new();
        compare("", &checkpoint.config, config, &mut differences);
        Err(CheckpointError::OtherConfig { file: file.into(), differences: differences.join(", ") })
    }
}

/// SHA-256 of names, shapes and values, in the order of the names.
fn digest(tensors: &[NamedTensor]) -> String {
    let mut sorted: Vec<&NamedTensor> = tensors.iter().collect();
    sorted.sort_by_key(|t| t.name());
    let mut hash = Sha256::new();
    for tensor in sorted {
        hash.update(format!("{}{:?}", tensor.name(), tensor.shape()));
        for value in tensor.values() {
            hash.update(value.to_le_bytes());
        }
    }
    format!("{:x}", hash.finalize())
}

/// Lists where two settings differ: `hops 2 there, 3 here`.
fn compare(path: &str, there: &Value, here: &Value, differences: &mut Vec<String>) {
    if let (Value::Object(a), Value::Object(b)) = (there, here) {
        let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let get = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
            compare(&path, &get(a), &get(b), differences);
        }
    } else if there != here {
        differences.push(format!("{path} {there} there, {here} here"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checkpoint() -> Checkpoint {
        let mut state = State::default();
        let tensor = NamedTensor::new("w", vec![2], vec![1.5, -2.0]).unwrap();
        state.put_tensors("model", vec![tensor]).unwrap();
        state.put("rng", &[1u64, 2, 3]).unwrap();
        Checkpoint {
            config: json!({"hops": 2, "optimiser": {"lr": 0.05}}),
            cursor: Cursor { epoch: 1, batch: 2, step: 12 },
            stopping: StopState::default(),
            epoch_loss: (0.125, 7),
            finished: false,
            state,
        }
    }

    #[test]
    fn it_comes_back_as_it_went() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(CHECKPOINT_FILE);
        checkpoint().save(&file).unwrap();
        let back = Checkpoint::load_for(&file, &checkpoint().config).unwrap();
        assert_eq!(back, checkpoint());
        assert_eq!(back.state.get::<[u64; 3]>("rng").unwrap(), [1, 2, 3]);
        assert_eq!(back.state.take_tensors("model").unwrap()[0].values(), [1.5, -2.0]);
        assert!(back.state.take_tensors("mod").unwrap().is_empty());
    }

    #[test]
    fn other_settings_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(CHECKPOINT_FILE);
        checkpoint().save(&file).unwrap();
        let error = Checkpoint::load_for(&file, &json!({"hops": 3, "optimiser": {"lr": 0.05}})).unwrap_err();
        assert!(error.to_string().contains("hops 2 there, 3 here"), "{error}");
        assert!(!error.to_string().contains("lr"), "{error}");
    }

    #[test]
    fn damage_is_seen_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(CHECKPOINT_FILE);
        checkpoint().save(&file).unwrap();
        let good = std::fs::read(&file).unwrap();
        for cut in 0..good.len() {
            std::fs::write(&file, &good[..cut]).unwrap();
            assert!(Checkpoint::load(&file).is_err(), "cut at {cut}");
        }
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        assert!(matches!(Checkpoint::load(&file), Err(CheckpointError::Damaged { .. })));
        let missing = Checkpoint::load(&dir.path().join("none")).unwrap_err();
        assert!(matches!(missing, CheckpointError::Missing { .. }));
    }
}
