//! Figures and tables as data; drawing them is the program's business.

use serde::{Deserialize, Serialize};

use super::stats::Interval;
use super::{float, number};

/// A plot: axes, series of points, and lines to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it shows, as a title.
    pub title: String,
    /// What a reader who cannot see it should know; made from the data when empty.
    pub alt: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, in order.
    pub series: Vec<Series>,
    /// Horizontal lines to compare with, such as the paper's number.
    pub marks: Vec<Mark>,
}

/// One axis of a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// Whether it is logarithmic; points at or below 0 are then left out.
    pub log: bool,
    /// Names of the positions 0, 1, 2, …; empty for a number line.
    pub categories: Vec<String>,
}

/// One line, cloud, or set of bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// How it is drawn.
    pub kind: Kind,
    /// Its points, in order.
    pub points: Vec<Point>,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Points joined by a line.
    Line,
    /// Points alone.
    Points,
    /// Bars from 0, side by side with the other bar series.
    Bars,
    /// Bars that touch, each centred on its x.
    Histogram {
        /// Width of a bar in units of x.
        bin_width: f64,
    },
}

/// A point, with an interval in y where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Horizontal position.
    #[serde(with = "float::or_nan")]
    pub x: f64,
    /// Vertical position.
    #[serde(with = "float::or_nan")]
    pub y: f64,
    /// Lower end of the error bar.
    pub lo: Option<f64>,
    /// Upper end of the error bar.
    pub hi: Option<f64>,
}

/// A labelled horizontal line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What it is.
    pub label: String,
    /// Where it is.
    pub y: f64,
}

/// A table of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Column names.
    pub columns: Vec<String>,
    /// Rows of cells; a short row is filled with empty cells.
    pub rows: Vec<Vec<String>>,
}

impl Figure {
    /// An empty figure.
    ///
    /// # Example
    /// ```
    /// use shared::claims::{Axis, Figure, Kind, Series};
    /// let figure = Figure::new("Accuracy by hops", Axis::linear("hops"), Axis::linear("accuracy"))
    ///     .series(Series::new("DCNN", Kind::Line, [(0.0, 0.73), (1.0, 0.85), (2.0, 0.86)]))
    ///     .mark("paper, 2 hops", 0.8677);
    /// assert!(figure.alt_text().contains("DCNN from 0.7300 to 0.8600"));
    /// ```
    #[must_use]
    pub fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), alt: String::new(), x, y, series: Vec::new(), marks: Vec::new() }
    }

    /// Adds a series.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds a horizontal line to compare with.
    #[must_use]
    pub fn mark(mut self, label: &str, y: f64) -> Self {
        self.marks.push(Mark { label: label.into(), y });
        self
    }

    /// Says in words what the figure shows.
    #[must_use]
    pub fn alt(mut self, text: &str) -> Self {
        self.alt = text.into();
        self
    }

    /// The words for a reader who cannot see it: [`Figure::alt`], or the range of every series.
    #[must_use]
    pub fn alt_text(&self) -> String {
        if !self.alt.is_empty() {
            return self.alt.clone();
        }
        let ranges: Vec<String> = self.series.iter().filter_map(Series::range_text).collect();
        let ranges = if ranges.is_empty() { "no points".into() } else { ranges.join("; ") };
        format!("{}: {} against {}; {ranges}.", self.title, self.y.label, self.x.label)
    }
}

impl Axis {
    /// A number line.
    #[must_use]
    pub fn linear(label: &str) -> Self {
        Self { label: label.into(), log: false, categories: Vec::new() }
    }

    /// A logarithmic number line.
    #[must_use]
    pub fn log(label: &str) -> Self {
        Self { log: true, ..Self::linear(label) }
    }

    /// Named positions.
    #[must_use]
    pub fn categories(label: &str, names: &[&str]) -> Self {
        Self { categories: names.iter().map(|&n| n.into()).collect(), ..Self::linear(label) }
    }
}

impl Series {
    /// A series of (x, y).
    #[must_use]
    pub fn new(label: &str, kind: Kind, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().map(|(x, y)| Point { x, y, lo: None, hi: None }).collect();
        Self { label: label.into(), kind, points }
    }

    /// A series of means over seeds, with their intervals as error bars.
    #[must_use]
    pub fn intervals(label: &str, kind: Kind, points: impl IntoIterator<Item = (f64, Interval)>) -> Self {
        let end = |v: f64| v.is_finite().then_some(v);
        let points =
            points.into_iter().map(|(x, i)| Point { x, y: i.mean, lo: end(i.lo), hi: end(i.hi) }).collect();
        Self { label: label.into(), kind, points }
    }

    /// Counts of `values` in `bins` equal bins between their least and largest; values that are not finite are
    /// left out, and `bins` is held to 1 … 1000.
    #[must_use]
    pub fn histogram(label: &str, values: &[f64], bins: usize) -> Self {
        let bins = bins.clamp(1, 1000);
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let low = finite().fold(f64::INFINITY, f64::min);
        let high = finite().fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            return Self::new(label, Kind::Histogram { bin_width: 1.0 }, []);
        }
        let width = if high > low { (high - low) / bins as f64 } else { 1.0 };
        let mut counts = vec![0u64; bins];
        for value in finite() {
            counts[(((value - low) / width) as usize).min(bins - 1)] += 1;
        }
        let centres = counts.iter().enumerate().map(|(i, &c)| (low + (i as f64 + 0.5) * width, c as f64));
        Self::new(label, Kind::Histogram { bin_width: width }, centres)
    }

    fn range_text(&self) -> Option<String> {
        let finite = || self.points.iter().map(|p| p.y).filter(|y| y.is_finite());
        let low = finite().reduce(f64::min)?;
        let high = finite().reduce(f64::max)?;
        Some(format!("{} from {} to {}", self.label, number(low), number(high)))
    }
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(title: &str, columns: &[&str]) -> Self {
        Self { title: title.into(), columns: columns.iter().map(|&c| c.into()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    #[must_use]
    pub fn row<T: Into<String>>(mut self, cells: impl IntoIterator<Item = T>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_every_finite_value_once() {
        let series = Series::histogram("h", &[0.0, 0.1, 0.5, 0.99, 1.0, f64::NAN], 4);
        let counts: Vec<f64> = series.points.iter().map(|p| p.y).collect();
        assert_eq!(counts, [2.0, 0.0, 1.0, 2.0]);
        assert_eq!(series.kind, Kind::Histogram { bin_width: 0.25 });
        assert_eq!(Series::histogram("h", &[3.0; 5], 3).points.iter().map(|p| p.y).sum::<f64>(), 5.0);
        assert!(Series::histogram("h", &[], 3).points.is_empty());
    }

    #[test]
    fn points_that_are_not_numbers_survive_json() {
        let figure = Figure::new("t", Axis::log("x"), Axis::linear("y")).series(Series::new(
            "s",
            Kind::Points,
            [(1.0, f64::NAN)],
        ));
        let back: Figure = serde_json::from_str(&serde_json::to_string(&figure).unwrap()).unwrap();
        assert!(back.series[0].points[0].y.is_nan());
        assert!(figure.alt_text().ends_with("no points."));
    }
}
