//! A figure as SVG. Text is large for its frame, so that it can still be read at the width of a phone.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, EmptyElement, PathElement, Polygon, Rectangle, Text, TriangleMarker};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::scale::{Scale, Tick};
use crate::claims::{Figure, Kind, Point, Series};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted = Result<(), DrawingAreaErrorKind<std::io::Error>>;

const WIDTH: u32 = 800;
const HEIGHT: u32 = 560;
const FONT: i32 = 27;
const CHAR_PX: f64 = 0.56 * FONT as f64;
/// Digits are wider than most letters.
const DIGIT_PX: f64 = 0.64 * FONT as f64;
const INK: RGBColor = RGBColor(40, 44, 52);
const GRID: RGBColor = RGBColor(224, 227, 232);
/// Okabe and Ito's colours, which stay apart for colour-blind readers; shapes tell the series apart as well.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];
/// More points than this are thinned evenly: they could not be told apart, and the page must stay small.
const MOST_POINTS: usize = 2000;
/// A line with more points than this shows its intervals as a band, else as error bars.
const MOST_BARS: usize = 25;

/// Draws a figure on white: `<svg>` with a view box and no size of its own, so that it fills its frame. The
/// title, the words for those who cannot see it and the legend belong to the page around it.
///
/// # Errors
/// When plotters refuses, as one sentence.
pub fn to_svg(figure: &Figure) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        Canvas::new(figure)
            .paint(&area)
            .and_then(|()| area.present())
            .map_err(|e| format!("cannot draw figure '{}': {e}; check its points", figure.title))?;
    }
    // plotters gives the image a size in pixels, which would not shrink on a phone
    let inner = svg.find("<svg").and_then(|at| Some(&svg[at + svg[at..].find('>')? + 1..]));
    let inner = inner.and_then(|rest| rest.rfind("</svg>").map(|end| &rest[..end])).unwrap_or_default();
    Ok(format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\" focusable=\"false\">\n{}\n</svg>",
        inner.trim()
    ))
}

/// The colour of series, or class, `index`, as CSS writes it.
pub(super) fn colour(index: usize) -> String {
    let RGBColor(r, g, b) = COLOURS[index % COLOURS.len()];
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The sign of series `index` in a legend.
pub(super) fn swatch(series: &Series, index: usize) -> String {
    let colour = colour(index);
    let line = format!("<path d=\"M0 8H32\" stroke=\"{colour}\" stroke-width=\"3\"/>");
    let marker = match index % 4 {
        0 => format!("<circle cx=\"16\" cy=\"8\" r=\"5\" fill=\"{colour}\"/>"),
        1 => format!("<path d=\"M16 2L22 13H10Z\" fill=\"{colour}\"/>"),
        2 => format!("<path d=\"M11 3H21V13H11Z\" fill=\"{colour}\"/>"),
        _ => format!("<path d=\"M16 1L23 8L16 15L9 8Z\" fill=\"{colour}\"/>"),
    };
    let inner = match series.kind {
        Kind::Line => line + &marker,
        Kind::Points => marker,
        Kind::Bars | Kind::Histogram { .. } => format!("<path d=\"M6 1H26V15H6Z\" fill=\"{colour}\"/>"),
    };
    format!("<svg class=\"swatch\" viewBox=\"0 0 32 16\" aria-hidden=\"true\">{inner}</svg>")
}

/// The sign of mark `index` in a legend.
pub(super) fn mark_swatch(index: usize) -> String {
    let (on, off) = dashes(index);
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 32 16\" aria-hidden=\"true\"><path d=\"M0 8H32\" stroke=\"#282c34\" \
         stroke-width=\"2\" stroke-dasharray=\"{} {}\"/></svg>",
        on / 2,
        off / 2
    )
}

