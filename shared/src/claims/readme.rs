//! README tables that are generated from `results/*.json`, between markers:
//!
//! ```text
//! <!-- generated:claims -->
//! (replaced)
//! <!-- /generated:claims -->
//! ```
//!
//! The functions are pure; a test of each paper crate calls [`check`] and so fails when its README drifts.

use std::ops::Range;

use thiserror::Error;

use super::number::{duration, number};
use super::{ClaimResult, Row, Verdict};

/// What is wrong with a generated block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadmeError {
    /// A marker is missing, doubled or in the wrong order.
    #[error(
        "the markers of block '{name}' are {found}; have '<!-- generated:{name} -->' once and \
         '<!-- /generated:{name} -->' once after it"
    )]
    Markers {
        /// The block.
        name: String,
        /// What was seen.
        found: &'static str,
    },
    /// The block is not what the results give.
    #[error(
        "block '{name}' has drifted from the results at its line {line}: it says '{found}' where the results \
         give '{expected}'; run `claims --update-readme` and commit the change"
    )]
    Drift {
        /// The block.
        name: String,
        /// First line that differs, from 1.
        line: usize,
        /// What the block says.
        found: String,
        /// What the results give.
        expected: String,
    },
}

/// A Markdown table with one row a result, in the order given, and below it every number of each result, folded away.
#[must_use]
pub fn render(results: &[ClaimResult]) -> String {
    let mut out = String::from(
        "| claim | where | paper | measured, 95 % interval | verdict | protocol | time | command |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for r in results {
        let c = &r.claim;
        let cells = [
            format!("**{}**: {}", c.id, c.statement),
            c.section.clone(),
            c.paper.clone(),
            r.headline(),
            r.verdict.badge().to_lowercase(),
            c.protocol.clone(),
            duration(r.run.wall_s),
            format!("`{}`", r.run.command),
        ];
        out.push_str(&format!("| {} |\n", cells.map(|c| escape(&c)).join(" | ")));
    }
    for r in results {
        if let Some(measured) = r.measured.as_ref().filter(|m| m.rows.len() > 1) {
            out.push_str(&numbers(&r.claim.id, &measured.rows));
        }
    }
    out
}

/// What the front page says of one paper.
#[derive(Debug, Clone, Copy)]
pub struct FrontRow<'a> {
    /// Name of the crate.
    pub name: &'a str,
    /// The paper, in one line.
    pub about: &'a str,
    /// The claim that it is known for.
    pub headline: &'a str,
    /// What was found, of all its claims.
    pub results: &'a [ClaimResult],
    /// How many of its claims have no result.
    pub missing: usize,
}

/// A Markdown table with one row a paper: the claim that it is known for and what came of it, and how its other claims came
/// out.
#[must_use]
pub fn render_front(rows: &[FrontRow<'_>]) -> String {
    let mut out = String::from(
        "| crate | what the paper claims | the paper's number | ours, 95 % interval | verdict | why | command and its time | all its claims |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let known = row.results.iter().find(|r| r.claim.id == row.headline);
        let claim =
            known.map_or_else(|| "–".into(), |r| format!("{} ({})", r.claim.statement, r.claim.section));
        let mut tally: Vec<String> = [
            (Verdict::Holds, "hold"),
            (Verdict::Partly, "partly"),
            (Verdict::Fails, "fail"),
            (Verdict::Undecided, "undecided"),
            (Verdict::NotRun, "not run"),
        ]
        .into_iter()
        .map(|(verdict, word)| (row.results.iter().filter(|r| r.verdict == verdict).count(), word))
        .chain([(row.missing, "not measured in full")])
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
        if tally.is_empty() {
            tally.push("none yet".into());
        }
        let cells = [
            format!("[{0}](crates/{0}): {1}", row.name, row.about),
            claim,
            known.map_or_else(|| "–".into(), |r| r.claim.paper.clone()),
            known.map_or_else(|| "–".into(), labelled),
            known.map_or_else(|| "–".into(), |r| r.verdict.badge().to_lowercase()),
            known.map_or_else(|| "–".into(), |r| r.reason.clone()),
            known.map_or_else(|| "–".into(), |r| format!("`{}`, {}", r.run.command, duration(r.run.wall_s))),
            format!("[{}](crates/{}/README.md#check-the-paper)", tally.join(", "), row.name),
        ];
        out.push_str(&format!("| {} |\n", cells.map(|c| escape(&c)).join(" | ")));
    }
    out
}

/// The headline with what it is of.
fn labelled(result: &ClaimResult) -> String {
    let row = result.measured.as_ref().and_then(|measured| measured.rows.first());
    row.map_or_else(|| result.headline(), |row| format!("{}: {}", row.label, result.headline()))
}

/// Every quantity of a result, in a block that opens on a click.
fn numbers(id: &str, rows: &[Row]) -> String {
    let mut out = format!(
        "\n<details><summary>{}: every number</summary>\n\n\
         | quantity | mean | 95 % interval | n | paper |\n|---|---|---|---|---|\n",
        escape(id)
    );
    for row in rows {
        let cells = [
            row.label.clone(),
            number(row.interval.mean),
            if row.interval.n > 1 {
                format!("{} to {}", number(row.interval.lo), number(row.interval.hi))
            } else {
                "–".into()
            },
            row.interval.n.to_string(),
            row.paper.map_or_else(|| "–".into(), number),
        ];
        out.push_str(&format!("| {} |\n", cells.map(|c| escape(&c)).join(" | ")));
    }
    out + "\n</details>\n"
}

/// The text between the markers of block `name`, without the line ends that touch them.
///
/// # Errors
/// [`ReadmeError::Markers`].
pub fn block<'t>(text: &'t str, name: &str) -> Result<&'t str, ReadmeError> {
    Ok(text[find(text, name)?].trim_matches(['\r', '\n']))
}

