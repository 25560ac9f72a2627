//! One parameter's update cut into fixed chunks, so that large parameters use every core and give the same
//! bits on any number of them.

use rayon::prelude::*;

use super::rule::{StepPoint, UpdateRule, MAX_SLOTS};

/// Elements in a chunk: large enough to be worth a task, small enough to stay in a core's cache.
pub(super) const CHUNK: usize = 64 * 1024;

/// Elements of a masked chunk that are updated and then held at a time, so that the mask finds them in the fastest cache.
const BLOCK: usize = 2 * 1024;

/// All that one parameter's update reads and writes.
pub(super) struct Job<'a> {
    pub(super) w: &'a mut [f32],
    pub(super) g: &'a [f32],
    pub(super) slots: [&'a mut [f32]; MAX_SLOTS],
    /// `false` where a weight is held at zero.
    pub(super) mask: Option<&'a [bool]>,
    /// Whether the state of a masked element is held too.
    pub(super) hold_state: bool,
}

/// Runs `rule` and then the mask over `job`; gives back the gradient's sum of squares.
///
/// `initial` is what masked elements of the slots are held at.
pub(super) fn run<R: UpdateRule + ?Sized>(
    rule: &R,
    at: &StepPoint,
    initial: &[f32; MAX_SLOTS],
    job: Job<'_>,
) -> f64 {
    if job.w.len() <= CHUNK {
        return run_chunk(rule, at, initial, job);
    }
    let chunks: Vec<Job<'_>> = job.split(CHUNK).collect();
    let squares: Vec<f64> = chunks.into_par_iter().map(|chunk| run_chunk(rule, at, initial, chunk)).collect();
    squares.iter().sum()
}

fn run_chunk<R: UpdateRule + ?Sized>(
    rule: &R,
    at: &StepPoint,
    initial: &[f32; MAX_SLOTS],
    job: Job<'_>,
) -> f64 {
    let squares = sum_of_squares(job.g);
    if job.mask.is_none() {
        rule.update(at, job.w, job.g, job.slots);
        return squares;
    }
    for mut block in job.split(BLOCK) {
        rule.update(at, block.w, block.g, block.slots.each_mut().map(|s| &mut **s));
        let Some(mask) = block.mask else { continue };
        hold(block.w, mask, 0.0);
        if block.hold_state {
            for (slot, &initial) in block.slots.iter_mut().zip(initial) {
                hold(slot, mask, initial);
            }
        }
    }
    squares
}

/// Puts `value` wherever `mask` is false.
pub(super) fn hold(values: &mut [f32], mask: &[bool], value: f32) {
    pulp::Arch::new().dispatch(|| {
        for (x, &keep) in values.iter_mut().zip(mask) {
            *x = if keep { *x } else { value };
        }
    });
}

/// In double precision and in an order that depends on nothing but the length.
fn sum_of_squares(values: &[f32]) -> f64 {
    const LANES: usize = 16;
    pulp::Arch::new().dispatch(|| {
        let mut lanes = [0.0_f64; LANES];
        let mut blocks = values.chunks_exact(LANES);
        for block in &mut blocks {
            for (lane, &x) in lanes.iter_mut().zip(block) {
                *lane += f64::from(x) * f64::from(x);
            }
        }
        let tail: f64 = blocks.remainder().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        lanes.iter().sum::<f64>() + tail
    })
}

impl<'a> Job<'a> {
    /// Its pieces of `most` elements in turn, the last one with what is left.
    fn split(mut self, most: usize) -> impl Iterator<Item = Job<'a>> {
        std::iter::from_fn(move || (!self.w.is_empty()).then(|| self.cut(most)))
    }

    /// Cuts off the first `most` elements, or all if there are fewer.
    fn cut(&mut self, most: usize) -> Job<'a> {
        let n = self.w.len().min(most);
        let (g, rest) = self.g.split_at(n);
        self.g = rest;
        let mask = self.mask.map(|mask| {
            let (mask, rest) = mask.split_at(n);
            self.mask = Some(rest);
            mask
        });
        let slots = self.slots.each_mut().map(|slot| take_front(slot, n));
        Job { w: take_front(&mut self.w, n), g, slots, mask, hold_state: self.hold_state }
    }
}

/// Cuts the first `n` elements off, or all if there are fewer.
fn take_front<'a>(slice: &mut &'a mut [f32], n: usize) -> &'a mut [f32] {
    let n = n.min(slice.len());
    let (front, rest) = std::mem::take(slice).split_at_mut(n);
    *slice = rest;
    front
}
