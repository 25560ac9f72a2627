//! Writing a file so that a reader sees the old one or the new one, never half of either.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::DatasetError;

/// Writes `path` through a temporary file beside it, which takes its place when all of it is on the disk.
///
/// # Errors
///
/// [`DatasetError::Io`]; the old file is then untouched and nothing is left beside it.
pub(crate) fn write(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), DatasetError> {
    write_all(path, content).map_err(|source| DatasetError::io("write", path, source))
}

fn write_all(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-").suffix(".tmp");
    // A temporary file is private by default; this one becomes an ordinary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder)?;
    let mut buffered = BufWriter::with_capacity(1 << 18, temporary);
    content(&mut buffered)?;
    let temporary = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}
