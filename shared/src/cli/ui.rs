//! The only place that writes to a terminal.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::problem::Problem;
use crate::claims::Progress;

/// Somewhere to write.
pub(super) type Sink<'w> = Box<dyn Write + Send + 'w>;

/// stdout for the result, stderr for all else.
pub(super) struct Ui<'w> {
    out: Mutex<Sink<'w>>,
    err: Mutex<Sink<'w>>,
    bar: Mutex<Option<ProgressBar>>,
    terminal: bool,
    quiet: bool,
}

impl<'w> Ui<'w> {
    pub(super) fn new(out: Sink<'w>, err: Sink<'w>, terminal: bool, quiet: bool) -> Self {
        Self { out: Mutex::new(out), err: Mutex::new(err), bar: Mutex::new(None), terminal, quiet }
    }

    /// Writes a result to stdout, ending its last line. A reader that has gone away is no error.
    pub(super) fn print(&self, text: &str) -> Result<(), Problem> {
        let mut out = held(&self.out);
        let end = if text.ends_with('\n') { "" } else { "\n" };
        match write!(out, "{text}{end}").and_then(|()| out.flush()) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Problem::Print(e)),
            _ => Ok(()),
        }
    }

    /// Says something beside the result, unless asked to be quiet.
    pub(super) fn tell(&self, text: &str) {
        if self.quiet {
            return;
        }
        // a bar is drawn on the same lines, so it steps aside
        match held(&self.bar).as_ref() {
            Some(bar) => bar.suspend(|| self.write_err(text)),
            None => self.write_err(text),
        }
    }

    /// Says what went wrong, always.
    pub(super) fn error(&self, sentence: &str) {
        self.end();
        self.write_err(&format!("error: {sentence}"));
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = held(&self.bar).take() {
            bar.finish_and_clear();
        }
    }

    fn write_err(&self, text: &str) {
        let mut err = held(&self.err);
        let end = if text.ends_with('\n') { "" } else { "\n" };
        // nobody is left to be told that stderr is closed
        let _ = write!(err, "{text}{end}").and_then(|()| err.flush());
    }
}

impl Progress for Ui<'_> {
    fn start(&self, label: &str, total: u64) {
        self.end();
        if self.quiet || !self.terminal {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = "  {msg:24!} {bar:30} {pos}/{len} {elapsed} (eta {eta})";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(label.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        *held(&self.bar) = Some(bar);
    }

    fn advance(&self, steps: u64) {
        if let Some(bar) = held(&self.bar).as_ref() {
            bar.inc(steps);
        }
    }

    fn note(&self, message: &str) {
        self.tell(&format!("  {message}"));
    }
}

/// A lock whose holder panicked still guards a usable writer.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
