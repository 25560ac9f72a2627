//! The `device` module.
