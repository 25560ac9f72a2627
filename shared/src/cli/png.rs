//! Sheets of images as PNG files, and back.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use thiserror::Error;

use super::CliError;
use crate::claims::ImageSheet;
use crate::files::atomic_write;

/// The largest scale.
pub const MOST_SCALE: usize = 32;
/// The most bytes of a picture before compression: 128 MiB.
const MAX_BYTES: usize = 128 << 20;
/// The keyword of the text that names a picture.
const TITLE: &str = "Title";

/// A sheet that cannot be written as PNG, or read back.
#[derive(Debug, Error)]
enum PngError {
    #[error("scale is {0}: allowed is 1 to {MOST_SCALE}")]
    Scale(usize),
    #[error(
        "the sheet '{0}' has no pixels: add rows to it, and take it from the measurement and not from JSON"
    )]
    NoPixels(String),
    #[error("the sheet '{title}' at scale {scale} has more than {} MiB of pixels: choose a smaller scale", MAX_BYTES >> 20)]
    TooLarge { title: String, scale: usize },
    #[error("the sheet '{title}' cannot be written as PNG: {why}")]
    Encode { title: String, why: png::EncodingError },
}

/// Writes a sheet as a PNG file, atomically; every pixel becomes a square of `scale` x `scale`.
///
/// The file is grey or RGB with 8 bits a channel, has a grey line of `scale` pixels between cells, and carries the
/// sheet's title and its words as text.
///
/// # Errors
/// One sentence where the sheet has no pixels, the scale is not 1 to [`MOST_SCALE`], or the file cannot be written.
///
/// # Example
/// ```
/// use shared::{claims::ImageSheet, cli::write_png};
/// let sheet = ImageSheet::grey("Seen", 2, 2, &["a", "b"])?.row("digit", &[0, 90, 90, 255, 255, 90, 90, 0])?;
/// let folder = tempfile::tempdir()?;
/// write_png(&folder.path().join("seen.png"), &sheet, 4)?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub fn write_png(path: &Path, sheet: &ImageSheet, scale: usize) -> Result<(), CliError> {
    Ok(atomic_write(path, &encode(sheet, scale, &sheet.title)?)?)
}

/// The bytes of a PNG file of `sheet`, whose text names it `name`.
pub(super) fn encode(sheet: &ImageSheet, scale: usize, name: &str) -> Result<Vec<u8>, CliError> {
    if !(1..=MOST_SCALE).contains(&scale) {
        return Err(PngError::Scale(scale).into());
    }
    if !sheet.has_pixels() {
        return Err(PngError::NoPixels(sheet.title.clone()).into());
    }
    let (height, width) = sheet.size();
    let [channels, ..] = sheet.cell_shape();
    let large = [width, channels, scale, scale].iter().try_fold(height, |all, &n| all.checked_mul(n));
    let sides = [width, height].map(|side| u32::try_from(side.saturating_mul(scale)));
    let ([Ok(across), Ok(down)], Some(..=MAX_BYTES)) = (sides, large) else {
        return Err(PngError::TooLarge { title: sheet.title.clone(), scale }.into());
    };
    let picture = grown(&sheet.to_picture(), width * channels, channels, scale);
    let mut bytes = Vec::new();
    let written = (|| {
        let mut encoder = png::Encoder::new(&mut bytes, across, down);
        encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
        encoder.set_depth(png::BitDepth::Eight);
        encoder.add_itxt_chunk(TITLE.into(), name.into())?;
        encoder.add_itxt_chunk("Description".into(), sheet.alt_text())?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&picture)?;
        writer.finish()
    })();
    written.map_err(|why| PngError::Encode { title: sheet.title.clone(), why })?;
    Ok(bytes)
}

/// Puts the pixels of a file that [`encode`] wrote into the sheet they are of; whether they fit it.
///
/// # Errors
/// The file system's, and the decoder's as such.
pub(super) fn restore(path: &Path, sheet: &mut ImageSheet, scale: usize, name: &str) -> io::Result<bool> {
    if !sheet.is_sound() {
        return Ok(false);
    }
    // the decoder holds itself to 64 MiB, and the picture is held to the sheet's size
    let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let (height, width) = sheet.size();
    let [channels, ..] = sheet.cell_shape();
    let info = reader.info();
    let title = info.utf8_text.iter().find(|text| text.keyword == TITLE);
    let named = title.is_some_and(|text| text.get_text().is_ok_and(|text| text == name));
    let sized = (info.height as usize, info.width as usize) == (height * scale, width * scale);
    let color = if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb };
    if !named || !sized || (info.color_type, info.bit_depth) != (color, png::BitDepth::Eight) {
        return Ok(false);
    }
    let mut picture = vec![0; height * width * scale * scale * channels];
    reader.next_frame(&mut picture)?;
    let line = width * channels * scale;
    let kept = picture.chunks_exact(line * scale).flat_map(|rows| {
        rows[..line].chunks_exact(channels * scale).flat_map(|square| &square[..channels]).copied()
    });
    let kept: Vec<u8> = kept.collect();
    Ok(sheet.take_picture(&kept))
}

