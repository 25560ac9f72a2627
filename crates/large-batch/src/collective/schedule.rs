//! Who sends what to whom at each step of an all-reduce (section 4 of the paper).
//!
//! The schedule is the one description of an algorithm: [`Ranks`](super::Ranks) carries it out over a transport, and
//! [`replay`](super::cost::CostModel::replay) runs a clock over it.

use std::ops::Range;

/// How the ranks add up a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Algorithm {
    /// Adds in the order of ranks, ((g_0 + g_1) + g_2) + ..., so that the result has the bits of one thread that
    /// accumulates, whatever the transport, the number of ranks and the length.
    ///
    /// Rank r owns piece r: it receives the p - 1 other ranks' values of it, adds all p in the order of ranks, and sends
    /// the sum to each. 2(p - 1) steps, and 2(p - 1)/p of the buffer sent and received a rank; it holds one more buffer.
    #[default]
    Ordered,
    /// The bucket algorithm: pieces go round the ring, p - 1 steps to add them up and p - 1 to hand the sums on.
    ///
    /// 2(p - 1) steps, and 2(p - 1)/p of the buffer sent and received a rank.
    Ring,
    /// Recursive halving to add up (at step s a rank exchanges halves with rank XOR 2^s), and the same steps backwards to
    /// gather.
    ///
    /// 2 log2 p steps, and 2(p - 1)/p of the buffer a rank, where p is a power of two. Where it is not, the p - p' ranks
    /// beyond the greatest power of two p' are *folded in*: each hands its whole buffer to a partner first and gets the
    /// whole sum at the end. That makes 2 log2 p' + 2 steps, and two more buffers, one each way, for the partner.
    HalvingDoubling,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Ordered, Self::Ring, Self::HalvingDoubling];

    /// How many steps an all-reduce of `size` ranks has.
    pub fn steps(self, size: usize) -> usize {
        match self {
            _ if size < 2 => 0,
            Self::Ring | Self::Ordered => 2 * (size - 1),
            Self::HalvingDoubling => 2 * size.ilog2() as usize + if size.is_power_of_two() { 0 } else { 2 },
        }
    }

    /// What `rank` of `size` does at step `at` of an all-reduce of `len` values; nothing past the last step.
    ///
    /// The steps of all ranks match: what one sends at a step, its partner receives at the same step.
    pub fn step(self, size: usize, rank: usize, len: usize, at: usize) -> Step {
        if at >= self.steps(size) || rank >= size {
            return Step::default();
        }
        match self {
            Self::Ordered => ordered(size, rank, len, at),
            Self::Ring => ring(size, rank, len, at),
            Self::HalvingDoubling => halving_doubling(size, rank, len, at),
        }
    }
}

/// What one rank does at one step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// To whom it sends which of its values.
    pub send: Option<(usize, Range<usize>)>,
    /// From whom it receives which values, and what becomes of them.
    pub receive: Option<(usize, Range<usize>, Then)>,
    /// The values of which it afterwards adds up, in the order of ranks, its own and all that it held.
    pub sum: Option<Range<usize>>,
}

/// What becomes of values that were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// They are added to the rank's own.
    Add,
    /// They take the place of the rank's own.
    Replace,
    /// They are held until every rank's are there.
    Hold,
}

/// Piece `at` of `len` values cut into `pieces` that differ by at most one value.
pub(crate) fn piece(len: usize, pieces: usize, at: usize) -> Range<usize> {
    let (least, longer) = (len / pieces, len % pieces);
    let start = |at: usize| at * least + at.min(longer);
    start(at)..start(at + 1)
}

fn ordered(size: usize, rank: usize, len: usize, at: usize) -> Step {
    let (gathering, shift) = (at >= size - 1, at % (size - 1) + 1);
    let (to, from) = ((rank + shift) % size, (rank + size - shift) % size);
    if gathering {
        return Step {
            send: Some((to, piece(len, size, rank))),
            receive: Some((from, piece(len, size, from), Then::Replace)),
            sum: None,
        };
    }
    Step {
        send: Some((to, piece(len, size, to))),
        receive: Some((from, piece(len, size, rank), Then::Hold)),
        sum: (shift == size - 1).then(|| piece(len, size, rank)),
    }
}