/// `text` with `body` between the markers of block `name`.
///
/// # Errors
/// [`ReadmeError::Markers`].
///
/// # Example
/// ```
/// use shared::claims::readme::{block, replace_block};
/// let text = "# Title\n<!-- generated:claims -->\nold\n<!-- /generated:claims -->\n";
/// let text = replace_block(text, "claims", "| new |")?;
/// assert_eq!(block(&text, "claims")?, "| new |");
/// assert_eq!(replace_block(&text, "claims", "| new |")?, text);
/// # Ok::<(), shared::claims::readme::ReadmeError>(())
/// ```
pub fn replace_block(text: &str, name: &str, body: &str) -> Result<String, ReadmeError> {
    let inside = find(text, name)?;
    Ok(format!("{}\n{}\n{}", &text[..inside.start], body.trim_matches('\n'), &text[inside.end..]))
}

/// Fails where block `name` is not `body`.
///
/// # Errors
/// [`ReadmeError::Markers`] and [`ReadmeError::Drift`], which shows the first line that differs.
pub fn check(text: &str, name: &str, body: &str) -> Result<(), ReadmeError> {
    let (found, expected) = (block(text, name)?, body.trim_matches('\n'));
    let mut pairs = (found.lines().map(str::trim_end), expected.lines().map(str::trim_end));
    for line in 1.. {
        let (found, expected) = match (pairs.0.next(), pairs.1.next()) {
            (None, None) => break,
            (found, expected) if found == expected => continue,
            (found, expected) => (found.unwrap_or_default().into(), expected.unwrap_or_default().into()),
        };
        return Err(ReadmeError::Drift { name: name.into(), line, found, expected });
    }
    Ok(())
}

/// Where the text between the markers lies.
fn find(text: &str, name: &str) -> Result<Range<usize>, ReadmeError> {
    let (open, close) = (format!("<!-- generated:{name} -->"), format!("<!-- /generated:{name} -->"));
    let wrong = |found| ReadmeError::Markers { name: name.into(), found };
    if text.matches(&open).count() > 1 || text.matches(&close).count() > 1 {
        return Err(wrong("there more than once"));
    }
    let (Some(start), Some(end)) = (text.find(&open), text.find(&close)) else {
        return Err(wrong("not both there"));
    };
    let start = start + open.len();
    if start > end {
        return Err(wrong("in the wrong order"));
    }
    Ok(start..end)
}

fn escape(cell: &str) -> String {
    cell.replace('|', "\\|").replace('<', "&lt;").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{measured, result};
    use super::*;

    const TEXT: &str = "a\n<!-- generated:x -->\n<!-- /generated:x -->\nb\n";

    #[test]
    fn a_table_row_holds_the_numbers_and_escapes_bars() {
        let table = render(&[result("cora", Ok(measured()))]);
        let row = table.lines().nth(2).unwrap();
        let expected = "| **cora**: A sentence \\| with a bar. | 5.1, Table 1 | 0.8677 | \
                        0.8614 [0.8574, 0.8654], n = 5 | holds | exact | 12 s | \
                        `cargo run --release -p fake -- reproduce cora` |";
        assert_eq!(row, expected);
    }

    #[test]
    fn a_paper_is_one_row_with_its_headline_and_its_tally() {
        let results = [result("cora", Ok(measured())), result("other", Err("no".into()))];
        let row =
            FrontRow { name: "fake", about: "A paper", headline: "cora", results: &results, missing: 3 };
        let table = render_front(&[row, FrontRow { headline: "none", results: &[], missing: 0, ..row }]);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let expected = format!(
            "| [fake](crates/fake): A paper | A sentence \\| with a bar. (5.1, Table 1) | 0.8677 | \
             accuracy: 0.8614 [0.8574, 0.8654], n = 5 | holds | {} | `cargo run --release -p fake -- reproduce cora`, 12 s | \
             [1 hold, 1 not run, 3 not measured in full](crates/fake/README.md#check-the-paper) |",
            results[0].reason
        );
        assert_eq!(rows[0], expected);
        assert!(rows[1].contains("| – | – | – | – | – | – |") && rows[1].contains("none yet"), "{}", rows[1]);
    }

    #[test]
    fn replacing_is_idempotent_and_drift_is_shown() {
        let once = replace_block(TEXT, "x", "one\ntwo\n").unwrap();
        assert_eq!(once, "a\n<!-- generated:x -->\none\ntwo\n<!-- /generated:x -->\nb\n");
        assert_eq!(replace_block(&once, "x", "one\ntwo\n").unwrap(), once);
        assert_eq!(check(&once, "x", "one\ntwo\n"), Ok(()));
        assert_eq!(check(&once.replace('\n', "\r\n"), "x", "one\ntwo\n"), Ok(()));
        let drift = check(&once, "x", "one\nthree").unwrap_err();
        assert!(matches!(&drift, ReadmeError::Drift { line: 2, found, .. } if found == "two"), "{drift}");
        assert!(check(&once, "x", "one").is_err());
        assert!(check(&once, "x", "one\ntwo\nthree").is_err());
    }

    #[test]
    fn broken_markers_are_named() {
        let (open, close) = ("<!-- generated:x -->", "<!-- /generated:x -->");
        for text in [String::new(), open.into(), format!("{close}{open}"), format!("{open}{open}{close}")] {
            assert!(matches!(block(&text, "x"), Err(ReadmeError::Markers { .. })), "{text}");
        }
    }
}
