//! Aligned text tables for a terminal.

/// A column of a [`TextTable`].
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// The widest it may be; longer cells wrap.
    pub max: usize,
    /// Whether its cells stand at the right, as numbers do.
    pub right: bool,
}

/// Rows of cells that are aligned, and wrapped where they are too long.
#[derive(Debug, Clone)]
pub struct TextTable {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// An empty table.
    ///
    /// # Example
    /// ```
    /// use shared::claims::{Column, TextTable};
    /// let mut table = TextTable::new(&[
    ///     Column { name: "hops", max: 6, right: true },
    ///     Column { name: "accuracy", max: 10, right: false },
    /// ]);
    /// table.row(["2", "0.8609"]);
    /// assert_eq!(table.render(), "hops  accuracy\n────  ────────\n   2  0.8609\n");
    /// ```
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty, further ones are dropped.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let mut cells: Vec<String> = cells.into_iter().map(|c| c.into()).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// The table as lines, each ended, with two spaces between columns.
    #[must_use]
    pub fn render(&self) -> String {
        let wrapped: Vec<Vec<Vec<String>>> = self.rows.iter().map(|row| self.wrap_row(row)).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|c| {
                let cells = wrapped.iter().flat_map(|row| row[c].iter().map(|line| width(line)));
                cells.chain([width(self.columns[c].name)]).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        self.line(&mut out, &widths, |c| self.columns[c].name.into());
        self.line(&mut out, &widths, |c| "─".repeat(widths[c]));
        for row in &wrapped {
            let height = row.iter().map(Vec::len).max().unwrap_or(0);
            for i in 0..height {
                self.line(&mut out, &widths, |c| row[c].get(i).cloned().unwrap_or_default());
            }
        }
        out
    }

    fn wrap_row(&self, row: &[String]) -> Vec<Vec<String>> {
        row.iter().zip(&self.columns).map(|(cell, column)| wrap(cell, column.max)).collect()
    }

    fn line(&self, out: &mut String, widths: &[usize], cell: impl Fn(usize) -> String) {
        let mut line = String::new();
        for (c, column) in self.columns.iter().enumerate() {
            let text = cell(c);
            let pad = " ".repeat(widths[c].saturating_sub(width(&text)));
            let gap = if c == 0 { "" } else { "  " };
            let (before, after) = if column.right { (pad.as_str(), "") } else { ("", pad.as_str()) };
            line.extend([gap, before, &text, after]);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Breaks text into lines of at most `max` columns, at spaces where it can.
#[must_use]
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(&word) <= max {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(&word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while width(&word) > max {
            let cut = cut_at(&word, max);
            let rest = word.split_off(cut);
            lines.push(std::mem::replace(&mut word, rest));
        }
        line = word;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Columns that text takes on a terminal: combining marks take none, East Asian wide characters take two.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match c as u32 {
        0x0300..=0x036F | 0x200B..=0x200F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F => 2,
        0xFF00..=0xFF60 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// The byte at which the first `max` columns end; at least one character is kept.
fn cut_at(text: &str, max: usize) -> usize {
    let mut used = 0;
    for (i, c) in text.char_indices() {
        used += char_width(c);
        if used > max && i > 0 {
            return i;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_cells_wrap_in_their_column() {
        let mut table = TextTable::new(&[
            Column { name: "a", max: 4, right: false },
            Column { name: "b", max: 9, right: true },
        ]);
        table.row(["one two", "1"]);
        table.row(["x̂ = Wx"]);
        let expected = "a    b\n───  ─\none  1\ntwo\nx̂ =\nWx\n";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn marks_and_wide_characters_are_counted_as_shown() {
        assert_eq!((width("x̂"), width("P*"), width("図")), (1, 2, 2));
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_letter_and_every_bound(text in "[a-zé図 ]{0,80}", max in 2usize..20) {
            let lines = wrap(&text, max);
            for line in &lines {
                prop_assert!(width(line) <= max);
            }
            let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
