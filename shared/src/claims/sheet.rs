//! Sheets of small images: what a network saw and what it made of it, in labelled rows and columns.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most bytes of one sheet: 16 MiB.
const MAX_BYTES: usize = 16 << 20;

/// Images of one size in a grid, with names for its rows and columns.
///
/// # Shapes
/// `pixels: rows × columns × channels × height × width`, planar and row by row, 0 (black) to 255.
///
/// JSON holds everything but the pixels, so that files of results stay small; a program writes the pixels as a PNG
/// beside its report (`shared::cli::write_png`).
///
/// # Example
/// ```
/// use shared::claims::ImageSheet;
/// let seen = [0.0, 0.5, 0.5, 1.0]; // one image of 2 x 2
/// let decoded = [0.1, 0.4, 0.6, 0.9];
/// let sheet = ImageSheet::grey("Reconstructions", 2, 2, &["digit 3"])?
///     .unit_row("input", &seen)?
///     .unit_row("reconstruction", &decoded)?
///     .alt("The digit keeps its shape.");
/// assert_eq!(sheet.cell(0, 0), Some(&[0, 128, 128, 255][..]));
/// assert_eq!(sheet.size(), (2 * 2 + 1, 2)); // a line of one pixel between the rows
/// # Ok::<(), shared::claims::SheetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSheet {
    /// What it shows, as a title.
    pub title: String,
    /// What a reader who cannot see it should know; made from the labels when empty.
    pub alt: String,
    /// 1 for grey, 3 for red, green and blue.
    channels: usize,
    /// Rows of pixels in a cell.
    height: usize,
    /// Columns of pixels in a cell.
    width: usize,
    /// Names of the rows.
    rows: Vec<String>,
    /// Names of the columns; empty names show nothing.
    columns: Vec<String>,
    /// Every cell's pixels; empty after reading JSON.
    #[serde(skip)]
    pixels: Vec<u8>,
}

/// A sheet that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SheetError {
    /// Cells without pixels, or no columns.
    #[error(
        "a sheet of {columns} columns of {height} x {width} pixels shows nothing; give at least one column, and \
         one pixel a cell"
    )]
    Empty {
        /// Number of columns.
        columns: usize,
        /// Height of a cell.
        height: usize,
        /// Width of a cell.
        width: usize,
    },
    /// A row that does not fill the sheet.
    #[error(
        "row '{row}' has {found} pixels and its {columns} cells need {expected}; give one image a column"
    )]
    Row {
        /// Its label.
        row: String,
        /// Number of columns.
        columns: usize,
        /// Pixels of a row.
        expected: usize,
        /// Pixels that came.
        found: usize,
    },
    /// More pixels than a report should carry.
    #[error("the sheet would have more than {} MiB of pixels; show fewer images", MAX_BYTES >> 20)]
    TooLarge,
}

impl ImageSheet {
    /// A sheet without rows, of grey cells.
    ///
    /// # Errors
    /// [`SheetError::Empty`], and [`SheetError::TooLarge`] where one row is.
    pub fn grey(title: &str, height: usize, width: usize, columns: &[&str]) -> Result<Self, SheetError> {
        Self::new(title, [1, height, width], columns)
    }

    /// A sheet without rows, of cells with a red, a green and a blue plane.
    ///
    /// # Errors
    /// As [`ImageSheet::grey`].
    pub fn rgb(title: &str, height: usize, width: usize, columns: &[&str]) -> Result<Self, SheetError> {
        Self::new(title, [3, height, width], columns)
    }

    /// Adds a row of images, one a column and one after the other.
    ///
    /// # Errors
    /// [`SheetError::Row`] and [`SheetError::TooLarge`].
    pub fn row(mut self, label: &str, pixels: &[u8]) -> Result<Self, SheetError> {
        self.check_row(label, pixels.len())?;
        self.pixels.extend_from_slice(pixels);
        self.rows.push(label.into());
        Ok(self)
    }

