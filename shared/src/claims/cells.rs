//! Finished parts of a long measurement, a file each, so that a run that was stopped goes on with them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::{de::DeserializeOwned, Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{atomic_write, FileError};

/// A folder of finished cells.
///
/// A cell has a key, which is everything that its value depends on, and lies in `NAME-DIGEST.json` with the key beside
/// the value. While it is worked on it has a folder `NAME-DIGEST/` for checkpoints, locked by the process that works.
///
/// # Example
/// ```
/// use shared::claims::{Cells, FileError};
/// let folder = tempfile::tempdir()?;
/// let cells = Cells::new(folder.path());
/// let slow = |_: &std::path::Path| Ok::<_, FileError>(vec![1.5, 0.1]);
/// assert_eq!(cells.get("mlp", &("mlp", 7), slow)?, [1.5, 0.1]);
/// let never = |_: &std::path::Path| -> Result<Vec<f64>, FileError> { unreachable!() };
/// assert_eq!(cells.get("mlp", &("mlp", 7), never)?, [1.5, 0.1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cells {
    dir: PathBuf,
}

/// Whether to wait for another process that works on the same cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Yes,
    No,
}

#[derive(Serialize, Deserialize)]
struct Kept<K, V> {
    key: K,
    value: V,
}

impl Cells {
    /// Cells in `dir`, which is made when the first is worked on.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Cells { dir: dir.into() }
    }

    /// The value of a cell: read, or else worked out and kept. `work` gets a folder for its checkpoints, which goes when the
    /// value is kept. Waits where another process works on the same cell.
    ///
    /// # Errors
    /// Those of `work`; [`FileError`] for a folder that cannot be written to, and for a file that is damaged or of another
    /// key.
    pub fn get<V, E>(
        &self,
        name: &str,
        key: &impl Serialize,
        work: impl FnOnce(&Path) -> Result<V, E>,
    ) -> Result<V, E>
    where
        V: Serialize + DeserializeOwned,
        E: From<FileError>,
    {
        match self.find(name, key, Wait::Yes, work)? {
            Some(value) => Ok(value),
            // the lock was waited for, so there is a value
            None => Err(FileError::Content { path: self.dir.clone(), why: "a cell is locked".into() }.into()),
        }
    }

    /// As [`get`](Self::get), but `None` at once where another process works on the same cell.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_unless_busy<V, E>(
        &self,
        name: &str,
        key: &impl Serialize,
        work: impl FnOnce(&Path) -> Result<V, E>,
    ) -> Result<Option<V>, E>
    where
        V: Serialize + DeserializeOwned,
        E: From<FileError>,
    {
        self.find(name, key, Wait::No, work)
    }

    fn find<V, E>(
        &self,
        name: &str,
        key: &impl Serialize,
        wait: Wait,
        work: impl FnOnce(&Path) -> Result<V, E>,
    ) -> Result<Option<V>, E>
    where
        V: Serialize + DeserializeOwned,
        E: From<FileError>,
    {
        let unwritten = |path: &Path, why: io::Error| FileError::Write { path: path.into(), why };
        let key = serde_json::to_value(key).map_err(|e| unwritten(&self.dir, e.into()))?;
        let stem = format!("{name}-{}", digest(&key));
        let (file, folder) = (self.dir.join(format!("{stem}.json")), self.dir.join(&stem));
        if let Some(value) = read(&file, &key)? {
            // left by a process that was killed between keeping the value and taking its folder away
            let _ = fs::remove_dir_all(&folder);
            return Ok(Some(value));
        }
        fs::create_dir_all(&folder).map_err(|e| unwritten(&folder, e))?;
        let lock = folder.join(".lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock);
        let lock = lock.map_err(|e| unwritten(&folder, e))?;
        match (lock.try_lock(), wait) {
            (Ok(()), _) => {}
            (Err(TryLockError::WouldBlock), Wait::No) => return Ok(None),
            (Err(TryLockError::WouldBlock), Wait::Yes) => lock.lock().map_err(|e| unwritten(&folder, e))?,
            // a file system without locks, such as some network ones, is used without one
            (Err(TryLockError::Error(e)), _) if e.kind() == io::ErrorKind::Unsupported => {}
            (Err(TryLockError::Error(e)), _) => return Err(unwritten(&folder, e).into()),
        }
        // another process may have kept it meanwhile
        if let Some(value) = read(&file, &key)? {
            let _ = fs::remove_dir_all(&folder);
            return Ok(Some(value));
        }
        let kept = Kept { value: work(&folder)?, key };
        let mut json = serde_json::to_vec_pretty(&kept).map_err(|e| unwritten(&file, e.into()))?;
        json.push(b'\n');
        atomic_write(&file, &json)?;
        // what is left of it would cost room alone
        let _ = fs::remove_dir_all(&folder);
        let _ = lock.unlock();
        Ok(Some(kept.value))
    }
}

