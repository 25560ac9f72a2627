//! Whether DSD was worth it: beside the dense network, and beside the control that most reports leave out.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::claims::{
    number,
    stats::{differences, interval95, t_test, Interval, TTest},
    Column, Context, TextTable,
};

use super::{Lab, PhaseEnd};
use crate::DsdError;

/// The scores of every seed, lower being better, and what follows from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What a score is.
    pub score: String,
    /// At the end of the dense phase.
    pub dense: Vec<f64>,
    /// At the end of the sparse phase.
    pub sparse: Vec<f64>,
    /// At the end of DSD.
    pub dsd: Vec<f64>,
    /// At the end of as many epochs at the same rates without a mask, from the same dense network.
    pub control: Vec<f64>,
    /// control − DSD, paired by seed: above 0 where DSD was worth it.
    pub gain: Interval,
    /// The paired t test that it is 0.
    pub test: TTest,
}

impl Lab {
    /// DSD and its matched control from the same dense network of each seed.
    ///
    /// # Errors
    /// Those of training; [`DsdError::Stats`] without seeds.
    pub fn compare(&self, context: &Context<'_>, seeds: &[u64]) -> Result<Comparison, DsdError> {
        let found = self.runs(context, &[self.setting().dsd(), self.setting().control()], seeds)?;
        let of = |end: Option<&PhaseEnd>| end.map_or(f64::NAN, |end| self.score(end));
        let last = |arm: usize| found[arm].iter().map(|run| of(run.last())).collect::<Vec<_>>();
        let dense = seeds.iter().map(|seed| Ok(of(self.dense(context, *seed)?.run.last())));
        let (dsd, control) = (last(0), last(1));
        let gains = differences(&control, &dsd)?;
        Ok(Comparison {
            score: self.score_name().into(),
            dense: dense.collect::<Result<_, DsdError>>()?,
            sparse: found[0].iter().map(|run| of(run.phases.first())).collect(),
            gain: interval95(&gains)?,
            test: t_test(&gains)?,
            dsd,
            control,
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |name, right| Column { name, max: 40, right };
        let columns = [column("network", false), column("mean", true), column("95 % interval", true)];
        let mut table = TextTable::new(&columns);
        let rows = [
            ("dense", &self.dense),
            ("sparse", &self.sparse),
            ("DSD", &self.dsd),
            ("control", &self.control),
        ];
        for (name, values) in rows {
            let found = interval95(values).map_err(|_| fmt::Error)?;
            let interval = format!("{} to {}", number(found.lo), number(found.hi));
            table.row([name.to_owned(), number(found.mean), interval]);
        }
        let Interval { mean, lo, hi, n, .. } = self.gain;
        let verdict = match (lo > 0.0, hi < 0.0) {
            (true, _) => "DSD was worth it",
            (_, true) => "the control is better: DSD was not worth it",
            _ => "not shown either way: more seeds would tell",
        };
        writeln!(f, "{} of {n} seeds\n{}", self.score, table.render())?;
        write!(
            f,
            "gain over the control {} [{}, {}], p = {}: {verdict}",
            number(mean),
            number(lo),
            number(hi),
            number(self.test.p)
        )
    }
}
