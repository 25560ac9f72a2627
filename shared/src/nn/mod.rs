//! The `nn` module.
pub mod state;
