//! A classifier with its optimiser, and the face that hides its type.

use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Gradients, NoneTape, Tensor},
};

use super::Classifier;
use crate::{
    device::{read_back, read_number, Backend, DeviceError},
    nn::{
        state::{
            buffers, load_state_dict, parameters, set_buffers, state_dict, NamedTensor, ParamInfo, StateError,
        },
        Pass, Training,
    },
    ops::{
        cross_entropy::softmax_cross_entropy,
        targets::{TargetError, Targets},
    },
    optim::{take_gradients, AnyOptimizer, OptimError, OptimScalars, OptimState},
    train::{CheckpointError, RunRng, State},
};

/// A classifier whose model and device were picked at run time.
pub trait ImageNetwork {
    /// Values an image: channels x side x side.
    fn image_len(&self) -> usize;
    /// The number of classes.
    fn classes(&self) -> usize;
    /// One step of the optimiser on these images, image after image; gives back their mean loss before it.
    ///
    /// # Errors
    /// [`ZooError`] where images and targets do not go together, or memory is short.
    fn step(&mut self, images: &[f32], targets: &Targets) -> Result<f64, ZooError>;
    /// Half a step: appends the gradient of these images' mean loss, times `scale`, to `row`, and gives back the loss. Running
    /// statistics move as in a step, weights do not. [`apply`](Self::apply) is the other half.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn gradient(
        &mut self,
        images: &[f32],
        targets: &Targets,
        scale: f32,
        row: &mut Vec<f32>,
    ) -> Result<f64, ZooError>;
    /// One step of the optimiser by a gradient laid out as [`gradient`](Self::gradient) lays it out.
    ///
    /// # Errors
    /// [`ZooError::Optim`] where it has another length.
    fn apply(&mut self, row: &[f32]) -> Result<(), ZooError>;
    /// Everything that no optimiser updates: running statistics.
    fn buffers(&self) -> Vec<f32>;
    /// Puts back what [`buffers`](Self::buffers) gave.
    ///
    /// # Errors
    /// [`ZooError::State`] where it has another length.
    fn set_buffers(&mut self, row: &[f32]) -> Result<(), ZooError>;
    /// The scores (logits), a row an image, with the running statistics and without dropout.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn scores(&self, images: &[f32]) -> Result<Vec<f32>, ZooError>;
    /// Mean loss, and how many images have the highest score at their target.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    fn evaluate(&self, images: &[f32], targets: &Targets) -> Result<(f64, usize), ZooError>;
    /// The optimiser, with its state and masks.
    fn optimizer(&self) -> &AnyOptimizer;
    /// The optimiser, to set its masks or its learning rate.
    fn optimizer_mut(&mut self) -> &mut AnyOptimizer;
    /// The learning rate of the next step.
    fn lr(&self) -> f64 {
        self.optimizer().lr()
    }
    /// Sets it.
    ///
    /// # Errors
    /// [`ZooError::Optim`] where it is negative or not finite.
    fn set_lr(&mut self, lr: f64) -> Result<(), ZooError> {
        Ok(self.optimizer_mut().set_lr(lr)?)
    }
    /// The outline of every tensor.
    fn parameters(&self) -> Vec<ParamInfo>;
    /// Every tensor by name, running statistics included.
    fn weights(&self) -> Vec<NamedTensor>;
    /// Takes tensors that [`weights`](Self::weights) gave.
    ///
    /// # Errors
    /// [`ZooError::State`] where they are another model's.
    fn load_weights(&mut self, weights: &[NamedTensor]) -> Result<(), ZooError>;
    /// All that the next step depends on: weights, running statistics, optimiser, the generator of dropout.
    ///
    /// # Errors
    /// [`ZooError::Checkpoint`] if it cannot be written down.
    fn save(&self) -> Result<State, ZooError>;
    /// Takes a state that [`save`](Self::save) gave.
    ///
    /// # Errors
    /// [`ZooError`] where it is another model's or incomplete.
    fn load(&mut self, state: &State) -> Result<(), ZooError>;
}

