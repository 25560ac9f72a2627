//! Messages from one rank to another.

use std::fmt::Debug;

use super::CollectiveError;

/// Messages from point to point between the ranks of a group, in the order in which they were sent.
///
/// Sending does not wait for the receiver to ask; receiving waits no longer than the time limit of the group. After an
/// error the group is of no more use.
pub trait Transport: Send + Debug {
    /// Which rank this is, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Sends a frame to one rank and receives one from another, both at once; either may be left out.
    ///
    /// # Errors
    /// [`CollectiveError`] where a rank is lost or late, or is this one or none of the group.
    fn exchange(
        &mut self,
        send: Option<(usize, Frame)>,
        from: Option<usize>,
    ) -> Result<Option<Frame>, CollectiveError>;

    /// Tells the transport that the rank has come to a call of the group, which bears on whom an error names.
    ///
    /// # Errors
    /// [`CollectiveError`] where the group has failed or another rank is known to have made another call.
    fn begin(&mut self, call: Call) -> Result<(), CollectiveError> {
        let _ = call;
        Ok(())
    }

    /// Tells the other ranks of an error of this one, where the transport can.
    fn fail(&mut self, error: &CollectiveError) {
        let _ = error;
    }

    /// A frame to fill, empty, and with the memory of an earlier one where there is one.
    fn frame(&mut self) -> Frame {
        Frame::default()
    }

    /// Takes a frame back that is no longer needed.
    fn recycle(&mut self, frame: Frame) {
        drop(frame);
    }

    /// Sends a frame to `to`.
    ///
    /// # Errors
    /// Those of [`exchange`](Self::exchange).
    fn send(&mut self, to: usize, frame: Frame) -> Result<(), CollectiveError> {
        self.exchange(Some((to, frame)), None).map(|_| ())
    }

    /// Receives the next frame from `from`.
    ///
    /// # Errors
    /// Those of [`exchange`](Self::exchange).
    fn receive(&mut self, from: usize) -> Result<Frame, CollectiveError> {
        Ok(self.exchange(None, Some(from))?.unwrap_or_default())
    }

    /// Sends a frame to `to` and receives the next one from `from`, both at once.
    ///
    /// # Errors
    /// Those of [`exchange`](Self::exchange).
    fn send_receive(&mut self, to: usize, frame: Frame, from: usize) -> Result<Frame, CollectiveError> {
        Ok(self.exchange(Some((to, frame)), Some(from))?.unwrap_or_default())
    }
}

/// A call of the group, as one rank makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Call {
    /// Which one it is, from 1; 0 outside of any.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// How many values the rank gave, where all must give the same number, and otherwise 0.
    pub len: u64,
}

/// What a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A message from point to point.
    #[default]
    Message,
    /// [`all_reduce`](super::Collective::all_reduce).
    AllReduce,
    /// [`all_gather`](super::Collective::all_gather).
    AllGather,
    /// The end of a rank's work.
    End,
}

impl Kind {
    /// Its name in an error.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::AllReduce => "all_reduce",
            Self::AllGather => "all_gather",
            Self::End => "end of the work",
        }
    }

    fn code(self) -> u32 {
        self as u32
    }

    fn of(code: u32) -> Option<Self> {
        [Self::Message, Self::AllReduce, Self::AllGather, Self::End]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

impl Call {
    /// That `other` made the same call as `rank`.
    pub(super) fn agrees(&self, rank: usize, other: usize, theirs: Self) -> Result<(), CollectiveError> {
        if (self.number, self.kind) != (theirs.number, theirs.kind) {
            return Err(CollectiveError::OtherCall {
                rank,
                call: self.number,
                kind: self.kind.name(),
                other,
                other_call: theirs.number,
                other_kind: theirs.kind.name(),
            });
        }
        if self.len != theirs.len {
            let (len, other_len, call) = (self.len, theirs.len, self.number);
            return Err(CollectiveError::Lengths { rank, len, other, other_len, call });
        }
        Ok(())
    }
}

/// What a message carries: values or bytes, behind a header that says to which call of the group they belong.
///
/// # Example
/// ```
/// use large_batch::collective::Frame;
/// assert_eq!(Frame::of_values(&[1.0, -0.0]).values(), [1.0, -0.0]);
/// assert_eq!(Frame::of_bytes(b"seven").bytes(), b"seven");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The header and then the payload, the last word filled up; empty for a frame of nothing.
    words: Vec<u32>,
}

