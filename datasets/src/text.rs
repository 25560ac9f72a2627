//! A bounded line reader for plain and gzipped text, which knows where every line starts.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::quote;
use crate::DatasetError;

/// Most bytes of text, after decompression, that are read from one file: 512 MiB.
///
/// The largest public sets in these formats (REDDIT, COLLAB) stay below it; a gzip bomb does not.
pub const MAX_TEXT_BYTES: u64 = 512 << 20;

/// Most bytes in one line: 4 MiB.
pub const MAX_LINE_BYTES: u64 = 4 << 20;

/// Most lines in one file: 33,554,432. The largest public graph sets list some 25 million arcs.
///
/// Together these bounds hold what a loader keeps of a hostile file to a few times [`MAX_TEXT_BYTES`].
pub const MAX_LINES: u64 = 32 << 20;

/// The bounds of one reader; the defaults are the crate's documented constants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) text_bytes: u64,
    pub(crate) line_bytes: u64,
    pub(crate) lines: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text_bytes: MAX_TEXT_BYTES, line_bytes: MAX_LINE_BYTES, lines: MAX_LINES }
    }
}

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// Counted from 1.
    pub(crate) line: u64,
    /// Byte of the decompressed text at which the line starts.
    pub(crate) offset: u64,
}

/// Reads a file line by line. Line ends (`\n` or `\r\n`) are dropped and blank lines are skipped but counted.
pub(crate) struct Lines {
    file: PathBuf,
    reader: Box<dyn BufRead>,
    limits: Limits,
    buffer: Vec<u8>,
    /// The line last returned.
    at: At,
    /// Bytes consumed so far.
    consumed: u64,
}

impl Lines {
    /// Opens `file`, decompressing it if its name ends in `.gz`.
    pub(crate) fn open(file: &Path) -> Result<Self, DatasetError> {
        Self::open_within(file, Limits::default())
    }

    fn open_within(file: &Path, limits: Limits) -> Result<Self, DatasetError> {
        let raw = File::open(file).map_err(|source| DatasetError::io("open", file, source))?;
        let reader: Box<dyn BufRead> = if file.extension().is_some_and(|extension| extension == "gz") {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(BufReader::new(raw))))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, raw))
        };
        let at = At { line: 0, offset: 0 };
        Ok(Self { file: file.to_path_buf(), reader, limits, buffer: Vec::new(), at, consumed: 0 })
    }

    /// The next line that is not blank, and where it is; `None` at the end of the file.
    pub(crate) fn next_line(&mut self) -> Result<Option<(At, &str)>, DatasetError> {
        loop {
            self.buffer.clear();
            self.at = At { line: self.at.line + 1, offset: self.consumed };
            // One byte more than either bound allows, so that passing it can be told from reaching it.
            let left_in_file = self.limits.text_bytes - self.consumed;
            let allowed = left_in_file.min(self.limits.line_bytes) + 1;
            let read = (&mut self.reader)
                .take(allowed)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|source| DatasetError::io("read", &self.file, source))?
                as u64;
            if read == 0 {
                return Ok(None);
            }
            if read > left_in_file {
                return Err(self.too_large("the decompressed text in bytes", self.limits.text_bytes));
            }
            if read > self.limits.line_bytes {
                return Err(self.too_large("a line in bytes", self.limits.line_bytes));
            }
            if self.at.line > self.limits.lines {
                return Err(self.too_large("the number of lines", self.limits.lines));
            }
            self.consumed += read;
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        let bytes = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(line) => Ok(Some((self.at, line))),
            Err(error) => {
                let bad = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
                let found = format!("byte 0x{bad:02x} at position {} of the line", error.valid_up_to() + 1);
                Err(self.malformed(
                    self.at,
                    "UTF-8 text",
                    found,
                    "fetch the file again or convert it to UTF-8",
                ))
            }
        }
    }

    /// An error about the line at `at`.
    pub(crate) fn malformed(
        &self,
        at: At,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: &'static str,
    ) -> DatasetError {
        let (file, At { line, offset }) = (self.file.clone(), at);
        DatasetError::Malformed { file, line, offset, expected: expected.into(), found: found.into(), hint }
    }

    /// An error about the end of the file, where more was expected.
    pub(crate) fn ended(&self, expected: impl Into<String>) -> DatasetError {
        self.malformed(
            self.at,
            expected,
            "the end of the file",
            "fetch the file again, it is empty or was cut short",
        )
    }

    /// The position of the line last read, which after `None` is the end of the file.
    pub(crate) fn position(&self) -> At {
        self.at
    }

    fn too_large(&self, what: &'static str, limit: u64) -> DatasetError {
        DatasetError::TooLarge {
            place: format!("{}, line {}", self.file.display(), self.at.line),
            what,
            limit,
        }
    }
}

