//! What a worker trains: a model with its optimiser, and the examples that it finds by their positions.

use shared::{
    device::Backend,
    dfdx::{prelude::TensorCollection, tensor::Gradients},
    nn::state::{buffers, parameter_count, set_buffers},
    optim::{take_gradients, AnyOptimizer},
    train::State,
    zoo::{load_model, save_model, ImageNetwork, LabelledImages},
};

use crate::LargeBatchError;

/// A model with its optimiser, of which every rank has one. They begin alike, and take the same steps.
pub trait Replica {
    /// The trainable elements: how long a gradient is.
    fn elements(&self) -> usize;

    /// Appends the gradient of the mean loss of these examples, times `scale`, to `row`, and gives back the loss. Running
    /// statistics may move, weights may not.
    ///
    /// # Errors
    /// The model's.
    fn gradient(
        &mut self,
        examples: &[usize],
        scale: f32,
        row: &mut Vec<f32>,
    ) -> Result<f64, LargeBatchError>;

    /// One step of the optimiser at the rate `lr` by a gradient, laid out as [`gradient`](Self::gradient) lays it out.
    ///
    /// # Errors
    /// The optimiser's.
    fn apply(&mut self, row: &[f32], lr: f64) -> Result<(), LargeBatchError>;

    /// Everything that no optimiser updates: running statistics.
    fn buffers(&self) -> Vec<f32>;

    /// Puts back what [`buffers`](Self::buffers) gave.
    ///
    /// # Errors
    /// Where it has another length.
    fn set_buffers(&mut self, row: &[f32]) -> Result<(), LargeBatchError>;

    /// All that the next step depends on.
    ///
    /// # Errors
    /// Where it cannot be written down.
    fn save(&self) -> Result<State, LargeBatchError>;

    /// Takes what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// Where it is another model's.
    fn load(&mut self, state: &State) -> Result<(), LargeBatchError>;
}

/// A network of the zoo, or any [`ImageNetwork`], with images in memory.
///
/// Dropout draws from a generator of each rank's own: with it, results depend on how many ranks there are.
pub struct ImageReplica<'a> {
    /// The network.
    pub network: Box<dyn ImageNetwork>,
    /// The images that positions refer to.
    pub images: LabelledImages<'a>,
}

impl Replica for ImageReplica<'_> {
    fn elements(&self) -> usize {
        self.network.parameters().iter().filter(|p| p.trainable).map(|p| p.numel()).sum()
    }

    fn gradient(
        &mut self,
        examples: &[usize],
        scale: f32,
        row: &mut Vec<f32>,
    ) -> Result<f64, LargeBatchError> {
        let (pixels, targets) = self.images.batch(&*self.network, examples)?;
        Ok(self.network.gradient(&pixels, &targets, scale, row)?)
    }

    fn apply(&mut self, row: &[f32], lr: f64) -> Result<(), LargeBatchError> {
        self.network.set_lr(lr)?;
        Ok(self.network.apply(row)?)
    }

    fn buffers(&self) -> Vec<f32> {
        self.network.buffers()
    }

    fn set_buffers(&mut self, row: &[f32]) -> Result<(), LargeBatchError> {
        Ok(self.network.set_buffers(row)?)
    }

    fn save(&self) -> Result<State, LargeBatchError> {
        Ok(self.network.save()?)
    }

    fn load(&mut self, state: &State) -> Result<(), LargeBatchError> {
        Ok(self.network.load(state)?)
    }
}

/// Any model of dfdx with any of shared's optimisers, by its forward and backward pass.
///
/// `backward` is given the model, the positions of a worker's examples, and gradients to trace with; it gives back the mean
/// loss of the examples and the gradients that `loss.backward()` gave.
#[derive(Debug)]
pub struct ModelReplica<M, D: Backend, F> {
    /// The model.
    pub model: M,
    /// The optimiser.
    pub optimizer: AnyOptimizer,
    backward: F,
    grads: Option<Gradients<f32, D>>,
}

impl<M, D, F, E> ModelReplica<M, D, F>
where
    M: TensorCollection<f32, D>,
    D: Backend,
    F: FnMut(&mut M, &[usize], Gradients<f32, D>) -> Result<(f64, Gradients<f32, D>), E>,
    E: std::fmt::Display,
{
    /// Puts them together; `grads` is the model's `alloc_grads()`.
    pub fn new(model: M, optimizer: AnyOptimizer, grads: Gradients<f32, D>, backward: F) -> Self {
        ModelReplica { model, optimizer, backward, grads: Some(grads) }
    }

    /// Gradients to trace with. They are lost where a pass failed.
    fn grads(&mut self) -> Result<Gradients<f32, D>, LargeBatchError> {
        let lost =
            || LargeBatchError::Replica("an earlier pass failed and took the gradients with it".into());
        self.grads.take().ok_or_else(lost)
    }
}

impl<M, D, F, E> Replica for ModelReplica<M, D, F>
where
    M: TensorCollection<f32, D>,
    D: Backend,
    F: FnMut(&mut M, &[usize], Gradients<f32, D>) -> Result<(f64, Gradients<f32, D>), E>,
    E: std::fmt::Display,
{
    fn elements(&self) -> usize {
        parameter_count(&self.model)
    }

    fn gradient(
        &mut self,
        examples: &[usize],
        scale: f32,
        row: &mut Vec<f32>,
    ) -> Result<f64, LargeBatchError> {
        let grads = self.grads()?;
        let done = (self.backward)(&mut self.model, examples, grads);
        let (loss, mut grads) = done.map_err(|why| LargeBatchError::Replica(why.to_string()))?;
        take_gradients(&mut self.model, &mut grads, scale, row)?;
        self.grads = Some(grads);
        Ok(loss)
    }

    fn apply(&mut self, row: &[f32], lr: f64) -> Result<(), LargeBatchError> {
        let mut grads = self.grads()?;
        self.optimizer.set_lr(lr)?;
        self.optimizer.step_by(&mut self.model, &mut grads, row)?;
        self.grads = Some(grads);
        Ok(())
    }

    fn buffers(&self) -> Vec<f32> {
        buffers(&self.model)
    }

    fn set_buffers(&mut self, row: &[f32]) -> Result<(), LargeBatchError> {
        Ok(set_buffers(&mut self.model, row)?)
    }

    fn save(&self) -> Result<State, LargeBatchError> {
        Ok(save_model(&self.model, &self.optimizer)?)
    }

    fn load(&mut self, state: &State) -> Result<(), LargeBatchError> {
        Ok(load_model(&mut self.model, &mut self.optimizer, state)?)
    }
}
