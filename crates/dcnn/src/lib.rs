//! Diffusion-convolutional neural networks.
pub mod baselines;
