//! Symbols that are known to be in a vocabulary.

use std::sync::Arc;

/// Symbols as rows of a table, each checked against the size of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbols {
    vocabulary: usize,
    indices: Arc<[usize]>,
}

/// A symbol that is not in the vocabulary.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("symbol {symbol} at position {at} is unknown: with a vocabulary of {vocabulary}, symbols must be below {vocabulary}")]
pub struct SymbolError {
    /// Where it stands, counted from 0.
    pub at: usize,
    /// The symbol.
    pub symbol: usize,
    /// The size of the vocabulary.
    pub vocabulary: usize,
}

impl Symbols {
    /// Checks that every symbol is in a vocabulary of this size.
    ///
    /// # Errors
    /// [`SymbolError`] for the first that is not.
    pub fn new(indices: impl Into<Arc<[usize]>>, vocabulary: usize) -> Result<Self, SymbolError> {
        let indices = indices.into();
        match indices.iter().position(|symbol| *symbol >= vocabulary) {
            Some(at) => Err(SymbolError { at, symbol: indices[at], vocabulary }),
            None => Ok(Symbols { vocabulary, indices }),
        }
    }

    /// The number of symbols.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The size of the vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The symbols.
    #[must_use]
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_symbol_is_refused_by_its_position() {
        let error = Symbols::new(vec![0, 2, 3, 9], 3).unwrap_err();
        assert_eq!(error, SymbolError { at: 2, symbol: 3, vocabulary: 3 });
        assert!(error.to_string().starts_with("symbol 3 at position 2 is unknown"));
        assert!(Symbols::new(vec![], 0).is_ok_and(|none| none.is_empty()));
        assert_eq!(Symbols::new(vec![0, 2], 3).map(|s| (s.len(), s.vocabulary())), Ok((2, 3)));
    }
}
