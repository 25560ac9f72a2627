//! Where sets are looked for, and how those that are not there get there.

use std::path::{Path, PathBuf};

use crate::DatasetError;

/// A folder of data sets, and whether missing ones may be fetched.
///
/// A pinned set is fetched from the mirror that the environment variable `EIGHTFOLD_MIRROR` names; without the variable, or
/// without the feature `download`, nothing is.
///
/// # Example
///
/// ```
/// use datasets::{idx, DatasetError, Folder};
///
/// let empty = tempfile::tempdir()?;
/// let folder = Folder::new(Some(empty.path()), true);
/// let found = folder.load("mnist", DatasetError::is_missing, |path| idx::load(path, "mnist"));
/// assert!(found.unwrap_err().is_missing());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    fetch: bool,
}

impl Folder {
    /// A folder, `data` where none is given; `offline` forbids fetching.
    pub fn new(path: Option<&Path>, offline: bool) -> Self {
        Self { path: path.unwrap_or(Path::new("data")).into(), fetch: !offline }
    }

    /// What `load` makes of the folder. Where its error means that set `name` is `missing`, the set is fetched and `load`
    /// asked once more.
    ///
    /// # Errors
    ///
    /// Those of `load` and of the download.
    pub fn load<T, E: From<DatasetError>>(
        &self,
        name: &str,
        missing: impl Fn(&E) -> bool,
        load: impl Fn(&Path) -> Result<T, E>,
    ) -> Result<T, E> {
        match load(&self.path) {
            Err(error) if self.fetch && missing(&error) && fetch(name, &self.path)? => load(&self.path),
            other => other,
        }
    }
}

/// Fetches a pinned set; whether there was anything to fetch, and from where.
#[cfg(feature = "download")]
fn fetch(name: &str, folder: &Path) -> Result<bool, DatasetError> {
    use crate::download;
    let mirror = std::env::var("EIGHTFOLD_MIRROR").ok().filter(|m| !m.is_empty());
    let (Some(source), Some(_)) = (download::source(name), &mirror) else { return Ok(false) };
    let options = download::Options { base_url: mirror, ..download::Options::default() };
    download::fetch(&source, folder, &options)?;
    Ok(true)
}

#[cfg(not(feature = "download"))]
fn fetch(_name: &str, _folder: &Path) -> Result<bool, DatasetError> {
    Ok(false)
}
