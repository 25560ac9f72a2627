//! Loaders for the LINQS citation sets: Cora, CiteSeer and PubMed.
//!
//! Two text formats are read, plain or gzipped:
//!
//! - `NAME.content` and `NAME.cites` (Cora, CiteSeer and others of the family). A content line is
//!   `id word_1 … word_F class`; a cites line is `cited_id citing_id`.
//! - `Pubmed-Diabetes.NODE.paper.tab` and `Pubmed-Diabetes.DIRECTED.cites.tab`. Two header lines come first; a
//!   node line is `id label=C name=value … summary=…` with the names declared by the header, an edge line is
//!   `number paper:ID | paper:ID`.
//!
//! Files are looked for in `dir/NAME/` and then in `dir` itself. Classes are numbered in alphabetical order of
//! their names and citations lose their direction. Text is bounded by
//! [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES) per file after decompression.
//!
//! # Reference
//!
//! P. Sen, G. Namata, M. Bilgic, L. Getoor, B. Gallagher and T. Eliassi-Rad, "Collective Classification in
//! Network Data", AI Magazine 29(3), 2008; G. Namata et al., "Query-driven Active Surveying for Collective
//! Classification", MLG 2012 (PubMed).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::quote;
use crate::features::CsrBuilder;
use crate::text::{self, fields, At, Lines};
use crate::{CitationGraph, DatasetError};

/// What to do with a citation that names a paper which has no features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownIds {
    /// Stop with an error that names the file, the line and the id.
    #[default]
    Error,
    /// Drop the citation and count it in [`EdgeCounts::unknown`](crate::EdgeCounts::unknown). CiteSeer needs this:
    /// its cites file names papers that its content file lacks.
    Skip,
}

/// Loads the set `name` (`cora`, `citeseer`, `pubmed`, or another in the content/cites format) found under `dir`.
///
/// Unknown ids are errors; CiteSeer therefore needs [`load_with`].
///
/// # Errors
///
/// [`DatasetError::Missing`] where the files are not there, [`DatasetError::Malformed`] for any line that does not
/// fit the format (also a repeated id, a changed number of words and an unknown id),
/// [`DatasetError::TooLarge`] and [`DatasetError::Io`].
///
/// # Complexity
///
/// O(bytes of text), with one line and the result in memory.
///
/// # Example
///
/// ```
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("zoo.content"), "a 1 0 ants\nb 1 1 bees\n")?;
/// std::fs::write(folder.path().join("zoo.cites"), "a b\n")?;
/// let graph = datasets::citation::load(folder.path(), "zoo")?;
/// assert_eq!((graph.nodes(), graph.edges()), (2, &[(0, 1)][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(dir: &Path, name: &str) -> Result<CitationGraph, DatasetError> {
    load_with(dir, name, UnknownIds::Error)
}

/// As [`load`], with a say about unknown ids.
///
/// # Errors
///
/// As [`load`], except that with [`UnknownIds::Skip`] unknown ids are counted instead.
pub fn load_with(dir: &Path, name: &str, unknown_ids: UnknownIds) -> Result<CitationGraph, DatasetError> {
    text::check_name(name)?;
    let pubmed = name.eq_ignore_ascii_case("pubmed");
    let (content, cites) = if pubmed { pubmed_files(dir)? } else { linqs_files(dir, name)? };
    let papers = if pubmed { read_pubmed_nodes(&content)? } else { read_content(&content)? };
    let index: HashMap<&str, u32> = papers.ids.iter().map(String::as_str).zip(0..).collect();
    let links = read_links(&cites, &index, unknown_ids, pubmed)?;

    let (class_names, labels) = number_classes(&papers.classes);
    let features = papers.features.build(papers.words)?;
    let graph = CitationGraph::new(name, papers.ids, features, labels, class_names, links.pairs)?;
    Ok(graph.with_unknown(links.unknown))
}

/// The papers of a set, before classes are numbered.
struct Papers {
    ids: Vec<String>,
    features: CsrBuilder,
    words: usize,
    classes: Vec<String>,
}

struct Links {
    pairs: Vec<(u32, u32)>,
    unknown: usize,
}

const FETCH_AGAIN: &str = "fetch the file again, it may be cut or changed";

fn linqs_files(dir: &Path, name: &str) -> Result<(PathBuf, PathBuf), DatasetError> {
    let at = |end: &str| vec![format!("{name}/{name}.{end}"), format!("{name}.{end}")];
    let content = text::require(dir, &at("content"), format!("{name} (papers and words)"))?;
    let cites = text::require(dir, &at("cites"), format!("{name} (citations)"))?;
    Ok((content, cites))
}

