//! The loader for IDX files: MNIST, Fashion-MNIST and their relatives.
//!
//! An IDX file of bytes is a header of big-endian words (a magic number `0x0000080N` for N dimensions, then the N
//! sizes) and then the bytes themselves. Images are a file of three dimensions (images, rows, columns), labels one
//! of one dimension. Files may be plain or gzipped and are looked for in `dir/NAME/`, in the folder that
//! torchvision makes and in `dir` itself, under the names `train-images-idx3-ubyte`, `train-images.idx3-ubyte`
//! and so on.
//!
//! # Reference
//!
//! Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998 (data and format);
//! H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", arXiv 1708.07747, 2017.

use std::path::{Path, PathBuf};

use crate::binary::{Bytes, MAX_IMAGE_BYTES};
use crate::images::{ImageSet, ImageShape, TrainTest};
use crate::{text, DatasetError};

/// What the classes of Fashion-MNIST show.
pub const FASHION_CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Loads the training and test parts of the set `name` found under `dir`.
///
/// `mnist` and `fashion-mnist` must have images of 28 x 28; other names (`kmnist`, one's own) may have any size.
/// All have 10 classes.
///
/// # Errors
///
/// [`DatasetError::Missing`] where a file is not there, [`DatasetError::Corrupt`] for a wrong magic number or size,
/// test images of another size than the training images, a label above 9, a count of labels that is not that of the
/// images, a cut file or bytes after the end,
/// [`DatasetError::TooLarge`] past [`MAX_IMAGE_BYTES`], and [`DatasetError::Io`].
///
/// # Complexity
///
/// O(bytes), with the result alone in memory. No more is decompressed than the header announces, and a byte.
///
/// # Example
///
/// ```
/// let folder = tempfile::tempdir()?;
/// for part in ["train", "t10k"] {
///     let at = |name: &str| folder.path().join(format!("{part}-{name}"));
///     std::fs::write(at("images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 7, 8])?;
///     std::fs::write(at("labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 9])?;
/// }
/// let set = datasets::idx::load(folder.path(), "mine")?;
/// assert_eq!(set.test.get(0), Some((&[7, 8][..], 9)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(dir: &Path, name: &str) -> Result<TrainTest, DatasetError> {
    text::check_name(name)?;
    let known = ["mnist", "fashion-mnist"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let part = |start: &str, sides: Option<Sides>| {
        let images = require(dir, name, start, "images", 3)?;
        let labels = require(dir, name, start, "labels", 1)?;
        read_part(&images, &labels, sides)
    };
    let train = part("train", known.then_some(Sides { rows: 28, columns: 28, why: "" }))?;
    let ImageShape { height: rows, width: columns, .. } = train.shape();
    let test = part("t10k", Some(Sides { rows, columns, why: ", as the training images have" }))?;
    Ok(TrainTest { train, test })
}

/// Reads one pair of files, images of any size and labels from 0 to 9.
///
/// # Errors
///
/// As [`load`], without [`DatasetError::Missing`].
pub fn load_files(images: &Path, labels: &Path) -> Result<ImageSet, DatasetError> {
    read_part(images, labels, None)
}

const CLASSES: usize = 10;

/// The rows and columns that images must have, and why where that is not plain.
#[derive(Clone, Copy)]
struct Sides {
    rows: usize,
    columns: usize,
    why: &'static str,
}

fn require(dir: &Path, name: &str, part: &str, what: &str, dimensions: u8) -> Result<PathBuf, DatasetError> {
    let torchvision = match name.to_ascii_lowercase().as_str() {
        "fashion-mnist" => "FashionMNIST/raw/".to_string(),
        name => format!("{}/raw/", name.to_ascii_uppercase()),
    };
    let folders = [format!("{name}/"), torchvision, String::new()];
    let spelled =
        |folder: &String| ['-', '.'].map(|dash| format!("{folder}{part}-{what}{dash}idx{dimensions}-ubyte"));
    let candidates: Vec<String> = folders.iter().flat_map(spelled).collect();
    text::require(dir, &candidates, format!("{name} ({part} {what})"))
}

fn read_part(images: &Path, labels: &Path, sides: Option<Sides>) -> Result<ImageSet, DatasetError> {
    let (shape, pixels) = read_images(images, sides)?;
    let count = (pixels.len() / shape.pixels()) as u64;
    let labels = read_labels(labels, count, images)?;
    ImageSet::new(shape, CLASSES, pixels, labels)
}

/// Reads the images, which must have the sides that are given.
fn read_images(file: &Path, sides: Option<Sides>) -> Result<(ImageShape, Vec<u8>), DatasetError> {
    let mut bytes = Bytes::open(file)?;
    check_magic(&mut bytes, 3, "images")?;
    let wanted = sides.map_or([None; 3], |Sides { rows, columns, .. }| [None, Some(rows), Some(columns)]);
    let why = sides.map_or("", |sides| sides.why);
    let mut sizes = [0u64; 3];
    for (number, what) in ["images", "rows", "columns"].into_iter().enumerate() {
        let size = u64::from(bytes.word(&format!("the number of {what}"))?);
        let wrong = match wanted[number] {
            Some(side) if size != side as u64 => Some(format!("{side} {what}{why}")),
            None if size == 0 => Some(format!("1 or more {what}")),
            _ => None,
        };
        if let Some(expected) = wrong {
            return Err(bytes.corrupt(4 + 4 * number as u64, expected, size.to_string()));
        }
        sizes[number] = size;
    }
    let [count, rows, columns] = sizes;
    // Each is below 2³², so that only the second product can pass 64 bits.
    let total = (rows * columns).checked_mul(count).filter(|&total| total <= MAX_IMAGE_BYTES);
    let total = total.ok_or_else(|| bytes.too_large("the announced number of pixels", MAX_IMAGE_BYTES))?;
    let pixels = bytes.exactly(total, &format!("pixels ({count} images of {rows} x {columns})"))?;
    bytes.end()?;
    Ok((ImageShape::new(1, rows as usize, columns as usize), pixels))
}

/// Reads the labels, as many as there are images.
fn read_labels(file: &Path, count: u64, images: &Path) -> Result<Vec<u8>, DatasetError> {
    let mut bytes = Bytes::open(file)?;
    check_magic(&mut bytes, 1, "labels")?;
    let found = u64::from(bytes.word("the number of labels")?);
    if found != count {
        let name = images.file_name().unwrap_or_default().to_string_lossy();
        return Err(bytes.corrupt(
            4,
            format!("{count} labels, one for each image of {name}"),
            found.to_string(),
        ));
    }
    let labels = bytes.exactly(count, "labels")?;
    if let Some(at) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        let expected = format!("a label from 0 to {}", CLASSES - 1);
        return Err(bytes.corrupt(8 + at as u64, expected, labels[at].to_string()));
    }
    bytes.end()?;
    Ok(labels)
}

fn check_magic(bytes: &mut Bytes, dimensions: u32, what: &str) -> Result<(), DatasetError> {
    let (magic, wanted) = (bytes.word("the magic number")?, 0x0800 + dimensions);
    if magic == wanted {
        return Ok(());
    }
    let expected = format!("the magic number 0x{wanted:08x} of {what}");
    Err(bytes.corrupt(0, expected, format!("0x{magic:08x}")))
}
