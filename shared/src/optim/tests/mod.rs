//! What the optimisers promise: PyTorch's trajectories, the model walk, masks, and resuming.

mod goldens;
mod models;
mod on_device;
mod properties;