/// A classifier that could not be built, trained or used.
#[derive(Debug, thiserror::Error)]
pub enum ZooError {
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The optimiser.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Tensors that do not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// A state that cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A target that is no class.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Images and their number do not go together.
    #[error(
        "there are {values} values for {images} images of {classes} classes: give {image} values an image, for at \
         least one image, and targets of {expected} classes"
    )]
    Images {
        /// Values given.
        values: usize,
        /// Images, by their targets.
        images: usize,
        /// Classes of the targets.
        classes: usize,
        /// Values an image of this model.
        image: usize,
        /// Classes of this model.
        expected: usize,
    },
    /// A ghost batch of nothing.
    #[error("the group of a batch normalisation has 0 examples: give at least 1, or none for whole batches")]
    NoGroup,
    /// The device while computing.
    #[error("the device failed ({0}): use a smaller batch, or free memory")]
    Compute(String),
}

pub(super) fn compute(error: impl std::fmt::Debug) -> ZooError {
    ZooError::Compute(format!("{error:?}"))
}

/// A classifier on its device, with its optimiser. The loss is the softmax cross-entropy.
#[derive(Debug)]
pub struct Trainable<M, D: Backend> {
    /// The model.
    pub net: M,
    /// The optimiser.
    pub optimizer: AnyOptimizer,
    /// Dropout's generator and the groups of batch normalisation.
    pub training: Training,
    device: D,
    /// Taken while a step runs.
    grads: Option<Gradients<f32, D>>,
}

impl<D: Backend, M: Classifier<D>> Trainable<M, D> {
    /// Puts them together.
    ///
    /// # Errors
    /// [`ZooError::Compute`] where memory is short.
    pub fn new(net: M, device: D, optimizer: AnyOptimizer, training: Training) -> Result<Self, ZooError> {
        let grads = Some(net.try_alloc_grads().map_err(compute)?);
        Ok(Trainable { net, optimizer, training, device, grads })
    }

    /// One step; gives back the mean loss before it.
    ///
    /// # Errors
    /// [`ZooError::Compute`] or [`ZooError::Optim`].
    ///
    /// # Panics
    /// If there is not one target an image: like dfdx's run-time shapes, a bug of the caller.
    #[allow(clippy::type_complexity)]
    pub fn step_on<B: Dim>(
        &mut self,
        images: Tensor<(B, M::Channels, M::Side, M::Side), f32, D>,
        targets: &Targets,
    ) -> Result<f64, ZooError> {
        let (value, mut grads) = self.backward(images, targets)?;
        self.optimizer.step(&mut self.net, &mut grads)?;
        self.grads = Some(grads);
        Ok(read_number(&value))
    }

    /// The mean loss of a batch and its gradient.
    #[allow(clippy::type_complexity)]
    fn backward<B: Dim>(
        &mut self,
        images: Tensor<(B, M::Channels, M::Side, M::Side), f32, D>,
        targets: &Targets,
    ) -> Result<(Tensor<Rank0, f32, D>, Gradients<f32, D>), ZooError> {
        let grads = match self.grads.take() {
            Some(grads) => grads,
            None => self.net.try_alloc_grads().map_err(compute)?,
        };
        let pass = &mut Pass::Train(&mut self.training);
        let (images, tape) = images.traced(grads).split_tape();
        let scores = self.net.forward(images, tape, pass).map_err(compute)?;
        let loss = softmax_cross_entropy(scores, targets).map_err(compute)?;
        let value = loss.retaped::<NoneTape>();
        Ok((value, loss.try_backward().map_err(compute)?))
    }

    /// The scores of images in use. The model is not changed.
    ///
    /// # Errors
    /// [`ZooError::Compute`].
    #[allow(clippy::type_complexity)]
    pub fn scores_of<B: Dim>(
        &self,
        images: Tensor<(B, M::Channels, M::Side, M::Side), f32, D>,
    ) -> Result<Tensor<(B, M::Classes), f32, D>, ZooError> {
        // a clone shares its tensors: nothing is copied
        self.net.clone().forward(images, NoneTape, &mut Pass::Eval).map_err(compute)
    }

    #[allow(clippy::type_complexity)]
    fn batch(
        &self,
        images: &[f32],
        targets: Option<&Targets>,
    ) -> Result<Tensor<(usize, M::Channels, M::Side, M::Side), f32, D>, ZooError> {
        let (image, expected) = (self.image_len(), self.classes());
        let count = targets.map_or(images.len() / image, Targets::len);
        let classes = targets.map_or(expected, Targets::classes);
        if count == 0 || images.len() != count * image || classes != expected {
            let values = images.len();
            return Err(ZooError::Images { values, images: count, classes, image, expected });
        }
        let shape = (count, M::Channels::default(), M::Side::default(), M::Side::default());
        self.device.try_tensor_from_vec(images.to_vec(), shape).map_err(compute)
    }
}

