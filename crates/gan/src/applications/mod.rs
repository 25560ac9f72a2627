//! What the survey's section on applications is about: classification with few labels, translation of images by pairs, and
//! more pixels.

mod classifier;
mod edges;
mod semi_supervised;
mod semi_training;
mod translate;
mod unet;
mod upscale;

pub use classifier::{jitter, Classifier, NoisyMlp, NormGenerator};
pub use edges::edges;
pub use semi_supervised::{SemiConfig, SemiReport, SemiSupervised};
pub use semi_training::{choose_labelled, Labelled, SemiTold};
pub use translate::{Translation, TranslationConfig};
pub use unet::UNet28;
pub use upscale::{bilinear, halve, nearest, psnr, Upscaler28};
