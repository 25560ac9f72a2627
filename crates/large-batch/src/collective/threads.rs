//! Ranks that are threads of one process.

use std::{
    any::Any,
    fmt::Display,
    panic::{catch_unwind, AssertUnwindSafe},
    sync::Arc,
    time::Duration,
};

use super::{
    board::Board, memory, transport::Kind, Algorithm, Call, Collective, CollectiveError, Frame, Ranks,
    Traffic, Transport,
};

/// Bytes of the stack of a rank, and of each thread of its pool.
const STACK: usize = 8 << 20;

/// How a group works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How buffers are added up; [`Algorithm::Ordered`] unless set.
    pub algorithm: Algorithm,
    /// How long a rank waits in a call for the others; 60 s unless set. Set it above the longest time that one rank may
    /// be busy on its own.
    pub limit: Duration,
    /// Whether threads add up by messages even where [`Algorithm::Ordered`] could read the other ranks' memory, which
    /// gives the same bits sooner; `false` unless set.
    pub by_messages: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { algorithm: Algorithm::default(), limit: Duration::from_secs(60), by_messages: false }
    }
}

/// Does `work` on `size` threads at once, each of them one rank of a group, and gives back what came of it in the order of
/// ranks.
///
/// Each rank has a rayon pool of its own, with its share of the current pool's threads and at least one, so that none is
/// kept waiting by another's work.
///
/// # Errors
/// The first thing that went wrong in the group, as one sentence: [`CollectiveError::Failed`] or
/// [`CollectiveError::Panicked`] for a rank whose work did, which ends the others' calls at once;
/// [`CollectiveError::Late`] for one that did not come to a call within [`Options::limit`], and other errors of calls; and
/// [`CollectiveError::NoRanks`], [`CollectiveError::NoTime`] or [`CollectiveError::NoThread`] where no group can be. A
/// thread cannot be ended from outside: the error is given back when the work of every rank has come to an end.
///
/// # Example
/// ```
/// use large_batch::collective::{run_ranks, CollectiveError, Options};
/// let sums = run_ranks(3, Options::default(), |group| {
///     let mut values = [group.rank() as f32, 1.0];
///     group.all_reduce(&mut values)?;
///     Ok::<_, CollectiveError>(values)
/// })?;
/// assert_eq!(sums, [[3.0, 3.0]; 3]);
/// # Ok::<(), CollectiveError>(())
/// ```
pub fn run_ranks<R, E>(
    size: usize,
    options: Options,
    work: impl Fn(&mut dyn Collective) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E>
where
    R: Send,
    E: From<CollectiveError> + Display + Send,
{
    let board = Arc::new(Board::new(size, options.limit)?);
    let share = (rayon::current_num_threads() / size).max(1);
    let rank_of = |rank: usize| {
        let ranks =
            Ranks::new(InProcess { rank, board: Arc::clone(&board), spare: Vec::new() }, options.algorithm);
        let in_memory = options.algorithm == Algorithm::Ordered && !options.by_messages;
        ThreadRank { ranks, board: Arc::clone(&board), in_memory, rounds: 0 }
    };
    let run = |rank: usize| {
        let mut own = rank_of(rank);
        let ended = catch_unwind(AssertUnwindSafe(|| in_pool(rank, share, || work(&mut own))));
        let (result, error) = match ended {
            Ok(Ok(result)) => (Some(result), None),
            Ok(Err(error)) => (None, Some(CollectiveError::Failed { rank, size, why: error.to_string() })),
            Err(panic) => (None, Some(CollectiveError::Panicked { rank, size, message: message(&*panic) })),
        };
        if let Some(error) = error {
            board.fail(error);
        }
        board.leave(rank);
        result
    };
    let results: Vec<Option<R>> = std::thread::scope(|scope| {
        let mut started = Vec::with_capacity(size);
        for rank in 0..size {
            let thread = std::thread::Builder::new().name(format!("rank-{rank}")).stack_size(STACK);
            let run = &run;
            match thread.spawn_scoped(scope, move || run(rank)) {
                Ok(handle) => started.push(handle),
                Err(error) => {
                    board.fail(CollectiveError::NoThread { rank, size, why: error.to_string() });
                    break;
                }
            }
        }
        started.into_iter().map(|handle| handle.join().ok().flatten()).collect()
    });
    match board.failure() {
        Some(error) => Err(error.into()),
        None => Ok(results.into_iter().flatten().collect()),
    }
}

/// Runs `work` in a pool of its own, or in the shared one where none can be had.
fn in_pool<R: Send>(rank: usize, threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let mut own = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK);
    own = own.thread_name(move |at| format!("rank-{rank}-{at}"));
    match own.build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// The words of a panic.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

/// A rank of a group of threads.
#[derive(Debug)]
struct ThreadRank {
    ranks: Ranks<InProcess>,
    board: Arc<Board>,
    /// Whether it adds up in the other ranks' memory.
    in_memory: bool,
    /// How often it has.
    rounds: u64,
}

impl Collective for ThreadRank {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn size(&self) -> usize {
        self.ranks.size()
    }

    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        if !self.in_memory {
            return self.ranks.all_reduce(values);
        }
        let (board, rank, round) = (&*self.board, self.ranks.rank(), self.rounds + 1);
        self.ranks.call(Kind::AllReduce, values.len(), |ranks, call| {
            let moved = memory::all_reduce(board, rank, call, round, values)?;
            ranks.count(moved);
            Ok(())
        })?;
        self.rounds = round;
        Ok(())
    }

    fn all_gather(&mut self, mine: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
        self.ranks.all_gather(mine)
    }

    fn traffic(&self) -> Traffic {
        self.ranks.traffic()
    }
}

