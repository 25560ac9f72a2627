//! The dsd program: see `dsd --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<dsd::cli::Program>()
}
