//! Sentences with numbers in them, put together at compile time, for the assertions of layers whose sizes do not fit.

/// Up to 256 bytes of text that a `const` can build: `format!` cannot run there.
#[derive(Clone, Copy)]
pub(super) struct Sentence {
    bytes: [u8; 256],
    len: usize,
}

impl Sentence {
    pub(super) const fn new() -> Self {
        Sentence { bytes: [0; 256], len: 0 }
    }

    /// Appends words; what does not fit is left out.
    pub(super) const fn text(mut self, words: &str) -> Self {
        let words = words.as_bytes();
        let mut i = 0;
        while i < words.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = words[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    /// Appends a number in decimal.
    pub(super) const fn number(mut self, number: usize) -> Self {
        let mut power = 1;
        while number / power >= 10 {
            power *= 10;
        }
        while power > 0 && self.len < self.bytes.len() {
            self.bytes[self.len] = b'0' + (number / power % 10) as u8;
            self.len += 1;
            power /= 10;
        }
        self
    }

    /// "`layer`: a side of IN, kernel K, stride S and padding P give `gives`, not OUT".
    pub(super) const fn misfit(layer: &str, sizes: [usize; 5], gives: usize) -> Self {
        let [side, out, k, s, p] = sizes;
        let start = Sentence::new().text(layer).text(": IN = ").number(side).text(", K = ").number(k);
        let all = start.text(", S = ").number(s).text(" and P = ").number(p);
        all.text(" give OUT = ").number(gives).text(", not ").number(out)
    }

    pub(super) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            // cut inside a character; the layers' words are ASCII
            Err(_) => "sizes that do not fit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_put_together() {
        const TEXT: Sentence = Sentence::new().text("from ").number(0).text(" to ").number(1_204_050);
        assert_eq!(TEXT.as_str(), "from 0 to 1204050");
        let misfit = Sentence::misfit("Conv2d", [20, 7, 9, 2, 0], 6);
        assert_eq!(misfit.as_str(), "Conv2d: IN = 20, K = 9, S = 2 and P = 0 give OUT = 6, not 7");
    }

    #[test]
    fn too_many_words_are_cut() {
        let long = "word ".repeat(100);
        assert_eq!(Sentence::new().text(&long).number(7).as_str().len(), 256);
    }
}