fn ring(size: usize, rank: usize, len: usize, at: usize) -> Step {
    // the ring turns on: after size - 1 steps a rank has the whole sum of the piece that it sends next
    let back = |steps: usize| piece(len, size, (rank + 2 * size - steps) % size);
    let then = if at >= size - 1 { Then::Replace } else { Then::Add };
    Step {
        send: Some(((rank + 1) % size, back(at))),
        receive: Some(((rank + size - 1) % size, back(at + 1), then)),
        sum: None,
    }
}

fn halving_doubling(size: usize, rank: usize, len: usize, at: usize) -> Step {
    let levels = size.ilog2() as usize;
    let (core, folded) = (1 << levels, !size.is_power_of_two());
    let last = 2 * levels + 1;
    if folded && (at == 0 || at == last) {
        // the ranks from `core` on hand in what they have, and get the sum
        let (partner, surplus) = (if rank >= core { rank - core } else { rank + core }, rank >= core);
        if partner >= size {
            return Step::default();
        }
        let (send, receive) = ((partner, 0..len), |then| (partner, 0..len, then));
        return match (at == 0, surplus) {
            (true, true) | (false, false) => Step { send: Some(send), ..Step::default() },
            (true, false) => Step { receive: Some(receive(Then::Add)), ..Step::default() },
            (false, true) => Step { receive: Some(receive(Then::Replace)), ..Step::default() },
        };
    }
    if rank >= core {
        return Step::default();
    }
    let at = at - usize::from(folded);
    let level = if at < levels { at } else { 2 * levels - 1 - at };
    let (partner, (kept, given)) = (rank ^ (1 << level), halves(rank, len, level));
    if at < levels {
        Step { send: Some((partner, given)), receive: Some((partner, kept, Then::Add)), sum: None }
    } else {
        Step { send: Some((partner, kept)), receive: Some((partner, given, Then::Replace)), sum: None }
    }
}

/// The half that `rank` keeps at a level of halving, and the one that it gives away.
fn halves(rank: usize, len: usize, level: usize) -> (Range<usize>, Range<usize>) {
    let (mut kept, mut given) = (0..len, 0..0);
    for bit in 0..=level {
        let middle = kept.start + kept.len() / 2;
        let (low, high) = (kept.start..middle, middle..kept.end);
        (kept, given) = if rank >> bit & 1 == 0 { (low, high) } else { (high, low) };
    }
    (kept, given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_that_is_sent_is_received_at_the_same_step() {
        for algorithm in Algorithm::ALL {
            for size in 1..=33 {
                for len in [0, 1, size - 1, size, 100] {
                    for at in 0..algorithm.steps(size) {
                        let steps: Vec<Step> =
                            (0..size).map(|rank| algorithm.step(size, rank, len, at)).collect();
                        for (rank, step) in steps.iter().enumerate() {
                            if let Some((to, values)) = &step.send {
                                let received = steps[*to].receive.clone().map(|(from, v, _)| (from, v));
                                assert_eq!(
                                    received,
                                    Some((rank, values.clone())),
                                    "{algorithm:?} {size} {len} {at}"
                                );
                            }
                        }
                        let sent = steps.iter().filter(|s| s.send.is_some()).count();
                        let received = steps.iter().filter(|s| s.receive.is_some()).count();
                        assert_eq!(sent, received);
                    }
                }
            }
        }
    }

    #[test]
    fn pieces_cover_the_buffer() {
        for (len, pieces) in [(0, 3), (2, 5), (10, 3), (12, 4)] {
            let all: Vec<usize> = (0..pieces).flat_map(|at| piece(len, pieces, at)).collect();
            assert_eq!(all, (0..len).collect::<Vec<_>>());
        }
    }
}
