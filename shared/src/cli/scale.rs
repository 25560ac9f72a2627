//! One axis of a plot: from values to pixels, and where its ticks stand.

use crate::claims::{number, wrap, Axis};

/// A number line, a logarithmic one, or named positions.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    categories: Vec<String>,
    from: i32,
    to: i32,
}

/// A labelled position on an axis; a label may have several lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) pixel: i32,
    pub(super) lines: Vec<String>,
}

impl Scale {
    /// A scale that shows every one of `values` with a little room, on the pixels `from..=to`.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, from: i32, to: i32) -> Self {
        let log = axis.log && axis.categories.is_empty();
        let place = |v: f64| if log { v.log10() } else { v };
        let placed: Vec<f64> = values.map(place).filter(|v| v.is_finite()).collect();
        let (mut low, mut high) = match axis.categories.len() {
            0 => bounds(&placed),
            n => (-0.5, n as f64 - 0.5),
        };
        if axis.categories.is_empty() {
            let room = if high > low { 0.05 * (high - low) } else { (0.1 * low.abs()).max(0.5) };
            // a range that begins or ends at 0 keeps that end: counts and bars stand on it
            let keeps = |end: f64| end == 0.0 && high > low && !log;
            let (at_low, at_high) = (keeps(low), keeps(high));
            low -= if at_low { 0.0 } else { room };
            high += if at_high { 0.0 } else { room };
        }
        Self { low, high, log, categories: axis.categories.clone(), from, to }
    }

    /// The pixel of a value; `None` for one that cannot be shown.
    pub(super) fn pixel(&self, value: f64) -> Option<i32> {
        let placed = if self.log { value.log10() } else { value };
        if !placed.is_finite() {
            return None;
        }
        let share = ((placed - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        Some(self.from + (share * f64::from(self.to - self.from)).round() as i32)
    }

    /// Where a bar stands: 0 where it is on the axis, else the end that is nearer to it.
    pub(super) fn base(&self) -> i32 {
        if self.log {
            return self.from;
        }
        self.pixel(0.0).unwrap_or(self.from)
    }

    /// Ticks for labels of `char_px` pixels a character; horizontal labels must not touch.
    pub(super) fn ticks(&self, horizontal: bool, char_px: f64) -> Vec<Tick> {
        if !self.categories.is_empty() {
            return self.category_ticks(char_px);
        }
        const MOST: usize = 8;
        // the count that fits is found by trying: labels depend on the step
        for count in (2..=MOST).rev() {
            let ticks = if self.log { self.log_ticks(count) } else { self.linear_ticks(count) };
            if ticks.len() <= MOST && (!horizontal || fits(&ticks, char_px)) {
                return ticks;
            }
        }
        Vec::new()
    }

    fn linear_ticks(&self, count: usize) -> Vec<Tick> {
        let step = nice_step((self.high - self.low) / count as f64);
        let first = (self.low / step - 1e-9).ceil();
        let last = (self.high / step + 1e-9).floor();
        let size = self.low.abs().max(self.high.abs());
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let label = |v: f64| match () {
            () if v == 0.0 => "0".to_owned(),
            () if !(1e-3..1e5).contains(&size) => trim_exponent(v, step),
            () => format!("{v:.decimals$}"),
        };
        (0..=(last - first).clamp(0.0, 100.0) as u32)
            .map(|i| (first + f64::from(i)) * step)
            .filter_map(|v| Some(Tick { pixel: self.pixel(v)?, lines: vec![label(v)] }))
            .collect()
    }

    fn log_ticks(&self, count: usize) -> Vec<Tick> {
        let decades = self.high - self.low;
        let stride = (decades / count as f64).ceil().max(1.0) as i32;
        let digits: &[f64] = match () {
            () if decades <= 1.0 && count > 4 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0],
            () if decades <= 2.0 => &[1.0, 2.0, 5.0],
            () if decades <= 3.0 => &[1.0, 3.0],
            () => &[1.0],
        };
        let mut ticks = Vec::new();
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        for power in (first..=last).filter(|p| p.rem_euclid(stride) == 0) {
            for digit in digits {
                let value = digit * 10f64.powi(power);
                let shown = (self.low..=self.high).contains(&value.log10());
                if let Some(pixel) = self.pixel(value).filter(|_| shown) {
                    ticks.push(Tick { pixel, lines: vec![log_label(*digit, power)] });
                }
            }
        }
        ticks
    }

    fn category_ticks(&self, char_px: f64) -> Vec<Tick> {
        let slot = f64::from((self.to - self.from).abs()) / self.categories.len() as f64;
        // with very many names only every few are shown
        let stride = (6.0 * char_px / slot).ceil().max(1.0) as usize;
        // most letters are a little narrower than the widest ones, by which char_px goes
        let room = ((slot * stride as f64 / (0.93 * char_px)).floor() as usize).max(3);
        let shown = self.categories.iter().enumerate().step_by(stride);
        shown
            .filter_map(|(i, name)| {
                Some(Tick { pixel: self.pixel(i as f64)?, lines: label_lines(name, room) })
            })
            .collect()
    }
}

