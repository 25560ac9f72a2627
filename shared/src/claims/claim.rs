//! What a paper says, where it says it, and the function that measures it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{number, Deviation, Measured};
use crate::device::DeviceKind;

/// Whatever went wrong while measuring; a paper crate's own errors convert with `?`.
pub type ClaimError = Box<dyn std::error::Error + Send + Sync>;

/// One statement of a paper that can come out false.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Short name for the command line and file names: lower-case letters, digits and dashes.
    pub id: &'static str,
    /// Where the paper says it, such as "5.1, Table 1".
    pub section: &'static str,
    /// What it says, in our words, as one sentence.
    pub statement: &'static str,
    /// The number or the words of the paper.
    pub paper: PaperValue,
    /// Which way the measured number must lie.
    pub direction: Direction,
    /// How close to the paper's experiment the measurement is.
    pub protocol: Protocol,
    /// How long it may take.
    pub budget: Budget,
    /// Measures it.
    pub measure: fn(&Context<'_>) -> Result<Measured, ClaimError>,
}

/// What the paper reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PaperValue {
    /// One number.
    Number(f64),
    /// Several numbers, each with its name.
    Numbers(&'static [(&'static str, f64)]),
    /// No number: a curve's shape, a theorem, an observation.
    Text(&'static str),
}

/// Which way a measured number must lie for the claim to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Direction {
    /// At the paper's number or above it.
    AtLeast,
    /// At the paper's number or below it.
    AtMost,
    /// Within `margin` of the paper's number.
    Within {
        /// Half-width of the band.
        margin: f64,
    },
    /// Above a baseline measured on the same seeds, by more than `margin`.
    Above {
        /// The smallest difference that counts.
        margin: f64,
    },
    /// No number decides it alone.
    Qualitative,
}

/// How close a measurement is to the paper's own experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Same data, sizes, model and training.
    Exact,
    /// Smaller or otherwise different, so numbers may differ where the statement should not.
    Scaled {
        /// What differs, and why.
        why: &'static str,
    },
    /// Only the statement is comparable.
    Qualitative,
}

/// How long a claim may take on two cores, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The short form, on embedded data.
    pub quick_s: u32,
    /// The real form.
    pub full_s: u32,
}

/// What a measurement is told: how long a form to run, on which data, with which seeds.
#[derive(Clone)]
pub struct Context<'a> {
    /// Whether to run the short form on embedded data.
    pub quick: bool,
    /// The data set asked for; `None` is the claim's own.
    pub dataset: Option<String>,
    /// Where real data lies or may be downloaded to.
    pub data_dir: Option<PathBuf>,
    /// Whether downloads are forbidden.
    pub offline: bool,
    /// The device asked for.
    pub device: DeviceKind,
    /// How many seeds; `None` is the claim's own number.
    pub seeds: Option<usize>,
    /// The first seed.
    pub seed: u64,
    /// Size of the thread pool. Results must not depend on it.
    pub threads: usize,
    /// A folder for parts of a long measurement that are done, each under a name that says all it depends on, so that a
    /// run that was stopped goes on with them; `None` keeps nothing.
    pub cells: Option<PathBuf>,
    /// Where to tell how far it is.
    pub progress: &'a dyn Progress,
}

/// Listens to a measurement or a training run.
pub trait Progress: Sync {
    /// A new stretch of work of `total` steps begins; an earlier one is over.
    fn start(&self, label: &str, total: u64);
    /// `steps` more steps of the current stretch are done.
    fn advance(&self, steps: u64);
    /// Something worth a line.
    fn note(&self, message: &str);
}

/// A [`Progress`] that says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

/// A claim without its function, as it stands in reports and files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimInfo {
    /// Short name.
    pub id: String,
    /// Where the paper says it.
    pub section: String,
    /// What it says.
    pub statement: String,
    /// The paper's numbers or words, ready to print.
    pub paper: String,
    /// The paper's numbers, each with its name; the name of a single number is empty.
    pub paper_numbers: Vec<PaperNumber>,
    /// Which way the measured number must lie, in words.
    pub direction: String,
    /// `exact`, `scaled` or `qualitative`.
    pub protocol: String,
    /// For `scaled`: what differs, and why.
    pub scaled_why: Option<String>,
    /// How long it may take.
    pub budget: Budget,
}

/// One of the paper's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperNumber {
    /// What it is of; empty when there is only one.
    pub label: String,
    /// The number.
    pub value: f64,
}

/// Checks that lists of claims and deviations can be used: names are unique, fit for file names and not
/// empty, and every deviation's effect is a claim of the list.
///
/// # Errors
/// One sentence about the first offence.
pub fn check_lists(claims: &[Claim], deviations: &[Deviation]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for claim in claims {
        check_id("claim", claim.id)?;
        if !seen.insert(claim.id) {
            return Err(format!("claim '{}' is listed twice; give each claim a name of its own", claim.id));
        }
        if claim.statement.trim().is_empty() || claim.section.trim().is_empty() {
            return Err(format!("claim '{}' lacks a statement or a section; write both", claim.id));
        }
    }
    let mut named = BTreeSet::new();
    for deviation in deviations {
        check_id("deviation", deviation.id)?;
        if !named.insert(deviation.id) {
            return Err(format!("deviation '{}' is listed twice; give each a name of its own", deviation.id));
        }
        if let Some(effect) = deviation.effect.filter(|effect| !seen.contains(effect)) {
            return Err(format!(
                "deviation '{}' says that claim '{effect}' measures its effect, and no such claim is listed",
                deviation.id
            ));
        }
    }
    Ok(())
}

