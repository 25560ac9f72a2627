//! The record of a run: one JSON object a line, one line an epoch.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::files::{atomic_write, FileError};

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
    /// resumed run does not tell an epoch twice. Lines that a kill cut short are dropped too. The change is atomic:
    /// a kill in the middle of it loses no earlier epoch.
    ///
    /// # Errors
    /// [`FileError`]; the record is then as it was.
    pub fn open_at(folder: &Path, epoch: usize) -> Result<Self, FileError> {
        let path = folder.join(RECORD_FILE);
        let kept = if epoch == 0 { Vec::new() } else { Self::read(&path)? };
        let mut text = String::new();
        for line in kept.iter().filter(|line| line.epoch <= epoch) {
            text += &json_line(line).map_err(|why| FileError::Write { path: path.clone(), why })?;
        }
        atomic_write(&path, text.as_bytes())?;
        Ok(Record { path })
    }

    /// Appends an epoch, and returns when it has reached the disk: a checkpoint written afterwards never speaks of
    /// an epoch that the record lost.
    ///
    /// # Errors
    /// [`FileError::Write`]; what was there before stays, followed by a part of the line at worst.
    pub fn write(&self, epoch: &EpochRecord) -> Result<(), FileError> {
        let append = || {
            let mut file = OpenOptions::new().append(true).open(&self.path)?;
            file.write_all(json_line(epoch)?.as_bytes())?;
            file.sync_data()
        };
        append().map_err(|why| FileError::Write { path: self.path.clone(), why })
    }

    /// Reads the whole lines of a record; none if there is no file.
    ///
    /// # Errors
    /// [`FileError::Read`].
    pub fn read(path: &Path) -> Result<Vec<EpochRecord>, FileError> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(why) => Err(FileError::Read { path: path.into(), why }),
        }
    }
}

fn json_line(epoch: &EpochRecord) -> io::Result<String> {
    Ok(serde_json::to_string(epoch)? + "\n")
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

    #[test]
    fn a_line_that_cannot_be_written_names_the_file_and_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::open_at(dir.path(), 0).unwrap();
        fs::remove_file(dir.path().join(RECORD_FILE)).unwrap();
        let text = record.write(&line(1)).unwrap_err().to_string();
        assert!(text.contains(RECORD_FILE) && text.contains("choose a folder"), "{text}");
    }
}