    /// Adds a row of images in [0, 1], as networks see them; values outside are clipped, and NaN is black.
    ///
    /// # Errors
    /// As [`ImageSheet::row`].
    pub fn unit_row(mut self, label: &str, pixels: &[f32]) -> Result<Self, SheetError> {
        self.check_row(label, pixels.len())?;
        // a cast of a float saturates, and takes NaN to 0
        self.pixels.extend(pixels.iter().map(|p| (p * 255.0).round() as u8));
        self.rows.push(label.into());
        Ok(self)
    }

    /// Says in words what the sheet shows.
    #[must_use]
    pub fn alt(mut self, text: &str) -> Self {
        self.alt = text.into();
        self
    }

    /// The words for a reader who cannot see it: [`ImageSheet::alt`], or the names of rows and columns.
    #[must_use]
    pub fn alt_text(&self) -> String {
        if !self.alt.is_empty() {
            return self.alt.clone();
        }
        let names = |what: &str, names: &[String]| {
            let plural = if names.len() == 1 { "" } else { "s" };
            let named: Vec<&str> = names.iter().map(String::as_str).filter(|n| !n.is_empty()).collect();
            let of = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
            format!("{} {what}{plural}{of}", names.len())
        };
        format!("{}: {} of {}.", self.title, names("row", &self.rows), names("image", &self.columns))
    }

    /// Names of the rows.
    #[must_use]
    pub fn row_labels(&self) -> &[String] {
        &self.rows
    }

    /// Names of the columns.
    #[must_use]
    pub fn column_labels(&self) -> &[String] {
        &self.columns
    }

    /// Channels, height and width of a cell.
    #[must_use]
    pub fn cell_shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// One cell, planar; `None` where there is none, and in a sheet that was read from JSON.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<&[u8]> {
        let size = self.channels * self.height * self.width;
        let at = (row * self.columns.len() + column) * size;
        (column < self.columns.len()).then(|| self.pixels.get(at..at + size)).flatten()
    }

    /// Whether the pixels are there: not after reading JSON, and not without rows.
    #[must_use]
    pub fn has_pixels(&self) -> bool {
        !self.pixels.is_empty()
    }

    /// Height and width of all cells with a line of one pixel between neighbours.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let along = |cells: usize, size: usize| (cells * (size + 1)).saturating_sub(1);
        (along(self.rows.len(), self.height), along(self.columns.len(), self.width))
    }

    fn new(title: &str, shape: [usize; 3], columns: &[&str]) -> Result<Self, SheetError> {
        let [channels, height, width] = shape;
        if columns.is_empty() || height == 0 || width == 0 {
            return Err(SheetError::Empty { columns: columns.len(), height, width });
        }
        let row = [channels, height, width].iter().try_fold(columns.len(), |n, &size| n.checked_mul(size));
        if row.is_none_or(|row| row > MAX_BYTES) {
            return Err(SheetError::TooLarge);
        }
        Ok(Self {
            title: title.into(),
            alt: String::new(),
            channels,
            height,
            width,
            rows: Vec::new(),
            columns: columns.iter().map(|&c| c.into()).collect(),
            pixels: Vec::new(),
        })
    }

    fn check_row(&self, row: &str, found: usize) -> Result<(), SheetError> {
        let columns = self.columns.len();
        let expected = columns * self.channels * self.height * self.width;
        if found != expected {
            return Err(SheetError::Row { row: row.into(), columns, expected, found });
        }
        if self.pixels.len() + found > MAX_BYTES {
            return Err(SheetError::TooLarge);
        }
        Ok(())
    }
}

/// The sheet as one picture, and back: what the program's PNG files hold.
#[cfg(feature = "cli")]
impl ImageSheet {
    /// Brightness of the lines between cells: seen on black and on white.
    const LINE: u8 = 128;

    /// Pixels of the whole sheet row by row, the channels of one pixel side by side.
    pub(crate) fn to_picture(&self) -> Vec<u8> {
        let (height, width) = self.size();
        let mut picture = vec![Self::LINE; height * width * self.channels];
        self.each_pixel(|at, from| picture[at] = self.pixels[from]);
        picture
    }

