//! Text files of any size, read a block of whole lines at a time and parsed where they lie.
//!
//! [`Lines`](crate::text::Lines) lends one checked string a line, which suits sets of some megabytes; this scanner is
//! for files of gigabytes. It keeps one block in memory, copies nothing and makes no string unless a line is wrong.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::text::At;
use crate::{DatasetError, MAX_LINE_BYTES};

/// Bytes read at a time.
const BLOCK: usize = 1 << 18;

/// Deflate never makes text smaller than a 1032nd.
const DEFLATE_RATIO: u64 = 1032;

/// What is wrong with a line, before the file and the line are named. Boxed by its users, so that the good way is light.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) hint: &'static str,
}

impl Bad {
    #[cold]
    pub(crate) fn new(
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: &'static str,
    ) -> Box<Self> {
        Box::new(Self { expected: expected.into(), found: found.into(), hint })
    }

    /// The error about the line at `at` of `file`.
    pub(crate) fn place(self, file: &Path, At { line, offset }: At) -> DatasetError {
        let Self { expected, found, hint } = self;
        DatasetError::Malformed { file: file.to_path_buf(), line, offset, expected, found, hint }
    }
}

/// Calls `each` for every line of `file`, in order, and returns the place after the last one.
///
/// `each` is given the rest of a block from the start of a line on, which always ends in `\n`, and returns how many
/// bytes the line takes, its `\n` included. A `.gz` file is known by its first two bytes; a byte order mark is skipped.
///
/// # Errors
///
/// What `each` finds, with file and line; [`DatasetError::TooLarge`] for a line of more than [`MAX_LINE_BYTES`];
/// [`DatasetError::Io`], also for what is no regular file, because such a file cannot be read twice.
pub(crate) fn scan(
    file: &Path,
    mut each: impl FnMut(&[u8], At) -> Result<usize, Box<Bad>>,
) -> Result<At, DatasetError> {
    let mut reader = open(file)?;
    let mut buffer = vec![0; BLOCK];
    let (mut filled, mut ended) = (0, false);
    let mut at = At { line: 1, offset: 0 };
    while !ended {
        let read = read_some(&mut *reader, &mut buffer[filled..])
            .map_err(|source| DatasetError::io("read", file, source))?;
        let mut known = filled;
        filled += read;
        if read == 0 {
            ended = true;
            // The last line may lack its end. There is room, because a full block was made longer below.
            if filled > 0 {
                known = filled;
                buffer[filled] = b'\n';
                filled += 1;
            }
        }
        let Some(last) = buffer[known..filled].iter().rposition(|&byte| byte == b'\n') else {
            if filled as u64 > MAX_LINE_BYTES {
                let place = format!("{}, line {}", file.display(), at.line);
                return Err(DatasetError::TooLarge { place, what: "a line in bytes", limit: MAX_LINE_BYTES });
            }
            if filled == buffer.len() {
                buffer.resize(2 * filled, 0);
            }
            continue;
        };
        let whole = known + last + 1;
        let mut start = 0;
        if at.offset == 0 && buffer[..whole].starts_with(b"\xef\xbb\xbf") {
            (start, at.offset) = (3, 3);
        }
        while start < whole {
            let rest = &buffer[start..whole];
            let used = each(rest, at).map_err(|bad| bad.place(file, at))?.clamp(1, rest.len());
            start += used;
            at.line += 1;
            at.offset += used as u64;
        }
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
    Ok(at)
}

/// The length of the line that `rest` starts with, its `\n` included.
pub(crate) fn line_length(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1)
}

/// An upper bound of the bytes of text that `file` holds, without reading it.
pub(crate) fn most_text_bytes(file: &Path) -> Result<u64, DatasetError> {
    let length = fs::metadata(file).map_err(|source| DatasetError::io("open", file, source))?.len();
    let packed =
        is_gzip(&mut open_regular(file)?).map_err(|source| DatasetError::io("read", file, source))?;
    Ok(if packed { length.saturating_mul(DEFLATE_RATIO) } else { length })
}

fn open(file: &Path) -> Result<Box<dyn Read>, DatasetError> {
    let mut raw = open_regular(file)?;
    let packed = is_gzip(&mut raw).map_err(|source| DatasetError::io("read", file, source))?;
    Ok(if packed {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, raw)))
    } else {
        Box::new(raw)
    })
}

fn open_regular(file: &Path) -> Result<File, DatasetError> {
    // Asked before opening: to open a pipe may wait for ever.
    let kind = fs::metadata(file).map_err(|source| DatasetError::io("open", file, source))?.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() { "it is a directory" } else { "it is no regular file" };
        return Err(DatasetError::io("read", file, io::Error::other(what)));
    }
    File::open(file).map_err(|source| DatasetError::io("open", file, source))
}

/// Whether a gzip header stands at the start, where the file is left.
fn is_gzip(raw: &mut File) -> io::Result<bool> {
    let mut magic = Vec::new();
    Read::by_ref(raw).take(2).read_to_end(&mut magic)?;
    raw.rewind()?;
    Ok(magic == [0x1f, 0x8b])
}

fn read_some(reader: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Result<Vec<(u64, u64, Vec<u8>)>, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        let mut all = Vec::new();
        scan(&path, |rest, at| {
            let length = line_length(rest);
            all.push((at.line, at.offset, rest[..length].to_vec()));
            Ok(length)
        })?;
        Ok(all)
    }

    #[test]
    fn every_line_ends_in_a_newline_and_knows_its_place() {
        assert_eq!(lines(b"").unwrap(), []);
        assert_eq!(
            lines(b"a\n\nbc").unwrap(),
            [(1, 0, b"a\n".into()), (2, 2, b"\n".into()), (3, 3, b"bc\n".into())]
        );
        assert_eq!(lines(b"\xef\xbb\xbfa\n").unwrap(), [(1, 3, b"a\n".into())]);
    }

    #[test]
    fn lines_across_blocks_are_whole_and_too_long_ones_are_refused() {
        let text: Vec<u8> =
            (0..100_000).flat_map(|i| format!("{i} {}\n", "x".repeat(i % 37)).into_bytes()).collect();
        let read = lines(&text).unwrap();
        assert_eq!(read.len(), 100_000);
        assert_eq!(read.iter().flat_map(|line| &line.2).copied().collect::<Vec<u8>>(), text);
        assert_eq!(read[99_999].1 + read[99_999].2.len() as u64, text.len() as u64);
        let long = [b"a\n".to_vec(), vec![b'x'; BLOCK * 3], b"\nb".to_vec()].concat();
        assert_eq!(lines(&long).unwrap().len(), 3);
        let message = lines(&vec![b'x'; 5 << 20]).unwrap_err().to_string();
        assert!(message.contains("line 1: a line in bytes passes the limit of 4194304"), "{message}");
    }
}
