//! The head of a Matrix Market file and its entries, for graphs and for features.

use std::path::{Path, PathBuf};

use crate::error::quote;
use crate::scan::{line_length, scan, Bad};
use crate::text::At;
use crate::token::Fields;
use crate::two_pass::{Entries, Entry};
use crate::DatasetError;

/// What the first line starts with.
pub(crate) const BANNER: &[u8] = b"%%MatrixMarket";

const HEADER: &str = "`%%MatrixMarket matrix {coordinate|array} {pattern|real|integer} {general|symmetric}`";
const WRITE_AGAIN: &str = "write the matrix again in one of these forms";
const CHECK: &str = "check the file against its size line, it may be cut or changed";

/// The head of a file: its first line, and its size line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Every value is written, column after column; otherwise entries are `row column [value]`.
    pub(crate) array: bool,
    /// Entries have no value.
    pub(crate) pattern: bool,
    /// Entries stand for their mirror image too.
    pub(crate) symmetric: bool,
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    /// Lines that follow.
    pub(crate) entries: u64,
    /// Where the size line is.
    pub(crate) at: At,
}

/// What [`read_entries`] hands on: an entry, or the next value of an array.
pub(crate) enum Item {
    Entry(Entry),
    Value(f32),
}

impl Head {
    /// Reads `line`, the first of a file.
    fn begin(line: &str) -> Result<Self, Box<Bad>> {
        let bad = |expected: &str| Bad::new(expected, quote(line.trim_end()), WRITE_AGAIN);
        let lower = line.to_ascii_lowercase();
        let words: Vec<&str> = lower.split_ascii_whitespace().collect();
        let &["%%matrixmarket", "matrix", layout, field, symmetry] = &words[..] else {
            return Err(bad(HEADER));
        };
        let array = match layout {
            "coordinate" => false,
            "array" => true,
            _ => return Err(bad("a matrix in coordinate or array form")),
        };
        let pattern = match field {
            "pattern" if !array => true,
            "real" | "integer" | "double" => false,
            _ => return Err(bad("values that are real, integer or (in coordinate form) pattern")),
        };
        let symmetric = match symmetry {
            "general" => false,
            "symmetric" if !array => true,
            _ => return Err(bad("a general or (in coordinate form) symmetric matrix")),
        };
        let at = At { line: 0, offset: 0 };
        Ok(Self { array, pattern, symmetric, rows: 0, columns: 0, entries: 0, at })
    }

    /// Reads the size line.
    fn sizes(&mut self, rest: &[u8], at: At) -> Result<(), Box<Bad>> {
        let form =
            if self.array { "a size line `rows columns`" } else { "a size line `rows columns entries`" };
        let bad = |fields: &Fields<'_>| Bad::new(form, fields.quoted(), CHECK);
        let wanted = if self.array { 2 } else { 3 };
        let mut fields = Fields::new(rest);
        let mut sizes = [0; 3];
        for (i, size) in sizes.iter_mut().take(wanted).enumerate() {
            *size = fields.whole().ok_or_else(|| bad(&fields))?;
            if fields.next_field()? != (i + 1 < wanted) {
                return Err(Bad::new(form, quote(&String::from_utf8_lossy(trim(rest))), CHECK));
            }
        }
        [self.rows, self.columns, self.entries] = sizes;
        if self.array {
            let product = self.rows.checked_mul(self.columns);
            self.entries = product.ok_or_else(|| Bad::new("fewer values", "more than 2^64", CHECK))?;
        }
        self.at = at;
        Ok(())
    }
}

/// Reads the head of `file` alone.
pub(crate) fn read_head(file: &Path) -> Result<Head, DatasetError> {
    // The scan is stopped by an error, which is dropped when the head was read before it.
    let mut head = None;
    let (mut sized, mut line) = (false, 1);
    let result = scan(file, |rest, at| {
        line = at.line;
        if sized {
            return Err(Bad::new("", "", ""));
        }
        step(&mut head, &mut sized, rest, at)
    });
    match (head, sized, result) {
        (Some(head), true, _) => Ok(head),
        (_, _, Err(error)) => Err(error),
        (_, _, Ok(at)) => {
            let hint = "fetch or write the file again, it is empty or was cut short";
            Err(Bad::new(format!("{HEADER} and a size line"), "the end of the file", hint).place(file, at))
        }
    }
}

/// Takes one line of the head.
fn step(head: &mut Option<Head>, sized: &mut bool, rest: &[u8], at: At) -> Result<usize, Box<Bad>> {
    let length = line_length(rest);
    let line = &rest[..length];
    match head {
        None => *head = Some(Head::begin(&String::from_utf8_lossy(&line[..line.len().min(200)]))?),
        Some(_) if skipped(line) => {}
        Some(head) => {
            head.sizes(line, at)?;
            *sized = true;
        }
    }
    Ok(length)
}

fn skipped(line: &[u8]) -> bool {
    line.first() == Some(&b'%') || line.iter().all(u8::is_ascii_whitespace)
}

