//! Damaged files of every format that is read, thousands a second: each is answered by a value or by an error that names the
//! file, never by a panic, and never by taking much more memory than the file has bytes.
//!
//! A second for each format, or as many as `EIGHTFOLD_FUZZ_SECONDS` says. The seeds count up from 0, so that a case that fails
//! fails again; the folder of the case and its seed are told.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

mod data;
mod memory;
mod ours;
mod runs;

use std::{
    fs,
    io::Write,
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use eightfold_tests::mutate::{for_a_while, Mutator};

/// A set of files, by name; every case damages one of them.
type Files = Vec<(String, Vec<u8>)>;

/// What loading made of a set: an error's sentence, or nothing.
type Answer = Result<(), String>;

/// What a loader may hold beside ten times the bytes of the files: its buffers.
const BUFFERS: usize = 8 << 20;

/// Fuzzes a format.
fn fuzz(format: &str, files: &Files, load: impl Fn(&Path) -> Answer) {
    let dir = folder();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    files.iter().for_each(|(name, bytes)| write(name, bytes));
    assert_eq!(load(dir.path()), Ok(()), "{format}: the files are sound before they are damaged");
    let (mut refused, mut most) = (0, 0);
    let cases = for_a_while(200, |seed| {
        let mut mutator = Mutator::new(seed);
        let (name, sound) = &files[mutator.below(files.len())];
        let mut bytes = sound.clone();
        mutator.damage(&mut bytes);
        write(name, &bytes);
        let (answer, peak) = memory::peak(|| panic::catch_unwind(AssertUnwindSafe(|| load(dir.path()))));
        let what = || format!("{format}, seed {seed}, {name} of {} bytes", bytes.len());
        let answer = answer.unwrap_or_else(|_| panic!("{}: a panic", what()));
        let size = files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + bytes.len();
        let allowed = BUFFERS + 10 * size;
        assert!(peak <= allowed, "{}: {peak} bytes were held and {allowed} are allowed", what());
        if let Err(sentence) = answer {
            let named = files.iter().any(|(name, _)| sentence.contains(name.trim_end_matches(".gz")))
                || sentence.contains(dir.path().to_str().unwrap());
            assert!(named && !sentence.contains('\n'), "{}: {sentence}", what());
            refused += 1;
        }
        most = most.max(peak);
        write(name, sound);
    });
    println!("{format}: {cases} cases, {refused} refused, at most {most} bytes held");
    assert!(refused > 0, "{format}: no case was refused, so nothing was damaged");
}

/// A folder in memory where the system has one, because thousands of files a second are written.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn text(name: &str, text: &str) -> (String, Vec<u8>) {
    (name.into(), text.as_bytes().to_vec())
}

fn answer<T, E: std::fmt::Display>(result: Result<T, E>) -> Answer {
    result.map(drop).map_err(|error| error.to_string())
}
