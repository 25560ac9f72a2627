//! SIGINT and SIGTERM: a training is kept and everything else ends soon, with a sentence and the code of the signal.

use std::path::PathBuf;
use std::sync::{
    atomic::{AtomicBool, Ordering},
    Mutex, PoisonError,
};

use crate::train::{
    interrupt::{self, Signal},
    CHECKPOINT_FILE,
};

/// What the process is at, for the sentence about its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing that is kept.
    Nothing,
    /// `train`.
    Run { out: PathBuf, resume: bool },
    /// `reproduce`.
    Claims { out: PathBuf },
    /// A verb of a paper's own.
    Own { out: PathBuf },
}

static WORK: Mutex<Work> = Mutex::new(Work::Nothing);
static TOLD: AtomicBool = AtomicBool::new(false);

/// Says what the process is at.
pub(super) fn at_work_on(work: Work) {
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = work;
}

/// The signal for which the work was ended; `None` where an error has reasons of its own.
pub(super) fn ended() -> Option<Signal> {
    interrupt::requested().filter(|_| interrupt::answered())
}

/// Says on stderr, once a process, that it ends for a signal, and gives the exit code.
pub(super) fn tell() -> u8 {
    let signal = interrupt::requested().unwrap_or(Signal::Interrupt);
    if !TOLD.swap(true, Ordering::SeqCst) {
        let work = WORK.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // nobody is left to be told where even this fails
        let _ = std::io::Write::write_all(&mut std::io::stderr(), sentence(signal, &work).as_bytes());
    }
    signal.exit_code()
}

fn sentence(signal: Signal, work: &Work) -> String {
    let and_then = match work {
        Work::Run { out, resume } => {
            let file = out.join(CHECKPOINT_FILE);
            match interrupt::kept_in(out) {
                Some(step) => format!(
                    ": the checkpoint of step {step} is {}, and the same command with --resume goes on from it",
                    file.display()
                ),
                None if *resume && file.exists() => format!(
                    " before it went on: {} is as it was, and the same command goes on from it",
                    file.display()
                ),
                None => " before its first checkpoint: nothing was changed, start it again".into(),
            }
        }
        Work::Claims { out } => format!(
            ": claims that were finished are kept in {}, and the same command with --resume goes on with the others",
            out.display()
        ),
        Work::Own { out } if out.is_dir() => format!(
            ": what was finished is kept in {}, and the same command with --resume goes on from there",
            out.display()
        ),
        Work::Own { .. } | Work::Nothing => ": nothing is left half-written, start it again".into(),
    };
    format!("interrupted by {}{and_then}\n", signal.name())
}

#[cfg(not(unix))]
pub(super) fn watch() {}

#[cfg(unix)]
pub(super) use unix::watch;

#[cfg(unix)]
mod unix {
    use std::{
        sync::mpsc,
        thread,
        time::{Duration, Instant},
    };

    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        iterator::Signals,
        low_level,
    };

    use super::{interrupt, tell, Signal};
    use crate::files::between_writes;

    /// How long work that asks for no signals may go on.
    const GRACE: Duration = Duration::from_secs(2);
    /// How long a step, or a validation, of a run that is kept may take.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// How long a write that is under way may take.
    const WRITE: Duration = Duration::from_secs(10);

    /// Listens for the signals from now on. Where the system does not let it, they do what they did.
    pub(in super::super) fn watch() {
        let (heard, begun) = mpsc::channel();
        let listen = move || {
            let signals = Signals::new([SIGINT, SIGTERM]);
            let _ = heard.send(());
            let Ok(mut signals) = signals else { return };
            let mut asked = false;
            for number in signals.forever() {
                let signal = if number == SIGTERM { Signal::Terminate } else { Signal::Interrupt };
                if asked {
                    low_level::exit(signal.exit_code().into());
                }
                asked = true;
                interrupt::request(signal);
                if thread::Builder::new().spawn(end_in_time).is_err() {
                    end();
                }
            }
        };
        if thread::Builder::new().name("signals".into()).spawn(listen).is_ok() {
            let _ = begun.recv();
        }
    }

    /// Ends the process when its patience with the work has run out.
    fn end_in_time() {
        let start = Instant::now();
        let mut waiting_since = start;
        loop {
            thread::sleep(Duration::from_millis(20));
            let now = Instant::now();
            if interrupt::is_keeping() {
                waiting_since = now;
            }
            if now - waiting_since > GRACE || now - start > PATIENCE {
                end();
            }
        }
    }

    /// Neither destructors nor the exit handlers of libraries run: they could wait for the work.
    fn end() {
        between_writes(WRITE, || low_level::exit(tell().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_kind_of_work_has_its_way_on() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().to_path_buf();
        let said = |work: &Work| sentence(Signal::Terminate, work);
        for (work, parts) in [
            (Work::Nothing, ["start it again", "SIGTERM"]),
            (Work::Claims { out: out.clone() }, ["--resume", out.to_str().unwrap()]),
            (Work::Own { out: out.clone() }, ["--resume", out.to_str().unwrap()]),
            (Work::Own { out: out.join("none") }, ["start it again", "half-written"]),
            (Work::Run { out: out.clone(), resume: true }, ["before its first", "start it again"]),
        ] {
            let text = said(&work);
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
            assert!(text.starts_with("interrupted by SIGTERM") && text.lines().count() == 1, "{text}");
        }
        std::fs::write(out.join(CHECKPOINT_FILE), "").unwrap();
        let text = said(&Work::Run { out: out.clone(), resume: true });
        assert!(text.contains("is as it was") && text.contains(CHECKPOINT_FILE), "{text}");
        let text = said(&Work::Run { out, resume: false });
        assert!(text.contains("before its first checkpoint"), "{text}");
        assert_eq!(interrupt::kept_in(Path::new("/nowhere")), None);
    }
}
