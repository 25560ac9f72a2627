//! The group's calls carried out by messages, over any transport.

use std::fmt::Debug;

use super::{
    sums, transport::Kind, Algorithm, Call, Collective, CollectiveError, Frame, Then, Traffic, Transport,
};

/// One rank of a group whose calls are messages over `T`.
#[derive(Debug)]
pub struct Ranks<T> {
    transport: T,
    algorithm: Algorithm,
    calls: u64,
    traffic: Traffic,
    failed: Option<CollectiveError>,
}

impl<T: Transport> Ranks<T> {
    /// The rank that `transport` is, adding up by `algorithm`.
    pub fn new(transport: T, algorithm: Algorithm) -> Self {
        Self { transport, algorithm, calls: 0, traffic: Traffic::default(), failed: None }
    }

    /// What it has sent and received.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The transport, for messages from point to point between two calls.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Carries `work` out as the next call of the group. After an error every call gives that error again.
    pub(super) fn call<R>(
        &mut self,
        kind: Kind,
        len: usize,
        work: impl FnOnce(&mut Self, Call) -> Result<R, CollectiveError>,
    ) -> Result<R, CollectiveError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.calls += 1;
        let call = Call { number: self.calls, kind, len: len as u64 };
        let result = self.transport.begin(call).and_then(|()| work(self, call));
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            self.transport.fail(error);
        }
        result
    }

    /// Tells that the rank has ended its work, and waits until all have.
    #[cfg(feature = "mpi")]
    pub(super) fn end(&mut self) -> Result<(), CollectiveError> {
        let counted = self.traffic;
        let ended = self.call(Kind::End, 0, |ranks, call| ranks.gather(call, &[]));
        self.traffic = counted;
        ended.map(|_| ())
    }

    /// The error after which the group is of no more use.
    #[cfg(feature = "mpi")]
    pub(super) fn failure(&self) -> Option<CollectiveError> {
        self.failed.clone()
    }

    pub(super) fn count(&mut self, traffic: Traffic) {
        self.traffic.steps += traffic.steps;
        self.traffic.messages += traffic.messages;
        self.traffic.bytes_sent += traffic.bytes_sent;
        self.traffic.bytes_received += traffic.bytes_received;
    }

    fn reduce(&mut self, call: Call, values: &mut [f32]) -> Result<(), CollectiveError> {
        let (size, rank) = (self.size(), self.rank());
        let mut held: Vec<Option<Frame>> = vec![None; size];
        for at in 0..self.algorithm.steps(size) {
            let step = self.algorithm.step(size, rank, values.len(), at);
            let send = step.send.map(|(to, range)| (to, bytemuck::cast_slice(&values[range])));
            let Some(frame) = self.exchange(call, send, step.receive.as_ref().map(|r| r.0))? else {
                continue;
            };
            let Some((from, range, then)) = step.receive else { continue };
            let (mine, theirs) = (&mut values[range], frame.values());
            if mine.len() != theirs.len() {
                return Err(CollectiveError::Foreign { from, rank });
            }
            match then {
                Then::Add => sums::add(mine, theirs),
                Then::Replace => mine.copy_from_slice(theirs),
                Then::Hold => {
                    held[from] = Some(frame);
                    if let Some(range) = step.sum {
                        self.sum_in_order(&mut values[range], &mut held);
                    }
                    continue;
                }
            }
            self.transport.recycle(frame);
        }
        Ok(())
    }

    /// Adds up this rank's values and those that it holds of all others, in the order of ranks.
    fn sum_in_order(&mut self, mine: &mut [f32], held: &mut [Option<Frame>]) {
        let rank = self.rank();
        if let Some(mut sum) = held[0].take() {
            for frame in held[1..rank].iter().flatten() {
                sums::add(sum.values_mut(), frame.values());
            }
            sums::add(sum.values_mut(), mine);
            mine.copy_from_slice(sum.values());
            self.transport.recycle(sum);
        }
        for frame in held[rank..].iter().flatten() {
            sums::add(mine, frame.values());
        }
        held.iter_mut().filter_map(Option::take).for_each(|frame| self.transport.recycle(frame));
    }

    /// Every rank sends what it has to every other, so that no length need be known before.
    fn gather(&mut self, call: Call, mine: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
        let (size, rank) = (self.size(), self.rank());
        let mut all = vec![Vec::new(); size];
        for shift in 1..size {
            let (to, from) = ((rank + shift) % size, (rank + size - shift) % size);
            if let Some(frame) = self.exchange(call, Some((to, mine)), Some(from))? {
                all[from] = frame.bytes().to_vec();
                self.transport.recycle(frame);
            }
        }
        all[rank] = mine.to_vec();
        Ok(all)
    }

    fn exchange(
        &mut self,
        call: Call,
        send: Option<(usize, &[u8])>,
        from: Option<usize>,
    ) -> Result<Option<Frame>, CollectiveError> {
        if send.is_none() && from.is_none() {
            return Ok(None);
        }
        self.count(Traffic {
            steps: 1,
            messages: u64::from(send.is_some()),
            bytes_sent: send.map_or(0, |(_, payload)| payload.len() as u64),
            bytes_received: 0,
        });
        let send = send.map(|(to, payload)| {
            let mut frame = self.transport.frame();
            frame.fill(call, payload);
            (to, frame)
        });
        let received = self.transport.exchange(send, from)?;
        if let (Some(frame), Some(from)) = (&received, from) {
            let rank = self.rank();
            let theirs = frame.call().ok_or(CollectiveError::Foreign { from, rank })?;
            call.agrees(rank, from, theirs)?;
            self.traffic.bytes_received += frame.bytes().len() as u64;
        }
        Ok(received)
    }
}

impl<T: Transport> Collective for Ranks<T> {
    fn rank(&self) -> usize {
        self.transport.rank()
    }

    fn size(&self) -> usize {
        self.transport.size()
    }

    fn all_reduce(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.call(Kind::AllReduce, values.len(), |ranks, call| ranks.reduce(call, values))
    }

    fn all_gather(&mut self, mine: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
        self.call(Kind::AllGather, 0, |ranks, call| ranks.gather(call, mine))
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}
