//! The capsules program: see `capsules --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::cli::run::<capsules::cli::Program>()
}
