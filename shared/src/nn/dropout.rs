//! The dropout layer.

use dfdx::{
    prelude::*,
    shapes::{Dtype, Shape},
    tensor::{Tape, Tensor},
};

use super::{conv_fits::Sentence, Checked, Pass};
use crate::{
    device::Backend,
    ops::dropout::{dropout, DropRate},
};

/// Drops PERCENT of the values in training and none in use; see [`ops::dropout`](crate::ops::dropout::dropout), which also
/// takes rates known at run time only.
///
/// # Shapes
/// x and the result: any, the same. PERCENT is below 100; another one is a compile error that names it.
///
/// # Example
/// ```
/// use shared::{dfdx::prelude::*, nn::{Dropout, Pass, Training}, train::RunRng};
/// let dev = Cpu::default();
/// let x: Tensor<Rank1<1000>, f32, _> = dev.ones();
/// let mut training = Training::new(RunRng::new(0, 2));
/// let y = Dropout::<50>.forward(x.clone(), &mut Pass::Train(&mut training))?.array();
/// assert!(y.iter().all(|y| [0.0, 2.0].contains(y)));
/// assert_eq!(training.dropout.position()[2], 1000);
/// assert_eq!(Dropout::<50>.forward(x.clone(), &mut Pass::Eval)?.array(), x.array());
/// # Ok::<(), CpuError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropout<const PERCENT: usize>;

impl<const PERCENT: usize> Dropout<PERCENT> {
    /// x ⊙ m / (1 − p) in training, with m drawn from the pass's generator; x in use.
    ///
    /// # Errors
    /// The device's: out of memory.
    pub fn forward<S: Shape, D: Backend, T: Tape<f32, D>>(
        &self,
        x: Tensor<S, f32, D, T>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<S, f32, D, T>, D::Err> {
        let () = Self::FITS;
        match (pass, DropRate::new(PERCENT as f64 / 100.0)) {
            (Pass::Train(training), Ok(rate)) => dropout(x, rate, &mut training.dropout),
            // `FITS` has refused every PERCENT that is no rate
            (Pass::Train(_), Err(_)) | (Pass::Eval, _) => Ok(x),
        }
    }
}

impl<const PERCENT: usize> Checked for Dropout<PERCENT> {
    const FITS: () = assert!(
        PERCENT < 100,
        "{}",
        Sentence::new().text("Dropout: PERCENT = ").number(PERCENT).text(" must be below 100").as_str()
    );
}

impl<const PERCENT: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Dropout<PERCENT> {
    type To<E2: Dtype, D2: Device<E2>> = Self;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields((), |()| Dropout)
    }
}
