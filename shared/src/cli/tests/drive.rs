//! Running a program without a process.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::{super::*, programs::Fake};

/// What a program left behind.
pub(super) struct Run {
    pub(super) code: u8,
    pub(super) out: String,
    pub(super) err: String,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

pub(super) fn fake(out: &Path, args: &[&str]) -> Run {
    run_in::<Fake>(out, args)
}

/// Runs with `--out` unless the arguments have one.
pub(super) fn run_in<P: Program>(out: &Path, args: &[&str]) -> Run {
    let mut all: Vec<OsString> = vec![P::NAME.into()];
    all.extend(args.iter().map(OsString::from));
    if !args.contains(&"--out") {
        all.extend(["--out".into(), out.into()]);
    }
    let (stdout, stderr) = (Shared::default(), Shared::default());
    let code = run_with::<P>(all, Box::new(stdout.clone()), Box::new(stderr.clone()), false);
    Run { code, out: stdout.text(), err: stderr.text() }
}
