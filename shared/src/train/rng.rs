//! A generator whose whole state is three numbers.

use rand::{Error, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// ChaCha8, addressed by (seed, stream) and resumable at any word.
///
/// Streams of one seed are independent, so each purpose (initial weights, shuffling of an epoch, dropout) takes
/// its own and none depends on how many numbers another drew.
#[derive(Clone, Debug)]
pub struct RunRng {
    seed: u64,
    rng: ChaCha8Rng,
}

impl RunRng {
    /// The generator at the start of `stream` of `seed`.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        RunRng { seed, rng }
    }

    /// Where the generator is, to be kept in a checkpoint: seed, stream, words drawn.
    #[must_use]
    pub fn position(&self) -> [u64; 3] {
        // 2^64 words are never drawn in a run
        [self.seed, self.rng.get_stream(), self.rng.get_word_pos() as u64]
    }

    /// The generator at a kept position.
    #[must_use]
    pub fn at(position: [u64; 3]) -> Self {
        let mut new = Self::new(position[0], position[1]);
        new.rng.set_word_pos(u128::from(position[2]));
        new
    }
}

impl RngCore for RunRng {
    fn next_u32(&mut self) -> u32 {
        self.rng.next_u32()
    }
    fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.rng.fill_bytes(dest);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.rng.try_fill_bytes(dest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_position_goes_on_where_it_was() {
        let mut rng = RunRng::new(7, 3);
        for _ in 0..1001 {
            rng.next_u32();
        }
        let mut resumed = RunRng::at(rng.position());
        for _ in 0..100 {
            assert_eq!(rng.next_u64(), resumed.next_u64());
        }
        assert_ne!(RunRng::new(7, 3).next_u64(), RunRng::new(7, 4).next_u64());
    }
}