fn trim(rest: &[u8]) -> &[u8] {
    rest[..line_length(rest)].trim_ascii()
}

/// Reads the entries of `file`, whose head was `known`, counted from 0 and inside the size line's bounds.
///
/// `signed` allows values below zero, which weights may not have.
pub(crate) fn read_entries(
    file: &Path,
    known: &Head,
    signed: bool,
    mut each: impl FnMut(Item, At) -> Result<(), Box<Bad>>,
) -> Result<At, DatasetError> {
    let (mut head, mut sized, mut found) = (None, false, 0);
    let end = scan(file, |rest, at| {
        if !sized {
            let length = step(&mut head, &mut sized, rest, at)?;
            if sized && head.as_ref() != Some(known) {
                let hint = "the file was changed meanwhile, so read it again when nothing writes to it";
                return Err(Bad::new("the head that was read first", "another", hint));
            }
            return Ok(length);
        }
        let mut fields = Fields::new(rest);
        match fields.peek() {
            b'\n' => return Ok(fields.length()),
            b'%' => return Ok(line_length(rest)),
            _ => {}
        }
        if found == known.entries {
            let expected = format!("{found} entries, as line {} says", known.at.line);
            return Err(Bad::new(expected, "one more", CHECK));
        }
        found += 1;
        let item = if known.array {
            Item::Value(value(&mut fields, signed)?)
        } else {
            Item::Entry(entry(&mut fields, known, signed)?)
        };
        if fields.next_field()? {
            let form = form(known);
            return Err(Bad::new(form, format!("{} after it", fields.quoted()), WRITE_AGAIN));
        }
        each(item, at)?;
        Ok(fields.length())
    })?;
    if found < known.entries {
        let expected = format!("{} entries, as line {} says", known.entries, known.at.line);
        return Err(Bad::new(expected, format!("the end of the file after {found}"), CHECK).place(file, end));
    }
    Ok(end)
}

#[inline]
fn entry(fields: &mut Fields<'_>, head: &Head, signed: bool) -> Result<Entry, Box<Bad>> {
    let row = index(fields, "row", head.rows, head)?;
    next(fields, head)?;
    let column = index(fields, "column", head.columns, head)?;
    let weight = if head.pattern {
        None
    } else {
        next(fields, head)?;
        Some(value(fields, signed)?)
    };
    Ok(Entry { row, column, weight })
}

/// An index from 1 to `size`, as one from 0.
#[inline]
fn index(fields: &mut Fields<'_>, what: &str, size: u64, head: &Head) -> Result<u64, Box<Bad>> {
    let before = *fields;
    match fields.whole() {
        Some(index) if (1..=size).contains(&index) => Ok(index - 1),
        _ => {
            let expected = format!("a {what} from 1 to {size}, as line {} says", head.at.line);
            Err(Bad::new(expected, before.quoted(), CHECK))
        }
    }
}

#[inline]
fn next(fields: &mut Fields<'_>, head: &Head) -> Result<(), Box<Bad>> {
    if fields.next_field()? {
        return Ok(());
    }
    Err(Bad::new(form(head), "the end of the line", WRITE_AGAIN))
}

fn form(head: &Head) -> &'static str {
    match (head.array, head.pattern) {
        (true, _) => "one value a line",
        (_, true) => "`row column`",
        _ => "`row column value`",
    }
}

/// A value, or a weight where `signed` is false.
#[inline]
pub(crate) fn value(fields: &mut Fields<'_>, signed: bool) -> Result<f32, Box<Bad>> {
    let before = *fields;
    match fields.number() {
        Some(value) if value.is_finite() && (signed || value >= 0.0) => Ok(value),
        _ if signed => {
            let hint = "correct the value, or leave the entry out for zero";
            Err(Bad::new("a finite value that a float of 32 bits holds", before.quoted(), hint))
        }
        _ => {
            let hint = "correct or shift the weight, or leave the weights out";
            let expected = "a weight that is finite and at least 0 (0 for no edge)";
            Err(Bad::new(expected, before.quoted(), hint))
        }
    }
}

/// The entries of a coordinate file.
pub(crate) struct Coordinates {
    pub(crate) file: PathBuf,
    pub(crate) head: Head,
    pub(crate) both_ways: bool,
    /// A matrix of nodes by nodes with weights from 0; otherwise one of values of either sign.
    pub(crate) graph: bool,
}

impl Entries for Coordinates {
    fn file(&self) -> &Path {
        &self.file
    }

    fn both_ways(&self) -> bool {
        self.both_ways
    }

    fn square(&self) -> bool {
        self.graph
    }

    fn weighted(&self) -> bool {
        !self.head.pattern
    }

    fn pass(&self, mut each: impl FnMut(Entry, At) -> Result<(), Box<Bad>>) -> Result<At, DatasetError> {
        read_entries(&self.file, &self.head, !self.graph, |item, at| match item {
            Item::Entry(entry) => each(entry, at),
            Item::Value(_) => Ok(()),
        })
    }
}
