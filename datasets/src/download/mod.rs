//! Fetching the files of a set over HTTP(S), checked against pinned lengths and SHA-256 sums.
//!
//! A file is written to `NAME.part` beside its place, continued from there when a connection breaks (also in a
//! later run), checked, and only then renamed. So a file under its final name is always whole and always the
//! pinned one, and files that are already there are never replaced.
//!
//! # What is pinned and what is not
//!
//! [`sources`] pins every single file. The authors publish archives (see [`Source::homepage`]), which this module
//! does not unpack; it fetches plain files from a server that mirrors the layout of the data folder, such as
//! `python -m http.server` in a folder that has them. There is no default server, so [`Options::base_url`] has to
//! name one. Whatever the server, a file that is not the pinned one is refused.

mod sources;
mod transfer;

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::Agent;

use self::transfer::Transfer;
use crate::DatasetError;

pub use sources::{source, sources};

/// A set and the files that make it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The set's name, such as `MUTAG`.
    pub name: String,
    /// Where its authors publish it, for people.
    pub homepage: String,
    /// The address under which its files lie, unless [`Options::base_url`] says otherwise.
    pub base_url: Option<String>,
    /// Its files.
    pub files: Vec<RemoteFile>,
}

/// One pinned file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its place, relative to the data folder and to the base address, with `/` between parts.
    pub path: String,
    /// Its length; at most [`MAX_FILE_BYTES`].
    pub bytes: u64,
    /// Its SHA-256 sum, as 64 hexadecimal digits.
    pub sha256: String,
}

/// How to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Use no network: succeed if all files are there and name the missing ones otherwise.
    pub offline: bool,
    /// The address under which the files lie; it goes before the source's own.
    pub base_url: Option<String>,
    /// Further tries for each file after a broken connection or a busy server; at most 20.
    pub retries: u32,
    /// Pause before the second try; it doubles with every further one, up to a minute.
    pub backoff: Duration,
    /// Longest wait for a connection, and then for each next piece of the answer.
    pub stall: Duration,
    /// Longest time for one request with its whole answer.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            offline: false,
            base_url: None,
            retries: 4,
            backoff: Duration::from_secs(1),
            stall: Duration::from_secs(30),
            timeout: Duration::from_secs(30 * 60),
        }
    }
}

/// Where a file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was there and is the pinned one.
    AlreadyThere,
    /// It was fetched, in one go or in several.
    Fetched,
}

/// Largest file that is fetched: 4 GiB.
pub const MAX_FILE_BYTES: u64 = 4 << 30;

/// Makes sure that every file of `source` is in `dir`, fetching those that are missing.
///
/// Returns the files' places in the order of `source.files`. Two programs must not fetch into one folder at once.
///
/// # Errors
///
/// - [`DatasetError::InvalidConfig`] for a source or an option out of range, or without a base address;
/// - [`DatasetError::Checksum`] where a file, present or fetched, is not the pinned one; a present file is left as
///   it is, a fetched one is dropped;
/// - [`DatasetError::Offline`] where files are missing and the network may not be used;
/// - [`DatasetError::Fetch`] where the server refuses or the tries are used up; the part so far is kept;
/// - [`DatasetError::Io`].
///
/// # Example
///
/// ```
/// use datasets::download::{fetch, source, Options};
///
/// let folder = tempfile::tempdir()?;
/// let mutag = source("mutag").ok_or("not pinned")?;
/// let offline = Options { offline: true, ..Default::default() };
/// let error = fetch(&mutag, folder.path(), &offline).unwrap_err();
/// assert!(error.to_string().contains("tu/MUTAG/MUTAG_A.txt"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fetch(source: &Source, dir: &Path, options: &Options) -> Result<Vec<(PathBuf, Origin)>, DatasetError> {
    validate(source, options)?;
    let mut places = Vec::with_capacity(source.files.len());
    for file in &source.files {
        let target = dir.join(&file.path);
        let origin = match fs::symlink_metadata(&target) {
            Ok(_) => {
                const KEEP: &str = "it was left as it is, so move it away to fetch the pinned file";
                check(&target, file, &target, KEEP)?;
                Origin::AlreadyThere
            }
            Err(_) => Origin::Fetched,
        };
        places.push((target, origin));
    }
    let missing: Vec<_> =
        source.files.iter().zip(&places).filter(|(_, place)| place.1 == Origin::Fetched).collect();
    if missing.is_empty() {
        return Ok(places);
    }
    if options.offline {
        let missing = missing.iter().map(|(file, _)| file.path.clone()).collect();
        return Err(DatasetError::Offline { name: source.name.clone(), folder: dir.to_path_buf(), missing });
    }
    let base = base_url(source, dir, options)?;
    let agent = agent(base, options);
    for (file, (target, _)) in missing {
        let url = format!("{}/{}", base.trim_end_matches('/'), file.path);
        Transfer { agent: &agent, url, file, target, options }.run()?;
    }
    Ok(places)
}

