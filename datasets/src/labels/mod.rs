//! Labels of images that show several things: a hierarchy over them, its closure, and wrong or missing labels.
//!
//! A label is a number below the number of labels. An image has a set of them, kept as a sorted `Vec<u32>` without
//! repeats, which a caller can use again for the next image.
//!
//! # Example
//!
//! ```
//! use datasets::labels::{Hierarchy, LabelNoise, NoiseKind};
//!
//! // 0 apple, 1 pear, 2 oak; 3 fruit above the first two, 4 plant above 2 and 3.
//! let hierarchy = Hierarchy::new(vec![Some(3), Some(3), Some(4), Some(4), None])?;
//! let mut labels = vec![0];
//! hierarchy.closure(&mut labels)?;
//! assert_eq!(labels, [0, 3, 4]); // an apple is a fruit and a plant
//!
//! let noise = LabelNoise { rate: 1.0, kind: NoiseKind::Sibling, ..LabelNoise::default() };
//! let mut labels = vec![0];
//! noise.apply(&hierarchy, 7, 0, &mut labels)?;
//! assert_eq!(labels, [1, 3, 4]); // every apple is called a pear
//! # Ok::<(), datasets::DatasetError>(())
//! ```

mod hierarchy;
mod noise;
mod subset;

pub use hierarchy::Hierarchy;
pub use noise::{LabelNoise, NoiseKind};
pub use subset::LabelMap;
