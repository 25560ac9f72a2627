//! Programs that are not of one paper: the same errors, exit codes and streams.

use std::io::{self, Write};
use std::process::ExitCode;

use super::problem::{one_sentence, usage_sentence};
use super::{panics, prepare, CliError};

/// Runs `work` on the arguments of its process, with stdout to write its result to. Its number is the exit code; an error is
/// one sentence on stderr and exit code 2, and so is wrong usage.
///
/// A closed pipe on stdout ends the output, not the program.
#[must_use]
pub fn run_tool<A: clap::Parser>(work: impl FnOnce(&A, &mut dyn Write) -> Result<u8, CliError>) -> ExitCode {
    prepare();
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            let _ = if usage.use_stderr() {
                writeln!(io::stderr(), "{}", usage_sentence(&usage.render().to_string()))
            } else {
                write!(io::stdout(), "{}", usage.render())
            };
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let mut out = Pipe(io::stdout());
    match panics::caught(|| work(&arguments, &mut out)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", one_sentence(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

/// stdout whose reader may have gone away.
struct Pipe(io::Stdout);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
