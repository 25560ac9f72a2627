//! Diffusion-convolutional neural networks.
