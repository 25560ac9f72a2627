//! The fields of one line, parsed from bytes without making strings.

use crate::error::quote;
use crate::scan::Bad;

/// Walks over a line: fields of digits or numbers, separated by blanks, tabs or one comma each.
///
/// The bytes may go on past the line; everything stops at its `\n`.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// At the first field of the line, past the blanks before it.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut fields = Self { bytes, at: 0 };
        fields.skip_blank();
        fields
    }

    /// The byte that comes next; a line end past the last one.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(b'\n')
    }

    /// Whether nothing is left in the line.
    #[inline]
    pub(crate) fn at_end(&self) -> bool {
        self.peek() == b'\n'
    }

    /// The bytes of the line with its `\n`, for a walk that has reached the end.
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.at + 1
    }

    /// Steps to the next field; `false` at the end of the line.
    ///
    /// # Errors
    ///
    /// A comma with no field after it, or two commas in a row.
    #[inline]
    pub(crate) fn next_field(&mut self) -> Result<bool, Box<Bad>> {
        self.skip_blank();
        if self.peek() == b',' {
            self.at += 1;
            self.skip_blank();
            if matches!(self.peek(), b',' | b'\n') {
                return Err(Bad::new(
                    "a field after each comma",
                    "none",
                    "fill the field in, or drop the comma",
                ));
            }
        }
        Ok(!self.at_end())
    }

    /// The whole number from 0 that the field holds, or `None` (and no step) where it holds anything else.
    #[inline]
    pub(crate) fn whole(&mut self) -> Option<u64> {
        let (mut at, mut value) = (self.at, 0u64);
        while let Some(digit) =
            self.bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10)
        {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        let digits = &self.bytes[self.at..at];
        if digits.is_empty() || !self.bytes.get(at).is_none_or(|&byte| stops(byte)) {
            return None;
        }
        if digits.len() > 19 {
            // Twenty digits may pass 64 bits.
            value = std::str::from_utf8(digits).ok()?.parse().ok()?;
        }
        self.at = at;
        Some(value)
    }

    /// The decimal number that the field holds, as the nearest `f32`, or `None` (and no step).
    ///
    /// A number too small for an `f32` is refused as well, because it would read as zero.
    pub(crate) fn number(&mut self) -> Option<f32> {
        let field = self.field();
        let value: f32 = std::str::from_utf8(field).ok()?.parse().ok()?;
        let digits = field.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
        if value == 0.0 && digits.iter().any(|byte| matches!(byte, b'1'..=b'9')) {
            return None;
        }
        self.at += field.len();
        Some(value)
    }

    /// The field in quotes, for an error.
    #[cold]
    pub(crate) fn quoted(&self) -> String {
        quote(&String::from_utf8_lossy(self.field()))
    }

    fn field(&self) -> &'a [u8] {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        &rest[..rest.iter().position(|&byte| stops(byte)).unwrap_or(rest.len())]
    }

    #[inline]
    fn skip_blank(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r') {
            self.at += 1;
        }
    }
}

#[inline]
fn stops(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_digits_and_nothing_else() {
        let whole = |text: &str| Fields::new(format!("{text}\n").as_bytes()).whole();
        for (text, value) in [
            ("0", 0),
            ("  007 ", 7),
            ("18446744073709551615", u64::MAX),
            ("0000000000000000000000042", 42),
            ("9999999999999999999,", 9_999_999_999_999_999_999),
        ] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        for text in
            ["", "-1", "+1", "1.0", "1e3", "x", "1x", "18446744073709551616", "99999999999999999999999"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_the_nearest_float_and_never_a_silent_zero() {
        let number = |text: &str| Fields::new(format!("{text}\n").as_bytes()).number();
        assert_eq!(number("0.1 9"), Some(0.1));
        assert_eq!(number("0.000e9"), Some(0.0));
        assert_eq!(number("1e400"), Some(f32::INFINITY));
        assert_eq!(number("-3"), Some(-3.0));
        for text in ["1e-60", "-0.0000000000000000000000000000000000000000000000000001", "one", "", "\u{e9}"]
        {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn fields_are_separated_by_blanks_or_one_comma() {
        let count = |text: &str| {
            let line = format!("{text}\n");
            let mut fields = Fields::new(line.as_bytes());
            let mut count = 0;
            while fields.whole().is_some() {
                count += 1;
                match fields.next_field() {
                    Ok(true) => {}
                    Ok(false) => return Some(count),
                    Err(_) => return None,
                }
            }
            None
        };
        assert_eq!(
            (count("1 2"), count("1,2"), count(" 1 ,\t2 \r"), count("1\t 2 3")),
            (Some(2), Some(2), Some(2), Some(3))
        );
        assert_eq!((count("1,,2"), count("1,"), count(",1"), count("1;2")), (None, None, None, None));
    }
}
