//! The `optim` module.