fn pubmed_files(dir: &Path) -> Result<(PathBuf, PathBuf), DatasetError> {
    let at = |file: &str| -> Vec<String> {
        let folders = ["pubmed/", "pubmed/data/", "Pubmed-Diabetes/data/", "data/", ""];
        folders.iter().map(|folder| format!("{folder}Pubmed-Diabetes.{file}.tab")).collect()
    };
    let nodes = text::require(dir, &at("NODE.paper"), "pubmed (papers and words)".into())?;
    let cites = text::require(dir, &at("DIRECTED.cites"), "pubmed (citations)".into())?;
    Ok((nodes, cites))
}

/// Reads `id word_1 … word_F class` lines.
fn read_content(file: &Path) -> Result<Papers, DatasetError> {
    let mut lines = Lines::open(file)?;
    let mut papers = Papers { ids: Vec::new(), features: CsrBuilder::new(), words: 0, classes: Vec::new() };
    let mut seen = FirstLines::default();
    while let Some((at, line)) = lines.next_line()? {
        parse_content_line(line, &mut papers)
            .and_then(|()| seen.check(&papers.ids, at))
            .map_err(|(expected, found)| lines.malformed(at, expected, found, FETCH_AGAIN))?;
    }
    if papers.ids.is_empty() {
        return Err(lines.ended("lines of `id words… class`"));
    }
    Ok(papers)
}

/// Adds one content line to `papers`; the error is (expected, found).
fn parse_content_line(line: &str, papers: &mut Papers) -> Result<(), (String, String)> {
    let mut parts = fields(line);
    let first = parts.next().unwrap_or_default();
    let mut rest: Vec<&str> = parts.collect();
    let class = rest.pop().unwrap_or_default();
    if papers.ids.is_empty() {
        papers.words = rest.len();
    }
    if rest.is_empty() || rest.len() != papers.words {
        let words = if papers.words == 0 { "one or more".into() } else { papers.words.to_string() };
        return Err((format!("an id, {words} words and a class"), format!("{} words", rest.len())));
    }
    if first.is_empty() {
        return Err(("an id at the start of the line".into(), quote(first)));
    }
    if class.is_empty() {
        return Err(("a class name at the end of the line".into(), quote(class)));
    }
    for (column, word) in (0u32..).zip(&rest) {
        match *word {
            "0" => {}
            "1" => papers.features.push(column, 1.0),
            other => match other.parse::<f32>() {
                Ok(value) if value.is_finite() => {
                    if value != 0.0 {
                        papers.features.push(column, value);
                    }
                }
                _ => return Err((format!("a number for word {}", column + 1), quote(other))),
            },
        }
    }
    papers.features.end_row();
    papers.ids.push(first.to_string());
    papers.classes.push(class.to_string());
    Ok(())
}

/// Reads PubMed's node file: two header lines, then `id label=C name=value … summary=…`.
fn read_pubmed_nodes(file: &Path) -> Result<Papers, DatasetError> {
    let mut lines = Lines::open(file)?;
    let mut papers = Papers { ids: Vec::new(), features: CsrBuilder::new(), words: 0, classes: Vec::new() };
    match lines.next_line()? {
        Some((_, line)) if line.starts_with("NODE") => {}
        other => {
            let found = other.map_or("an empty file".into(), |(_, line)| quote(line));
            let at = lines.position();
            return Err(lines.malformed(at, "the header `NODE paper`", found, FETCH_AGAIN));
        }
    }
    let mut columns: HashMap<String, u32> = HashMap::new();
    let header_at = match lines.next_line()? {
        Some((at, line)) => {
            let names = fields(line).filter_map(|field| field.strip_prefix("numeric:")?.split(':').next());
            for name in names {
                let next = columns.len() as u32;
                columns.entry(name.to_string()).or_insert(next);
            }
            at
        }
        None => return Err(lines.ended("a header with `numeric:NAME:DEFAULT` fields")),
    };
    if columns.is_empty() {
        let found = "no such field";
        return Err(lines.malformed(
            header_at,
            "a header with `numeric:NAME:DEFAULT` fields",
            found,
            FETCH_AGAIN,
        ));
    }
    papers.words = columns.len();

    let mut seen = FirstLines::default();
    let mut row = Vec::new();
    while let Some((at, line)) = lines.next_line()? {
        parse_pubmed_line(line, &columns, &mut row, &mut papers)
            .and_then(|()| seen.check(&papers.ids, at))
            .map_err(|(expected, found)| lines.malformed(at, expected, found, FETCH_AGAIN))?;
    }
    if papers.ids.is_empty() {
        return Err(lines.ended("lines of `id label=C name=value…`"));
    }
    Ok(papers)
}

