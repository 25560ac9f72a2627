//! The dcnn program.
fn main() {}
