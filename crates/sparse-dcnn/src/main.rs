//! The sparse-dcnn program: see `sparse-dcnn --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<sparse_dcnn::cli::Program>()
}