struct Canvas<'f> {
    figure: &'f Figure,
    x: Scale,
    y: Scale,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl<'f> Canvas<'f> {
    fn new(figure: &'f Figure) -> Self {
        let (right, top) = (WIDTH as i32 - 24, 16);
        // the margins follow the labels: first their size, then the scales on what is left
        let guess = Scale::new(&figure.x, xs(figure), 110, right).ticks(true, CHAR_PX);
        let lines = guess.iter().map(|t| t.lines.len()).max().unwrap_or(1) as i32;
        let bottom = HEIGHT as i32 - 14 - FONT * 13 / 10 - lines * FONT * 12 / 10 - 14;
        let y = Scale::new(&figure.y, ys(figure), bottom, top);
        let y_ticks = y.ticks(false, CHAR_PX);
        let widest = y_ticks.iter().map(|t| t.lines[0].chars().count()).max().unwrap_or(1);
        let left = 24 + FONT + (widest as f64 * DIGIT_PX) as i32;
        let x = Scale::new(&figure.x, xs(figure), left, right);
        let x_ticks = x.ticks(true, CHAR_PX);
        Self { figure, x, y, x_ticks, y_ticks, left, right, top, bottom }
    }

    fn paint(&self, area: &Area<'_>) -> Painted {
        self.grid(area)?;
        let series = &self.figure.series;
        let bars = series.iter().filter(|s| s.kind == Kind::Bars).count();
        let mut bar = 0;
        for (i, s) in series.iter().enumerate() {
            match s.kind {
                Kind::Bars => {
                    self.bars(area, s, i, bar, bars)?;
                    bar += 1;
                }
                Kind::Histogram { bin_width } => self.histogram(area, s, i, bin_width, series.len() > 1)?,
                Kind::Line => self.line(area, s, i)?,
                Kind::Points => self.points(area, s, i)?,
            }
        }
        for (i, mark) in self.figure.marks.iter().enumerate() {
            self.mark(area, mark.y, dashes(i))?;
        }
        self.axes(area)
    }

    fn grid(&self, area: &Area<'_>) -> Painted {
        if self.figure.x.categories.is_empty() {
            for tick in &self.x_ticks {
                area.draw(&PathElement::new(
                    [(tick.pixel, self.top), (tick.pixel, self.bottom)],
                    pen(GRID, 1),
                ))?;
            }
        }
        for tick in &self.y_ticks {
            area.draw(&PathElement::new([(self.left, tick.pixel), (self.right, tick.pixel)], pen(GRID, 1)))?;
        }
        Ok(())
    }

    fn axes(&self, area: &Area<'_>) -> Painted {
        let corner = [(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)];
        area.draw(&PathElement::new(corner, pen(INK, 2)))?;
        for tick in &self.x_ticks {
            area.draw(&PathElement::new(
                [(tick.pixel, self.bottom), (tick.pixel, self.bottom + 7)],
                pen(INK, 2),
            ))?;
            for (i, line) in tick.lines.iter().enumerate() {
                let at = (tick.pixel, self.bottom + 13 + i as i32 * FONT * 12 / 10);
                area.draw(&Text::new(line.clone(), at, text(HPos::Center, VPos::Top)))?;
            }
        }
        for tick in &self.y_ticks {
            area.draw(&PathElement::new(
                [(self.left - 7, tick.pixel), (self.left, tick.pixel)],
                pen(INK, 2),
            ))?;
            let at = (self.left - 12, tick.pixel);
            area.draw(&Text::new(tick.lines[0].clone(), at, text(HPos::Right, VPos::Center)))?;
        }
        let fitted = |label: &str, room: i32| fit(label, (f64::from(room) / CHAR_PX) as usize);
        let below = ((self.left + self.right) / 2, HEIGHT as i32 - 10);
        let label = fitted(&self.figure.x.label, self.right - self.left);
        area.draw(&Text::new(label, below, text(HPos::Center, VPos::Bottom)))?;
        let beside = (6, (self.top + self.bottom) / 2);
        let label = fitted(&self.figure.y.label, self.bottom - self.top);
        let upwards = text(HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
        area.draw(&Text::new(label, beside, upwards))
    }

    fn line(&self, area: &Area<'_>, series: &Series, index: usize) -> Painted {
        let colour = COLOURS[index % COLOURS.len()];
        let points = thinned(&series.points);
        let many = points.len() > MOST_BARS;
        if many {
            self.band(area, &points, colour)?;
        }
        // a gap in the data is a gap in the line
        let mut run: Vec<(i32, i32)> = Vec::new();
        for point in points.iter().map(Some).chain([None]) {
            match point.and_then(|p| self.at(p)) {
                Some(at) => run.push(at),
                None if run.len() > 1 => {
                    area.draw(&PathElement::new(std::mem::take(&mut run), pen(colour, 4)))?
                }
                None => run.clear(),
            }
        }
        if many {
            return Ok(());
        }
        self.error_bars(area, &points, colour, 0)?;
        points.iter().filter_map(|p| self.at(p)).try_for_each(|at| marker(area, at, index, colour, 8))
    }

    fn points(&self, area: &Area<'_>, series: &Series, index: usize) -> Painted {
        let colour = COLOURS[index % COLOURS.len()];
        let points = thinned(&series.points);
        let size = if points.len() > 200 { 4 } else { 8 };
        self.error_bars(area, &points, colour, 0)?;
        points.iter().filter_map(|p| self.at(p)).try_for_each(|at| marker(area, at, index, colour, size))
    }

    fn bars(&self, area: &Area<'_>, series: &Series, index: usize, bar: usize, of: usize) -> Painted {
        let colour = COLOURS[index % COLOURS.len()];
        let slot = (self.x.pixel(1.0).unwrap_or(0) - self.x.pixel(0.0).unwrap_or(0)).abs().max(4);
        let width = (f64::from(slot) * 0.7 / of.max(1) as f64).clamp(3.0, 120.0);
        let shift = ((bar as f64 - (of as f64 - 1.0) / 2.0) * width).round() as i32;
        let half = (width * 0.46).max(1.0) as i32;
        for point in &thinned(&series.points) {
            let Some((x, y)) = self.at(point) else { continue };
            let corners = [(x + shift - half, self.y.base()), (x + shift + half, y)];
            area.draw(&Rectangle::new(corners, colour.mix(0.85).filled()))?;
        }
        self.error_bars(area, &series.points, INK, shift)
    }

    fn histogram(&self, area: &Area<'_>, series: &Series, index: usize, width: f64, shared: bool) -> Painted {
        let colour = COLOURS[index % COLOURS.len()];
        let opacity = if shared { 0.5 } else { 0.85 };
        for point in &series.points {
            let ends = (self.x.pixel(point.x - width / 2.0), self.x.pixel(point.x + width / 2.0));
            let (Some(from), Some(to), Some(y)) = (ends.0, ends.1, self.y.pixel(point.y)) else { continue };
            let corners = [(from, self.y.base()), ((to - 1).max(from), y)];
            area.draw(&Rectangle::new(corners, colour.mix(opacity).filled()))?;
        }
        Ok(())
    }

    fn band(&self, area: &Area<'_>, points: &[Point], colour: RGBColor) -> Painted {
        let edge = |end: fn(&Point) -> Option<f64>| {
            points.iter().filter_map(move |p| Some((self.x.pixel(p.x)?, self.y.pixel(end(p)?)?)))
        };
        let mut outline: Vec<(i32, i32)> = edge(|p| p.hi.and(p.lo)).collect();
        outline.extend(edge(|p| p.lo.and(p.hi)).collect::<Vec<_>>().into_iter().rev());
        if outline.len() < 4 {
            return Ok(());
        }
        area.draw(&Polygon::new(outline, colour.mix(0.2).filled()))
    }

    fn error_bars(&self, area: &Area<'_>, points: &[Point], colour: RGBColor, shift: i32) -> Painted {
        for point in points {
            let (Some(lo), Some(hi)) = (point.lo, point.hi) else { continue };
            let ends = (self.x.pixel(point.x), self.y.pixel(lo), self.y.pixel(hi));
            let (Some(x), Some(lo), Some(hi)) = ends else { continue };
            let x = x + shift;
            area.draw(&PathElement::new([(x, lo), (x, hi)], pen(colour, 3)))?;
            for y in [lo, hi] {
                area.draw(&PathElement::new([(x - 7, y), (x + 7, y)], pen(colour, 3)))?;
            }
        }
        Ok(())
    }

    fn mark(&self, area: &Area<'_>, value: f64, (on, off): (i32, i32)) -> Painted {
        let Some(y) = self.y.pixel(value) else { return Ok(()) };
        let mut x = self.left;
        while x < self.right {
            area.draw(&PathElement::new([(x, y), ((x + on).min(self.right), y)], pen(INK, 2)))?;
            x += on + off;
        }
        Ok(())
    }

    fn at(&self, point: &Point) -> Option<(i32, i32)> {
        Some((self.x.pixel(point.x)?, self.y.pixel(point.y)?))
    }
}

fn xs(figure: &Figure) -> impl Iterator<Item = f64> + '_ {
    figure.series.iter().flat_map(|s| {
        let half = match s.kind {
            Kind::Histogram { bin_width } => bin_width / 2.0,
            Kind::Bars => 0.5,
            Kind::Line | Kind::Points => 0.0,
        };
        s.points.iter().flat_map(move |p| [p.x - half, p.x + half])
    })
}

