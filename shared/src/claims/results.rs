//! `results/*.json`: one file a claim, with the numbers and everything needed to measure them again.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{atomic_write, ClaimResult, FileError, Measured, Verdict, SCHEMA};

/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// Where the result of claim `id` lies in `dir`.
#[must_use]
pub fn path(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.json"))
}

/// Writes a result to its place in `dir`, atomically.
///
/// # Errors
/// [`FileError::Write`].
pub fn write(dir: &Path, result: &ClaimResult) -> Result<PathBuf, FileError> {
    let path = path(dir, &result.claim.id);
    let mut json = serde_json::to_vec_pretty(result)
        .map_err(|e| FileError::Write { path: path.clone(), why: e.into() })?;
    json.push(b'\n');
    atomic_write(&path, &json)?;
    Ok(path)
}

/// Reads a result, and checks that its verdict is the one that its own checks give.
///
/// # Errors
/// [`FileError::Read`], and [`FileError::Content`] for a file that is not a result, is of another version of
/// the format, is larger than 64 MiB, or contradicts itself.
pub fn read(path: &Path) -> Result<ClaimResult, FileError> {
    let unread = |why| FileError::Read { path: path.into(), why };
    let content = |why: String| FileError::Content { path: path.into(), why };
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unread)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(content(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let result: ClaimResult = serde_json::from_slice(&bytes).map_err(|e| content(e.to_string()))?;
    if result.schema != SCHEMA {
        return Err(content(format!("its schema is {} and this program writes {SCHEMA}", result.schema)));
    }
    let verdict = result.measured.as_ref().map_or(Verdict::NotRun, Measured::verdict);
    if verdict != result.verdict {
        return Err(content(format!(
            "it says {} and its checks say {}",
            result.verdict.badge(),
            verdict.badge()
        )));
    }
    Ok(result)
}

/// Reads every `*.json` of `dir` but `report.json`, in order of file name.
///
/// # Errors
/// As [`read`].
pub fn read_dir(dir: &Path) -> Result<Vec<ClaimResult>, FileError> {
    let unread = |why| FileError::Read { path: dir.into(), why };
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|e| e == "json") && path.file_stem().is_some_and(|s| s != "report") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|p| read(p)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{measured, result};
    use super::*;

    #[test]
    fn results_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let (b, a) = (result("b", Ok(measured())), result("a", Ok(measured())));
        write(dir.path(), &b).unwrap();
        write(dir.path(), &a).unwrap();
        fs::write(dir.path().join("report.json"), "{}").unwrap();
        fs::write(dir.path().join("report.html"), "").unwrap();
        assert_eq!(read_dir(dir.path()).unwrap(), [a, b]);
    }

    #[test]
    fn a_file_that_is_cut_forged_or_foreign_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), &result("a", Ok(measured()))).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let cases = [
            (good[..good.len() / 2].to_owned(), "not a result"),
            (good.replace("\"schema\": 1", "\"schema\": 9"), "schema is 9"),
            (
                good.replace("\"verdict\": \"holds\"", "\"verdict\": \"fails\""),
                "says FAILS and its checks say HOLDS",
            ),
        ];
        for (text, expected) in cases {
            assert_ne!(text, good);
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(read(&dir.path().join("absent.json")), Err(FileError::Read { .. })));
    }
}
