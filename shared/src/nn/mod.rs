//! The `nn` module.
