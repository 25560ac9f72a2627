//! The `ops` module.
