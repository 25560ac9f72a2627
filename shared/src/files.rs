//! Writing a file so that a reader sees the old one or the new one, never half of either.
//!
//! The bytes go to a temporary file in the same folder, reach the disk, and only then take the place of what was
//! there. A process killed on the way leaves the old file as it was, and at worst a temporary file beside it, which
//! [`remove_leftovers`] takes away.
//!
//! ```
//! use shared::files::atomic_write;
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("run/numbers.json");
//! atomic_write(&path, b"[1, 2, 3]")?;
//! assert_eq!(std::fs::read(&path)?, b"[1, 2, 3]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use thiserror::Error;

/// A file that could not be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// Creating, writing or renaming failed.
    #[error("cannot write {}: {why}; {}", path.display(), remedy(why))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Reading failed.
    #[error("cannot read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The file is not one of ours.
    #[error("{} is not a result of this program: {why}; delete it and measure again", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Writes `bytes` to `path` atomically. Missing folders are made.
///
/// # Errors
/// [`FileError::Write`]; the old file is then untouched.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    atomic_write_with(path, |temporary| temporary.write_all(bytes))
        .map_err(|why| FileError::Write { path: path.into(), why })
}

/// Writes `path` atomically with whatever `write` puts into the temporary file it is lent, for content that should
/// not be gathered in memory first. Missing folders are made.
///
/// # Errors
/// What `write` returns, and the file system's errors; the old file is then untouched and nothing is left beside it.
pub fn atomic_write_with<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> Result<(), E>,
) -> Result<(), E> {
    let _under_way = WRITING.read().unwrap_or_else(PoisonError::into_inner);
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    // a temporary file is private by default; this one becomes an ordinary file
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder)?;
    write(&mut temporary)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|e| e.error)?;
    // The new file is in place; only a power cut could still undo the rename, and not every system can flush a folder.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Held for reading by every write that is under way.
static WRITING: RwLock<()> = RwLock::new(());

/// Does `last` while no write of this process is under way, or when `patience` has run out: for a process that is about to
/// end and would leave a temporary file behind.
pub fn between_writes<T>(patience: Duration, last: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    loop {
        let held = match WRITING.try_write() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(held)) => Some(held.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if held.is_some() || start.elapsed() >= patience {
            return last();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Removes the temporary files that killed processes left in `folder`, as far as the file system lets it.
///
/// Only for the owner of the folder: a write that another process is in the middle of would fail.
pub fn remove_leftovers(folder: &Path) {
    let ours = |name: &str| name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(ours) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

const TEMPORARY_PREFIX: &str = ".writing-";
const TEMPORARY_SUFFIX: &str = ".tmp";

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What to do about a failed write, as the end of a sentence.
fn remedy(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or choose a folder on another disk"
        }
        _ => "choose a folder that can be written to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn it_replaces_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file.json");
        atomic_write(&path, b"old").unwrap();
        atomic_write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(path.parent().unwrap()), ["file.json"]);
    }

    #[test]
    fn the_end_of_the_process_waits_for_a_write_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let (begun, wait) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                atomic_write_with(&path, |temporary| {
                    begun.send(()).unwrap();
                    // the first wait below is over before this, and the second is not
                    std::thread::sleep(Duration::from_millis(300));
                    temporary.write_all(b"whole")
                })
            });
            wait.recv().unwrap();
            assert!(!between_writes(Duration::from_millis(20), || path.exists()));
            assert!(between_writes(Duration::from_secs(60), || path.exists()));
        });
        assert_eq!(names(dir.path()), ["file"]);
    }

    #[test]
    fn a_folder_in_the_way_is_named_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("x")).unwrap();
        let error = atomic_write(&path, b"new").unwrap_err().to_string();
        assert!(error.contains("taken") && error.contains("choose a folder"), "{error}");
        assert_eq!(names(dir.path()), ["taken"]);
    }

    #[test]
    fn a_write_that_fails_half_way_leaves_the_old_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        atomic_write(&path, b"old").unwrap();
        let outcome: io::Result<()> = atomic_write_with(&path, |temporary| {
            temporary.write_all(b"half of the ne")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(outcome.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["file"]);
    }

    #[test]
    fn a_full_disk_and_a_read_only_one_are_told_apart() {
        let said = |kind: io::ErrorKind| {
            FileError::Write { path: "runs/x.json".into(), why: kind.into() }.to_string()
        };
        for (kind, remedy) in [
            (io::ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::ReadOnlyFilesystem, "choose a folder that can be written to"),
        ] {
            let text = said(kind);
            assert!(text.starts_with("cannot write runs/x.json: ") && text.contains(remedy), "{text}");
        }
    }

    #[test]
    fn leftovers_go_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".writing-a1.tmp", ".writing-a1.json", "x.tmp"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        remove_leftovers(dir.path());
        remove_leftovers(&dir.path().join("absent"));
        let mut left = names(dir.path());
        left.sort();
        assert_eq!(left, [".writing-a1.json", "x.tmp"]);
    }
}
