//! A study in words.

use super::{CurveError, CurveStudy, Estimate, Fitted};
use shared::claims::{number, Column, TextTable};

/// The study as lines of text: a table of laws, which of them the points support, how far to trust them, the score at each n of
/// `sizes`, and the examples for each score of `targets`.
///
/// # Errors
/// [`CurveError::Setting`] for an n that is no number above 0, or a target that is not finite.
pub fn told(study: &CurveStudy, sizes: &[f64], targets: &[f64]) -> Result<Vec<String>, CurveError> {
    let setting =
        |field, value: f64, allowed| CurveError::Setting { field, value: value.to_string(), allowed };
    if let Some(n) = sizes.iter().find(|n| !(n.is_finite() && **n > 0.0)) {
        return Err(setting("a size to predict for", *n, "a finite number above 0"));
    }
    if let Some(score) = targets.iter().find(|score| !score.is_finite()) {
        return Err(setting("a target", *score, "a finite number"));
    }
    let column = |name, right| Column { name, max: 60, right };
    let mut table = TextTable::new(&[
        column("law", false),
        column("parameters", false),
        column("R²", true),
        column("AICc", true),
        column("left out", true),
    ]);
    for fit in &study.fits {
        let estimates = fit.estimates();
        let names = fit.law.parameters().iter().zip(&estimates);
        let parameters: Vec<String> = names.map(|(name, e)| format!("{name} = {}", interval(e))).collect();
        table.row([
            fit.law.formula().into(),
            parameters.join(", "),
            number(fit.r2),
            if fit.aicc.is_finite() { format!("{:.1}", fit.aicc) } else { "too few runs".into() },
            fit.left_out.map_or("too few sizes".into(), number),
        ]);
    }
    let mut lines: Vec<String> = table.render().lines().map(str::to_owned).collect();
    let Some(best) = study.fits.first() else { return Ok(lines) };
    let supported: Vec<&Fitted> = study.supported().collect();
    let names: Vec<&str> = supported.iter().map(|fit| fit.law.formula()).collect();
    lines.push(match names.as_slice() {
        [only] => format!(
            "The points support {only}: every other law's AICc is more than {} above.",
            super::SUPPORTED
        ),
        _ => format!(
            "The points do not tell {} apart: each has an AICc within {} of the least.",
            names.join(" from "),
            super::SUPPORTED
        ),
    });
    let largest = study.largest;
    lines.push(match study.reach {
        reach if reach > 1.0 => format!(
            "{} up to {} examples, {} times the largest size; a prediction beyond that is a guess.",
            if names.len() == 1 { "It is trusted" } else { "These laws agree" },
            number((largest * reach).round()),
            number(reach)
        ),
        _ => "These laws part as soon as the points end: every prediction beyond them is a guess.".into(),
    });
    if study.noise.is_none() {
        lines.push("No size has two runs: intervals are made of the law's own residuals, and hold only if the law does.".into());
    }
    for n in sizes {
        let guess = if *n > largest * study.reach { " (a guess)" } else { "" };
        for fit in &supported {
            if let Some(found) = fit.predict(*n) {
                lines.push(format!(
                    "at {} examples, by {}: {}{guess}",
                    number(*n),
                    fit.law.formula(),
                    interval(&found)
                ));
            }
        }
    }
    for target in targets {
        for fit in &supported {
            let by = format!("for a score of {}, by {}", number(*target), fit.law.formula());
            lines.push(match fit.examples_for(*target) {
                Some(found) if found.value.is_finite() => {
                    let guess = if found.value > largest * study.reach { " (a guess)" } else { "" };
                    format!("{by}: {} examples{guess}", interval(&found))
                }
                _ => format!("{by}: never, however many examples"),
            });
        }
    }
    if best.r2 < 0.5 {
        lines.push(format!("Even the best law explains only {} of the means' variance.", number(best.r2)));
    }
    Ok(lines)
}

fn interval(estimate: &Estimate) -> String {
    format!("{} [{}, {}]", number(estimate.value), number(estimate.lo), number(estimate.hi))
}
