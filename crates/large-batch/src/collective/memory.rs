//! An all-reduce of ranks that share memory: every rank works on the others' buffers where they lie.

use super::{
    board::Board,
    schedule::piece,
    sums::add_up_everywhere,
    transport::{Call, Traffic},
    CollectiveError,
};

/// A buffer that a rank has lent to the group for one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lent {
    start: *mut f32,
    len: usize,
}

// SAFETY: a `Lent` is only an address and a length. What makes it fit to be used on another thread is the protocol of
// `all_reduce`, and the argument stands there.
unsafe impl Send for Lent {}

/// Adds up the buffers of all ranks, in the order of ranks, into each of them; what was moved.
///
/// Rank r owns piece r of *every* buffer from the moment that the last rank has lent its own until it says that it has
/// finished: it reads the p pieces once, block by block in the fastest cache, and writes the sum into all p. That touches
/// every byte of every buffer once to read and once to write, and copies nothing in between.
pub(super) fn all_reduce(
    board: &Board,
    rank: usize,
    call: Call,
    round: u64,
    values: &mut [f32],
) -> Result<Traffic, CollectiveError> {
    let (size, len) = (board.size, values.len());
    if size == 1 {
        return Ok(Traffic::default());
    }
    // from here on `values` is not used: its memory is reached through the board alone
    board.lend(rank, Lent { start: values.as_mut_ptr(), len });
    let lent: Vec<Lent> = board.wait(rank, None, |state| {
        (state.opened >= round).then(|| state.lent.iter().copied().flatten().collect())
    })?;
    let finishing = Finishing { board, rank, target: round * size as u64 };
    let range = piece(len, size, rank);
    // `begin` has refused different lengths already; what is unsafe below does not rely on that
    let odd = lent.iter().position(|buffer| buffer.len != len);
    if odd.is_none() {
        let mut pieces: Vec<&mut [f32]> = Vec::with_capacity(size);
        for buffer in &lent {
            // SAFETY: `range` lies within `len`, which is the length of every buffer. Each buffer is a `&mut [f32]` that
            // its rank holds until it leaves this function. A rank leaves it in two ways. With an error, before the round
            // was opened: then the group has failed, which is noted under the same lock that opens rounds, so that no rank
            // gets this far in this round. Or past `Finishing`, which waits until all ranks have finished: then no piece
            // is alive any more, and as no rank lends its next buffer before, `lent` holds the buffers of this round.
            // Pieces of different ranks do not overlap, and a rank takes the piece of each buffer once.
            pieces
                .push(unsafe { std::slice::from_raw_parts_mut(buffer.start.add(range.start), range.len()) });
        }
        add_up_everywhere(&mut pieces);
    }
    drop(finishing);
    if let Some(other) = odd {
        let (len, other_len) = (len as u64, lent[other].len as u64);
        return Err(CollectiveError::Lengths { rank, len, other, other_len, call: call.number });
    }
    let moved = 4 * (len - range.len()) as u64;
    Ok(Traffic { steps: 2, messages: 0, bytes_sent: moved, bytes_received: moved })
}

/// Says that a rank has finished and waits until all have, on every way out, a panic included.
struct Finishing<'a> {
    board: &'a Board,
    rank: usize,
    /// The value of `finished` once all ranks have.
    target: u64,
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        {
            let mut state = self.board.lock();
            state.finished += 1;
            if state.finished == self.target {
                self.board.ring_all();
            }
        }
        self.board.wait_on(self.rank, |state| state.finished >= self.target);
    }
}
