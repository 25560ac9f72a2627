//! Damages files: bits, cuts, splices, lengths that lie and numbers that are too large, each from a seed.

use std::time::{Duration, Instant};

/// How long each format is fuzzed, in seconds; one second when it is not set.
pub const SECONDS_VARIABLE: &str = "EIGHTFOLD_FUZZ_SECONDS";

/// Numbers as a text file has them, of which each is out of some range.
const TEXTS: [&str; 22] = [
    "-1",
    "0",
    "1",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "1099511627776",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "1e999",
    "-1e-999",
    "NaN",
    "inf",
    "0.1",
    "\"x\"",
    "null",
    "[]",
];

/// The same as a binary file has them.
const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0xff,
    0x100,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// A generator of damage: the same seed does the same.
#[derive(Clone, Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// Damage number `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Mutator(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() % (end.max(1) as u64)).unwrap_or(0)
    }

    /// Damages the bytes once to four times. Half of the places lie in the first 64 bytes, where headers are.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(4) {
            self.once(bytes);
        }
    }

    fn place(&mut self, len: usize) -> usize {
        let end = if self.bits().is_multiple_of(2) { len.min(64) } else { len };
        self.below(end)
    }

    fn span(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.place(len);
        start..(start + 1 + self.below(24)).min(len)
    }

    fn once(&mut self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        let at = self.place(len);
        let text = TEXTS[self.below(TEXTS.len())].as_bytes();
        match self.below(11) {
            _ if len == 0 => bytes.extend_from_slice(text),
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = [0, 0xff, 0x80, b'\n', b' ', b'-', b'9', b'"'][self.below(8)],
            2 => bytes.truncate(self.below(len)),
            3 => drop(bytes.drain(self.span(len))),
            4 => {
                // a piece of the file, elsewhere
                let piece = bytes[self.span(len)].to_vec();
                bytes.splice(at..at, piece);
            }
            5 | 6 => {
                // a length that lies
                let (number, width) = (NUMBERS[self.below(NUMBERS.len())], [1, 2, 4, 8][self.below(4)]);
                let number = if self.bits().is_multiple_of(4) { number.wrapping_sub(1) } else { number };
                let big = number.to_be_bytes();
                let field = if self.bits().is_multiple_of(2) {
                    number.to_le_bytes()[..width].to_vec()
                } else {
                    big[8 - width..].to_vec()
                };
                let end = (at + width).min(len);
                bytes.splice(at..end, field);
            }
            7 => drop(bytes.splice(at..at, text.iter().copied())),
            8 | 9 => {
                // a number of a text
                let digit = |b: &u8| b.is_ascii_digit();
                let start = bytes[at..].iter().position(digit).map_or(at, |next| at + next);
                let end = start + bytes[start..].iter().take_while(|b| digit(b)).count();
                bytes.splice(start..end, text.iter().copied());
            }
            _ => {
                let extra = 1 + self.below(40);
                let byte = self.bits().to_le_bytes()[0];
                bytes.extend(std::iter::repeat_n(byte, extra));
            }
        }
    }
}

/// For how long to fuzz a format.
///
/// # Panics
/// When [`SECONDS_VARIABLE`] is no number.
#[must_use]
pub fn seconds() -> Duration {
    let given = std::env::var(SECONDS_VARIABLE).ok().filter(|text| !text.is_empty());
    let given = given
        .map_or(1.0, |text| text.parse::<f64>().unwrap_or_else(|why| panic!("{SECONDS_VARIABLE}: {why}")));
    Duration::from_secs_f64(given)
}

/// Calls `case` with the seeds from 0 on until the time of a format is over, and at least `least` times; gives how many times.
pub fn for_a_while(least: u64, mut case: impl FnMut(u64)) -> u64 {
    let (start, time) = (Instant::now(), seconds());
    let mut seed = 0;
    while seed < least || start.elapsed() < time {
        case(seed);
        seed += 1;
    }
    seed
}
