//! The rethinking-generalization program: see `rethinking-generalization --help`.

fn main() {}