fn validate(source: &Source, options: &Options) -> Result<(), DatasetError> {
    for file in &source.files {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'));
        if file.path.is_empty() || file.path.contains(odd) || !Path::new(&file.path).components().all(plain) {
            let allowed = "a relative path of letters, digits, '_', '-' and '.' without '..'";
            return Err(DatasetError::config("path", format!("{:?}", file.path), allowed));
        }
        if file.sha256.len() != 64 || !file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(DatasetError::config(
                "sha256",
                format!("{:?}", file.sha256),
                "64 hexadecimal digits",
            ));
        }
        if file.bytes > MAX_FILE_BYTES {
            return Err(DatasetError::config("bytes", file.bytes, format!("at most {MAX_FILE_BYTES}")));
        }
    }
    if options.retries > 20 {
        return Err(DatasetError::config("retries", options.retries, "0 to 20"));
    }
    Ok(())
}

fn base_url<'a>(source: &'a Source, dir: &Path, options: &'a Options) -> Result<&'a str, DatasetError> {
    let base = options.base_url.as_deref().or(source.base_url.as_deref());
    match base {
        Some(base) if base.starts_with("http://") || base.starts_with("https://") => Ok(base),
        other => {
            let first = source.files.first().map_or("its files", |file| file.path.as_str());
            let allowed = format!(
                "an http(s) address that serves {first} and the other files of {}, or else unpack {} into {} by hand",
                source.name,
                source.homepage,
                dir.display()
            );
            Err(DatasetError::config(
                "base_url",
                other.map_or("not set".into(), |base| format!("{base:?}")),
                allowed,
            ))
        }
    }
}

fn agent(base: &str, options: &Options) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(5)
        .timeout_connect(Some(options.stall))
        .timeout_recv_response(Some(options.stall))
        .timeout_per_read(Some(options.stall))
        .timeout_global(Some(options.timeout))
        .user_agent(concat!("eightfold-datasets/", env!("CARGO_PKG_VERSION")));
    // A proxy of the environment cannot reach this machine's own servers.
    if ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|local| base.starts_with(local)) {
        config = config.proxy(None);
    }
    config.build().into()
}

/// Compares the file at `path` with what is pinned for it; errors name `shown`.
fn check(path: &Path, pinned: &RemoteFile, shown: &Path, hint: &'static str) -> Result<(), DatasetError> {
    let wrong = |expected: String, found: String| {
        Err(DatasetError::Checksum { file: shown.to_path_buf(), expected, found, hint })
    };
    let bytes = fs::metadata(path).map_err(|source| DatasetError::io("read", path, source))?.len();
    if bytes != pinned.bytes {
        return wrong(format!("{} bytes", pinned.bytes), bytes.to_string());
    }
    let found = sha256(path).map_err(|source| DatasetError::io("read", path, source))?;
    if !found.eq_ignore_ascii_case(&pinned.sha256) {
        return wrong(format!("SHA-256 {}", pinned.sha256), found);
    }
    Ok(())
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
