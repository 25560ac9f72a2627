//! A text cut into parallel streams, and those into pieces.

use crate::DatasetError;

/// B streams of a text, read side by side in pieces of S steps, for truncated backpropagation through time.
///
/// Stream b begins at symbol b L of the text, with L = ⌊(n − 1) / B⌋ for a text of n symbols; the target of a symbol is
/// the one that follows it. The last piece of a pass is shorter where S does not divide L; the at most B symbols that
/// are left over at the end are not read.
///
/// It is an iterator over the pieces of one pass. Its place is a number: [`position`](Self::position) to be kept in a
/// checkpoint, [`seek`](Self::seek) to go on there, and 0 to begin the next pass.
///
/// # Example
///
/// ```
/// use datasets::characters::Streams;
///
/// let mut streams = Streams::new(vec![0, 1, 2, 3, 4, 5, 6, 7, 8], 2, 3)?;
/// let first = streams.next().unwrap();
/// assert_eq!(first.inputs, [0, 4, 1, 5, 2, 6]);
/// assert_eq!(first.targets, [1, 5, 2, 6, 3, 7]);
/// let last = streams.next().unwrap();
/// assert_eq!((last.steps, last.inputs, last.targets), (1, vec![3, 7], vec![4, 8]));
/// assert!(streams.next().is_none());
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Streams {
    text: Vec<u8>,
    streams: usize,
    steps: usize,
    /// L.
    length: usize,
    /// The piece to come.
    position: usize,
}

/// A piece of every stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// S B symbols, those of a step beside each other.
    pub inputs: Vec<usize>,
    /// The symbols that follow them, in the same order.
    pub targets: Vec<usize>,
    /// S.
    pub steps: usize,
    /// B.
    pub streams: usize,
    /// Whether it is the first of a pass: a model's state starts anew.
    pub first: bool,
}

impl Streams {
    /// Cuts a text of symbols into `streams` streams with pieces of `steps` steps.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] for 0 streams or steps, and for more streams than the text has symbols with one
    /// that follows.
    pub fn new(text: Vec<u8>, streams: usize, steps: usize) -> Result<Self, DatasetError> {
        if steps == 0 {
            return Err(DatasetError::config("steps", steps, "at least 1"));
        }
        let most = text.len().saturating_sub(1);
        if !(1..=most).contains(&streams) {
            let allowed = format!("1 to {most}, one less than the symbols of the text");
            let allowed =
                if most == 0 { "used with a text of at least 2 symbols".to_string() } else { allowed };
            return Err(DatasetError::config("streams", streams, allowed));
        }
        Ok(Self { length: most / streams, text, streams, steps, position: 0 })
    }

    /// The pieces of a pass.
    pub fn pieces(&self) -> usize {
        self.length.div_ceil(self.steps)
    }

    /// The symbols that a pass predicts: B L.
    pub fn predicted(&self) -> usize {
        self.streams * self.length
    }

    /// Piece `index` of a pass; `None` past the last.
    ///
    /// # Complexity
    ///
    /// O(S B), wherever it is.
    pub fn piece(&self, index: usize) -> Option<Piece> {
        if index >= self.pieces() {
            return None;
        }
        let start = index * self.steps;
        let steps = self.steps.min(self.length - start);
        let symbol = |at: usize| usize::from(self.text[at]);
        let places =
            || (start..start + steps).flat_map(|t| (0..self.streams).map(move |b| b * self.length + t));
        Some(Piece {
            inputs: places().map(symbol).collect(),
            targets: places().map(|at| symbol(at + 1)).collect(),
            steps,
            streams: self.streams,
            first: index == 0,
        })
    }

    /// How many pieces of this pass have been read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Goes on with piece `position`; 0 begins a pass, and the number of pieces is its end.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] past the end.
    pub fn seek(&mut self, position: usize) -> Result<(), DatasetError> {
        if position > self.pieces() {
            return Err(DatasetError::config("position", position, format!("0 to {}", self.pieces())));
        }
        self.position = position;
        Ok(())
    }
}

impl Iterator for Streams {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let piece = self.piece(self.position)?;
        self.position += 1;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let message =
            |text: Vec<u8>, streams, steps| Streams::new(text, streams, steps).unwrap_err().to_string();
        assert!(message(vec![0; 9], 1, 0).starts_with("steps is 0, but must be at least 1"));
        assert!(message(vec![0; 9], 9, 1).starts_with("streams is 9, but must be 1 to 8"));
        assert!(message(vec![0; 9], 0, 1).starts_with("streams is 0, but must be 1 to 8"));
        assert!(message(vec![0], 1, 1).contains("a text of at least 2 symbols"));
        assert_eq!(Streams::new(vec![0; 9], 8, 5).unwrap().count(), 1);
        let mut streams = Streams::new(vec![0; 9], 2, 2).unwrap();
        assert!(streams.seek(2).is_ok() && streams.next().is_none());
        assert!(streams.seek(3).unwrap_err().to_string().starts_with("position is 3, but must be 0 to 2"));
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_and_go_on_anywhere(
            text in prop::collection::vec(0u8..=255, 2..200), streams in 1usize..6, steps in 1usize..9, cut in 0usize..50,
        ) {
            prop_assume!(streams < text.len());
            let whole = Streams::new(text.clone(), streams, steps).unwrap();
            let pieces: Vec<Piece> = whole.clone().collect();
            prop_assert_eq!(pieces.len(), whole.pieces());
            let length = (text.len() - 1) / streams;
            prop_assert_eq!(whole.predicted(), streams * length);
            for b in 0..streams {
                let stream = |of: fn(&Piece) -> &[usize]| -> Vec<u8> {
                    pieces.iter().flat_map(|p| of(p).chunks(p.streams).map(|step| step[b] as u8)).collect()
                };
                prop_assert_eq!(&stream(|p| &p.inputs)[..], &text[b * length..][..length]);
                prop_assert_eq!(&stream(|p| &p.targets)[..], &text[b * length + 1..][..length]);
            }
            prop_assert!(pieces.iter().enumerate().all(|(at, piece)| piece.first == (at == 0)));
            let cut = cut.min(pieces.len());
            let mut resumed = Streams::new(text, streams, steps).unwrap();
            resumed.seek(cut).unwrap();
            prop_assert_eq!(resumed.collect::<Vec<_>>(), &pieces[cut..]);
        }
    }
}