impl<D: Backend, M: Classifier<D>> ImageNetwork for Trainable<M, D> {
    fn image_len(&self) -> usize {
        let side = M::Side::default().size();
        M::Channels::default().size() * side * side
    }

    fn classes(&self) -> usize {
        M::Classes::default().size()
    }

    fn step(&mut self, images: &[f32], targets: &Targets) -> Result<f64, ZooError> {
        let images = self.batch(images, Some(targets))?;
        self.step_on(images, targets)
    }

    fn gradient(
        &mut self,
        images: &[f32],
        targets: &Targets,
        scale: f32,
        row: &mut Vec<f32>,
    ) -> Result<f64, ZooError> {
        let images = self.batch(images, Some(targets))?;
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
        Ok(read_back(&self.scores_of(self.batch(images, None)?)?))
    }

    fn evaluate(&self, images: &[f32], targets: &Targets) -> Result<(f64, usize), ZooError> {
        judge(self.scores_of(self.batch(images, Some(targets))?)?, targets)
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
        let mut state = save_model(&self.net, &self.optimizer)?;
        state.put("dropout", &self.training.dropout.position())?;
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<(), ZooError> {
        let dropout: [u64; 3] = state.get("dropout")?;
        load_model(&mut self.net, &mut self.optimizer, state)?;
        self.training.dropout = RunRng::at(dropout);
        Ok(())
    }
}

/// A step by a gradient from elsewhere, with gradients that are kept from step to step.
pub(super) fn apply<M: TensorCollection<f32, D>, D: Backend>(
    net: &mut M,
    optimizer: &mut AnyOptimizer,
    kept: &mut Option<Gradients<f32, D>>,
    row: &[f32],
) -> Result<(), ZooError> {
    let mut grads = match kept.take() {
        Some(grads) => grads,
        None => net.try_alloc_grads().map_err(compute)?,
    };
    optimizer.step_by(net, &mut grads, row)?;
    *kept = Some(grads);
    Ok(())
}

/// The mean softmax cross-entropy of a batch's scores, and how many rows are highest at their target.
///
/// # Shapes
/// `scores`: (B, C), for B targets of C classes.
///
/// # Errors
/// [`ZooError::Compute`].
pub fn judge<C: Dim, D: Backend>(
    scores: Tensor<(usize, C), f32, D>,
    targets: &Targets,
) -> Result<(f64, usize), ZooError> {
    let rows = read_back(&scores);
    let right = targets.iter().zip(rows.chunks_exact(targets.classes()));
    let right = right.filter(|((_, target), row)| first_largest(row) == *target).count();
    let loss = softmax_cross_entropy(scores, targets).map_err(compute)?;
    Ok((read_number(&loss), right))
}

/// A model and its optimiser, to be kept.
///
/// # Errors
/// [`ZooError::Checkpoint`] if they cannot be written down.
pub fn save_model<M: TensorCollection<f32, D>, D: Backend>(
    net: &M,
    optimizer: &AnyOptimizer,
) -> Result<State, ZooError> {
    let mut state = State::default();
    state.put_tensors("model", state_dict(net))?;
    let OptimState { scalars, tensors } = optimizer.export_state();
    state.put_tensors("optimizer", tensors)?;
    state.put("optimizer", &scalars)?;
    Ok(state)
}

/// Takes what [`save_model`] gave, of the same model and optimiser.
///
/// # Errors
/// [`ZooError`] where it is of others.
pub fn load_model<M: TensorCollection<f32, D>, D: Backend>(
    net: &mut M,
    optimizer: &mut AnyOptimizer,
    state: &State,
) -> Result<(), ZooError> {
    let scalars: OptimScalars = state.get("optimizer")?;
    let weights = state.take_tensors("model")?;
    let kept = OptimState { scalars, tensors: state.take_tensors("optimizer")? };
    optimizer.import_state(net, &kept)?;
    Ok(load_state_dict(net, &weights)?)
}

/// The class of the highest score, the first where several are.
fn first_largest(row: &[f32]) -> usize {
    let larger = |best: (usize, f32), (class, score): (usize, &f32)| {
        if *score > best.1 {
            (class, *score)
        } else {
            best
        }
    };
    row.iter().enumerate().fold((0, f32::NEG_INFINITY), larger).0
}
