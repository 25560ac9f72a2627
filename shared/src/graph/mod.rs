//! The `graph` module.
