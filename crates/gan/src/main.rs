//! The gan program: see `gan --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<gan::cli::Program>()
}
