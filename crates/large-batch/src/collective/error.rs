//! Everything that can go wrong in a group of ranks, as one sentence each.

use std::time::Duration;

/// A call that not every rank came through, or a group that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CollectiveError {
    /// A group without ranks.
    #[error("a group of 0 ranks was asked for: ask for at least 1")]
    NoRanks,
    /// A time limit that nothing can keep.
    #[error("the time limit of the group is 0 s: set `Options::limit` to more than 0")]
    NoTime,
    /// The system gave a rank no thread.
    #[error("rank {rank} of {size} could not be started ({why}): ask for fewer ranks")]
    NoThread {
        /// The rank.
        rank: usize,
        /// How many ranks were asked for.
        size: usize,
        /// The system's own words.
        why: String,
    },
    /// The work of a rank ended with an error.
    #[error("rank {rank} of {size} failed: {why}")]
    Failed {
        /// The rank.
        rank: usize,
        /// Ranks of the group.
        size: usize,
        /// The sentence of its error.
        why: String,
    },
    /// The work of a rank panicked.
    #[error("rank {rank} of {size} panicked: {message}")]
    Panicked {
        /// The rank.
        rank: usize,
        /// Ranks of the group.
        size: usize,
        /// The message of the panic.
        message: String,
    },
    /// A rank did not come to a call in time: it hangs, was killed, or is slow.
    #[error(
        "rank {rank} of {size} did not come to call {call} of the group within {limit:?}: see what keeps that rank, or \
         allow more time in `Options::limit`"
    )]
    Late {
        /// The rank that is missing.
        rank: usize,
        /// Ranks of the group.
        size: usize,
        /// The call, from 1.
        call: u64,
        /// The limit.
        limit: Duration,
    },
    /// A rank ended its work before a call to which another one had come.
    #[error(
        "rank {rank} of {size} ended its work before call {call} of the group, to which rank {waiting} had come: make the \
         same calls on every rank"
    )]
    Left {
        /// The rank that is gone.
        rank: usize,
        /// Ranks of the group.
        size: usize,
        /// The call, from 1.
        call: u64,
        /// The rank that waits for it.
        waiting: usize,
    },
    /// Buffers of different lengths were to be added.
    #[error(
        "rank {rank} gave {len} values to call {call} of the group and rank {other} gave {other_len}: give the same number \
         of values on every rank"
    )]
    Lengths {
        /// One rank.
        rank: usize,
        /// How many values it gave.
        len: u64,
        /// Another rank.
        other: usize,
        /// How many values that one gave.
        other_len: u64,
        /// The call, from 1.
        call: u64,
    },
    /// Ranks made different calls.
    #[error(
        "rank {rank} made call {call} of the group a `{kind}`, and rank {other} made call {other_call} a `{other_kind}`: \
         make the same calls in the same order on every rank"
    )]
    OtherCall {
        /// One rank.
        rank: usize,
        /// Its call, from 1.
        call: u64,
        /// What it called.
        kind: &'static str,
        /// Another rank.
        other: usize,
        /// The other one's call, from 1.
        other_call: u64,
        /// What the other one called.
        other_kind: &'static str,
    },
    /// A message to or from a rank that there is not.
    #[error("rank {rank} is no partner for a message of rank {of}: name another rank below {size}")]
    NoPartner {
        /// The rank that was named.
        rank: usize,
        /// The rank that named it.
        of: usize,
        /// Ranks of the group.
        size: usize,
    },
    /// A message that another program, or another version of this one, must have sent.
    #[error("rank {from} sent rank {rank} a message that is none of this group's: run the same program on every rank")]
    Foreign {
        /// The sender.
        from: usize,
        /// The receiver.
        rank: usize,
    },
    /// More than one message can carry.
    #[error("rank {rank} has a message of {words} words to send: MPI carries at most 2147483647 of 4 bytes, so split the buffer")]
    TooLong {
        /// The sender.
        rank: usize,
        /// Words of 4 bytes.
        words: usize,
    },
    /// MPI refused a call.
    #[error(
        "MPI on rank {rank} of {size} could not {what} ({why}): the job cannot go on, so start it again"
    )]
    Mpi {
        /// The rank.
        rank: usize,
        /// Ranks of the group.
        size: usize,
        /// What was asked of MPI.
        what: &'static str,
        /// MPI's own words.
        why: String,
    },
    /// MPI was already in use in this process.
    #[error("MPI has already been started or ended in this process: run one group a process")]
    MpiTwice,
}
