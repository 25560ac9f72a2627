//! A model of dfdx's own layers as a network that the papers' methods train.

use std::marker::PhantomData;

use dfdx::{
    prelude::*,
    shapes::{Const, Shape},
    tensor::{Gradients, NoneTape, OwnedTape, Tensor},
};

use super::{
    network::{apply, compute, judge, load_model, save_model},
    ImageNetwork, ZooError,
};
use crate::{
    device::{read_back, read_number, Backend},
    nn::state::{buffers, load_state_dict, parameters, set_buffers, state_dict, NamedTensor, ParamInfo},
    ops::{cross_entropy::softmax_cross_entropy, targets::Targets},
    optim::{take_gradients, AnyOptimizer, OptimizerConfig},
    train::State,
};

/// The shape of a batch: the examples, counted at run time, then the sizes of one example.
pub trait BatchShape: Shape {
    /// That of `examples` examples.
    fn of(examples: usize) -> Self;
}

impl<const F: usize> BatchShape for (usize, Const<F>) {
    fn of(examples: usize) -> Self {
        (examples, Const)
    }
}

impl<const C: usize, const H: usize, const W: usize> BatchShape for (usize, Const<C>, Const<H>, Const<W>) {
    fn of(examples: usize) -> Self {
        (examples, Const, Const, Const)
    }
}

/// A classifier made of dfdx's own layers, with an optimiser. The loss is the softmax cross-entropy.
///
/// `I` is the shape of a batch of its inputs: `(usize, Const<F>)` for rows of F features, `(usize, Const<C>, Const<H>,
/// Const<W>)` for images. Layers that draw random numbers, such as dfdx's dropout, draw them from dfdx's device, whose
/// state no checkpoint holds: a run of such a model that is resumed goes on with other numbers.
///
/// # Example
/// ```
/// use shared::{dfdx::{nn::builders::{Linear, ReLU}, prelude::*}, ops::targets::Targets};
/// use shared::{optim::{OptimizerConfig, SgdConfig}, zoo::{ImageNetwork, Stock}};
/// type Mlp = (Linear<4, 16>, ReLU, Linear<16, 3>);
/// let dev = Cpu::seed_from_u64(1);
/// let sgd = OptimizerConfig::Sgd(SgdConfig { lr: 0.1, ..SgdConfig::default() });
/// let model = dev.build_module::<Mlp, f32>();
/// let mut net = Stock::<_, (usize, Const<4>), 3, _>::new(model, dev, sgd)?;
/// let (rows, targets) = ([1.0, 0.0, 0.5, -1.0, 0.0, 1.0, -0.5, 1.0], Targets::new(vec![2, 0], 3)?);
/// let before = net.step(&rows, &targets)?;
/// assert!(net.step(&rows, &targets)? < before);
/// assert_eq!((net.image_len(), net.classes()), (4, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Stock<M, I, const CLASSES: usize, D: Backend> {
    /// The model.
    pub net: M,
    /// The optimiser.
    pub optimizer: AnyOptimizer,
    device: D,
    /// Taken while a step runs.
    grads: Option<Gradients<f32, D>>,
    input: PhantomData<I>,
}

/// Scores of a batch.
type Scores<const CLASSES: usize, D, T> = Tensor<(usize, Const<CLASSES>), f32, D, T>;

impl<M, I, const CLASSES: usize, D> Stock<M, I, CLASSES, D>
where
    D: Backend,
    I: BatchShape,
    M: TensorCollection<f32, D>,
{
    /// Puts them together.
    ///
    /// # Errors
    /// [`ZooError::Optim`] for a setting out of its range, [`ZooError::Compute`] where memory is short.
    pub fn new(net: M, device: D, optimizer: OptimizerConfig) -> Result<Self, ZooError> {
        let grads = Some(net.try_alloc_grads().map_err(compute)?);
        Ok(Stock { net, optimizer: AnyOptimizer::new(optimizer)?, device, grads, input: PhantomData })
    }

    fn batch(&self, values: &[f32], targets: Option<&Targets>) -> Result<Tensor<I, f32, D>, ZooError> {
        let example = I::of(1).num_elements();
        let count = targets.map_or(values.len() / example.max(1), Targets::len);
        let classes = targets.map_or(CLASSES, Targets::classes);
        if count == 0 || values.len() != count * example || classes != CLASSES {
            let (values, image) = (values.len(), example);
            return Err(ZooError::Images { values, images: count, classes, image, expected: CLASSES });
        }
        self.device.try_tensor_from_vec(values.to_vec(), I::of(count)).map_err(compute)
    }
}

