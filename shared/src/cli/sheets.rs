//! Sheets of images in a report: inside the page, and as files beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::{engine::general_purpose::STANDARD, Engine};

use super::html::escape;
use super::{png, CliError};
use crate::claims::{ClaimResult, ImageSheet};
use crate::files::atomic_write;

/// Pixels of the screen that a sheet of a few columns takes.
const SHEET_WIDTH: usize = 640;
/// The widest cell that is scaled up.
const MOST_CELL: usize = 120;
/// The narrowest cell that is not, so that a label fits over it.
const LEAST_CELL: usize = 48;
/// The most letters of a title in a file's name.
const SLUG: usize = 48;

/// Writes the sheets of a result that have pixels as `<claim>-<title>.png` in `dir`.
pub(super) fn write(result: &ClaimResult, dir: &Path) -> Result<(), CliError> {
    for (sheet, path) in sheets(result).iter().zip(paths(result, dir)) {
        if sheet.has_pixels() {
            atomic_write(&path, &png::encode(sheet, scale(sheet), &name(&result.claim.id, sheet))?)?;
        }
    }
    Ok(())
}

/// Gives a result that was read from its file its pixels back, as far as the pictures beside it are there.
pub(super) fn restore(result: &mut ClaimResult, dir: &Path) {
    let paths = paths(result, dir);
    let id = result.claim.id.clone();
    for (sheet, path) in result.measured.iter_mut().flat_map(|m| &mut m.sheets).zip(paths) {
        // a picture that cannot be read is no reason to measure again: the page says that it is missing
        let (scale, name) = (scale(sheet), name(&id, sheet));
        let _ = png::restore(&path, sheet, scale, &name);
    }
}

/// The sheets as HTML. Labels are text beside one picture, in a frame that scrolls sideways.
pub(super) fn html(out: &mut String, sheets: &[ImageSheet]) -> Result<(), CliError> {
    for sheet in sheets {
        let title = escape(&sheet.title);
        let _ = writeln!(out, "<figure class=\"sheet\">\n<figcaption>{title}</figcaption>");
        if sheet.has_pixels() {
            let _ = writeln!(
                out,
                "<div class=\"scroll\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\">{}</div>",
                grid(sheet)?
            );
        } else {
            let _ = writeln!(
                out,
                "<p>{} The picture is not beside this report: measure without --resume to see it.</p>",
                escape(&sheet.alt_text())
            );
        }
        out.push_str("</figure>\n");
    }
    Ok(())
}

/// A grid of CSS: column labels above, row labels to the left, the picture in all the cells that remain.
fn grid(sheet: &ImageSheet) -> Result<String, CliError> {
    let scale = scale(sheet);
    let [_, height, width] = sheet.cell_shape();
    let (rows, columns) = (sheet.row_labels(), sheet.column_labels());
    let (down, across) = sheet.size();
    let mut out = format!(
        "<div class=\"cells\" style=\"grid-template-columns:fit-content(8rem) repeat({},{}px);\
         grid-template-rows:auto repeat({},{}px);gap:{scale}px\">",
        columns.len(),
        width * scale,
        rows.len(),
        height * scale,
    );
    for (i, label) in columns.iter().enumerate().filter(|(_, label)| !label.is_empty()) {
        let _ = write!(out, "<span class=\"top\" style=\"grid-area:1/{}\">{}</span>", i + 2, escape(label));
    }
    for (i, label) in rows.iter().enumerate().filter(|(_, label)| !label.is_empty()) {
        let _ = write!(out, "<span class=\"side\" style=\"grid-area:{}/1\">{}</span>", i + 2, escape(label));
    }
    let _ = write!(
        out,
        "<img style=\"grid-area:2/2/-1/-1\" width=\"{}\" height=\"{}\" alt=\"{}\" \
         src=\"data:image/png;base64,{}\"></div>",
        across * scale,
        down * scale,
        escape(&sheet.alt_text()),
        STANDARD.encode(png::encode(sheet, 1, &sheet.title)?),
    );
    Ok(out)
}

/// How large a pixel is shown: as large as fits, so that images are seen and labels have room.
fn scale(sheet: &ImageSheet) -> usize {
    let [_, _, width] = sheet.cell_shape().map(|size| size.max(1));
    let fits = (SHEET_WIDTH / width / sheet.column_labels().len().max(1)).min(MOST_CELL / width);
    fits.max(LEAST_CELL / width).clamp(1, 16)
}

fn sheets(result: &ClaimResult) -> &[ImageSheet] {
    result.measured.as_ref().map_or(&[], |measured| &measured.sheets)
}

/// What a picture is named by inside, so that it is not taken for another's.
fn name(claim: &str, sheet: &ImageSheet) -> String {
    format!("{claim}: {}", sheet.title)
}

/// Where each sheet's file lies; titles that would give one name twice are numbered.
fn paths(result: &ClaimResult, dir: &Path) -> Vec<PathBuf> {
    let mut taken = BTreeSet::new();
    let mut paths = Vec::new();
    for sheet in sheets(result) {
        let first = format!("{}-{}", result.claim.id, slug(&sheet.title));
        let mut stem = first.clone();
        for number in 2.. {
            if taken.insert(stem.clone()) {
                break;
            }
            stem = format!("{first}-{number}");
        }
        paths.push(dir.join(format!("{stem}.png")));
    }
    paths
}

/// A title as part of a file's name: lower-case letters and digits, with dashes for everything between.
fn slug(title: &str) -> String {
    let kept = title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' });
    let kept: String = kept.collect();
    let words: String = kept.split_whitespace().collect::<Vec<_>>().join("-");
    let cut = words[..words.len().min(SLUG)].trim_end_matches('-');
    if cut.is_empty() {
        "sheet".into()
    } else {
        cut.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_tame() {
        assert_eq!(slug("16 dimensions × 11 values (−0.25 … 0.25)"), "16-dimensions-11-values-0-25-0-25");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!((slug("…"), slug(&"x".repeat(400)).len()), ("sheet".into(), SLUG));
    }

    #[test]
    fn cells_are_large_enough_for_labels_and_small_enough_for_a_page() {
        let shown = |side: usize, columns: usize| {
            side * scale(&ImageSheet::grey("t", side, side, &vec![""; columns]).unwrap())
        };
        assert_eq!([shown(28, 11), shown(36, 5), shown(28, 1), shown(1, 10)], [56, 108, 112, 16]);
        assert_eq!([shown(40, 40), shown(300, 1)], [40, 300]);
    }
}
