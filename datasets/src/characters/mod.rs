//! Texts as symbols, for models that read and write characters.
//!
//! [`Characters`] is the alphabet of a text and turns characters into symbols and back; [`Streams`] cuts the symbols
//! into parallel streams and those into pieces, for truncated backpropagation through time.
//!
//! # Example
//!
//! ```
//! use datasets::characters::{Characters, Streams};
//!
//! let text = "to be or not to be";
//! let alphabet = Characters::of(text)?;
//! let streams = Streams::new(alphabet.encode(text)?, 2, 4)?;
//! let piece = streams.piece(0).unwrap();
//! // in each step the first stream's symbol, and beside it the second's, which begins in the middle
//! let symbols: Vec<u8> = piece.inputs.iter().map(|&symbol| symbol as u8).collect();
//! assert_eq!(alphabet.decode(&symbols)?, "t on obt");
//! # Ok::<(), datasets::DatasetError>(())
//! ```

mod streams;

pub use streams::{Piece, Streams};

use std::path::Path;

use crate::binary::Bytes;
use crate::{DatasetError, MAX_TEXT_BYTES};

/// The different characters of a text, in the order of Unicode; a character's symbol is its place.
///
/// There are at most [`Characters::MOST`] of them, so that a symbol is a byte. Kept with a model, it is a string of
/// them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Characters {
    symbols: Vec<char>,
}

impl Characters {
    /// The most characters of an alphabet: 256.
    pub const MOST: usize = 256;

    /// The alphabet of `text`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] for an empty text and for one of more than 256 different characters.
    pub fn of(text: &str) -> Result<Self, DatasetError> {
        match Self::collect(text) {
            Ok(characters) => Ok(characters),
            Err(Flaw { expected, found, .. }) => {
                Err(DatasetError::inconsistent("the text of an alphabet", expected, found))
            }
        }
    }

    /// Reads a text, plain or gzipped: its alphabet, and a symbol for each character.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Corrupt`] for an empty file, one that is not UTF-8 and one of more than 256 different characters,
    /// [`DatasetError::TooLarge`] past [`MAX_TEXT_BYTES`], and [`DatasetError::Io`].
    ///
    /// # Complexity
    ///
    /// O(bytes), with the text and its symbols in memory.
    ///
    /// # Example
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("text.txt");
    /// std::fs::write(&file, "abba")?;
    /// let (alphabet, symbols) = datasets::characters::Characters::read(&file)?;
    /// assert_eq!((alphabet.symbols(), &symbols[..]), (&['a', 'b'][..], &[0, 1, 1, 0][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(file: &Path) -> Result<(Self, Vec<u8>), DatasetError> {
        let mut reader = Bytes::open(file)?;
        let bytes = reader.at_most(MAX_TEXT_BYTES + 1)?;
        if bytes.len() as u64 > MAX_TEXT_BYTES {
            return Err(reader.too_large("the text in bytes", MAX_TEXT_BYTES));
        }
        let corrupt = |flaw: Flaw| DatasetError::Corrupt {
            file: file.to_path_buf(),
            offset: flaw.offset as u64,
            expected: flaw.expected,
            found: flaw.found,
            hint: flaw.hint,
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
            corrupt(Flaw {
                offset,
                expected: "a text in UTF-8".to_string(),
                found: format!("the byte 0x{byte:02x}"),
                hint: "convert the file to UTF-8",
            })
        })?;
        let characters = Self::collect(&text).map_err(corrupt)?;
        let symbols = characters.encode(&text)?;
        Ok((characters, symbols))
    }

    /// The characters, each at the place of its symbol.
    pub fn symbols(&self) -> &[char] {
        &self.symbols
    }

    /// How many there are, from 1 to 256.
    #[allow(clippy::len_without_is_empty)] // an alphabet is never empty
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// The symbols of a text.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] naming the first character that the alphabet lacks.
    ///
    /// # Complexity
    ///
    /// O(characters · log of the alphabet).
    pub fn encode(&self, text: &str) -> Result<Vec<u8>, DatasetError> {
        let symbol = |(at, c): (usize, char)| {
            self.symbols.binary_search(&c).map(|symbol| symbol as u8).map_err(|_| {
                let expected = format!("characters of an alphabet of {}", self.len());
                DatasetError::inconsistent("a text", expected, format!("{c:?} at byte {at}"))
            })
        };
        text.char_indices().map(symbol).collect()
    }

    /// The text of some symbols.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] naming the first symbol that stands for no character.
    pub fn decode(&self, symbols: &[u8]) -> Result<String, DatasetError> {
        let character = |(at, &symbol): (usize, &u8)| {
            self.symbols.get(usize::from(symbol)).copied().ok_or_else(|| {
                let expected = format!("symbols below {}", self.len());
                DatasetError::inconsistent("a text", expected, format!("{symbol} at place {at}"))
            })
        };
        symbols.iter().enumerate().map(character).collect()
    }

    fn collect(text: &str) -> Result<Self, Flaw> {
        let mut symbols: Vec<char> = Vec::new();
        for (offset, c) in text.char_indices() {
            let Err(place) = symbols.binary_search(&c) else { continue };
            if symbols.len() == Self::MOST {
                return Err(Flaw {
                    offset,
                    expected: format!("at most {} different characters", Self::MOST),
                    found: format!("{c:?} besides"),
                    hint: "replace rare characters first",
                });
            }
            symbols.insert(place, c);
        }
        if symbols.is_empty() {
            return Err(Flaw {
                offset: 0,
                expected: "at least one character".to_string(),
                found: "none".to_string(),
                hint: "choose a file with text in it",
            });
        }
        Ok(Self { symbols })
    }
}

