//! The rethinking-generalization program: see `rethinking-generalization --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<rethinking_generalization::cli::Program>()
}
