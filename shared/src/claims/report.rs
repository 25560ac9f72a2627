//! What came of measuring claims: one value that becomes a text table, JSON, files, or a page.

use serde::{Deserialize, Serialize};

use super::number::{duration, interval_text};
use super::{wrap, ClaimInfo, Column, DeviationInfo, Measured, Outcome, TextTable, Verdict};

/// Version of the JSON that reports and result files are written in.
pub const SCHEMA: u32 = 1;

/// The widest line of a text report.
const WIDTH: usize = 110;

/// One claim with what was found, as it stands in `results/*.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// Version of this format, [`SCHEMA`].
    pub schema: u32,
    /// The claim.
    pub claim: ClaimInfo,
    /// What came of it.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The numbers; `None` where measuring ended in an error.
    pub measured: Option<Measured>,
    /// The error that measuring ended in.
    pub error: Option<String>,
    /// What was asked for.
    pub asked: Fingerprint,
    /// What ran, where and when.
    pub run: Provenance,
}

/// Everything that a measurement depends on: two runs with equal fingerprints give equal numbers, at any
/// number of threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The claim.
    pub claim: String,
    /// The program.
    pub program: String,
    /// Its version.
    pub version: String,
    /// Whether the short form ran.
    pub quick: bool,
    /// The data set that was asked for.
    pub dataset: Option<String>,
    /// The device.
    pub device: String,
    /// The first seed.
    pub seed: u64,
    /// How many seeds were asked for.
    pub seeds: Option<usize>,
}

/// What ran, where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Commit of the source tree, `unknown` outside of one.
    pub commit: String,
    /// The command that measures this again.
    pub command: String,
    /// When it ended, in UTC.
    pub date: String,
    /// Size of the thread pool.
    pub threads: usize,
    /// Seconds it took.
    pub wall_s: f64,
}

/// Everything that one `reproduce` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format, [`SCHEMA`].
    pub schema: u32,
    /// The program.
    pub program: String,
    /// What the program is about, in one line.
    pub about: String,
    /// Its version.
    pub version: String,
    /// Whether the short forms ran.
    pub quick: bool,
    /// The data set that was asked for.
    pub dataset: Option<String>,
    /// The device.
    pub device: String,
    /// The first seed.
    pub seed: u64,
    /// How many seeds were asked for.
    pub seeds: Option<usize>,
    /// What ran, where and when, in all.
    pub run: Provenance,
    /// The claims, in the paper's order.
    pub claims: Vec<ClaimResult>,
    /// Where our code departs from the paper's.
    pub deviations: Vec<DeviationInfo>,
}

impl ClaimResult {
    /// A claim that was measured, or that ended in an error.
    #[must_use]
    pub fn new(
        claim: ClaimInfo,
        outcome: Result<Measured, String>,
        asked: Fingerprint,
        run: Provenance,
    ) -> Self {
        let (verdict, reason, measured, error) = match outcome {
            Ok(measured) => (measured.verdict(), measured.reason(), Some(measured), None),
            Err(error) => {
                (Verdict::NotRun, format!("Measuring ended in an error: {error}."), None, Some(error))
            }
        };
        Self { schema: SCHEMA, claim, verdict, reason, measured, error, asked, run }
    }

    /// The headline: the first row with its interval, or what the first check found, or a dash.
    #[must_use]
    pub fn headline(&self) -> String {
        let Some(measured) = &self.measured else { return "–".into() };
        match (measured.rows.first(), measured.checks.first()) {
            (Some(row), _) if row.unit.is_empty() => interval_text(&row.interval),
            (Some(row), _) => format!("{} {}", interval_text(&row.interval), row.unit),
            (None, Some(check)) => check.found.clone(),
            (None, None) => "–".into(),
        }
    }
}

impl Report {
    /// How many claims came out with `verdict`.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.claims.iter().filter(|c| c.verdict == verdict).count()
    }

    /// "2 hold, 1 partly, 0 fail, 0 undecided, 0 not run".
    #[must_use]
    pub fn tally(&self) -> String {
        format!(
            "{} hold, {} partly, {} fail, {} undecided, {} not run",
            self.count(Verdict::Holds),
            self.count(Verdict::Partly),
            self.count(Verdict::Fails),
            self.count(Verdict::Undecided),
            self.count(Verdict::NotRun)
        )
    }

    /// What was asked for, in a line.
    #[must_use]
    pub fn setting(&self) -> String {
        let form = if self.quick { "quick form" } else { "full form" };
        let data = self.dataset.as_deref().map(|d| format!(", data {d}")).unwrap_or_default();
        let plural = if self.run.threads == 1 { "" } else { "s" };
        format!("{form}{data}, {}, {} thread{plural}, seed {}", self.device, self.run.threads, self.seed)
    }

    /// The verdict table for a terminal: no line is wider than 110 columns.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for line in wrap(&format!("{} {} · {}", self.program, self.version, self.setting()), WIDTH) {
            out.push_str(&line);
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&self.verdict_table());
        for claim in &self.claims {
            out.push_str(&claim_text(claim));
        }
        out.push_str(&format!("\n{}  ({})\n", self.tally(), duration(self.run.wall_s)));
        out
    }

    /// The report as one JSON document.
    ///
    /// # Errors
    /// When the writer of JSON refuses, which no report that was built here makes it do.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    fn verdict_table(&self) -> String {
        let column = |name, max, right| Column { name, max, right };
        let mut table = TextTable::new(&[
            column("verdict", 9, false),
            column("claim", 24, false),
            column("where", 16, false),
            column("measured, 95 % interval", 32, false),
            column("paper", 14, false),
            column("time", 7, true),
        ]);
        for c in &self.claims {
            let (info, time) = (&c.claim, duration(c.run.wall_s));
            table.row([c.verdict.badge(), &info.id, &info.section, &c.headline(), &info.paper, &time]);
        }
        table.render()
    }
}