/// What is wrong with a text, and where.
struct Flaw {
    offset: usize,
    expected: String,
    found: String,
    hint: &'static str,
}

impl From<Characters> for String {
    fn from(characters: Characters) -> Self {
        characters.symbols.into_iter().collect()
    }
}

impl TryFrom<String> for Characters {
    type Error = DatasetError;
    fn try_from(text: String) -> Result<Self, DatasetError> {
        Self::of(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Result<(Characters, Vec<u8>), DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("text.txt");
        std::fs::write(&file, bytes).unwrap();
        Characters::read(&file)
    }

    #[test]
    fn a_file_of_256_characters_is_read_and_one_more_is_refused() {
        let text: String = (0x100..0x200).filter_map(char::from_u32).collect();
        let (alphabet, symbols) = read(text.as_bytes()).unwrap();
        assert_eq!((alphabet.len(), symbols), (256, (0..=255).collect::<Vec<u8>>()));
        let error = read(format!("{text}!").as_bytes()).unwrap_err().to_string();
        let expected = "byte 512: expected at most 256 different characters, found '!' besides; replace rare";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_no_text_is_an_error_of_one_sentence() {
        let error = read(b"").unwrap_err().to_string();
        assert!(error.contains("byte 0: expected at least one character, found none; choose"), "{error}");
        let error = read(b"ab\xffc").unwrap_err().to_string();
        assert!(error.contains("byte 2: expected a text in UTF-8, found the byte 0xff; convert"), "{error}");
        assert!(Characters::of("").is_err());
        let missing = Characters::read(Path::new("no-such-text.txt"));
        assert!(matches!(missing, Err(DatasetError::Io { .. })));
    }

    #[test]
    fn what_the_alphabet_lacks_is_named() {
        let alphabet = Characters::of("abc").unwrap();
        let error = alphabet.encode("ab\u{e9}d").unwrap_err().to_string();
        assert!(error.contains("alphabet of 3, found 'é' at byte 2"), "{error}");
        let error = alphabet.decode(&[0, 3]).unwrap_err().to_string();
        assert!(error.contains("symbols below 3, found 3 at place 1"), "{error}");
    }

    proptest! {
        #[test]
        fn texts_come_back(text in "\\PC{1,80}") {
            let alphabet = Characters::of(&text).unwrap();
            let symbols = alphabet.encode(&text).unwrap();
            prop_assert_eq!(alphabet.decode(&symbols).unwrap(), text.clone());
            prop_assert!(alphabet.symbols().windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(alphabet.symbols().iter().all(|&c| text.contains(c)));
            prop_assert_eq!(Characters::try_from(String::from(alphabet.clone())).unwrap(), alphabet);
        }
    }
}