/// Messages between threads of one process: a frame changes hands without being copied.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use large_batch::collective::{Frame, InProcess, Transport};
/// let mut ranks = InProcess::group(2, Duration::from_secs(1))?;
/// ranks[0].send(1, Frame::of_values(&[1.0, 2.0]))?;
/// assert_eq!(ranks[1].receive(0)?.values(), [1.0, 2.0]);
/// # Ok::<(), large_batch::collective::CollectiveError>(())
/// ```
#[derive(Debug)]
pub struct InProcess {
    rank: usize,
    board: Arc<Board>,
    /// Frames that have been read, for their memory.
    spare: Vec<Frame>,
}

impl InProcess {
    /// The ranks of a group, in their order, each to be moved to a thread of its own.
    ///
    /// # Errors
    /// [`CollectiveError::NoRanks`] and [`CollectiveError::NoTime`].
    pub fn group(size: usize, limit: Duration) -> Result<Vec<Self>, CollectiveError> {
        let board = Arc::new(Board::new(size, limit)?);
        Ok((0..size).map(|rank| Self { rank, board: Arc::clone(&board), spare: Vec::new() }).collect())
    }

    fn partner(&self, rank: usize) -> Result<usize, CollectiveError> {
        let (of, size) = (self.rank, self.board.size);
        if rank < size && rank != of {
            return Ok(rank);
        }
        Err(CollectiveError::NoPartner { rank, of, size })
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.board.leave(self.rank);
    }
}

impl Transport for InProcess {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.board.size
    }

    fn exchange(
        &mut self,
        send: Option<(usize, Frame)>,
        from: Option<usize>,
    ) -> Result<Option<Frame>, CollectiveError> {
        if let Some((to, frame)) = send {
            self.board.post(self.rank, self.partner(to)?, frame);
        }
        let Some(from) = from else { return Ok(None) };
        self.board.take(self.rank, self.partner(from)?).map(Some)
    }

    fn begin(&mut self, call: Call) -> Result<(), CollectiveError> {
        self.board.begin(self.rank, call)
    }

    fn fail(&mut self, error: &CollectiveError) {
        self.board.fail(error.clone());
    }

    fn frame(&mut self) -> Frame {
        self.spare.pop().unwrap_or_default()
    }

    fn recycle(&mut self, frame: Frame) {
        if self.spare.len() < self.board.size {
            self.spare.push(frame);
        }
    }
}
