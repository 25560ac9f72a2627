//! A report as one page: no scripts, no network, readable in light and dark, on a phone and on paper.

use std::fmt::Write as _;

use super::paint::{mark_swatch, swatch, to_svg};
use super::{sheets, CliError, Drawing, ExplainRow};
use crate::claims::{
    duration, number, range_text, Check, ClaimResult, DeviationInfo, Figure, Measured, Outcome, Report, Row,
    Table, Verdict,
};

/// The page's style sheet.
const STYLE: &str = include_str!("style.css");
/// Rows of a figure's data that are shown; the rest is in the JSON.
const MOST_ROWS: usize = 200;

/// What a page shows besides a report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The way to other pages: what a link says, and where it goes.
    pub links: &'a [(String, String)],
    /// The method, equation by equation.
    pub explain: &'a [ExplainRow],
    /// Graphs as pictures.
    pub drawings: &'a [Drawing],
    /// Claims that are not in the report.
    pub missing: &'a [&'static str],
}

/// The whole report as one HTML file.
///
/// # Errors
/// When a figure cannot be drawn.
pub fn to_html(report: &Report, beside: &Beside<'_>) -> Result<String, CliError> {
    let title = format!("{} {}: {}", report.program, report.version, report.tally());
    let mut out = head(&title, ("verdicts", "Skip to the verdicts"));
    links(&mut out, beside.links);
    header(&mut out, report);
    out.push_str("<main>\n");
    verdicts(&mut out, report, beside.missing);
    explain(&mut out, beside.explain);
    drawings(&mut out, beside.drawings);
    for (i, result) in report.claims.iter().enumerate() {
        claim(&mut out, result, i)?;
    }
    deviations(&mut out, report);
    out.push_str("</main>\n");
    let _ = write!(
        out,
        "<footer><p>Made by <code>{}</code>. A verdict follows from 95&nbsp;% intervals over seeds and the checks \
         listed, never from the best run.</p></footer>\n</body>\n</html>\n",
        escape(&report.run.command)
    );
    Ok(out)
}

/// A page up to its body, with a link for those who go by keyboard to what it is about.
pub(super) fn head(title: &str, (target, skip): (&str, &str)) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#{target}\">{skip}</a>\n",
        escape(title)
    )
}

fn links(out: &mut String, links: &[(String, String)]) {
    if links.is_empty() {
        return;
    }
    out.push_str("<nav aria-label=\"Pages\">");
    for (text, to) in links {
        let _ = write!(out, "<a href=\"{}\">{}</a>", escape(to), escape(text));
    }
    out.push_str("</nav>\n");
}

/// Equations beside the code that computes them.
fn explain(out: &mut String, rows: &[ExplainRow]) {
    if rows.is_empty() {
        return;
    }
    out.push_str(
        "<section aria-labelledby=\"method\">\n<h2 id=\"method\">The method, equation by equation</h2>\n",
    );
    let rows = rows.iter().map(|row| {
        let code = |text: &str| format!("<code>{}</code>", escape(text));
        vec![escape(row.equation), code(row.code), escape(row.shape), escape(row.section)]
    });
    table(out, "Equations and code", &["Equation", "Code", "Shape", "Where"], rows);
    out.push_str("</section>\n");
}

fn drawings(out: &mut String, drawings: &[Drawing]) {
    if drawings.is_empty() {
        return;
    }
    out.push_str(
        "<section aria-labelledby=\"graphs\">\n<h2 id=\"graphs\">Graphs</h2>\n<div class=\"figures\">\n",
    );
    drawings.iter().for_each(|drawing| drawing.html(out));
    out.push_str("</div>\n</section>\n");
}

fn header(out: &mut String, report: &Report) {
    let facts = [
        ("Setting", report.setting()),
        ("Commit", report.run.commit.clone()),
        ("Date", report.run.date.replace('T', " ").replace('Z', " UTC")),
        ("Time", duration(report.run.wall_s)),
    ];
    let facts: String =
        facts.iter().map(|(k, v)| format!("<div><dt>{k}</dt><dd>{}</dd></div>", escape(v))).collect();
    let _ = write!(
        out,
        "<header>\n<h1>{} <small>{}</small></h1>\n<p class=\"about\">{}</p>\n<dl class=\"facts\">{facts}</dl>\n</header>\n",
        escape(&report.program),
        escape(&report.version),
        escape(&report.about),
    );
}