/// What this process has worked out, as JSON, by name and key.
static DONE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// A value that this process works out once for everything that `key` says, whichever claims ask for it, and that is kept
/// among `cells` where there are some: `work` then gets a folder for its checkpoints.
///
/// # Errors
/// Those of `work`; [`FileError`] as [`Cells::get`] has it, and for a value that cannot be read back: numbers must be finite.
///
/// # Example
/// ```
/// use shared::claims::{once, FileError};
/// let slow = |_: Option<&std::path::Path>| Ok::<_, FileError>(0.1);
/// assert_eq!(once(None, "an example", &7, slow)?, 0.1);
/// let never = |_: Option<&std::path::Path>| -> Result<f64, FileError> { unreachable!() };
/// assert_eq!(once(None, "an example", &7, never)?, 0.1);
/// # Ok::<(), FileError>(())
/// ```
pub fn once<V, E>(
    cells: Option<&Cells>,
    name: &str,
    key: &impl Serialize,
    work: impl FnOnce(Option<&Path>) -> Result<V, E>,
) -> Result<V, E>
where
    V: Serialize + DeserializeOwned,
    E: From<FileError>,
{
    let unread = |e: serde_json::Error| FileError::Content { path: name.into(), why: e.to_string() };
    let text = format!("{name} {}", serde_json::to_string(key).map_err(unread)?);
    if let Some(done) = DONE.lock().unwrap_or_else(PoisonError::into_inner).get(&text) {
        return Ok(serde_json::from_str(done).map_err(unread)?);
    }
    let value = match cells {
        None => work(None)?,
        Some(cells) => cells.get(name, key, |folder| work(Some(folder)))?,
    };
    let kept = serde_json::to_string(&value).map_err(unread)?;
    DONE.lock().unwrap_or_else(PoisonError::into_inner).insert(text, kept);
    Ok(value)
}

/// The first 16 digits of the SHA-256 of a key.
fn digest(key: &Value) -> String {
    Sha256::digest(key.to_string()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The value in a file, which must be of this key; `None` where there is no file.
fn read<V: DeserializeOwned>(file: &Path, key: &Value) -> Result<Option<V>, FileError> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(FileError::Read { path: file.into(), why }),
    };
    let content = |why: String| FileError::Content { path: file.into(), why };
    let kept: Kept<Value, V> =
        serde_json::from_slice(&bytes).map_err(|e| content(format!("it is no finished cell ({e})")))?;
    if kept.key != *key {
        return Err(content("it is of other settings than its name says".into()));
    }
    Ok(Some(kept.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Result<f64, FileError>;

    #[test]
    fn a_cell_is_worked_out_once_for_each_key() {
        let folder = tempfile::tempdir().unwrap();
        let cells = Cells::new(&folder.path().join("cells"));
        let mut worked = 0;
        for (key, value) in [(1, 0.1), (2, 1.0 / 3.0), (1, 7.0), (2, 7.0)] {
            let found: Found = cells.get("c", &key, |folder| {
                worked += 1;
                assert!(folder.is_dir());
                Ok(value)
            });
            assert_eq!(found.unwrap(), if key == 1 { 0.1 } else { 1.0 / 3.0 });
        }
        assert_eq!(worked, 2);
        let left = fs::read_dir(folder.path().join("cells")).unwrap().count();
        assert_eq!(left, 2, "the folders of checkpoints are gone");
    }

    #[test]
    fn a_failure_keeps_its_folder_and_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let cells = Cells::new(folder.path());
        let failed: Found = cells.get("c", &1, |folder| {
            fs::write(folder.join("checkpoint"), "here").unwrap();
            Err(FileError::Content { path: folder.into(), why: "no".into() })
        });
        assert!(failed.is_err());
        let found: Found = cells.get("c", &1, |folder| {
            assert_eq!(fs::read_to_string(folder.join("checkpoint")).unwrap(), "here");
            Ok(2.5)
        });
        assert_eq!(found.unwrap(), 2.5);
    }

    #[test]
    fn a_cell_that_is_being_worked_on_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let cells = Cells::new(folder.path());
        let found: Found = cells.get("c", &1, |_| {
            let busy: Result<Option<f64>, FileError> = cells.get_unless_busy("c", &1, |_| Ok(9.0));
            assert_eq!(busy.unwrap(), None);
            let other: Result<Option<f64>, FileError> = cells.get_unless_busy("c", &2, |_| Ok(9.0));
            assert_eq!(other.unwrap(), Some(9.0));
            Ok(1.0)
        });
        assert_eq!(found.unwrap(), 1.0);
    }

    #[test]
    fn damaged_files_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let cells = Cells::new(folder.path());
        let first: Found = cells.get("c", &1, |_| Ok(1.0));
        first.unwrap();
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let good = fs::read_to_string(&file).unwrap();
        for (bad, why) in
            [("{", "no finished cell"), (&good.replace("\"key\": 1", "\"key\": 2"), "other settings")]
        {
            fs::write(&file, bad).unwrap();
            let found: Found = cells.get("c", &1, |_| Ok(3.0));
            let told = found.unwrap_err().to_string();
            assert!(told.contains(why) && told.contains("delete it"), "{told}");
        }
    }
}