impl<M, I, const CLASSES: usize, D> Stock<M, I, CLASSES, D>
where
    D: Backend,
    I: BatchShape,
    M: TensorCollection<f32, D>
        + ModuleMut<Tensor<I, f32, D, OwnedTape<f32, D>>, Output = Scores<CLASSES, D, OwnedTape<f32, D>>>,
{
    /// The mean loss of a batch and its gradient.
    #[allow(clippy::type_complexity)]
    fn backward(
        &mut self,
        images: &[f32],
        targets: &Targets,
    ) -> Result<(Tensor<Rank0, f32, D>, Gradients<f32, D>), ZooError> {
        let images = self.batch(images, Some(targets))?;
        let grads = match self.grads.take() {
            Some(grads) => grads,
            None => self.net.try_alloc_grads().map_err(compute)?,
        };
        let scores = self.net.try_forward_mut(images.traced(grads)).map_err(compute)?;
        let loss = softmax_cross_entropy(scores, targets).map_err(compute)?;
        let value = loss.retaped::<NoneTape>();
        Ok((value, loss.try_backward().map_err(compute)?))
    }
}

impl<M, I, const CLASSES: usize, D> ImageNetwork for Stock<M, I, CLASSES, D>
where
    D: Backend,
    I: BatchShape,
    M: TensorCollection<f32, D>
        + Module<Tensor<I, f32, D>, Output = Scores<CLASSES, D, NoneTape>>
        + ModuleMut<Tensor<I, f32, D, OwnedTape<f32, D>>, Output = Scores<CLASSES, D, OwnedTape<f32, D>>>,
{
    fn image_len(&self) -> usize {
        I::of(1).num_elements()
    }

    fn classes(&self) -> usize {
        CLASSES
    }

    fn step(&mut self, images: &[f32], targets: &Targets) -> Result<f64, ZooError> {
        let (value, mut grads) = self.backward(images, targets)?;
        self.optimizer.step(&mut self.net, &mut grads)?;
        self.grads = Some(grads);
        Ok(read_number(&value))
    }

    fn gradient(
        &mut self,
        images: &[f32],
        targets: &Targets,
        scale: f32,
        row: &mut Vec<f32>,
    ) -> Result<f64, ZooError> {
        let (value, mut grads) = self.backward(images, targets)?;
        take_gradients(&mut self.net, &mut grads, scale, row)?;
        self.grads = Some(grads);
        Ok(read_number(&value))
    }

    fn apply(&mut self, row: &[f32]) -> Result<(), ZooError> {
        apply(&mut self.net, &mut self.optimizer, &mut self.grads, row)
    }

    fn buffers(&self) -> Vec<f32> {
        buffers(&self.net)
    }

    fn set_buffers(&mut self, row: &[f32]) -> Result<(), ZooError> {
        Ok(set_buffers(&mut self.net, row)?)
    }

    fn scores(&self, images: &[f32]) -> Result<Vec<f32>, ZooError> {
        Ok(read_back(&self.net.try_forward(self.batch(images, None)?).map_err(compute)?))
    }

    fn evaluate(&self, images: &[f32], targets: &Targets) -> Result<(f64, usize), ZooError> {
        judge(self.net.try_forward(self.batch(images, Some(targets))?).map_err(compute)?, targets)
    }

    fn optimizer(&self) -> &AnyOptimizer {
        &self.optimizer
    }

    fn optimizer_mut(&mut self) -> &mut AnyOptimizer {
        &mut self.optimizer
    }

    fn parameters(&self) -> Vec<ParamInfo> {
        parameters(&self.net)
    }

    fn weights(&self) -> Vec<NamedTensor> {
        state_dict(&self.net)
    }

    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), ZooError> {
        Ok(load_state_dict(&mut self.net, weights)?)
    }

    fn save(&self) -> Result<State, ZooError> {
        save_model(&self.net, &self.optimizer)
    }

    fn load(&mut self, state: &State) -> Result<(), ZooError> {
        load_model(&mut self.net, &mut self.optimizer, state)
    }
}
