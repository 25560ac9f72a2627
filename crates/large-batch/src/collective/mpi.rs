//! Ranks that are processes of an MPI job.
//!
//! Needs an MPI library with its compiler wrapper, and libclang: on Debian the packages `libopenmpi-dev`, `openmpi-bin`,
//! `libclang-dev` and `clang`. A job is started by `mpirun -n RANKS PROGRAM`.
//!
//! No call of MPI blocks: a rank polls, and while it polls it answers the ranks that ask whether it is there. A rank that
//! has waited for three quarters of the limit asks all others; at the limit it names one that gave no answer.

use std::{
    fmt::Display,
    panic::{catch_unwind, AssertUnwindSafe},
    time::{Duration, Instant},
};

use ::mpi::{
    topology::{Communicator, SimpleCommunicator},
    Threading,
};

use super::{threads::message, Call, Collective, CollectiveError, Frame, Options, Ranks, Transport};

mod raw;

use raw::{InFlight, ANSWER, ASK, DATA};

/// Polls between two looks at the clock and at what other ranks ask.
const POLLS: u32 = 64;
/// After how long a rank that only waits begins to sleep between polls, and leaves its core to others.
const PATIENCE: Duration = Duration::from_millis(2);

/// Does `work` as one rank of the MPI job that this process belongs to, and gives back what came of it once every rank has
/// come to the end of its own.
///
/// Where anything goes wrong, here or on a rank that this one waits for, `tell` gets the sentence that names the rank, and
/// then the whole job is ended with exit status 1: an MPI job that has lost a rank cannot go on. Of several ranks that know
/// of an error the lowest is the first to tell, and mostly the only one. [`Options::by_messages`] is of no account: MPI is
/// messages.
///
/// # Errors
/// [`CollectiveError::NoTime`], and [`CollectiveError::MpiTwice`] where MPI has been in use in this process. All other
/// errors end the job.
pub fn run<R, E>(
    options: Options,
    work: impl FnOnce(&mut dyn Collective) -> Result<R, E>,
    tell: impl FnOnce(&str),
) -> Result<R, E>
where
    E: From<CollectiveError> + Display,
{
    if options.limit.is_zero() {
        return Err(CollectiveError::NoTime.into());
    }
    let Some((universe, threading)) = ::mpi::initialize_with_threading(Threading::Serialized) else {
        return Err(CollectiveError::MpiTwice.into());
    };
    let world = universe.world();
    let transport = Mpi::new(&world, options.limit);
    let (rank, size) = (transport.rank, transport.size);
    let mut ranks = Ranks::new(transport, options.algorithm);
    let ready = if threading < Threading::Serialized {
        let why = "its build has no threads".to_owned();
        Err(CollectiveError::Mpi { rank, size, what: "be used from any thread", why })
    } else {
        raw::return_errors().map_err(|why| CollectiveError::Mpi { rank, size, what: "report errors", why })
    };
    let ended = match ready {
        Ok(()) => catch_unwind(AssertUnwindSafe(|| work(&mut ranks))),
        Err(error) => Ok(Err(error.into())),
    };
    let error = match ended {
        Ok(Ok(result)) => match ranks.end() {
            Ok(()) => return Ok(result),
            Err(error) => error,
        },
        // the group's own sentence, where it is the group that failed
        Ok(Err(error)) => {
            ranks.failure().unwrap_or(CollectiveError::Failed { rank, size, why: error.to_string() })
        }
        Err(panic) => CollectiveError::Panicked { rank, size, message: message(&*panic) },
    };
    ranks.transport().stay(Duration::from_millis(200 * (rank as u64).min(10)));
    tell(&error.to_string());
    world.abort(1)
}

/// Messages between processes.
#[derive(Debug)]
struct Mpi {
    rank: usize,
    size: usize,
    limit: Duration,
    /// The call that the rank came to last.
    call: u64,
    /// Tells this rank's questions apart.
    question: u64,
    /// Frames that have been read or sent, for their memory.
    spare: Vec<Frame>,
}

/// One wait of a rank.
struct Watch {
    start: Instant,
    polls: u32,
    asked: bool,
    /// The calls that other ranks say that they have come to.
    answers: Vec<Option<u64>>,
}

impl Mpi {
    fn new(world: &SimpleCommunicator, limit: Duration) -> Self {
        let [rank, size] = [world.rank(), world.size()].map(|x| usize::try_from(x).unwrap_or(0));
        Self { rank, size, limit, call: 0, question: 0, spare: Vec::new() }
    }

    fn partner(&self, rank: usize) -> Result<i32, CollectiveError> {
        let (of, size) = (self.rank, self.size);
        let partner = i32::try_from(rank).ok().filter(|_| rank < size && rank != of);
        partner.ok_or(CollectiveError::NoPartner { rank, of, size })
    }