/// Words of a header: the call, its length, the bytes of the payload, the kind of the call, and a mark.
const HEADER: usize = 8;
/// The last word of a header.
const MARK: u32 = 0x8f01_d6b1;

impl Frame {
    /// A frame of values outside of any call.
    pub fn of_values(values: &[f32]) -> Self {
        let mut frame = Self::default();
        frame.fill(Call::default(), bytemuck::cast_slice(values));
        frame
    }

    /// A frame of bytes outside of any call.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut frame = Self::default();
        frame.fill(Call::default(), bytes);
        frame
    }

    /// Its payload as values, without what fills up the last one.
    pub fn values(&self) -> &[f32] {
        let words = self.payload_len() / size_of::<f32>();
        bytemuck::cast_slice(self.words.get(HEADER..HEADER + words).unwrap_or_default())
    }

    /// Its payload as bytes.
    pub fn bytes(&self) -> &[u8] {
        let bytes: &[u8] = bytemuck::cast_slice(self.words.get(HEADER..).unwrap_or_default());
        bytes.get(..self.payload_len()).unwrap_or_default()
    }

    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        let words = self.payload_len() / size_of::<f32>();
        bytemuck::cast_slice_mut(self.words.get_mut(HEADER..HEADER + words).unwrap_or_default())
    }

    pub(super) fn fill(&mut self, call: Call, payload: &[u8]) {
        let halves = |x: u64| [x as u32, (x >> 32) as u32];
        self.words.clear();
        self.words.reserve(HEADER + payload.len().div_ceil(4));
        for x in [call.number, call.len, payload.len() as u64] {
            self.words.extend(halves(x));
        }
        self.words.extend([call.kind.code(), MARK]);
        let whole = payload.len() - payload.len() % 4;
        if let Ok(words) = bytemuck::try_cast_slice::<u8, u32>(&payload[..whole]) {
            self.words.extend_from_slice(words);
        } else {
            self.words.extend(payload[..whole].chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>));
        }
        if whole < payload.len() {
            let mut last = [0; 4];
            last[..payload.len() - whole].copy_from_slice(&payload[whole..]);
            self.words.push(u32::from_ne_bytes(last));
        }
    }

    /// To which call it belongs, or nothing where it is no frame of ours.
    pub(super) fn call(&self) -> Option<Call> {
        let header = self.words.get(..HEADER)?;
        let kind = Kind::of(header[6])?;
        let words = self.words.len() - HEADER;
        let whole = header[7] == MARK && self.payload_len().div_ceil(4) == words;
        whole.then(|| Call { number: self.long(0), kind, len: self.long(1) })
    }

    #[cfg(feature = "mpi")]
    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }

    #[cfg(feature = "mpi")]
    pub(super) fn words_mut(&mut self) -> &mut Vec<u32> {
        &mut self.words
    }

    fn payload_len(&self) -> usize {
        usize::try_from(self.long(2)).unwrap_or(usize::MAX)
    }

    fn long(&self, at: usize) -> u64 {
        let word = |at: usize| u64::from(self.words.get(at).copied().unwrap_or(0));
        word(2 * at) | word(2 * at + 1) << 32
    }
}

/// What one rank has sent and received in the calls of its group.
///
/// Bytes are those of the payload: the 32 bytes of a message's header count as part of its latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Steps at which the rank sent, received or both; two a call where ranks share memory.
    pub steps: u64,
    /// Messages sent; none where ranks share memory.
    pub messages: u64,
    /// Bytes sent, or read by other ranks out of this one's memory.
    pub bytes_sent: u64,
    /// Bytes received, or written by other ranks into this one's memory.
    pub bytes_received: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gives_back_what_it_was_given() {
        let bytes: Vec<u8> = (0..=255).collect();
        for start in 0..8 {
            for end in start..40 {
                assert_eq!(Frame::of_bytes(&bytes[start..end]).bytes(), &bytes[start..end]);
            }
        }
        let mut frame = Frame::of_values(&[f32::NAN, 1.0]);
        assert_eq!(frame.values()[0].to_bits(), f32::NAN.to_bits());
        let call = Call { number: 1 << 40, kind: Kind::AllGather, len: 9 };
        frame.fill(call, b"xyz");
        assert_eq!((frame.call(), frame.bytes()), (Some(call), b"xyz".as_slice()));
        assert_eq!(Frame::default().call(), None);
    }
}
