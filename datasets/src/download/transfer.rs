//! One file from its address to its place, through a part file that survives a broken connection.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::{check, Options, RemoteFile};
use crate::DatasetError;

/// One file on its way.
pub(super) struct Transfer<'a> {
    pub(super) agent: &'a Agent,
    pub(super) url: String,
    pub(super) file: &'a RemoteFile,
    pub(super) target: &'a Path,
    pub(super) options: &'a Options,
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
    /// Fetches the file, in as many tries as the options allow, and puts it in its place.
    pub(super) fn run(&self) -> Result<(), DatasetError> {
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
