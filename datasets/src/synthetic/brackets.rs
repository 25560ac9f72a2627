//! Nested brackets: a formal language whose every next symbol has a known probability.

use rand::RngCore;

use super::{between, within};
use crate::stream::{stream, Kind};
use crate::DatasetError;

/// The brackets of each kind.
const PAIRS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];

/// Random text of properly nested brackets of k kinds, at most D deep (a Dyck language with a bound).
///
/// With n brackets open, the next symbol opens one with probability oₙ, of each kind alike, and closes the innermost
/// one otherwise: o₀ = 1, o_D = 0, oₙ = p in between. Which bracket closes is told by a symbol that may stand far back,
/// beyond all that has been opened and closed since: a model must keep the open brackets in memory, up to D of them.
///
/// The losses below are exact, in nats a symbol, in the long run:
///
/// ```text
/// memoryless       ln 2k                                      who knows how often each symbol comes
/// last symbol      ½ [h(α) + (1 − α) ln k + h(β) + ln k]      who knows the symbol before as well
/// entropy rate     Σₙ πₙ [h(oₙ) + oₙ ln k]                    who knows the open brackets: no model is better
/// ```
///
/// with h the entropy of a coin, π the stationary distribution of the depth, α the probability to close after an opening
/// bracket and β that to open after a closing one.
///
/// # Reference
///
/// Bounded Dyck languages as a test of recurrent networks' memory: Hewitt et al., "RNNs can generate bounded
/// hierarchical languages with optimal memory", EMNLP 2020.
///
/// # Example
///
/// ```
/// use datasets::synthetic::Brackets;
///
/// let language = Brackets::new(2, 3, 0.5)?;
/// let text = language.text(40, 7);
/// assert!(text.starts_with(&language.text(10, 7)) && text.len() == 40);
/// assert!(language.entropy_rate() < language.last_symbol_loss());
/// assert!((language.memoryless_loss() - 4f64.ln()).abs() < 1e-12);
/// # Ok::<(), datasets::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Brackets {
    kinds: usize,
    depth: usize,
    open: f64,
}

impl Brackets {
    /// The language of `kinds` kinds (1 to 4), at most `depth` deep (1 to 64), that opens a bracket with probability
    /// `open` (0.01 to 0.99) where it has a choice.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] outside these ranges.
    pub fn new(kinds: usize, depth: usize, open: f64) -> Result<Self, DatasetError> {
        within("kinds", kinds, 1, PAIRS.len())?;
        within("depth", depth, 1, 64)?;
        between("open", open, 0.01, 0.99)?;
        Ok(Self { kinds, depth, open })
    }

    /// The first `length` symbols of the endless text of a seed, which begins with no bracket open.
    ///
    /// # Complexity
    ///
    /// O(length).
    pub fn text(&self, length: usize, seed: u64) -> String {
        let mut rng = stream(Kind::Brackets, seed, 0);
        let mut unit = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut nested: Vec<usize> = Vec::with_capacity(self.depth);
        let next = |_| {
            // Two numbers a symbol, so that a text of any length is the beginning of a longer one.
            let (choice, kind) = (unit(), unit());
            match nested.pop() {
                Some(innermost) if choice >= self.opens(nested.len() + 1) => PAIRS[innermost].1,
                innermost => {
                    nested.extend(innermost);
                    let kind = ((kind * self.kinds as f64) as usize).min(self.kinds - 1);
                    nested.push(kind);
                    PAIRS[kind].0
                }
            }
        };
        (0..length).map(next).collect()
    }

    /// Σₙ πₙ [h(oₙ) + oₙ ln k]: the loss of who knows the language, in nats a symbol.
    pub fn entropy_rate(&self) -> f64 {
        let depths = self.stationary();
        let loss = |n: usize| coin(self.opens(n)) + self.opens(n) * self.kind();
        depths.iter().enumerate().map(|(n, share)| share * loss(n)).sum()
    }

