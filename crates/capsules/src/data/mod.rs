//! Images as the network takes them: digits, overlapping pairs of digits, and digits on larger canvases.
//!
//! | source | images | in the paper |
//! |---|---|---|
//! | [`Digits`] | as they are, or moved by up to two pixels | 5, MNIST |
//! | [`Pairs`] | two digits of different classes on top of each other | 6, MultiMNIST |
//! | [`Placed`] | anywhere on a larger black canvas | 5.2, training for affNIST |
//! | [`Moved`] | turned, sheared, scaled and moved on that canvas | 5.2, affNIST |
//!
//! Every image is a pure function of the source, the [`View`] and its number, so a batch is the same bits at any
//! number of threads and in any company. [`load`] finds the images by the name of their set.
//!
//! # Example
//! ```
//! use std::path::Path;
//! use capsules::data::{load, Digits, Limits, Source, View, SYNTHETIC};
//! let limits = Limits { train: Some(200), ..Limits::default() };
//! let sets = load(SYNTHETIC, Path::new("data"), limits)?;
//! let digits = Digits::new(sets.train, 2, 0)?;
//! let batch = digits.batch(&[17, 3, 120], View::Epoch(0))?;
//! assert_eq!((batch.len(), batch.images.len()), (3, 3 * 28 * 28));
//! assert_eq!(batch.present.iter().sum::<f32>(), 3.0); // one digit an image
//! # Ok::<(), datasets::DatasetError>(())
//! ```

mod canvas;
mod digits;
mod pairs;
mod sets;
mod source;
#[cfg(test)]
mod tests;

pub use canvas::{Moved, Placed};
pub use digits::Digits;
pub use pairs::Pairs;
pub use sets::{load, Folder, Limits, Sets, SYNTHETIC};
pub use source::{Batch, Layout, Slot, Source, View};
