//! What a measurement gives back, and the verdict that follows from it.

use serde::{Deserialize, Serialize};

use super::judge::{Check, Outcome};
use super::stats::{interval95, Interval, StatsError};
use super::{Figure, ImageSheet, Table};

/// Whether a claim came out as the paper has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check holds.
    Holds,
    /// Some checks hold.
    Partly,
    /// No check holds, and at least one fails.
    Fails,
    /// No check holds and none fails: the intervals are too wide to tell.
    Undecided,
    /// Nothing was judged.
    NotRun,
}

/// Everything that was measured for one claim.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Numbers over seeds; the first row is the claim's headline.
    pub rows: Vec<Row>,
    /// What the verdict rests on.
    pub checks: Vec<Check>,
    /// Further tables.
    pub tables: Vec<Table>,
    /// Plots.
    pub figures: Vec<Figure>,
    /// Images; their pixels are in no JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sheets: Vec<ImageSheet>,
    /// Anything a reader should know.
    pub notes: Vec<String>,
    /// The seeds that ran.
    pub seeds: Vec<u64>,
    /// The settings that ran, as the paper crate's `Config` writes itself.
    pub config: serde_json::Value,
    /// Why nothing was judged, where nothing was.
    pub not_run: Option<String>,
}

/// One quantity over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// Its unit; empty for fractions and counts.
    pub unit: String,
    /// One value a seed, in the order of the seeds.
    pub values: Vec<f64>,
    /// Mean, spread and 95 % interval of the values.
    #[serde(flatten)]
    pub interval: Interval,
    /// The paper's number for it.
    pub paper: Option<f64>,
}

impl Measured {
    /// An empty measurement over `seeds`.
    #[must_use]
    pub fn new(seeds: Vec<u64>) -> Self {
        Self { seeds, ..Self::default() }
    }

    /// A claim that could not be judged here, such as one that needs data that is absent.
    #[must_use]
    pub fn not_run(why: &str) -> Self {
        Self { not_run: Some(why.into()), ..Self::default() }
    }

    /// Adds a quantity.
    #[must_use]
    pub fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// Adds a check that the verdict rests on.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a plot.
    #[must_use]
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }

    /// Adds a sheet of images.
    #[must_use]
    pub fn sheet(mut self, sheet: ImageSheet) -> Self {
        self.sheets.push(sheet);
        self
    }

    /// Adds a remark.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Keeps the settings that ran.
    ///
    /// # Errors
    /// When the settings cannot be written as JSON.
    pub fn config(mut self, config: &impl Serialize) -> Result<Self, serde_json::Error> {
        self.config = serde_json::to_value(config)?;
        Ok(self)
    }

    /// The verdict: all checks hold, some do, none does, none can be decided, or there are none.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let count = |outcome| self.checks.iter().filter(|c| c.outcome == outcome).count();
        let held = count(Outcome::Holds);
        match (held, self.checks.len()) {
            _ if self.not_run.is_some() => Verdict::NotRun,
            (_, 0) => Verdict::NotRun,
            (0, all) if count(Outcome::Undecided) == all => Verdict::Undecided,
            (0, _) => Verdict::Fails,
            (held, all) if held == all => Verdict::Holds,
            _ => Verdict::Partly,
        }
    }

    /// The verdict in one sentence, with the numbers that decided it.
    #[must_use]
    pub fn reason(&self) -> String {
        let all = self.checks.len();
        let missed: Vec<&Check> = self.checks.iter().filter(|c| c.outcome != Outcome::Holds).collect();
        match (self.verdict(), missed.first()) {
            (Verdict::NotRun, _) => sentence(self.not_run.as_deref().unwrap_or("nothing was checked")),
            (Verdict::Holds, _) if all == 1 => sentence(&self.checks[0].to_string()),
            (Verdict::Holds, _) => format!("All {all} checks hold; first, {}.", self.checks[0]),
            (_, Some(first)) if all == 1 => sentence(&first.to_string()),
            (Verdict::Fails | Verdict::Undecided, Some(first)) => {
                format!("None of {all} checks holds; first, {first}.")
            }
            (_, Some(first)) => format!("{} of {all} checks hold; not met: {first}.", all - missed.len()),
            (_, None) => String::new(),
        }
    }
}