/// Splits a line at tabs where it has any, else at runs of spaces, dropping space around each field.
pub(crate) fn fields(line: &str) -> impl Iterator<Item = &str> {
    let tabbed = line.contains('\t');
    let by_tab = tabbed.then(|| line.trim().split('\t').map(str::trim));
    let by_space = (!tabbed).then(|| line.split_ascii_whitespace());
    by_tab.into_iter().flatten().chain(by_space.into_iter().flatten())
}

/// Reads a whole number that may be signed, or explains what stands there instead.
pub(crate) fn integer(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| quote(text))
}

/// The first of `candidates` (relative to `folder`, each plain or with `.gz` added) that is a file.
pub(crate) fn find(folder: &Path, candidates: &[String]) -> Option<PathBuf> {
    candidates
        .iter()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

/// As [`find`], but with an error that names every place that was tried.
pub(crate) fn require(folder: &Path, candidates: &[String], what: String) -> Result<PathBuf, DatasetError> {
    find(folder, candidates).ok_or_else(|| DatasetError::Missing {
        what,
        folder: folder.to_path_buf(),
        looked_for: candidates.iter().map(|name| format!("{name}[.gz]")).collect(),
    })
}

/// Refuses set names that are not a plain word, because names become parts of paths.
pub(crate) fn check_name(name: &str) -> Result<(), DatasetError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
        let allowed = "1 to 64 letters, digits, '_', '-' or '.', not starting with '.'";
        return Err(DatasetError::config("dataset name", quote(name), allowed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn small() -> Limits {
        Limits { text_bytes: 64, line_bytes: 16, lines: 8 }
    }

    fn read_all(name: &str, bytes: &[u8], limits: Limits) -> Result<Vec<(u64, u64, String)>, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut lines = Lines::open_within(&path, limits)?;
        let mut all = Vec::new();
        while let Some((at, line)) = lines.next_line()? {
            all.push((at.line, at.offset, line.to_string()));
        }
        Ok(all)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_know_their_number_and_offset_whatever_the_line_end() {
        let expected = vec![(1, 0, "ab".to_string()), (3, 5, "c d".to_string()), (4, 10, "e".to_string())];
        assert_eq!(read_all("x.txt", b"ab\r\n\nc d\r\ne", small()).unwrap(), expected);
        assert_eq!(read_all("x.txt.gz", &gzip(b"ab\r\n\nc d\r\ne"), small()).unwrap(), expected);
    }

    #[test]
    fn every_bound_holds_before_memory_is_spent() {
        let long_line = read_all("x", &[b'a'; 17], small()).unwrap_err().to_string();
        assert!(long_line.contains("a line in bytes passes the limit of 16"), "{long_line}");
        let long_text =
            read_all("x", &b"aaaaaaa\n".repeat(9), Limits { lines: 99, ..small() }).unwrap_err().to_string();
        assert!(long_text.contains("decompressed text in bytes passes the limit of 64"), "{long_text}");
        assert_eq!(read_all("x", &b"aaaaaaa\n".repeat(8), small()).unwrap().len(), 8);
        let many = read_all("x", &b"a\n".repeat(9), small()).unwrap_err().to_string();
        assert!(many.contains("number of lines passes the limit of 8"), "{many}");
    }

    #[test]
    fn a_gzip_bomb_stops_at_the_bound() {
        let bomb = gzip(&b"1\n".repeat(1 << 20));
        assert!(bomb.len() < 8192);
        let error = read_all("x.gz", &bomb, Limits { lines: u64::MAX, ..small() }).unwrap_err();
        assert!(matches!(error, DatasetError::TooLarge { limit: 64, .. }), "{error}");
    }

    #[test]
    fn damaged_gzip_and_bad_utf8_are_errors_that_name_the_file() {
        let mut cut = gzip(b"hello\nworld\n");
        cut.truncate(cut.len() - 6);
        assert!(matches!(read_all("x.gz", &cut, small()), Err(DatasetError::Io { .. })));
        let error = read_all("x", b"ok\nb\xffd\n", small()).unwrap_err().to_string();
        assert!(error.contains("line 2 (byte 3)") && error.contains("byte 0xff at position 2"), "{error}");
    }

    #[test]
    fn fields_split_at_tabs_or_spaces() {
        assert_eq!(fields("a b\t c\td ").collect::<Vec<_>>(), ["a b", "c", "d"]);
        assert_eq!(fields("  a   b ").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        for bad in ["", "..", "../x", "a/b", "a\\b", ".hidden", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["cora", "PTC_MR", "IMDB-BINARY", "Synthie.v2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
    }
}