    /// ln 2k: the least loss of who predicts every symbol alike, in nats; every step down is one up, and all kinds are
    /// alike, so all symbols are equally frequent.
    pub fn memoryless_loss(&self) -> f64 {
        2f64.ln() + self.kind()
    }

    /// The least loss of who looks at the last symbol alone, in nats.
    pub fn last_symbol_loss(&self) -> f64 {
        let depths = self.stationary();
        // Half of all symbols open and half close, which is what the sums are divided by.
        let after_opening = |n: usize| depths[n - 1] * self.opens(n - 1) / 0.5;
        let after_closing = |n: usize| depths[n + 1] * (1.0 - self.opens(n + 1)) / 0.5;
        let closes: f64 = (1..=self.depth).map(|n| after_opening(n) * (1.0 - self.opens(n))).sum();
        let opens: f64 = (0..self.depth).map(|n| after_closing(n) * self.opens(n)).sum();
        0.5 * (coin(closes) + (1.0 - closes) * self.kind() + coin(opens) + self.kind())
    }

    /// −ln p(text) / symbols: what who knows the language pays for this very text, in nats a symbol. It goes to
    /// [`entropy_rate`](Self::entropy_rate) as texts grow.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Inconsistent`] for a text that does not begin a text of the language, and for none.
    pub fn loss_of(&self, text: &str) -> Result<f64, DatasetError> {
        let wrong = |found: String| {
            let expected = format!("brackets of {} kinds, nested at most {} deep", self.kinds, self.depth);
            DatasetError::inconsistent("a text of brackets", expected, found)
        };
        let (mut nested, mut loss, mut length) = (Vec::<usize>::new(), 0.0, 0u64);
        for (at, c) in text.char_indices() {
            let opens = self.opens(nested.len());
            let kinds = PAIRS[..self.kinds].iter();
            if let Some(kind) = kinds.clone().position(|pair| pair.0 == c).filter(|_| opens > 0.0) {
                loss += self.kind() - opens.ln();
                nested.push(kind);
            } else if nested.pop().is_some_and(|innermost| PAIRS[innermost].1 == c) {
                loss -= (1.0 - opens).ln();
            } else {
                return Err(wrong(format!("{c:?} at byte {at}")));
            }
            length += 1;
        }
        if length == 0 {
            return Err(wrong("an empty text".to_string()));
        }
        Ok(loss / length as f64)
    }

    /// ln k.
    fn kind(&self) -> f64 {
        (self.kinds as f64).ln()
    }

    /// oₙ.
    fn opens(&self, n: usize) -> f64 {
        match n {
            0 => 1.0,
            n if n < self.depth => self.open,
            _ => 0.0,
        }
    }

    /// π: as many steps lead from a depth to the next as back, πₙ oₙ = πₙ₊₁ (1 − oₙ₊₁).
    fn stationary(&self) -> Vec<f64> {
        let mut weights = vec![1.0];
        for n in 0..self.depth {
            weights.push(weights[n] * self.opens(n) / (1.0 - self.opens(n + 1)));
        }
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }
}