    fn error(&self, what: &'static str) -> impl Fn(String) -> CollectiveError {
        let (rank, size) = (self.rank, self.size);
        move |why| CollectiveError::Mpi { rank, size, what, why }
    }

    fn start(&mut self, to: usize, frame: Frame) -> Result<InFlight, CollectiveError> {
        let (partner, words, rank) = (self.partner(to)?, frame.words().len(), self.rank);
        if i32::try_from(words).is_err() {
            return Err(CollectiveError::TooLong { rank, words });
        }
        InFlight::send(frame, partner, DATA).map_err(self.error("send"))
    }

    /// One more poll has changed nothing: looks after the other ranks' questions and after the clock.
    fn keep(&mut self, watch: &mut Watch, on: usize, idle: bool) -> Result<(), CollectiveError> {
        watch.polls += 1;
        if !watch.polls.is_multiple_of(POLLS) {
            std::hint::spin_loop();
            return Ok(());
        }
        self.answer()?;
        let waited = watch.start.elapsed();
        if waited < PATIENCE || !idle {
            std::thread::yield_now();
        } else {
            watch.polls = POLLS - 1;
            std::thread::sleep(Duration::from_micros(20));
        }
        if !watch.asked && waited >= self.limit * 3 / 4 {
            (watch.asked, self.question) = (true, self.question + 1);
            for other in (0..self.size).filter(|other| *other != self.rank) {
                raw::post([self.question, 0], other as i32, ASK).map_err(self.error("ask another rank"))?;
            }
        }
        if watch.asked {
            while let Some((from, [question, call])) =
                raw::pick(ANSWER).map_err(self.error("hear an answer"))?
            {
                if let Some(answer) = watch.answers.get_mut(from).filter(|_| question == self.question) {
                    *answer = Some(call);
                }
            }
        }
        if waited < self.limit {
            return Ok(());
        }
        let others = || (0..self.size).filter(|other| *other != self.rank);
        let silent = others().find(|other| watch.answers[*other].is_none());
        let behind = || others().find(|other| watch.answers[*other].is_some_and(|call| call < self.call));
        let missing = silent.or_else(behind).unwrap_or(on);
        Err(CollectiveError::Late { rank: missing, size: self.size, call: self.call, limit: self.limit })
    }

    /// Answers every rank that asks.
    fn answer(&self) -> Result<(), CollectiveError> {
        while let Some((from, [question, _])) = raw::pick(ASK).map_err(self.error("hear a question"))? {
            raw::post([question, self.call], from as i32, ANSWER)
                .map_err(self.error("answer another rank"))?;
        }
        Ok(())
    }

    /// Does nothing for a while but answer.
    fn stay(&self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time && self.answer().is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Transport for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(
        &mut self,
        send: Option<(usize, Frame)>,
        from: Option<usize>,
    ) -> Result<Option<Frame>, CollectiveError> {
        let to = send.as_ref().map(|(to, _)| *to);
        let source = from.map(|from| self.partner(from)).transpose()?;
        let mut sending = send.map(|(to, frame)| self.start(to, frame)).transpose()?;
        let (mut receiving, mut received): (Option<InFlight>, Option<Frame>) = (None, None);
        let answers = vec![None; self.size];
        let mut watch = Watch { start: Instant::now(), polls: 0, asked: false, answers };
        loop {
            if let Some(frame) = poll(&mut sending).map_err(self.error("send"))? {
                self.recycle(frame);
            }
            if let (Some(source), None, None) = (source, &receiving, &received) {
                let frame = self.frame();
                match InFlight::receive(frame, source, DATA).map_err(self.error("receive"))? {
                    Ok(found) => receiving = Some(found),
                    Err(frame) => self.recycle(frame),
                }
            }
            if let Some(frame) = poll(&mut receiving).map_err(self.error("receive"))? {
                received = Some(frame);
            }
            if sending.is_none() && (source.is_none() || received.is_some()) {
                return Ok(received);
            }
            let on = from.filter(|_| received.is_none()).or(to).unwrap_or(self.rank);
            self.keep(&mut watch, on, sending.is_none() && receiving.is_none())?;
        }
    }

    fn begin(&mut self, call: Call) -> Result<(), CollectiveError> {
        self.call = call.number;
        Ok(())
    }

    fn frame(&mut self) -> Frame {
        self.spare.pop().unwrap_or_default()
    }

    fn recycle(&mut self, frame: Frame) {
        if self.spare.len() < self.size {
            self.spare.push(frame);
        }
    }
}

/// The frame of a transfer that has come to its end.
fn poll(transfer: &mut Option<InFlight>) -> Result<Option<Frame>, String> {
    let Some(on_its_way) = transfer else { return Ok(None) };
    if !on_its_way.is_done()? {
        return Ok(None);
    }
    Ok(transfer.take().and_then(InFlight::into_frame))
}