fn verdicts(out: &mut String, report: &Report, missing: &[&str]) {
    let _ = write!(
        out,
        "<section id=\"verdicts\" aria-labelledby=\"verdicts-title\">\n<h2 id=\"verdicts-title\">Verdicts</h2>\n\
         <p>{}</p>\n",
        escape(&report.tally())
    );
    if !missing.is_empty() {
        let _ = writeln!(out, "<p>Not measured here: {}.</p>", escape(&missing.join(", ")));
    }
    let rows = report.claims.iter().map(|r| {
        let c = &r.claim;
        vec![
            badge(r.verdict),
            format!("<a href=\"#{0}\">{0}</a>", escape(&c.id)),
            escape(&c.section),
            nowrap(&r.headline()),
            escape(&c.paper),
            nowrap(&duration(r.run.wall_s)),
        ]
    });
    table(out, "Verdicts", &["Verdict", "Claim", "Where", "Measured, 95 % interval", "Paper", "Time"], rows);
    out.push_str("</section>\n");
}

fn claim(out: &mut String, result: &ClaimResult, index: usize) -> Result<(), CliError> {
    let (c, id) = (&result.claim, escape(&result.claim.id));
    let why = c.scaled_why.as_deref().map(|why| format!(": {}", escape(why))).unwrap_or_default();
    let _ = write!(
        out,
        "<article id=\"{id}\" aria-labelledby=\"claim-{index}\">\n<div class=\"title\"><h2 id=\"claim-{index}\">{id}</h2>{}</div>\n\
         <p class=\"statement\">{}</p>\n<p class=\"reason\">{}</p>\n\
         <dl class=\"facts\"><div><dt>In the paper</dt><dd>{}</dd></div><div><dt>The paper's value</dt><dd>{}</dd></div>\
         <div><dt>Asked</dt><dd>{}</dd></div><div><dt>Protocol</dt><dd>{}{why}</dd></div></dl>\n",
        badge(result.verdict),
        escape(&c.statement),
        escape(&result.reason),
        escape(&c.section),
        escape(&c.paper),
        escape(&c.direction),
        escape(&c.protocol),
    );
    if let Some(measured) = &result.measured {
        checks(out, &measured.checks);
        rows(out, measured);
        figures(out, &measured.figures)?;
        sheets::html(out, &measured.sheets)?;
        for t in &measured.tables {
            free_table(out, t);
        }
        if !measured.notes.is_empty() {
            let notes: String = measured.notes.iter().map(|n| format!("<li>{}</li>", escape(n))).collect();
            let _ = writeln!(out, "<h3>Notes</h3><ul>{notes}</ul>");
        }
        per_seed(out, measured);
    }
    again(out, result)?;
    out.push_str("</article>\n");
    Ok(())
}

fn checks(out: &mut String, checks: &[Check]) {
    if checks.is_empty() {
        return;
    }
    out.push_str("<h3>Checks</h3>\n");
    let rows =
        checks.iter().map(|c| vec![outcome(c.outcome), escape(&c.label), escape(&c.found), escape(&c.rule)]);
    table(out, "Checks", &["Outcome", "Check", "Found", "Asked"], rows);
}

fn rows(out: &mut String, measured: &Measured) {
    if measured.rows.is_empty() {
        return;
    }
    out.push_str("<h3>Numbers</h3>\n");
    let rows = measured.rows.iter().map(|row| {
        let i = &row.interval;
        let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
        let bounds = if i.n > 1 { range_text(i.lo, i.hi) } else { "–".into() };
        let sd = if i.sd.is_nan() { "–".into() } else { number(i.sd) };
        let paper = row.paper.map_or("–".into(), number);
        let quantity = escape(&format!("{}{unit}", row.label));
        vec![quantity, nowrap(&number(i.mean)), nowrap(&sd), nowrap(&bounds), i.n.to_string(), nowrap(&paper)]
    });
    table(out, "Numbers", &["Quantity", "Mean", "SD", "95 % interval", "n", "Paper"], rows);
}