impl Row {
    /// A quantity with one value a seed.
    ///
    /// # Errors
    /// As [`interval95`]: there must be a value, and every value must be finite.
    pub fn new(label: &str, values: Vec<f64>) -> Result<Self, StatsError> {
        let interval = interval95(&values)?;
        Ok(Self { label: label.into(), unit: String::new(), values, interval, paper: None })
    }

    /// The paper's number for it.
    #[must_use]
    pub fn paper(mut self, value: f64) -> Self {
        self.paper = Some(value);
        self
    }

    /// Its unit.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        self.unit = unit.into();
        self
    }
}

impl Verdict {
    /// The verdict as a badge: `HOLDS`, `PARTLY`, `FAILS`, `UNDECIDED`, `NOT RUN`.
    #[must_use]
    pub fn badge(self) -> &'static str {
        match self {
            Self::Holds => "HOLDS",
            Self::Partly => "PARTLY",
            Self::Fails => "FAILS",
            Self::Undecided => "UNDECIDED",
            Self::NotRun => "NOT RUN",
        }
    }
}

impl Outcome {
    /// The outcome as a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Undecided => "undecided",
            Self::Fails => "fails",
        }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = match self.outcome {
            Outcome::Holds => "as asked",
            Outcome::Undecided => "too wide to decide; asked was",
            Outcome::Fails => "where asked was",
        };
        write!(f, "{}: {} ({verb}: {})", self.label, self.found, self.rule)
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::*;
    use proptest::prelude::*;

    fn with(outcomes: &[bool]) -> Measured {
        let check = |&ok: &bool| judge::at_most("error", if ok { 0.0 } else { 2.0 }, 1.0);
        Measured { checks: outcomes.iter().map(check).collect(), ..Measured::default() }
    }

    #[test]
    fn the_verdict_follows_from_the_checks() {
        let cases: [(&[bool], Verdict); 5] = [
            (&[true, true], Verdict::Holds),
            (&[true, false], Verdict::Partly),
            (&[false, false], Verdict::Fails),
            (&[false], Verdict::Fails),
            (&[], Verdict::NotRun),
        ];
        for (outcomes, verdict) in cases {
            assert_eq!(with(outcomes).verdict(), verdict, "{outcomes:?}");
        }
        assert_eq!(Measured { not_run: Some("no data".into()), ..with(&[true]) }.verdict(), Verdict::NotRun);
    }

    #[test]
    fn the_reason_is_one_sentence_with_numbers() {
        assert_eq!(with(&[true]).reason(), "Error: 0 (as asked: at most 1).");
        assert_eq!(
            with(&[true, false]).reason(),
            "1 of 2 checks hold; not met: error: 2 (where asked was: at most 1)."
        );
        assert!(with(&[false, false]).reason().starts_with("None of 2 checks holds; first, error: 2"));
        assert_eq!(Measured::not_run("no data folder").reason(), "No data folder.");
        let undecided =
            Measured::default().check(judge::reaches("a", &interval95(&[0.5]).unwrap(), 0.4, 0.0));
        assert!(undecided.reason().contains("too wide to decide"), "{}", undecided.reason());
        assert_eq!(undecided.verdict(), Verdict::Undecided);
        // one that fails outweighs any that cannot be decided, and one that holds outweighs both
        let fails = undecided.check(judge::at_most("b", 2.0, 1.0));
        assert_eq!(fails.verdict(), Verdict::Fails);
        assert_eq!(fails.check(judge::at_most("c", 0.0, 1.0)).verdict(), Verdict::Partly);
    }

    #[test]
    fn a_row_has_flat_stable_names() {
        let row = Row::new("accuracy", vec![0.5, 0.7]).unwrap().paper(0.6).unit("%");
        let json = serde_json::to_value(&row).unwrap();
        for name in ["label", "unit", "values", "mean", "sd", "lo", "hi", "n", "level", "paper"] {
            assert!(json.get(name).is_some(), "{name}");
        }
        assert_eq!(serde_json::from_value::<Row>(json).unwrap(), row);
    }

    proptest! {
        #[test]
        fn a_measurement_survives_json(values in prop::collection::vec(-1e9f64..1e9, 1..12)) {
            let row = Row::new("r", values).unwrap();
            let measured = Measured::new(vec![1, 2])
                .check(judge::within("c", &row.interval, 0.0, 1.0))
                .row(row);
            let back: Measured = serde_json::from_str(&serde_json::to_string(&measured).unwrap()).unwrap();
            prop_assert_eq!(back, measured);
        }
    }
}
