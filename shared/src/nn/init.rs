//! Initial weights from an explicit generator, so that a seed fixes a model whatever device it is built on.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{CopySlice, Tensor},
};
use rand::Rng;
use rand_distr::Distribution;

/// Fills `tensor` with draws from `distribution`, in row-major order.
pub fn fill<S: Shape, E: Dtype, D: CopySlice<E>, R: Rng>(
    tensor: &mut Tensor<S, E, D>,
    rng: &mut R,
    distribution: impl Distribution<E>,
) {
    let values: Vec<E> = (0..tensor.shape().num_elements()).map(|_| distribution.sample(&mut *rng)).collect();
    tensor.copy_from(&values);
}

/// The bound of Glorot and Bengio's uniform initialisation: U(−a, a) with a = √(6 / (inputs + outputs)).
#[must_use]
pub fn glorot_bound(inputs: usize, outputs: usize) -> f32 {
    (6.0 / (inputs + outputs).max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_seed_fixes_the_weights_and_the_bound_holds() {
        let dev = Cpu::default();
        let bound = glorot_bound(30, 7);
        let draw = |seed| {
            let mut t: Tensor<Rank2<7, 30>, f32, _> = dev.zeros();
            fill(&mut t, &mut ChaCha8Rng::seed_from_u64(seed), rand_distr::Uniform::new(-bound, bound));
            t.as_vec()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(1).iter().all(|w| w.abs() <= bound));
        assert!(draw(1).iter().any(|w| w.abs() > 0.9 * bound));
    }
}