fn per_seed(out: &mut String, measured: &Measured) {
    if measured.rows.is_empty() {
        return;
    }
    let count = measured.rows.iter().map(|r| r.values.len()).max().unwrap_or(0).min(MOST_ROWS);
    // runs are named by their seeds where every quantity has one value a seed
    let by_seed = measured.rows.iter().all(|r| r.values.len() == measured.seeds.len());
    let mut head = vec![if by_seed { "Seed" } else { "Run" }];
    head.extend(measured.rows.iter().map(|r| r.label.as_str()));
    out.push_str("<details><summary>Every value</summary>\n");
    let name = |i: usize| if by_seed { measured.seeds[i].to_string() } else { (i + 1).to_string() };
    let rows = (0..count).map(|i| {
        let value = |r: &Row| r.values.get(i).map_or(String::new(), |v| nowrap(&number(*v)));
        std::iter::once(name(i)).chain(measured.rows.iter().map(value)).collect()
    });
    table(out, "Every value", &head, rows);
    out.push_str("</details>\n");
}

fn figures(out: &mut String, figures: &[Figure]) -> Result<(), CliError> {
    if figures.is_empty() {
        return Ok(());
    }
    out.push_str("<div class=\"figures\">\n");
    for figure in figures {
        let _ = write!(
            out,
            "<figure>\n<figcaption>{}</figcaption>\n<div role=\"img\" aria-label=\"{}\">{}</div>\n",
            escape(&figure.title),
            escape(&figure.alt_text()),
            to_svg(figure)?
        );
        legend(out, figure);
        figure_data(out, figure);
        out.push_str("</figure>\n");
    }
    out.push_str("</div>\n");
    Ok(())
}

fn legend(out: &mut String, figure: &Figure) {
    if figure.series.len() < 2 && figure.marks.is_empty() {
        return;
    }
    out.push_str("<ul class=\"legend\">");
    for (i, s) in figure.series.iter().enumerate() {
        let _ = write!(out, "<li>{}{}</li>", swatch(s, i), escape(&s.label));
    }
    for (i, m) in figure.marks.iter().enumerate() {
        let _ = write!(out, "<li>{}{} ({})</li>", mark_swatch(i), escape(&m.label), number(m.y));
    }
    out.push_str("</ul>\n");
}

fn figure_data(out: &mut String, figure: &Figure) {
    let all: usize = figure.series.iter().map(|s| s.points.len()).sum();
    let more = if all > MOST_ROWS { format!(" (first {MOST_ROWS} of {all} points)") } else { String::new() };
    let _ = writeln!(out, "<details><summary>Data{more}</summary>");
    let x_name = |x: f64| {
        let named = (x >= 0.0 && x.fract() == 0.0).then(|| figure.x.categories.get(x as usize)).flatten();
        named.map_or_else(|| nowrap(&number(x)), |name| escape(name))
    };
    let points = figure.series.iter().flat_map(|s| s.points.iter().map(move |p| (s, p))).take(MOST_ROWS);
    let rows = points.map(|(s, p)| {
        let interval = match (p.lo, p.hi) {
            (Some(lo), Some(hi)) => range_text(lo, hi),
            _ => "–".into(),
        };
        vec![escape(&s.label), x_name(p.x), nowrap(&number(p.y)), nowrap(&interval)]
    });
    let title = format!("Data of {}", figure.title);
    table(out, &title, &["Series", &figure.x.label, &figure.y.label, "Interval"], rows);
    out.push_str("</details>\n");
}

fn free_table(out: &mut String, t: &Table) {
    let _ = writeln!(out, "<h3>{}</h3>", escape(&t.title));
    let head: Vec<&str> = t.columns.iter().map(String::as_str).collect();
    let rows = t.rows.iter().map(|row| {
        let mut cells: Vec<String> = row.iter().map(|c| escape(c)).collect();
        cells.resize(head.len(), String::new());
        cells
    });
    table(out, &t.title, &head, rows);
}

