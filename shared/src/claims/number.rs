//! How a number is written, in every table, sentence and axis of a report.

use super::stats::{interval95, Interval, StatsError};

/// About four significant digits, without trailing noise: `0.8677`, `86.77`, `1204`, `3.1e-7`, `2.50e6`.
///
/// # Example
/// ```
/// use shared::claims::number;
/// assert_eq!([number(0.86774), number(42.0), number(3.14e-7)], ["0.8677", "42", "3.1e-7"]);
/// ```
#[must_use]
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let size = value.abs();
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".into()
        } else {
            format!("{}∞", if value > 0.0 { "" } else { "-" })
        };
    }
    if value.fract() == 0.0 && size < 1e6 {
        return format!("{value:.0}");
    }
    if size < 1e-3 {
        return format!("{value:.1e}");
    }
    if size >= 1e6 {
        return format!("{value:.2e}");
    }
    format!("{value:.*}", decimals(size))
}

/// `mean [lo, hi]` of values, one a seed, as a cell of a table has it: the 95 % interval of Student's t.
///
/// # Errors
/// As [`interval95`].
pub fn cell(values: &[f64]) -> Result<String, StatsError> {
    let found = interval95(values)?;
    Ok(format!("{} [{}, {}]", number(found.mean), number(found.lo), number(found.hi)))
}

/// `mean [lo, hi], n = 10`, all three with the decimals of the largest.
#[must_use]
pub(super) fn interval_text(interval: &Interval) -> String {
    let Interval { mean, lo, hi, n, .. } = *interval;
    if !(lo.is_finite() && hi.is_finite()) {
        return format!("{}, n = {n}", number(mean));
    }
    let size = mean.abs().max(lo.abs()).max(hi.abs());
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{mean:.2e} [{lo:.2e}, {hi:.2e}], n = {n}");
    }
    let d = decimals(size);
    format!("{mean:.d$} [{lo:.d$}, {hi:.d$}], n = {n}")
}

/// `lo to hi`, both with the decimals of the larger.
#[cfg(feature = "cli")]
pub(crate) fn range_text(lo: f64, hi: f64) -> String {
    let size = lo.abs().max(hi.abs());
    let whole = lo.fract() == 0.0 && hi.fract() == 0.0;
    if whole || !(1e-3..1e6).contains(&size) {
        return format!("{} to {}", number(lo), number(hi));
    }
    let d = decimals(size);
    format!("{lo:.d$} to {hi:.d$}")
}

/// Seconds as a person says them: `0.4 s`, `12 s`, `3 min`, `2.5 h`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5970.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn decimals(size: f64) -> usize {
    match size {
        s if s < 2.0 => 4,
        s if s < 100.0 => 2,
        s if s < 1000.0 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stats::interval95;
    use super::*;

    #[test]
    fn numbers_read_well_at_every_size() {
        let cases = [
            (0.0, "0"),
            (0.8677, "0.8677"),
            (-0.05, "-0.0500"),
            (2708.0, "2708"),
            (12.345, "12.35"),
            (123.45, "123.5"),
            (2e-12, "2.0e-12"),
            (2.5e6, "2.50e6"),
            (f64::NEG_INFINITY, "-∞"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            [duration(0.04), duration(34.2), duration(100.0), duration(9000.0)],
            ["0.0 s", "34 s", "2 min", "2.5 h"]
        );
    }

    #[test]
    fn an_interval_uses_one_number_of_decimals() {
        assert_eq!(interval_text(&interval95(&[9.9, 10.1]).unwrap()), "10.00 [8.73, 11.27], n = 2");
        assert_eq!(interval_text(&interval95(&[0.5]).unwrap()), "0.5000, n = 1");
    }
}
