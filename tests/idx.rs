//! Small image sets as IDX files, for programs that read such.

use std::{fs, path::Path};

/// Pixels on a side.
const SIDE: usize = 28;

/// Writes a set under the name `mnist`: so many images to train on, so many to measure on, of ten classes.
///
/// # Panics
/// When the folder cannot be written.
pub fn write(dir: &Path, train: usize, test: usize) {
    fs::create_dir_all(dir).unwrap();
    for (part, count) in [("train", train), ("t10k", test)] {
        fs::write(dir.join(format!("{part}-images-idx3-ubyte")), images(count, SIDE)).unwrap();
        fs::write(dir.join(format!("{part}-labels-idx1-ubyte")), labels(count)).unwrap();
    }
}

/// A file of so many images of `side` pixels a side: a bar whose place tells the class.
#[must_use]
pub fn images(count: usize, side: usize) -> Vec<u8> {
    let mut bytes = header(3, &[count, side, side]);
    for image in 0..count {
        let left = side / 7 + 2 * (image % 10);
        let pixel = |at: usize| {
            let (row, column) = (at / side, at % side);
            let inside = (side / 5..side - side / 5).contains(&row) && (left..left + 3).contains(&column);
            if inside {
                220 - (image % 7) as u8
            } else {
                0
            }
        };
        bytes.extend((0..side * side).map(pixel));
    }
    bytes
}

/// A file of so many labels, class after class.
#[must_use]
pub fn labels(count: usize) -> Vec<u8> {
    let mut bytes = header(1, &[count]);
    bytes.extend((0..count).map(|image| (image % 10) as u8));
    bytes
}

fn header(dimensions: u8, sizes: &[usize]) -> Vec<u8> {
    let sizes = sizes.iter().flat_map(|size| u32::try_from(*size).unwrap().to_be_bytes());
    [0, 0, 8, dimensions].into_iter().chain(sizes).collect()
}
