//! Points from a text file.

use super::{CurveError, Point, Points};

/// Points from lines of `examples,score`, one a run; a tab, a semicolon or spaces may stand for the comma. Empty lines, lines
/// that begin with `#`, and a first line without any number, which names the columns, are passed over.
///
/// `name` is what errors call the text.
///
/// # Errors
/// [`CurveError::Line`], [`CurveError::Size`] or [`CurveError::Score`] with the first line that is wrong, and
/// [`CurveError::OneSize`].
pub fn parse_points(name: &str, text: &str) -> Result<Points, CurveError> {
    let mut runs = Vec::new();
    let mut first = true;
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells = cells(line);
        let header = first && cells.iter().all(|cell| cell.parse::<f64>().is_err());
        first = false;
        if !header {
            runs.push(point(&format!("{name}, line {}", at + 1), &cells)?);
        }
    }
    Points::new(&runs)
}

fn cells(line: &str) -> Vec<&str> {
    let separator = [',', ';', '\t'].into_iter().find(|mark| line.contains(*mark));
    match separator {
        Some(mark) => line.split(mark).map(|cell| cell.trim().trim_matches('"').trim()).collect(),
        None => line.split_whitespace().collect(),
    }
}

fn point(place: &str, cells: &[&str]) -> Result<Point, CurveError> {
    let wrong = |why| CurveError::Line { place: place.into(), why };
    let [n, score] = cells else {
        let count = cells.len();
        return Err(wrong(format!("it has {count} value{}", if count == 1 { "" } else { "s" })));
    };
    let read = |what: &str, cell: &str| match cell {
        "" => Err(wrong(format!("its {what} is missing"))),
        _ => cell
            .parse::<f64>()
            .map_err(|_| wrong(format!("its {what} is `{}`, which is no number", short(cell)))),
    };
    let point = Point { n: read("number of examples", n)?, score: read("score", score)? };
    if !(point.n.is_finite() && point.n > 0.0) {
        return Err(CurveError::Size { place: place.into(), n: point.n });
    }
    if !point.score.is_finite() {
        return Err(CurveError::Score { place: place.into(), score: point.score });
    }
    Ok(point)
}

/// A cell as a sentence can bear it.
fn short(cell: &str) -> String {
    const MOST: usize = 30;
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut text: String = cell.chars().take(MOST).map(plain).collect();
    if cell.chars().count() > MOST {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Points, String> {
        parse_points("points.csv", text).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_of_several_kinds_are_runs() {
        let wanted = parsed("100,0.5\n1000,0.6\n1000,0.7\n").unwrap();
        for text in [
            "n,score\n100,0.5\n\n# two seeds\n1000,0.6\n1000,0.7",
            "\u{feff}examples;score\r\n1e2;0.5\r\n1e3;0.6\r\n1000;0.7\r\n",
            "1000\t0.6\n100\t0.5\n1000\t0.7",
            "\"100\", 0.5\n 1000 , \"0.6\"\n1000,.7",
            "100  0.5\n1000 0.6\n1000 0.7\n",
        ] {
            assert_eq!(parsed(text).as_ref(), Ok(&wanted), "{text}");
        }
        assert_eq!(wanted.sizes()[1].scores, [0.6, 0.7]);
    }

    #[test]
    fn whatever_is_wrong_is_told_with_its_line() {
        for (text, told) in [
            ("", "there are 0 runs of no size"),
            ("n,score\n", "there are 0 runs of no size"),
            ("100,0.5\n", "there is 1 run of one size, 100 examples"),
            ("100,0.5\n100,0.6\n", "there are 2 runs of one size, 100 examples"),
            (
                "100,0.5\n0,0.6\n",
                "points.csv, line 2 has 0 examples: every run needs a finite number above 0",
            ),
            ("100,0.5\n-3,0.6\n", "points.csv, line 2 has -3 examples"),
            ("100,0.5\ninf,0.6\n", "points.csv, line 2 has inf examples"),
            ("100,0.5\n200,nan\n", "points.csv, line 2 has the score NaN"),
            ("100,0.5\n200,\n", "points.csv, line 2: its score is missing"),
            ("100,0.5\n,0.6\n", "points.csv, line 2: its number of examples is missing"),
            ("100,0.5\n\n200,many\n", "points.csv, line 3: its score is `many`, which is no number"),
            ("100,0.5\nn,score\n", "points.csv, line 2: its number of examples is `n`"),
            ("100,0.5\n200\n", "points.csv, line 2: it has 1 value"),
            ("100,0.5\n200,0.5,7\n", "points.csv, line 2: it has 3 values"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(told), "{text:?} gave {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = parse_points("t", &text);
        }

        #[test]
        fn what_was_written_is_read(runs in prop::collection::vec((1u32..1000, -1e3f64..1e3), 2..30)) {
            let text: String = runs.iter().map(|(n, y)| format!("{n},{y}\n")).collect();
            let points: Vec<Point> = runs.iter().map(|(n, y)| Point { n: f64::from(*n), score: *y }).collect();
            match (parse_points("t", &text), Points::new(&points)) {
                (Ok(read), Ok(made)) => prop_assert_eq!(read, made),
                (read, made) => prop_assert!(read.is_err() && made.is_err()),
            }
        }
    }
}