    /// Takes pixels back from a picture of the sheet; whether the picture has the right size.
    pub(crate) fn take_picture(&mut self, picture: &[u8]) -> bool {
        let (height, width) = self.size();
        let cells = self.rows.len() * self.columns.len();
        if picture.len() != height * width * self.channels {
            return false;
        }
        let mut pixels = vec![0; cells * self.channels * self.height * self.width];
        self.each_pixel(|at, to| pixels[to] = picture[at]);
        self.pixels = pixels;
        true
    }

    /// Calls with the places of every pixel's every channel, in the picture and in `pixels`.
    fn each_pixel(&self, mut visit: impl FnMut(usize, usize)) {
        let (_, across) = self.size();
        let (columns, [channels, height, width]) = (self.columns.len(), self.cell_shape());
        let mut planar = 0;
        for cell in 0..self.rows.len() * columns {
            let (top, left) = (cell / columns * (height + 1), cell % columns * (width + 1));
            for channel in 0..channels {
                for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                    visit(((top + y) * across + left + x) * channels + channel, planar);
                    planar += 1;
                }
            }
        }
    }

    /// Whether the sizes make sense, which those of a file that was tampered with need not.
    pub(crate) fn is_sound(&self) -> bool {
        let sizes = [self.channels, self.height, self.width, self.columns.len(), self.rows.len()];
        let bytes = sizes.iter().try_fold(1usize, |all, &size| all.checked_mul(size));
        matches!(self.channels, 1 | 3) && bytes.is_some_and(|bytes| (1..=MAX_BYTES).contains(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_where_they_were_put() {
        let row: Vec<u8> = (0..12).collect();
        let sheet = ImageSheet::rgb("t", 1, 2, &["a", "b"]).unwrap().row("first", &row).unwrap();
        assert_eq!(sheet.cell(0, 1), Some(&row[6..]));
        assert_eq!((sheet.cell(0, 2), sheet.cell(1, 0)), (None, None));
    }

    #[test]
    fn values_of_networks_are_clipped() {
        let values = [-1.0, 0.0, 0.499, 1.0, 7.0, f32::NAN];
        let sheet = ImageSheet::grey("t", 1, 1, &[""; 6]).unwrap().unit_row("r", &values).unwrap();
        assert_eq!(sheet.pixels, [0, 0, 127, 255, 255, 0]);
    }

    #[test]
    fn what_makes_no_sheet_is_said() {
        assert!(matches!(ImageSheet::grey("t", 0, 3, &["a"]), Err(SheetError::Empty { .. })));
        assert!(matches!(ImageSheet::grey("t", 3, 3, &[]), Err(SheetError::Empty { .. })));
        assert_eq!(ImageSheet::grey("t", 1 << 40, 1 << 40, &["a"]), Err(SheetError::TooLarge));
        let sheet = || ImageSheet::grey("t", 2048, 4096, &["a"]).unwrap();
        let error = sheet().row("seen", &[0; 5]).unwrap_err().to_string();
        assert_eq!(error, "row 'seen' has 5 pixels and its 1 cells need 8388608; give one image a column");
        let row = vec![0; 2048 * 4096];
        let full = sheet().row("1", &row).unwrap().row("2", &row).unwrap();
        assert_eq!(full.row("3", &row), Err(SheetError::TooLarge));
    }

    #[test]
    fn json_has_the_words_and_no_pixels() {
        let sheet = ImageSheet::grey("t", 1, 1, &["a", ""]).unwrap().row("r", &[201, 202]).unwrap();
        let json = serde_json::to_string(&sheet).unwrap();
        assert!(!json.contains("201") && !json.contains("pixels"), "{json}");
        let back: ImageSheet = serde_json::from_str(&json).unwrap();
        assert!(!back.has_pixels() && back.cell(0, 0).is_none());
        assert_eq!(back, ImageSheet { pixels: Vec::new(), ..sheet.clone() });
        assert_eq!(back.alt_text(), "t: 1 row (r) of 2 images (a).");
        assert_eq!(sheet.alt("In words.").alt_text(), "In words.");
    }
}
