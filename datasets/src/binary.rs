//! A bounded reader for plain and gzipped binary files, which knows where every byte is.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::DatasetError;

/// Most bytes of pixels that are read from one file: 2 GiB.
pub const MAX_IMAGE_BYTES: u64 = 2 << 30;

const FETCH_AGAIN: &str = "fetch the file again, it may be cut or changed";

/// Reads a file from front to end.
pub(crate) struct Bytes {
    file: PathBuf,
    reader: Box<dyn Read>,
    /// Bytes consumed so far, after decompression.
    offset: u64,
}

impl Bytes {
    /// Opens `file`, decompressing it if its name ends in `.gz`.
    pub(crate) fn open(file: &Path) -> Result<Self, DatasetError> {
        let raw = File::open(file).map_err(|source| DatasetError::io("open", file, source))?;
        let raw = BufReader::with_capacity(1 << 16, raw);
        let reader: Box<dyn Read> = if file.extension().is_some_and(|extension| extension == "gz") {
            Box::new(MultiGzDecoder::new(raw))
        } else {
            Box::new(raw)
        };
        Ok(Self { file: file.to_path_buf(), reader, offset: 0 })
    }

    /// The next big-endian word of four bytes; `what` names it in errors.
    pub(crate) fn word(&mut self, what: &str) -> Result<u32, DatasetError> {
        let bytes = self.exactly(4, what)?;
        Ok(bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte)))
    }

    /// The next `count` bytes. Memory grows with what the file holds, not with what `count` claims.
    pub(crate) fn exactly(&mut self, count: u64, what: &str) -> Result<Vec<u8>, DatasetError> {
        let bytes = self.at_most(count)?;
        let found = bytes.len() as u64;
        if found < count {
            let found = format!("the end of the file after {found} of them");
            return Err(self.corrupt(self.offset, format!("{count} bytes of {what}"), found));
        }
        Ok(bytes)
    }

    /// The next bytes up to `count` or the end of the file.
    pub(crate) fn at_most(&mut self, count: u64) -> Result<Vec<u8>, DatasetError> {
        let mut bytes = Vec::new();
        let read = (&mut self.reader)
            .take(count)
            .read_to_end(&mut bytes)
            .map_err(|source| DatasetError::io("read", &self.file, source))?;
        self.offset += read as u64;
        Ok(bytes)
    }

    /// Refuses any further byte; reading to the end also checks the sum of a `.gz` file.
    pub(crate) fn end(&mut self) -> Result<(), DatasetError> {
        let offset = self.offset;
        if self.at_most(1)?.is_empty() {
            return Ok(());
        }
        Err(self.corrupt(offset, "the end of the file", "more bytes"))
    }

    /// An error about the byte at `offset`.
    pub(crate) fn corrupt(
        &self,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> DatasetError {
        let (file, expected, found) = (self.file.clone(), expected.into(), found.into());
        DatasetError::Corrupt { file, offset, expected, found, hint: FETCH_AGAIN }
    }

    pub(crate) fn too_large(&self, what: &'static str, limit: u64) -> DatasetError {
        DatasetError::TooLarge { place: self.file.display().to_string(), what, limit }
    }
}
