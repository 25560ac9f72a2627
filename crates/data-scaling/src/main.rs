//! The data-scaling program: see `data-scaling --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<data_scaling::cli::Program>()
}