fn ys(figure: &Figure) -> impl Iterator<Item = f64> + '_ {
    let stands = |s: &Series| matches!(s.kind, Kind::Bars | Kind::Histogram { .. });
    let base = (figure.series.iter().any(stands) && !figure.y.log).then_some(0.0);
    let points = figure.series.iter().flat_map(|s| &s.points);
    let values = points.flat_map(|p| [Some(p.y), p.lo, p.hi].into_iter().flatten());
    values.chain(figure.marks.iter().map(|m| m.y)).chain(base)
}

fn thinned(points: &[Point]) -> Vec<Point> {
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let mut kept: Vec<Point> = points.iter().step_by(stride).copied().collect();
    if let (Some(last), false) = (points.last(), points.len() % stride == 1 || stride == 1) {
        kept.push(*last);
    }
    kept
}

fn marker(area: &Area<'_>, at: (i32, i32), index: usize, colour: RGBColor, size: i32) -> Painted {
    let fill = colour.filled();
    match index % 4 {
        0 => area.draw(&Circle::new(at, size, fill)),
        1 => area.draw(&(EmptyElement::at(at) + TriangleMarker::new((0, 0), size + 2, fill))),
        2 => area.draw(&Rectangle::new([(at.0 - size, at.1 - size), (at.0 + size, at.1 + size)], fill)),
        _ => {
            let s = size + 3;
            let (x, y) = at;
            area.draw(&Polygon::new([(x, y - s), (x + s, y), (x, y + s), (x - s, y)], fill))
        }
    }
}

