//! The record of a run: one JSON object a line, one line an epoch.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The name of the record in a run's folder.
pub const RECORD_FILE: &str = "record.jsonl";

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epochs completed, from 1.
    pub epoch: usize,
    /// Steps done in all.
    pub step: usize,
    /// Mean training loss over the examples of the epoch, as they were trained on.
    pub train_loss: f64,
    /// Validation loss, where there is a validation set.
    pub validation_loss: Option<f64>,
    /// Share of validation examples classified rightly.
    pub validation_accuracy: Option<f64>,
}

/// The record's file.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
}

impl Record {
    /// Opens the record in `folder` at a point of the run: what was written after `epoch` epochs is dropped, so a
    /// resumed run does not tell an epoch twice. Lines that a kill cut short are dropped too.
    ///
    /// # Errors
    /// The file system's.
    pub fn open_at(folder: &Path, epoch: usize) -> io::Result<Self> {
        let path = folder.join(RECORD_FILE);
        let kept = if epoch == 0 { Vec::new() } else { Self::read(&path)? };
        let mut text = String::new();
        for line in kept.iter().filter(|line| line.epoch <= epoch) {
            text += &serde_json::to_string(line)?;
            text.push('\n');
        }
        fs::write(&path, text)?;
        Ok(Record { path })
    }

    /// Appends an epoch.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, epoch: &EpochRecord) -> io::Result<()> {
        let line = serde_json::to_string(epoch)? + "\n";
        OpenOptions::new().append(true).open(&self.path)?.write_all(line.as_bytes())
    }

    /// Reads the whole lines of a record; none if there is no file.
    ///
    /// # Errors
    /// The file system's.
    pub fn read(path: &Path) -> io::Result<Vec<EpochRecord>> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            step: epoch * 10,
            train_loss: 1.0 / epoch as f64,
            validation_loss: Some(0.5),
            validation_accuracy: None,
        }
    }

    #[test]
    fn resuming_drops_what_came_after_and_half_lines() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::open_at(dir.path(), 0).unwrap();
        for epoch in 1..=3 {
            record.write(&line(epoch)).unwrap();
        }
        let path = dir.path().join(RECORD_FILE);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"epoch\":4,").unwrap();
        let record = Record::open_at(dir.path(), 2).unwrap();
        record.write(&line(3)).unwrap();
        assert_eq!(Record::read(&path).unwrap(), [line(1), line(2), line(3)]);
    }
}
