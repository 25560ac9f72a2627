//! The large-batch program: see `large-batch --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<large_batch::cli::Program>()
}
