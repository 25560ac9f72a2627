//! Networks: fully connected ones for points in the plane and small images, convolutional ones for 28 x 28 and 32 x 32.

mod ablated;
mod dcgan;
mod minibatch;
mod mlp;
mod virtual_norm;

pub use ablated::{PlainDiscriminator28, PlainGenerator28, PooledDiscriminator28, ReluDiscriminator28};
pub use dcgan::{dcgan_init, DcganDiscriminator28, DcganDiscriminator32, DcganGenerator28, DcganGenerator32};
pub use minibatch::{Kernels, MinibatchDiscriminator};
pub use mlp::{MlpDiscriminator, MlpGenerator, LEAKY, RELU, TANH};
pub use virtual_norm::{ReferenceBatch, VbnGenerator, VirtualBatchNorm};
