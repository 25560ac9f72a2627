//! The `claims` module.
