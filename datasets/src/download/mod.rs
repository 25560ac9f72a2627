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

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

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

/// One file on its way.
struct Transfer<'a> {
    agent: &'a Agent,
    url: String,
    file: &'a RemoteFile,
    target: &'a Path,
    options: &'a Options,
}

/// Why one try failed: `Again` may go away, `Stop` will not.
enum Failure {
    Again(String),
    Stop(DatasetError),
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        Self::Stop(error)
    }
}

impl Transfer<'_> {
    fn run(&self) -> Result<(), DatasetError> {
        let part = self.part();
        if let Some(folder) = self.target.parent() {
            fs::create_dir_all(folder).map_err(|source| DatasetError::io("create", folder, source))?;
        }
        let mut reason = String::new();
        for attempt in 0..=self.options.retries {
            if attempt > 0 {
                let pause = self.options.backoff.saturating_mul(1 << (attempt - 1).min(16));
                std::thread::sleep(pause.min(Duration::from_secs(60)));
            }
            match self.attempt(&part) {
                Ok(()) => return Ok(()),
                Err(Failure::Again(why)) => reason = why,
                Err(Failure::Stop(error)) => return Err(error),
            }
        }
        let hint = "the part so far is kept, so run it again to continue";
        Err(self.failed(self.options.retries + 1, reason, hint))
    }

    /// One request at most; on success the file is in its place.
    fn attempt(&self, part: &Path) -> Result<(), Failure> {
        let mut have = length(part)?;
        if have > self.file.bytes {
            remove(part)?;
            have = 0;
        }
        let continued = have > 0;
        if have < self.file.bytes || !part.exists() {
            self.receive(part, have)?;
        }
        const DROPPED: &str = "what was fetched was dropped, so check the address";
        match check(part, self.file, self.target, DROPPED) {
            Ok(()) => {}
            Err(error @ DatasetError::Checksum { .. }) => {
                remove(part)?;
                // The earlier piece may be to blame: a whole new file gets one chance more.
                return Err(if continued { Failure::Again(error.to_string()) } else { Failure::Stop(error) });
            }
            Err(error) => return Err(error.into()),
        }
        fs::rename(part, self.target)
            .map_err(|source| DatasetError::io("rename to", self.target, source).into())
    }

    /// Asks for the file from byte `have` on and appends the answer to `part`.
    fn receive(&self, part: &Path, have: u64) -> Result<(), Failure> {
        let mut request = self.agent.get(&self.url).header("Accept-Encoding", "identity");
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| match error {
            error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl) => {
                Failure::Stop(self.failed(1, error.to_string(), "check the address"))
            }
            error => Failure::Again(error.to_string()),
        })?;
        let start = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if have > 0 && starts_at(&response, have, self.file.bytes) => have,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                remove(part)?;
                return Err(Failure::Again("the server gave another range than was asked for".into()));
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                return Err(Failure::Again(format!("status {}", response.status())));
            }
            status if status.is_server_error() => return Err(Failure::Again(format!("status {status}"))),
            status => {
                let hint = "check that the address serves this file, or put it in place by hand";
                return Err(Failure::Stop(self.failed(1, format!("status {status}"), hint)));
            }
        };
        let announced = response.body().content_length().map(|rest| start.saturating_add(rest));
        if let Some(found) = announced.filter(|&total| total != self.file.bytes) {
            return Err(Failure::Stop(self.wrong_length(format!("{found} bytes announced by {}", self.url))));
        }
        let total = self.append(part, start, response)?;
        match total.cmp(&self.file.bytes) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(Failure::Again(format!(
                "the connection ended after {total} of {} bytes",
                self.file.bytes
            ))),
            std::cmp::Ordering::Greater => {
                remove(part)?;
                Err(Failure::Stop(self.wrong_length(format!("more from {}", self.url))))
            }
        }
    }

    /// Writes the body after the first `start` bytes of `part`; never more than one byte past the pinned length.
    fn append(&self, part: &Path, start: u64, response: Response<Body>) -> Result<u64, Failure> {
        let written = |source| DatasetError::io("write", part, source);
        let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(written)?;
        file.set_len(start).map_err(written)?;
        let mut body = response.into_body().into_reader().take(self.file.bytes - start + 1);
        let (mut buffer, mut total) = (vec![0; 1 << 16], start);
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    file.write_all(&buffer[..read]).map_err(written)?;
                    total += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Again(format!("{error} after {total} bytes"))),
            }
        }
        file.sync_all().map_err(written)?;
        Ok(total)
    }

    fn part(&self) -> PathBuf {
        let mut name = self.target.as_os_str().to_owned();
        name.push(".part");
        name.into()
    }

    fn failed(&self, attempts: u32, reason: String, hint: &'static str) -> DatasetError {
        DatasetError::Fetch { url: self.url.clone(), attempts, reason, hint }
    }

    fn wrong_length(&self, found: String) -> DatasetError {
        let expected = format!("{} bytes", self.file.bytes);
        let hint = "nothing was put in place, so check that the address serves the pinned file";
        DatasetError::Checksum { file: self.target.to_path_buf(), expected, found, hint }
    }
}

/// Whether `Content-Range` says `bytes START-…/TOTAL` with the wanted numbers.
fn starts_at(response: &Response<Body>, start: u64, total: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    let parse = |range: &str| -> Option<(u64, Option<u64>)> {
        let (span, whole) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
        let whole = if whole == "*" { None } else { Some(whole.parse().ok()?) };
        Some((span.split_once('-')?.0.parse().ok()?, whole))
    };
    range
        .and_then(parse)
        .is_some_and(|(from, whole)| from == start && whole.is_none_or(|whole| whole == total))
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

fn length(path: &Path) -> Result<u64, DatasetError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(DatasetError::io("read", path, source)),
    }
}

fn remove(path: &Path) -> Result<(), DatasetError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DatasetError::io("remove", path, source))
        }
        _ => Ok(()),
    }
}
