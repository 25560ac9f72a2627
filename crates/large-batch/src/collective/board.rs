//! What the ranks of one process know of one another, behind one lock.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{memory::Lent, Call, CollectiveError, Frame};

/// The one thing that all ranks of a process share.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) size: usize,
    limit: Duration,
    state: Mutex<State>,
    /// One bell a rank, so that a message wakes nobody but its receiver.
    bells: Vec<Condvar>,
}

/// What is on the board.
#[derive(Debug)]
pub(super) struct State {
    /// The first error of the group; from then on no wait ends well.
    failure: Option<CollectiveError>,
    places: Vec<Place>,
    /// Buffers that ranks have lent to the group for one call.
    pub(super) lent: Vec<Option<Lent>>,
    /// How many have lent theirs since the last round was opened.
    arrived: usize,
    /// How often all ranks have lent their buffers.
    pub(super) opened: u64,
    /// How often a rank has finished with the buffers that were lent.
    pub(super) finished: u64,
}

/// What is known of one rank.
#[derive(Debug, Default)]
struct Place {
    /// The call that it came to last.
    call: Call,
    /// Whether its work is over.
    left: bool,
    /// Frames for it, by sender.
    mail: Vec<VecDeque<Frame>>,
}

impl Board {
    pub(super) fn new(size: usize, limit: Duration) -> Result<Self, CollectiveError> {
        if size == 0 {
            return Err(CollectiveError::NoRanks);
        }
        if limit.is_zero() {
            return Err(CollectiveError::NoTime);
        }
        let place = || Place { mail: (0..size).map(|_| VecDeque::new()).collect(), ..Place::default() };
        let state = State {
            failure: None,
            places: (0..size).map(|_| place()).collect(),
            lent: vec![None; size],
            arrived: 0,
            opened: 0,
            finished: 0,
        };
        Ok(Self { size, limit, state: Mutex::new(state), bells: (0..size).map(|_| Condvar::new()).collect() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first error of the group.
    pub(super) fn failure(&self) -> Option<CollectiveError> {
        self.lock().failure.clone()
    }

    /// Ends the group with `error`, unless it has ended with another one, and wakes every rank. Gives back the first error.
    pub(super) fn fail(&self, error: CollectiveError) -> CollectiveError {
        let first = self.lock().failure.get_or_insert(error).clone();
        self.ring_all();
        first
    }

    /// Notes that the work of `rank` is over.
    pub(super) fn leave(&self, rank: usize) {
        self.lock().places[rank].left = true;
        self.ring_all();
    }

    /// Notes that `rank` has come to `call`.
    pub(super) fn begin(&self, rank: usize, call: Call) -> Result<(), CollectiveError> {
        let mut state = self.lock();
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        state.places[rank].call = call;
        // with those that are there already; who comes later looks for itself
        let odd = state.places.iter().enumerate().find_map(|(other, place)| {
            let same = place.call.number == call.number;
            if same {
                call.agrees(rank, other, place.call).err()
            } else {
                None
            }
        });
        drop(state);
        odd.map_or(Ok(()), |error| Err(self.fail(error)))
    }

    /// Lends a buffer to the group, and opens a round if it is the last one. No round opens once the group has failed.
    pub(super) fn lend(&self, rank: usize, buffer: Lent) {
        let mut state = self.lock();
        state.lent[rank] = Some(buffer);
        state.arrived += 1;
        if state.arrived == self.size && state.failure.is_none() {
            state.arrived = 0;
            state.opened += 1;
            drop(state);
            self.ring_all();
        }
    }

    /// Puts a frame for `to` on the board.
    pub(super) fn post(&self, from: usize, to: usize, frame: Frame) {
        self.lock().places[to].mail[from].push_back(frame);
        self.bells[to].notify_all();
    }

    /// Waits for the next frame from `from`.
    pub(super) fn take(&self, rank: usize, from: usize) -> Result<Frame, CollectiveError> {
        self.wait(rank, Some(from), |state| state.places[rank].mail[from].pop_front())
    }

    /// Waits until `ready` gives something; no longer than the limit, and not if the group has failed.
    ///
    /// `on` is whom the rank waits for, where that is one. Nothing changes between the last look of `ready` and an error,
    /// because both are under the one lock.
    pub(super) fn wait<R>(
        &self,
        rank: usize,
        on: Option<usize>,
        mut ready: impl FnMut(&mut State) -> Option<R>,
    ) -> Result<R, CollectiveError> {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            if let Some(found) = ready(&mut state) {
                return Ok(found);
            }
            if let Some(error) = &state.failure {
                return Err(error.clone());
            }
            let (waited, size, call) = (start.elapsed(), self.size, state.places[rank].call.number);
            let behind = |place: &Place| place.call.number < call;
            let gone = |(at, p): (usize, &Place)| p.left && (behind(p) || on == Some(at));
            let error = if let Some(gone) = state.places.iter().enumerate().position(gone) {
                CollectiveError::Left { rank: gone, size, call, waiting: rank }
            } else if waited >= self.limit {
                // who has not come at all, before who is only waited for
                let missing = state.places.iter().position(behind).or(on).unwrap_or(rank);
                CollectiveError::Late { rank: missing, size, call, limit: self.limit }
            } else {
                let left = self.limit - waited;
                let waited = self.bells[rank].wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            state.failure = Some(error.clone());
            drop(state);
            self.ring_all();
            return Err(error);
        }
    }

    /// Waits until `ready`, however long that takes.
    pub(super) fn wait_on(&self, rank: usize, ready: impl Fn(&State) -> bool) {
        let mut state = self.lock();
        while !ready(&state) {
            state = self.bells[rank].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn ring_all(&self) {
        self.bells.iter().for_each(Condvar::notify_all);
    }
}