/// Adds one PubMed line to `papers`; `row` is scratch space; the error is (expected, found).
fn parse_pubmed_line(
    line: &str,
    columns: &HashMap<String, u32>,
    row: &mut Vec<(u32, f32)>,
    papers: &mut Papers,
) -> Result<(), (String, String)> {
    let mut parts = fields(line);
    let id = parts.next().filter(|id| !id.is_empty()).ok_or(("an id".into(), quote(line)))?;
    let label = parts.next().unwrap_or_default();
    let class = label.strip_prefix("label=").filter(|class| !class.is_empty());
    let class = class.ok_or_else(|| ("`label=C` after the id".to_string(), quote(label)))?;
    row.clear();
    for part in parts.filter(|part| !part.starts_with("summary=") && !part.is_empty()) {
        let pair = part.split_once('=').and_then(|(name, value)| Some((*columns.get(name)?, value)));
        let (column, value) =
            pair.ok_or_else(|| ("`name=value` of a name in the header".into(), quote(part)))?;
        let value = value.parse::<f32>().ok().filter(|value| value.is_finite());
        row.push((column, value.ok_or_else(|| ("a finite number".to_string(), quote(part)))?));
    }
    row.sort_unstable_by_key(|&(column, _)| column);
    if row.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(("each word once".into(), "a word given twice".into()));
    }
    for &(column, value) in row.iter().filter(|(_, value)| *value != 0.0) {
        papers.features.push(column, value);
    }
    papers.features.end_row();
    papers.ids.push(id.to_string());
    papers.classes.push(class.to_string());
    Ok(())
}

/// Reads the citations of either format and looks their ids up.
fn read_links(
    file: &Path,
    index: &HashMap<&str, u32>,
    unknown_ids: UnknownIds,
    pubmed: bool,
) -> Result<Links, DatasetError> {
    let mut lines = Lines::open(file)?;
    let mut links = Links { pairs: Vec::new(), unknown: 0 };
    if pubmed {
        for header in ["DIRECTED", "NO_FEATURES"] {
            let found = lines.next_line()?.map(|(_, line)| (line.starts_with(header), quote(line)));
            if !matches!(found, Some((true, _))) {
                let found = found.map_or("the end of the file".into(), |(_, line)| line);
                let at = lines.position();
                return Err(lines.malformed(at, format!("the header `{header}`"), found, FETCH_AGAIN));
            }
        }
    }
    let form = if pubmed { "`number paper:ID | paper:ID`" } else { "two ids" };
    while let Some((at, line)) = lines.next_line()? {
        let ends = if pubmed { pubmed_pair(line) } else { linqs_pair(line) };
        // Looked up at once: the line borrows the reader, which the errors below need again.
        let ends = ends.map(|pair| pair.map(|id| index.get(id).copied().ok_or_else(|| quote(id))));
        let shown = if ends.is_none() { quote(line) } else { String::new() };
        let Some([from, to]) = ends else { return Err(lines.malformed(at, form, shown, FETCH_AGAIN)) };
        match (from, to) {
            (Ok(from), Ok(to)) => links.pairs.push((from, to)),
            _ if unknown_ids == UnknownIds::Skip => links.unknown += 1,
            (Err(id), _) | (_, Err(id)) => {
                let hint = "fetch both files again, or remove this line";
                return Err(lines.malformed(at, "the id of a paper in the content file", id, hint));
            }
        }
    }
    Ok(links)
}

fn linqs_pair(line: &str) -> Option<[&str; 2]> {
    let mut parts = fields(line);
    let pair = [parts.next()?, parts.next()?];
    (parts.next().is_none() && pair.iter().all(|id| !id.is_empty())).then_some(pair)
}

fn pubmed_pair(line: &str) -> Option<[&str; 2]> {
    let mut parts = fields(line);
    let (_number, from, bar, to) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let pair = [from.strip_prefix("paper:")?, to.strip_prefix("paper:")?];
    (bar == "|" && parts.next().is_none()).then_some(pair)
}

/// The distinct names in alphabetical order, and each paper's index among them.
fn number_classes(classes: &[String]) -> (Vec<String>, Vec<usize>) {
    let mut names = classes.to_vec();
    names.sort_unstable();
    names.dedup();
    // Every class is among the names, so the search never misses.
    let labels = classes.iter().map(|class| names.partition_point(|name| name < class)).collect();
    (names, labels)
}

/// Remembers the line on which each id was first seen.
#[derive(Default)]
struct FirstLines(HashMap<String, u64>);

impl FirstLines {
    /// Notes the last of `ids`, read at `at`; the error is (expected, found).
    fn check(&mut self, ids: &[String], at: At) -> Result<(), (String, String)> {
        let Some(id) = ids.last() else { return Ok(()) };
        match self.0.insert(id.clone(), at.line) {
            None => Ok(()),
            Some(line) => {
                Err(("each paper once".into(), format!("{}, which is also on line {line}", quote(id))))
            }
        }
    }
}