/// A name on at most three lines; a word or a line that is too long ends in an ellipsis.
fn label_lines(name: &str, room: usize) -> Vec<String> {
    let cut = |text: &str| match text.chars().count() {
        n if n > room => text.chars().take(room - 1).chain(['…']).collect(),
        _ => text.to_owned(),
    };
    let words: Vec<String> = name.split_whitespace().map(cut).collect();
    let mut lines = wrap(&words.join(" "), room);
    if lines.len() > 3 {
        lines.truncate(3);
        lines[2] = lines[2].chars().filter(|&c| c != '…').take(room - 1).chain(['…']).collect();
    }
    lines
}

fn bounds(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().reduce(f64::min).unwrap_or(0.0);
    let high = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
    (low, high)
}

/// The nearest of 1, 2, 5 times a power of ten at or above `raw`.
fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|d| d * power >= raw * (1.0 - 1e-9)).unwrap_or(10.0);
    digit * power
}

/// Whether labels that are centred on their ticks keep a character between them.
fn fits(ticks: &[Tick], char_px: f64) -> bool {
    let half = |t: &Tick| t.lines[0].chars().count() as f64 * char_px / 2.0;
    ticks
        .windows(2)
        .all(|w| f64::from((w[1].pixel - w[0].pixel).abs()) >= half(&w[0]) + half(&w[1]) + char_px)
}

fn trim_exponent(value: f64, step: f64) -> String {
    let digits = (value.abs().log10().floor() - step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.digits$e}")
}

fn log_label(digit: f64, power: i32) -> String {
    if (-3..=4).contains(&power) {
        let value = digit * 10f64.powi(power);
        let decimals = (-power).max(0) as usize + usize::from(digit.fract() != 0.0 && power <= 0);
        return format!("{value:.decimals$}");
    }
    let raised: String = power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            c => c.to_digit(10).map_or(c, |d| ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][d as usize]),
        })
        .collect();
    if digit == 1.0 {
        format!("10{raised}")
    } else {
        format!("{}·10{raised}", number(digit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis, values: &[f64]) -> Vec<String> {
        let scale = Scale::new(axis, values.iter().copied(), 0, 700);
        scale.ticks(true, 14.0).into_iter().map(|t| t.lines.join(" ")).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let linear = Axis::linear("x");
        assert_eq!(labels(&linear, &[0.0, 5.0]), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(labels(&linear, &[0.73, 0.87]), ["0.74", "0.76", "0.78", "0.80", "0.82", "0.84", "0.86"]);
        assert_eq!(labels(&Axis::log("x"), &[1.0, 1e6]), ["1", "10", "100", "1000", "10000", "10⁵", "10⁶"]);
        assert_eq!(labels(&Axis::log("x"), &[16.0, 512.0]), ["20", "50", "100", "200", "500"]);
        assert_eq!(labels(&Axis::categories("x", &["a", "b c"]), &[]), ["a", "b c"]);
        assert_eq!(label_lines("l2 logistic regression of words", 8), ["l2", "logistic", "regress…"]);
        assert_eq!(label_lines("DCNN", 8), ["DCNN"]);
    }

    #[test]
    fn what_cannot_be_shown_has_no_pixel() {
        let scale = Scale::new(&Axis::log("x"), [1.0, 10.0].into_iter(), 0, 100);
        assert_eq!((scale.pixel(0.0), scale.pixel(-1.0), scale.pixel(f64::NAN)), (None, None, None));
        let empty = Scale::new(&Axis::linear("x"), [f64::NAN].into_iter(), 0, 100);
        assert!(empty.pixel(0.5).is_some());
    }

    proptest! {
        #[test]
        fn labels_never_touch(a in -1e7f64..1e7, b in -1e7f64..1e7, log in any::<bool>()) {
            let axis = Axis { log, ..Axis::linear("x") };
            let scale = Scale::new(&axis, [a, b].into_iter(), 0, 680);
            let ticks = scale.ticks(true, 14.0);
            prop_assert!(fits(&ticks, 14.0));
            prop_assert!(ticks.len() <= 8);
        }
    }
}
