//! The folder of a run: made, tried and locked before anything is measured.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use super::problem::Problem;

/// A folder that can be written to and that no other run is writing to, for as long as this lives.
#[derive(Debug)]
pub(super) struct OutDir {
    /// The system lets go of the lock when the process ends, however it ends.
    lock: File,
}

impl Drop for OutDir {
    /// Closing the file alone would not do while a child process that is just being started still has a copy of it.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl OutDir {
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        check_writable(path)?;
        let failed = |why| Problem::OutDir { path: path.into(), why };
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(".lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { lock }),
            Err(TryLockError::WouldBlock) => Err(Problem::Locked { path: path.into() }),
            // a file system without locks, such as some network ones, is used without one
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(Self { lock }),
            Err(TryLockError::Error(why)) => Err(failed(why)),
        }
    }
}

/// Makes the folder and tries to put a file there.
pub(super) fn check_writable(path: &Path) -> Result<(), Problem> {
    let tried = fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path).map(|_| ()));
    tried.map_err(|why| Problem::OutDir { path: path.into(), why })
}
