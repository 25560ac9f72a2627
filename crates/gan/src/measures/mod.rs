//! How good samples are.