impl Claim {
    /// The claim without its function.
    #[must_use]
    pub fn info(&self) -> ClaimInfo {
        let (protocol, scaled_why) = match self.protocol {
            Protocol::Exact => ("exact", None),
            Protocol::Scaled { why } => ("scaled", Some(why.to_owned())),
            Protocol::Qualitative => ("qualitative", None),
        };
        ClaimInfo {
            id: self.id.into(),
            section: self.section.into(),
            statement: self.statement.into(),
            paper: self.paper.to_string(),
            paper_numbers: self.paper.numbers(),
            direction: self.direction.to_string(),
            protocol: protocol.into(),
            scaled_why,
            budget: self.budget,
        }
    }
}

impl PaperValue {
    fn numbers(&self) -> Vec<PaperNumber> {
        match *self {
            Self::Number(value) => vec![PaperNumber { label: String::new(), value }],
            Self::Numbers(list) => {
                list.iter().map(|&(label, value)| PaperNumber { label: label.into(), value }).collect()
            }
            Self::Text(_) => Vec::new(),
        }
    }
}

impl std::fmt::Display for PaperValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Number(value) => f.write_str(&number(value)),
            Self::Numbers(list) => {
                for (i, (label, value)) in list.iter().enumerate() {
                    write!(f, "{}{label} {}", if i == 0 { "" } else { ", " }, number(*value))?;
                }
                Ok(())
            }
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::AtLeast => f.write_str("at least the paper's"),
            Self::AtMost => f.write_str("at most the paper's"),
            Self::Within { margin } => write!(f, "within {} of the paper's", number(margin)),
            Self::Above { margin: 0.0 } => f.write_str("above its baseline"),
            Self::Above { margin } => write!(f, "above its baseline by more than {}", number(margin)),
            Self::Qualitative => f.write_str("qualitative"),
        }
    }
}

impl Context<'static> {
    /// A context for tests and libraries: nothing is printed, on the CPU, seed 0, no downloads.
    #[must_use]
    pub fn quiet(quick: bool) -> Self {
        Self {
            quick,
            dataset: None,
            data_dir: None,
            offline: true,
            device: DeviceKind::Cpu,
            seeds: None,
            seed: 0,
            threads: 1,
            cells: None,
            progress: &Silent,
        }
    }
}

impl Context<'_> {
    /// The seeds to run: as many as were asked for, else `quick` or `full` of them, counted up from the first.
    #[must_use]
    pub fn seeds(&self, quick: usize, full: usize) -> Vec<u64> {
        let count = self.seeds.unwrap_or(if self.quick { quick } else { full });
        (0..count as u64).map(|i| self.seed.wrapping_add(i)).collect()
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("quick", &self.quick)
            .field("dataset", &self.dataset)
            .field("data_dir", &self.data_dir)
            .field("offline", &self.offline)
            .field("device", &self.device)
            .field("seeds", &self.seeds)
            .field("seed", &self.seed)
            .field("threads", &self.threads)
            .field("cells", &self.cells)
            .finish_non_exhaustive()
    }
}

impl Progress for Silent {
    fn start(&self, _label: &str, _total: u64) {}
    fn advance(&self, _steps: u64) {}
    fn note(&self, _message: &str) {}
}

fn check_id(kind: &str, id: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || id.len() > 60 || !id.chars().all(fits) || id == "report" {
        return Err(format!(
            "{kind} '{id}' is not a usable name; use 1 to 60 lower-case letters, digits and dashes, and not 'report'"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Claim = Claim {
        id: "a-1",
        section: "1",
        statement: "It is so.",
        paper: PaperValue::Number(0.5),
        direction: Direction::Within { margin: 0.1 },
        protocol: Protocol::Scaled { why: "smaller" },
        budget: Budget { quick_s: 1, full_s: 2 },
        measure: |_| Ok(Measured::not_run("never")),
    };
    const DEVIATION: Deviation = Deviation { id: "d", what: "w", why: "y", flag: None, effect: Some("a-1") };

    #[test]
    fn lists_are_checked() {
        assert_eq!(check_lists(&[CLAIM], &[DEVIATION]), Ok(()));
        assert!(check_lists(&[CLAIM, CLAIM], &[]).unwrap_err().contains("twice"));
        for id in ["", "../up", "Upper", "report"] {
            assert!(check_lists(&[Claim { id, ..CLAIM }], &[]).unwrap_err().contains("usable name"), "{id}");
        }
        let astray = Deviation { effect: Some("b"), ..DEVIATION };
        assert!(check_lists(&[CLAIM], &[astray]).unwrap_err().contains("'b'"));
        assert!(check_lists(&[Claim { statement: " ", ..CLAIM }], &[]).is_err());
    }

    #[test]
    fn a_claim_reads_well_without_its_function() {
        let info = CLAIM.info();
        assert_eq!(
            (info.paper.as_str(), info.direction.as_str()),
            ("0.5000", "within 0.1000 of the paper's")
        );
        assert_eq!((info.protocol.as_str(), info.scaled_why.as_deref()), ("scaled", Some("smaller")));
        assert_eq!(PaperValue::Numbers(&[("a", 1.0), ("b", 0.25)]).to_string(), "a 1, b 0.2500");
    }

    #[test]
    fn seeds_count_up_from_the_first() {
        let mut context = Context { seed: 7, ..Context::quiet(true) };
        assert_eq!(context.seeds(2, 10), [7, 8]);
        context.seeds = Some(3);
        assert_eq!(context.seeds(2, 10), [7, 8, 9]);
    }
}
