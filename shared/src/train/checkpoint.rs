//! One file that holds all of a run: weights, optimisers, generators, cursor.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
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

/// What fixes which examples a step sees: a [`Cursor`] means nothing under another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Examples in the training set.
    pub examples: usize,
    /// Examples a step.
    pub batch_size: usize,
    /// Fixes the order of the examples.
    pub seed: u64,
}

/// All of a run, as one file holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The run's settings: a checkpoint resumes only the run it came from.
    pub config: Value,
    /// How the run cuts the training set into batches.
    pub sampling: Sampling,
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
    sampling: Sampling,
    cursor: Cursor,
    stopping: StopState,
    epoch_loss: (f64, usize),
    finished: bool,
    values: BTreeMap<String, Value>,
    /// Of this note (with this field empty) and of all tensors, so that a flipped bit is not trained on.
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
    #[error("{} is damaged (it does not match its own SHA-256): restore it, or start anew without --resume", file.display())]
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
        let mut note = Note {
            format: FORMAT,
            config: self.config.clone(),
            sampling: self.sampling,
            cursor: self.cursor,
            stopping: self.stopping.clone(),
            epoch_loss: self.epoch_loss,
            finished: self.finished,
            values: self.state.values.clone(),
            sha256: String::new(),
        };
        note.sha256 = note.digest(&self.state.tensors)?;
        Ok(save_safetensors(file, &self.state.tensors, Some(&note.to_json()?))?)
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
        let mut note: Note = serde_json::from_str(&note).map_err(|e| not_ours(e.to_string()))?;
        if note.format != FORMAT {
            return Err(not_ours(format!("its format is {} and this version reads {FORMAT}", note.format)));
        }
        let claimed = std::mem::take(&mut note.sha256);
        if claimed != note.digest(&saved.tensors)? {
            return Err(CheckpointError::Damaged { file: file.into() });
        }
        Ok(Checkpoint {
            config: note.config,
            sampling: note.sampling,
            cursor: note.cursor,
            stopping: note.stopping,
            epoch_loss: note.epoch_loss,
            finished: note.finished,
            state: State { tensors: saved.tensors, values: note.values },
        })
    }

    /// Reads the checkpoint of a run with these settings and this sampling.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`CheckpointError::OtherConfig`] naming the settings that differ.
    pub fn load_for(file: &Path, config: &Value, sampling: Sampling) -> Result<Self, CheckpointError> {
        let checkpoint = Self::load(file)?;
        let mut differences = Vec::new();
        compare("", &checkpoint.config, config, &mut differences);
        compare("", &json!(checkpoint.sampling), &json!(sampling), &mut differences);
        if differences.is_empty() {
            return Ok(checkpoint);
        }
        Err(CheckpointError::OtherConfig { file: file.into(), differences: differences.join(", ") })
    }
}

impl Note {
    fn to_json(&self) -> Result<String, CheckpointError> {
        serde_json::to_string(self)
            .map_err(|e| CheckpointError::Value { key: "note".into(), reason: e.to_string() })
    }

    /// SHA-256 of this note and of names, shapes and values of `tensors`, in the order of the names.
    fn digest(&self, tensors: &[NamedTensor]) -> Result<String, CheckpointError> {
        let mut sorted: Vec<&NamedTensor> = tensors.iter().collect();
        sorted.sort_by_key(|t| t.name());
        let mut hash = Sha256::new();
        hash.update(self.to_json()?);
        for tensor in sorted {
            hash.update(format!("{}{:?}", tensor.name(), tensor.shape()));
            for value in tensor.values() {
                hash.update(value.to_le_bytes());
            }
        }
        Ok(format!("{:x}", hash.finalize()))
    }
}

/// Lists where two settings differ: `hops 2 there, 3 here`. A key that is missing counts as null.
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

    const SAMPLING: Sampling = Sampling { examples: 10, batch_size: 3, seed: 5 };

    fn checkpoint() -> Checkpoint {
        let mut state = State::default();
        let tensor = NamedTensor::new("w", vec![2], vec![1.5, -2.0]).unwrap();
        state.put_tensors("model", vec![tensor]).unwrap();
        state.put("rng", &[1u64, 2, 3]).unwrap();
        Checkpoint {
            config: json!({"hops": 2, "optimiser": {"lr": 0.05}}),
            sampling: SAMPLING,
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
        let back = Checkpoint::load_for(&file, &checkpoint().config, SAMPLING).unwrap();
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
        let error =
            |config, sampling| Checkpoint::load_for(&file, &config, sampling).unwrap_err().to_string();
        let text = error(json!({"hops": 3, "optimiser": {"lr": 0.05}}), SAMPLING);
        assert!(text.contains("(hops 2 there, 3 here)"), "{text}");
        let text = error(json!({"hops": 2, "optimiser": {}}), Sampling { examples: 11, ..SAMPLING });
        assert!(text.contains("(optimiser.lr 0.05 there, null here, examples 10 there, 11 here)"), "{text}");
        let with_a_null = json!({"hops": 2, "optimiser": {"lr": 0.05}, "warmup": null});
        assert_eq!(Checkpoint::load_for(&file, &with_a_null, SAMPLING).unwrap(), checkpoint());
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
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            std::fs::write(&file, &flipped).unwrap();
            assert!(Checkpoint::load(&file).is_err(), "bit flipped at {at}");
        }
        assert!(matches!(Checkpoint::load(&file), Err(CheckpointError::Damaged { .. })), "a weight");
        let missing = Checkpoint::load(&dir.path().join("none")).unwrap_err();
        assert!(matches!(missing, CheckpointError::Missing { .. }));
    }
}
