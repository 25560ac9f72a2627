//! The dcnn program: see `dcnn --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<dcnn::cli::Program>()
}
