//! A wish, from outside of the training, that the process end soon.
//!
//! Whoever learns of it, such as a program that was sent a signal, calls [`request`]. The training loop asks after every
//! step: it writes a checkpoint and gives [`FitError::Interrupted`](super::FitError::Interrupted). Long work of other kinds
//! can ask [`requested`] between two parts of it. Nothing here installs a handler, so a process that never calls
//! [`request`] trains as if this were not there.

use std::{
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
        Mutex, PoisonError,
    },
};

/// What the process was asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM, as a system that shuts down sends it.
    Terminate,
}

impl Signal {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        }
    }

    /// The exit code of a program that ends for it: 128 and its number.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        }
    }
}

/// 0 for none.
static REQUESTED: AtomicU8 = AtomicU8::new(0);
static ANSWERED: AtomicBool = AtomicBool::new(false);
/// Runs that are being kept.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
/// The folder and the step of the last checkpoint of this process.
static KEPT: Mutex<Option<(PathBuf, usize)>> = Mutex::new(None);

/// Asks the process to end soon.
pub fn request(signal: Signal) {
    REQUESTED.store(signal.exit_code(), Ordering::SeqCst);
}

/// What the process was asked by, if it was.
#[must_use]
pub fn requested() -> Option<Signal> {
    let code = REQUESTED.load(Ordering::SeqCst);
    [Signal::Interrupt, Signal::Terminate].into_iter().find(|signal| signal.exit_code() == code)
}

/// Takes the request back, so that the process can go on.
pub fn withdraw() {
    REQUESTED.store(0, Ordering::SeqCst);
    ANSWERED.store(false, Ordering::SeqCst);
}

/// Work that was ended because the process was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was ended because the process was asked to end by {}", .0.name())]
pub struct Interrupted(pub Signal);

/// Ends work between two of its parts, where the process was asked to end.
///
/// # Errors
/// [`Interrupted`], if it was.
///
/// # Example
/// ```
/// use shared::train::interrupt;
/// let mut sum = 0;
/// for part in 0..10 {
///     interrupt::heed()?;
///     sum += part;
/// }
/// assert_eq!(sum, 45);
/// # Ok::<(), interrupt::Interrupted>(())
/// ```
pub fn heed() -> Result<(), Interrupted> {
    match requested() {
        None => Ok(()),
        Some(signal) => {
            answer();
            Err(Interrupted(signal))
        }
    }
}

/// Says that work was ended because of the request: an error that comes of it is no fault.
pub fn answer() {
    ANSWERED.store(true, Ordering::SeqCst);
}

/// Whether work was ended because of the request.
#[must_use]
pub fn answered() -> bool {
    ANSWERED.load(Ordering::SeqCst)
}

/// Whether a run is being trained that will be kept before it ends.
#[must_use]
pub fn is_keeping() -> bool {
    UNDER_WAY.load(Ordering::SeqCst) > 0
}

/// The step of the last checkpoint of this process, if that is in `folder` or below it.
#[must_use]
pub fn kept_in(folder: &Path) -> Option<usize> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.as_ref().filter(|(path, _)| path.starts_with(folder)).map(|(_, step)| *step)
}

/// Remembers a checkpoint.
pub(super) fn kept(folder: &Path, step: usize) {
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some((folder.into(), step));
}

/// A run that is being kept, for as long as this lives.
#[derive(Debug)]
pub(super) struct Keeping(());

impl Keeping {
    pub(super) fn new() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        Keeping(())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
    }
}
