//! Initial weights from an explicit generator, so that a seed fixes a model whatever device it is built on.

use dfdx::{
    shapes::{Dtype, HasShape, Shape},
    tensor::{CopySlice, Tensor},
};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::state::NamedTensor;

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

/// He's initialisation of a whole model: every tensor of two or more dimensions N(0, 2 / inputs), inputs being the product
/// of all dimensions but the first, and every `bias` 0; other tensors stay. It keeps the variance of activations through
/// layers with ReLU, which deep networks without normalisation need to begin at all.
///
/// Tensors keep their names and shapes: the result is what [`load_state_dict`](super::state::load_state_dict) takes.
///
/// # Reference
/// He et al., "Delving Deep into Rectifiers", 2015, equation 10.
#[must_use]
pub fn he_normal(tensors: Vec<NamedTensor>, rng: &mut impl Rng) -> Vec<NamedTensor> {
    let mut again = |tensor: NamedTensor| {
        let inputs: usize = tensor.shape().iter().skip(1).product();
        let deviation = (2.0 / inputs.max(1) as f64).sqrt();
        let bias = tensor.name().rsplit('.').next() == Some("bias");
        let mut draw = |_: &f32| {
            let normal: f64 = StandardNormal.sample(&mut *rng);
            (deviation * normal) as f32
        };
        let values: Vec<f32> = match tensor.shape().len() {
            2.. => tensor.values().iter().map(&mut draw).collect(),
            _ if bias => vec![0.0; tensor.values().len()],
            _ => return tensor,
        };
        let shape = tensor.shape().to_vec();
        NamedTensor::new(tensor.name(), shape, values).unwrap_or(tensor)
    };
    tensors.into_iter().map(&mut again).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn he_keeps_shapes_and_has_the_variance() {
        let tensor = |name: &str, shape: &[usize]| {
            NamedTensor::new(name, shape.to_vec(), vec![9.0; shape.iter().product()]).unwrap()
        };
        let given =
            vec![tensor("a.weight", &[64, 8, 3, 3]), tensor("a.bias", &[64]), tensor("n.gamma", &[64])];
        let drawn = he_normal(given, &mut ChaCha8Rng::seed_from_u64(1));
        let square: f64 =
            drawn[0].values().iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / (64.0 * 72.0);
        // 4,608 draws: the mean square has a relative deviation of 2 %
        assert!((square * 36.0 - 1.0).abs() < 0.1, "{square}");
        assert!(drawn[1].values().iter().all(|v| *v == 0.0));
        assert!(drawn[2].values().iter().all(|v| *v == 9.0));
        assert_eq!(drawn[0].shape(), [64, 8, 3, 3]);
    }

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