fn again(out: &mut String, result: &ClaimResult) -> Result<(), CliError> {
    let run = &result.run;
    let _ = write!(
        out,
        "<details><summary>How to measure it again</summary>\n<p><code>{}</code></p>\n\
         <p>Commit {}, {}, {} threads, {}.</p>\n",
        escape(&run.command),
        escape(&run.commit),
        escape(&run.date),
        run.threads,
        duration(run.wall_s),
    );
    if let Some(config) = result.measured.as_ref().map(|m| &m.config).filter(|c| !c.is_null()) {
        let json = serde_json::to_string_pretty(config)?;
        let _ = writeln!(
            out,
            "<div class=\"scroll\" role=\"region\" aria-label=\"Settings\" tabindex=\"0\"><pre>{}</pre></div>",
            escape(&json)
        );
    }
    out.push_str("</details>\n");
    Ok(())
}

fn deviations(out: &mut String, report: &Report) {
    if report.deviations.is_empty() {
        return;
    }
    out.push_str(
        "<section aria-labelledby=\"deviations\">\n<h2 id=\"deviations\">Deviations from the paper</h2>\n",
    );
    let rows = report.deviations.iter().map(|d| {
        let flag = d.flag.as_ref().map_or("–".into(), |f| format!("<code>{}</code>", escape(f)));
        vec![escape(&d.id), escape(&d.what), escape(&d.why), flag, effect(d, report)]
    });
    let head = ["Name", "What", "Why", "Flag of the paper's variant", "Measured effect"];
    table(out, "Deviations from the paper", &head, rows);
    out.push_str("</section>\n");
}

fn effect(deviation: &DeviationInfo, report: &Report) -> String {
    let Some(id) = &deviation.effect else { return "not measured".into() };
    match report.claims.iter().find(|c| c.claim.id == *id) {
        Some(c) => format!("<a href=\"#{0}\">{0}</a>: {1}", escape(id), escape(&c.headline())),
        None => format!("claim {}, not in this report", escape(id)),
    }
}

/// A table in a region of its own, which scrolls sideways where the page is narrow. Cells are HTML.
fn table(out: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = write!(
        out,
        "<div class=\"scroll\" role=\"region\" aria-label=\"{}\" tabindex=\"0\"><table>\n<thead><tr>",
        escape(title)
    );
    for cell in head {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(cell));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let class = if shown_length(&cell) > 24 { " class=\"long\"" } else { "" };
            let _ = write!(out, "<td{class}>{cell}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

/// Characters of a cell without its tags; an entity counts as several, which does no harm here.
fn shown_length(cell: &str) -> usize {
    let mut inside = false;
    let shown = |&c: &char| {
        inside = c == '<' || (inside && c != '>');
        !inside && c != '>'
    };
    cell.chars().filter(shown).count()
}

pub(super) fn badge(verdict: Verdict) -> String {
    let (class, sign) = match verdict {
        Verdict::Holds => ("good", "✓"),
        Verdict::Partly => ("half", "◐"),
        Verdict::Fails => ("bad", "✗"),
        Verdict::Undecided => ("half", "?"),
        Verdict::NotRun => ("none", "○"),
    };
    badge_text(class, sign, verdict.badge())
}

fn outcome(outcome: Outcome) -> String {
    let (class, sign) = match outcome {
        Outcome::Holds => ("good", "✓"),
        Outcome::Undecided => ("half", "?"),
        Outcome::Fails => ("bad", "✗"),
    };
    badge_text(class, sign, outcome.word())
}

fn badge_text(class: &str, sign: &str, word: &str) -> String {
    format!("<span class=\"badge {class}\"><span aria-hidden=\"true\">{sign} </span>{word}</span>")
}

fn nowrap(text: &str) -> String {
    format!("<span class=\"num\">{}</span>", escape(text))
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