/// Every pixel as a square; `line` is the length of a row of the picture.
fn grown(picture: &[u8], line: usize, channels: usize, scale: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(picture.len() * scale * scale);
    for row in picture.chunks_exact(line) {
        let start = out.len();
        for pixel in row.chunks_exact(channels) {
            (0..scale).for_each(|_| out.extend_from_slice(pixel));
        }
        let end = out.len();
        (1..scale).for_each(|_| out.extend_from_within(start..end));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows of three cells of 3 x 2, no two of which are alike.
    fn sheet(channels: usize) -> ImageSheet {
        let columns = ["a", "b", "c"];
        let new = if channels == 1 { ImageSheet::grey } else { ImageSheet::rgb };
        let row = |from: usize| -> Vec<u8> { (from..from + 18 * channels).map(|i| (i * 37) as u8).collect() };
        let sheet = new("A – title", 3, 2, &columns).unwrap();
        sheet.row("first", &row(1)).unwrap().row("second", &row(100)).unwrap()
    }

    #[test]
    fn a_file_decodes_to_the_pixels() {
        for (channels, scale) in [(1, 1), (1, 3), (3, 1), (3, 2)] {
            let sheet = sheet(channels);
            let bytes = encode(&sheet, scale, "n").unwrap();
            let mut reader = png::Decoder::new(io::Cursor::new(&bytes)).read_info().unwrap();
            let (height, width) = (7 * scale, 8 * scale);
            assert_eq!(reader.info().size(), (width as u32, height as u32));
            let mut picture = vec![0; height * width * channels];
            reader.next_frame(&mut picture).unwrap();
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (py, px) = (y / scale, x / scale);
                let line = py % 4 == 3 || px % 3 == 2;
                let cell = sheet.cell(py / 4, px / 3).unwrap();
                for channel in 0..channels {
                    let expected = if line { 128 } else { cell[channel * 6 + py % 4 * 2 + px % 3] };
                    assert_eq!(picture[(y * width + x) * channels + channel], expected, "{y}, {x}");
                }
            }
        }
    }

    #[test]
    fn a_sheet_gets_back_its_own_pixels_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.png");
        for channels in [1, 3] {
            let whole = sheet(channels);
            write_png(&path, &whole, 2).unwrap();
            let json = serde_json::to_string(&whole).unwrap();
            let empty = || -> ImageSheet { serde_json::from_str(&json).unwrap() };
            let mut back = empty();
            assert!(restore(&path, &mut back, 2, "A – title").unwrap());
            assert_eq!(back, whole);
            assert!(!restore(&path, &mut empty(), 1, "A – title").unwrap());
            assert!(!restore(&path, &mut empty(), 2, "another").unwrap());
            assert!(!restore(&path, &mut sheet(4 - channels), 2, "A – title").unwrap());
        }
        std::fs::write(&path, &encode(&sheet(1), 1, "n").unwrap()[..60]).unwrap();
        assert!(restore(&path, &mut sheet(1), 1, "n").is_err());
        let huge = r#"{"title":"n","alt":"","channels":1,"height":4294967295,"width":4294967295,"rows":["r"],"columns":["c"]}"#;
        assert!(!restore(&path, &mut serde_json::from_str(huge).unwrap(), 1, "n").unwrap());
    }

    #[test]
    fn what_cannot_be_written_is_one_sentence() {
        let empty = ImageSheet::grey("Seen", 2, 2, &["a"]).unwrap();
        let path = Path::new("never.png");
        for (sheet, scale, said) in [
            (&sheet(1), 0, "scale is 0: allowed is 1 to 32"),
            (&empty, 1, "the sheet 'Seen' has no pixels"),
            (
                &ImageSheet::grey("L", 1024, 1024, &["a"]).unwrap().row("r", &[0; 1 << 20]).unwrap(),
                32,
                "at scale 32 has more than 128 MiB",
            ),
        ] {
            let error = write_png(path, sheet, scale).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(!path.exists());
    }
}