fn dashes(index: usize) -> (i32, i32) {
    [(14, 10), (4, 8), (28, 8)][index % 3]
}

fn pen(colour: RGBColor, width: u32) -> ShapeStyle {
    colour.stroke_width(width)
}

fn text(h: HPos, v: VPos) -> TextStyle<'static> {
    // plotters divides a font's size by 1.24 when it writes SVG
    ("sans-serif", f64::from(FONT) * 1.24).into_font().color(&INK).pos(Pos::new(h, v))
}

fn fit(label: &str, room: usize) -> String {
    if label.chars().count() <= room {
        return label.into();
    }
    label.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Axis;

    #[test]
    fn text_is_escaped_and_the_image_has_no_size() {
        let figure = Figure::new("t", Axis::linear("<script>"), Axis::linear("a & b")).series(Series::new(
            "s",
            Kind::Line,
            [(0.0, 1.0), (1.0, 2.0)],
        ));
        let svg = to_svg(&figure).unwrap();
        assert!(svg.starts_with("<svg viewBox=\"0 0 800 560\"") && svg.ends_with("</svg>"));
        assert!(svg.contains("&lt;script&gt;") && svg.contains("a &amp; b") && !svg.contains("<script"));
        assert_eq!(svg.matches("<svg").count(), 1);
    }

    #[test]
    fn nothing_that_is_not_a_number_reaches_the_image() {
        let odd = [(f64::NAN, 1.0), (1.0, f64::INFINITY), (0.0, -1.0), (1.0, 1e300), (2.0, 1e-300)];
        for kind in [Kind::Line, Kind::Points, Kind::Bars, Kind::Histogram { bin_width: 1.0 }] {
            for log in [false, true] {
                let axis = Axis { log, ..Axis::linear("y") };
                let figure = Figure::new("t", Axis::linear("x"), axis)
                    .series(Series::new("odd", kind, odd))
                    .series(Series::new("empty", kind, []));
                let svg = to_svg(&figure).unwrap();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{kind:?} {log}");
            }
        }
    }

    #[test]
    fn a_million_points_make_a_small_image() {
        let points = (0..1_000_000).map(|i| (f64::from(i), f64::from(i % 1000)));
        let figure = Figure::new("t", Axis::linear("x"), Axis::linear("y")).series(Series::new(
            "s",
            Kind::Points,
            points,
        ));
        assert!(to_svg(&figure).unwrap().len() < 400_000);
    }
}
