//! The one error type of the crate.

use std::io;
use std::path::{Path, PathBuf};

/// Everything that can go wrong while finding, reading, making, splitting or fetching a data set.
///
/// Each message is one sentence that says what went wrong and where, what was expected, what was found, and
/// what to do next. Nothing in this crate panics on the contents of a file or on a setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file of the set is in none of the places where it is looked for.
    #[error(
        "{what} was not found in {folder}: looked there for {}; set the folder with --data-dir or \
         EIGHTFOLD_DATA, or use --dataset synthetic, which needs no files",
        looked_for.join(", ")
    )]
    Missing {
        /// The set and the part of it that is missing, such as `cora (papers and words)`.
        what: String,
        /// The folder that was searched.
        folder: PathBuf,
        /// The paths, relative to `folder`, that would have been accepted.
        looked_for: Vec<String>,
    },

    /// A file exists but a line of it does not say what its format requires.
    #[error("{file}, line {line} (byte {offset}): expected {expected}, found {found}; {hint}")]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The byte where that line starts, counted from 0 in the decompressed text.
        offset: u64,
        /// What the format allows there.
        expected: String,
        /// What the file holds there, shortened and escaped.
        found: String,
        /// What to do next.
        hint: &'static str,
    },

    /// A binary file does not hold what its format requires.
    #[error("{file}, byte {offset}: expected {expected}, found {found}; {hint}")]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The byte, counted from 0 in the decompressed file.
        offset: u64,
        /// What the format requires there.
        expected: String,
        /// What the file holds there.
        found: String,
        /// What to do next.
        hint: &'static str,
    },

    /// A file, or a claim made in a file or a setting, passes a documented bound.
    #[error(
        "{place}: {what} passes the limit of {limit}; check that this is the intended file or ask for less"
    )]
    TooLarge {
        /// The file (with its line where one is known) or the setting.
        place: String,
        /// What is too large, such as `the decompressed text in bytes`.
        what: &'static str,
        /// The largest value that is accepted.
        limit: u64,
    },

    /// The arrays that a file asks for pass what the caller allowed.
    #[error(
        "{file}: its arrays need at least {needed} bytes, but max_bytes allows {allowed}; raise max_bytes, or \
         read a smaller graph"
    )]
    Memory {
        /// The file.
        file: PathBuf,
        /// The bytes of the arrays before repeats are joined.
        needed: u64,
        /// The bytes that were allowed.
        allowed: u64,
    },

    /// Reading or writing failed in the operating system, or a `.gz` file is damaged.
    #[error("could not {action} {path} ({source}); {}", remedy(action))]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// A setting is outside its allowed range.
    #[error("{field} is {value}, but must be {allowed}; change {field} and try again")]
    InvalidConfig {
        /// The setting's name.
        field: &'static str,
        /// The value given.
        value: String,
        /// The values that are allowed.
        allowed: String,
    },

    /// Parts handed to a constructor do not fit together.
    #[error("{what}: expected {expected}, found {found}; build it from parts that fit together")]
    Inconsistent {
        /// The value being built, such as `CsrFeatures`.
        what: &'static str,
        /// What the parts must satisfy.
        expected: String,
        /// What they are.
        found: String,
    },

    /// Files are missing and the network may not be used.
    #[error(
        "{name} cannot be fetched offline: {} expected in {folder}; put them there, or run once without --offline",
        missing.join(", ")
    )]
    #[cfg(feature = "download")]
    Offline {
        /// The source's name.
        name: String,
        /// The folder in which the files belong.
        folder: PathBuf,
        /// The missing files, relative to `folder`.
        missing: Vec<String>,
    },

    /// A file could not be fetched after the allowed number of tries.
    #[error("could not fetch {url} (tries: {attempts}; {reason}); {hint}")]
    #[cfg(feature = "download")]
    Fetch {
        /// The address.
        url: String,
        /// How many requests were made.
        attempts: u32,
        /// What went wrong with the last of them.
        reason: String,
        /// What to do next.
        hint: &'static str,
    },

    /// A file's length or SHA-256 sum is not the pinned one.
    #[error("{file}: expected {expected}, found {found}; {hint}")]
    #[cfg(feature = "download")]
    Checksum {
        /// The file that was checked.
        file: PathBuf,
        /// The pinned length or sum.
        expected: String,
        /// The length or sum of the file.
        found: String,
        /// What to do next.
        hint: &'static str,
    },
}

/// What to do where the system refused `action`.
fn remedy(action: &str) -> &'static str {
    match action {
        "write" | "create" | "rename to" => "free some space, or choose a folder that can be written to",
        _ => "check that the file is whole and that its folder can be used",
    }
}

impl DatasetError {
    /// Whether it says that a set is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(crate) fn config(field: &'static str, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::InvalidConfig { field, value: value.to_string(), allowed: allowed.into() }
    }

    pub(crate) fn inconsistent(
        what: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Inconsistent { what, expected: expected.into(), found: found.into() }
    }
}

/// `text` in quotes, escaped and cut to 40 characters, so that a message stays one readable line.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut short: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_that_names_place_and_remedy() {
        let missing = DatasetError::Missing {
            what: "cora".into(),
            folder: "data".into(),
            looked_for: vec!["cora/cora.cites".into(), "cora.cites".into()],
        };
        assert_eq!(
            missing.to_string(),
            "cora was not found in data: looked there for cora/cora.cites, cora.cites; set the folder with \
             --data-dir or EIGHTFOLD_DATA, or use --dataset synthetic, which needs no files"
        );
        let malformed = DatasetError::Malformed {
            file: "x.cites".into(),
            line: 3,
            offset: 20,
            expected: "two ids".into(),
            found: quote("only\none"),
            hint: "fetch the file again",
        };
        assert_eq!(
            malformed.to_string(),
            r#"x.cites, line 3 (byte 20): expected two ids, found "only\none"; fetch the file again"#
        );
    }

    #[test]
    fn quotes_are_bounded() {
        assert_eq!(quote("abc"), "\"abc\"");
        assert_eq!(quote(&"é".repeat(1000)).chars().count(), 43);
    }

    #[test]
    fn the_error_is_small_enough_to_return_by_value() {
        assert!(std::mem::size_of::<DatasetError>() <= 128);
    }
}