/// The claim's sentence, the reason for its verdict, and every check where there are several.
fn claim_text(result: &ClaimResult) -> String {
    let mut out = format!("\n{}  {}\n", result.verdict.badge(), result.claim.id);
    let mut paragraph = |first: &str, text: &str| {
        for (i, line) in wrap(text, WIDTH - 4).iter().enumerate() {
            out.push_str(if i == 0 { first } else { "    " });
            out.push_str(line);
            out.push('\n');
        }
    };
    paragraph("    ", &result.claim.statement);
    let checks = result.measured.iter().flat_map(|m| &m.checks);
    if checks.clone().count() < 2 {
        paragraph("  = ", &result.reason);
        return out;
    }
    for check in checks {
        let sign = match check.outcome {
            Outcome::Holds => "  + ",
            Outcome::Undecided => "  ? ",
            Outcome::Fails => "  - ",
        };
        paragraph(sign, &check.to_string());
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{judge, Budget, PaperNumber, Row};
    use super::*;

    pub(in crate::claims) fn result(id: &str, measured: Result<Measured, String>) -> ClaimResult {
        let claim = ClaimInfo {
            id: id.into(),
            section: "5.1, Table 1".into(),
            statement: "A sentence | with a bar.".into(),
            paper: "0.8677".into(),
            paper_numbers: vec![PaperNumber { label: String::new(), value: 0.8677 }],
            direction: "at least the paper's".into(),
            protocol: "exact".into(),
            scaled_why: None,
            budget: Budget { quick_s: 5, full_s: 60 },
        };
        let asked = Fingerprint {
            claim: id.into(),
            program: "fake".into(),
            version: "0.1.0".into(),
            quick: true,
            dataset: None,
            device: "cpu".into(),
            seed: 0,
            seeds: None,
        };
        let run = Provenance {
            commit: "abc".into(),
            command: format!("cargo run --release -p fake -- reproduce {id}"),
            date: "2026-01-01T00:00:00Z".into(),
            threads: 2,
            wall_s: 12.3,
        };
        ClaimResult::new(claim, measured, asked, run)
    }

    pub(in crate::claims) fn measured() -> Measured {
        let row = Row::new("accuracy", vec![0.861, 0.858, 0.866, 0.859, 0.863]).unwrap().paper(0.8677);
        let check = judge::reaches("accuracy", &row.interval, 0.8677, 0.0177);
        Measured::new((0..5).collect()).row(row).check(check)
    }

    fn report() -> Report {
        let long = Measured { notes: vec!["n".into()], ..measured() }
            .check(judge::at_most("an error with a rather long name that goes on and on", 0.5, 1e-6))
            .check(judge::every("wins", &[true, true]));
        let claims = vec![
            result("cora-accuracy", Ok(measured())),
            result("a-claim-with-a-name-of-nearly-sixty-letters-to-be-wrapped", Ok(long)),
            result("no-data", Ok(Measured::not_run("real data is absent; pass --data-dir"))),
            result("broken", Err("it broke".into())),
        ];
        let run = claims[0].run.clone();
        Report {
            schema: SCHEMA,
            program: "fake".into(),
            about: "About".into(),
            version: "0.1.0".into(),
            quick: true,
            dataset: None,
            device: "cpu".into(),
            seed: 0,
            seeds: None,
            run,
            claims,
            deviations: Vec::new(),
        }
    }

    #[test]
    fn the_text_report_fits_and_says_every_verdict() {
        let text = report().to_text();
        for line in text.lines() {
            assert!(super::super::text::width(line) <= WIDTH, "{line}");
        }
        for part in [
            "HOLDS    cora-accuracy",
            "0.8614 [0.8574, 0.8654], n = 5",
            "PARTLY",
            "  - an error with a rather long name",
            "  + wins: 2 of 2 seeds",
            "  = Real data is absent; pass --data-dir.",
            "1 hold, 1 partly, 0 fail, 0 undecided, 2 not run  (12 s)",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn the_json_report_reads_back() {
        let report = report();
        let back: Report = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(back, report);
    }
}
