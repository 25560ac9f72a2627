//! The loss along the way that DSD takes.

use shared::claims::Context;

use super::{Lab, Part, Score};
use crate::{diagnostics::between, DsdError};

/// A point on the way from the dense network to the end of DSD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WayPoint {
    /// 0 at the dense network, 1 at the end of the sparse phase, 2 at that of the re-dense one.
    pub at: f64,
    /// Loss and error on the training examples.
    pub train: Score,
    /// Loss and error on the test examples.
    pub test: Score,
}

impl Lab {
    /// Losses on the straight ways from the dense network to the end of DSD's sparse phase (0 to 1) and from there to its end (1
    /// to 2), in `steps` steps each.
    ///
    /// # Errors
    /// Those of training.
    pub fn path(&self, context: &Context<'_>, seed: u64, steps: usize) -> Result<Vec<WayPoint>, DsdError> {
        let dsd = self.setting.dsd();
        let mut sparse = dsd.clone();
        sparse.phases.truncate(1);
        let mut subject = self.trained(context, seed)?;
        let dense = subject.weights();
        let [middle, end] =
            [sparse, dsd].map(|arm| Ok::<_, DsdError>(self.arm(context, &arm, seed)?.weights()));
        let (middle, end) = (middle?, end?);
        let mut points = Vec::new();
        for at in 0..=2 * steps {
            let at = at as f64 / steps.max(1) as f64;
            let (from, to, within) =
                if at <= 1.0 { (&dense, &middle, at) } else { (&middle, &end, at - 1.0) };
            subject.set_weights(&between(from, to, within as f32)?)?;
            points.push(WayPoint {
                at,
                train: subject.score(Part::Train)?,
                test: subject.score(Part::Test)?,
            });
        }
        Ok(points)
    }
}