/// The entropy of a coin that shows heads with probability p, in nats.
fn coin(p: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    part(p) + part(1.0 - p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// H(next | the `order` symbols before it), counted.
    fn counted(text: &str, order: usize) -> f64 {
        let symbols: Vec<char> = text.chars().collect();
        let mut counts: BTreeMap<&[char], BTreeMap<char, f64>> = BTreeMap::new();
        for window in symbols.windows(order + 1) {
            *counts.entry(&window[..order]).or_default().entry(window[order]).or_default() += 1.0;
        }
        let n = (symbols.len() - order) as f64;
        let context = |next: &BTreeMap<char, f64>| {
            let total: f64 = next.values().sum();
            next.values().map(|count| -count * (count / total).ln()).sum::<f64>()
        };
        counts.values().map(context).sum::<f64>() / n
    }

    #[test]
    fn the_losses_are_what_is_counted_in_a_long_text() {
        for (kinds, depth, open) in [(1, 1, 0.5), (2, 3, 0.5), (3, 8, 0.6), (4, 5, 0.3)] {
            let language = Brackets::new(kinds, depth, open).unwrap();
            let text = language.text(200_000, 3);
            for (what, exact, found) in [
                ("memoryless", language.memoryless_loss(), counted(&text, 0)),
                ("last symbol", language.last_symbol_loss(), counted(&text, 1)),
                ("entropy", language.entropy_rate(), language.loss_of(&text).unwrap()),
            ] {
                assert!((exact - found).abs() < 0.01, "{kinds} {depth} {open} {what}: {exact} {found}");
            }
        }
    }

    /// By hand: depths 0, 1, 2 and p = 1/2 have π = (1/4, 1/2, 1/4); only depth 1 has a choice.
    #[test]
    fn a_small_language_by_hand() {
        let language = Brackets::new(2, 2, 0.5).unwrap();
        assert_eq!(language.stationary(), [0.25, 0.5, 0.25]);
        let ln2 = 2f64.ln();
        assert!((language.entropy_rate() - (0.25 * ln2 + 0.5 * 1.5 * ln2)).abs() < 1e-12);
        // After an opening bracket the depth is 1 or 2 alike: it closes with α = 3/4, and opens after a closing one with β.
        let h = coin(0.75);
        assert!((language.last_symbol_loss() - 0.5 * (2.0 * h + 0.25 * ln2 + ln2)).abs() < 1e-12);
        // One kind, one deep: ()()() and so on has nothing to tell.
        let dull = Brackets::new(1, 1, 0.5).unwrap();
        assert_eq!((dull.entropy_rate(), dull.text(5, 9).as_str()), (0.0, "()()("));
    }

    /// Recorded results name a seed, so what a seed stands for must not drift unnoticed. The text comes from a ChaCha8
    /// and a stack written from their definitions in Python, with the same key.
    #[test]
    fn the_text_of_seed_zero_stays_what_it_is() {
        assert_eq!(Brackets::new(3, 4, 0.5).unwrap().text(24, 0), "{[(()[](){}{}{}[])]}()()");
    }

    #[test]
    fn what_is_not_of_the_language_is_named() {
        let language = Brackets::new(2, 2, 0.5).unwrap();
        for (text, place) in [
            ("(]", "']' at byte 1"),
            (")", "')' at byte 0"),
            ("([(", "'(' at byte 2"),
            ("{", "'{'"),
            ("", "empty"),
        ] {
            let message = language.loss_of(text).unwrap_err().to_string();
            assert!(message.contains(place), "{text}: {message}");
        }
        let cases = [(0, 1, 0.5, "kinds is 0"), (5, 1, 0.5, "kinds is 5"), (1, 0, 0.5, "depth is 0")];
        for (kinds, depth, open, start) in cases.into_iter().chain([
            (1, 65, 0.5, "depth is 65"),
            (1, 1, 1.0, "open is 1"),
            (1, 1, f64::NAN, "open is NaN"),
        ]) {
            let message = Brackets::new(kinds, depth, open).unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_of_the_language_and_begins_a_longer_one(
            kinds in 1usize..=4, depth in 1usize..=64, open in 0.01f64..0.99, seed: u64, length in 1usize..300,
        ) {
            let language = Brackets::new(kinds, depth, open).unwrap();
            let text = language.text(length, seed);
            prop_assert_eq!(text.chars().count(), length);
            prop_assert!(language.loss_of(&text).is_ok());
            prop_assert!(language.text(length + 10, seed).starts_with(&text));
            let (rate, last) = (language.entropy_rate(), language.last_symbol_loss());
            prop_assert!(rate <= last + 1e-12 && last <= language.memoryless_loss() + 1e-12);
            prop_assert!((language.stationary().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
