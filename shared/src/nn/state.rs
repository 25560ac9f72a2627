//! The named parameters of a model: listed, counted, copied out, put back, and kept in safetensors files.
//!
//! Names are PyTorch's: the fields on the way to a tensor joined by `.`, indices for tuples and
//! repeated layers (`0.weight`, `encoder.2.bias`). Values are always in logical row-major order, whatever
//! the strides of the tensor they came from. dfdx scalars (`BatchNorm2D::epsilon`) are settings, not
//! weights, and stay out, as they do in PyTorch.
//!
//! # Example
//! ```
//! use shared::dfdx::nn::modules::Linear;
//! use shared::dfdx::prelude::*;
//! use shared::nn::state::{load_state_dict, parameter_count, state_dict};
//!
//! type Net = (Linear<3, 4, f32, Cpu>, ReLU, Linear<4, 2, f32, Cpu>);
//! let dev = Cpu::default();
//! let trained = Net::build(&dev);
//! let mut fresh = Net::build(&dev);
//! assert_eq!(parameter_count(&trained), 3 * 4 + 4 + 4 * 2 + 2);
//!
//! let weights = state_dict(&trained);
//! assert_eq!(weights[0].name(), "0.weight");
//! assert_eq!(weights[0].shape(), [4, 3]);
//! load_state_dict(&mut fresh, &weights)?;
//! assert_eq!(fresh.0.weight.array(), trained.0.weight.array());
//! # Ok::<(), shared::nn::state::StateError>(())
//! ```

use std::collections::BTreeMap;

use dfdx::nn::tensor_collection::{TensorCollection, ViewTensorMut, ViewTensorRef};
use dfdx::shapes::Shape;
use dfdx::tensor::Tensor;
use dfdx::tensor_ops::Device;

use super::walk::{self, Visit};

mod error;
mod file;
pub(crate) mod layout;
#[cfg(test)]
mod tests;

pub use error::StateError;
pub use file::{load_model, load_safetensors, parse_safetensors, save_model, save_safetensors, SavedTensors};

/// A tensor with its name, as it stands in a state dictionary or a file: plain data, `Send`, no device.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    name: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl NamedTensor {
    /// A tensor of `values` in row-major order.
    ///
    /// # Errors
    /// [`StateError::Length`] where `shape` does not hold exactly `values.len()` elements.
    pub fn new(name: impl Into<String>, shape: Vec<usize>, values: Vec<f32>) -> Result<Self, StateError> {
        let name = name.into();
        let numel = shape.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim));
        if numel == Some(values.len()) {
            Ok(Self { name, shape, values })
        } else {
            Err(StateError::Length { name, shape, found: values.len() })
        }
    }

    /// The path of the tensor inside its model, such as `encoder.2.bias`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sizes of the dimensions; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The elements, given away.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

/// What [`visit_parameters`] shows of one tensor.
#[derive(Clone, Copy, Debug)]
pub struct ParamView<'a> {
    /// The path of the tensor inside the model.
    pub name: &'a str,
    /// The sizes of the dimensions; empty for a scalar.
    pub shape: &'a [usize],
    /// The elements in row-major order.
    pub values: &'a [f32],
    /// Whether an optimiser updates it; `false` for such as the running mean of a batch norm.
    pub trainable: bool,
}

/// The outline of one tensor of a model: all but its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamInfo {
    /// The path of the tensor inside the model.
    pub name: String,
    /// The sizes of the dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// Whether an optimiser updates it.
    pub trainable: bool,
}

impl ParamInfo {
    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The number of trainable elements of `model`.
pub fn parameter_count<M, D>(model: &M) -> usize
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    parameters(model).iter().filter(|p| p.trainable).map(ParamInfo::numel).sum()
}

/// The outline of every tensor of `model`, in the order of its fields. No values are copied.
pub fn parameters<M, D>(model: &M) -> Vec<ParamInfo>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    let mut outline = Vec::new();
    look_at(model, &mut |info, _| outline.push(info));
    outline
}

/// Shows every tensor of `model` to `look`, in the order of its fields.
///
/// # Complexity
/// One copy of the weights, one tensor at a time.
pub fn visit_parameters<M, D>(model: &M, mut look: impl FnMut(ParamView<'_>))
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    look_at(model, &mut |info, read| {
        let ParamInfo { name, shape, trainable } = &info;
        look(ParamView { name, shape, values: &read(), trainable: *trainable });
    });
}

/// A copy of every tensor of `model`, trainable or not, in the order of its fields.
pub fn state_dict<M, D>(model: &M) -> Vec<NamedTensor>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    let mut tensors = Vec::new();
    look_at(model, &mut |ParamInfo { name, shape, .. }, read| {
        tensors.push(NamedTensor { name, shape, values: read() });
    });
    tensors
}

/// Puts `tensors` into `model`. Strict: the names must be exactly the model's, in any order, and every
/// shape must agree.
///
/// # Errors
/// [`StateError::Missing`], [`StateError::Unexpected`], [`StateError::Shape`] or
/// [`StateError::Duplicate`], each naming the tensor. All of it is checked first: on any of these `model` is
/// untouched. [`StateError::Device`] where the device refuses a copy.
pub fn load_state_dict<M, D>(model: &mut M, tensors: &[NamedTensor]) -> Result<(), StateError>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    let by_name = index_by_name(tensors)?;
    check_fit(&parameters(model), &by_name)?;
    // whether every tensor can be written to, before the first is
    change_all(model, &mut |name, _, tensor| tensor.can_be_written().map_err(|reason| device(name, reason)))?;
    change_all(model, &mut |name, _, tensor| match by_name.get(name) {
        Some(found) => tensor.write(&found.values).map_err(|reason| device(name, reason)),
        None => Err(StateError::Missing { name: name.to_owned(), shape: tensor.sizes() }),
    })
}

/// Changes the trainable tensors of `model` in place, in the order of its fields: `change` is given each one's name and its
/// elements in row-major order, such as to clip them.
///
/// # Errors
/// [`StateError::Device`] where the device refuses a copy; tensors before it have been changed.
///
/// # Complexity
/// Two copies of the weights, one tensor at a time.
pub fn map_parameters<M, D>(model: &mut M, mut change: impl FnMut(&str, &mut [f32])) -> Result<(), StateError>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    change_half(model, true, &mut change)
}

/// The elements of every tensor that no optimiser updates, such as running statistics, in the order of the model's fields.
pub fn buffers<M, D>(model: &M) -> Vec<f32>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    let mut row = Vec::new();
    look_at(model, &mut |info, read| {
        if !info.trainable {
            row.extend(read());
        }
    });
    row
}

/// Puts back what [`buffers`] gave, of the same model.
///
/// # Errors
/// [`StateError::Length`] for another number of elements, with `model` as it was; [`StateError::Device`].
pub fn set_buffers<M, D>(model: &mut M, row: &[f32]) -> Result<(), StateError>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    let wanted = parameters(model).iter().filter(|p| !p.trainable).map(ParamInfo::numel).sum();
    if row.len() != wanted {
        let name = String::from("all buffers together");
        return Err(StateError::Length { name, shape: vec![wanted], found: row.len() });
    }
    let mut rest = row;
    let mut change = |_: &str, values: &mut [f32]| {
        let (mine, others) = rest.split_at(values.len());
        values.copy_from_slice(mine);
        rest = others;
    };
    change_half(model, false, &mut change)
}

/// Changes the tensors that optimisers update, or the others.
fn change_half<M, D>(
    model: &mut M,
    trainable: bool,
    change: &mut dyn FnMut(&str, &mut [f32]),
) -> Result<(), StateError>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    change_all(model, &mut |name, is_trainable, tensor| {
        if is_trainable == trainable {
            let mut values = tensor.read();
            change(name, &mut values);
            tensor.write(&values).map_err(|reason| device(name, reason))?;
        }
        Ok(())
    })
}

fn device(name: &str, reason: layout::Reason) -> StateError {
    StateError::Device { name: name.to_owned(), reason }
}

/// Looks tensors up by name.
///
/// # Errors
/// [`StateError::Duplicate`] where a name comes twice.
pub(crate) fn index_by_name(tensors: &[NamedTensor]) -> Result<BTreeMap<&str, &NamedTensor>, StateError> {
    let mut by_name = BTreeMap::new();
    for tensor in tensors {
        if by_name.insert(tensor.name(), tensor).is_some() {
            return Err(StateError::Duplicate { name: tensor.name.clone() });
        }
    }
    Ok(by_name)
}

fn check_fit(outline: &[ParamInfo], by_name: &BTreeMap<&str, &NamedTensor>) -> Result<(), StateError> {
    let mut wanted = BTreeMap::new();
    for info in outline {
        if wanted.insert(info.name.as_str(), ()).is_some() {
            return Err(StateError::Duplicate { name: info.name.clone() });
        }
        match by_name.get(info.name.as_str()) {
            None => {
                return Err(StateError::Missing { name: info.name.clone(), shape: info.shape.clone() });
            }
            Some(found) if found.shape != info.shape => {
                return Err(StateError::Shape {
                    name: info.name.clone(),
                    expected: info.shape.clone(),
                    found: found.shape.clone(),
                });
            }
            Some(_) => {}
        }
    }
    match by_name.values().find(|tensor| !wanted.contains_key(tensor.name())) {
        Some(extra) => Err(StateError::Unexpected { name: extra.name.clone(), shape: extra.shape.clone() }),
        None => Ok(()),
    }
}

/// Called with a tensor's outline and a way to read its values.
type Look<'a> = dyn FnMut(ParamInfo, &dyn Fn() -> Vec<f32>) + 'a;

fn look_at<M, D>(model: &M, look: &mut Look<'_>)
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    match walk::walk(model, &mut Reader { look }) {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

struct Reader<'a, 'b> {
    look: &'a mut Look<'b>,
}

impl<D: Device<f32>> Visit<ViewTensorRef, D> for Reader<'_, '_> {
    type Err = std::convert::Infallible;

    fn visit<S: Shape>(
        &mut self,
        name: &str,
        trainable: bool,
        tensor: &Tensor<S, f32, D>,
    ) -> Result<(), Self::Err> {
        let info = ParamInfo { name: name.to_owned(), shape: layout::sizes(tensor), trainable };
        (self.look)(info, &|| layout::read(tensor));
        Ok(())
    }
}

/// Called with a tensor's name, whether optimisers update it, and the tensor.
type Change<'a> = dyn FnMut(&str, bool, &mut dyn Stored) -> Result<(), StateError> + 'a;

fn change_all<M, D>(model: &mut M, change: &mut Change<'_>) -> Result<(), StateError>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    walk::walk_mut(model, &mut Writer { change })
}

struct Writer<'a, 'b> {
    change: &'a mut Change<'b>,
}

impl<D: Device<f32>> Visit<ViewTensorMut, D> for Writer<'_, '_> {
    type Err = StateError;

    fn visit<S: Shape>(
        &mut self,
        name: &str,
        trainable: bool,
        tensor: &mut Tensor<S, f32, D>,
    ) -> Result<(), StateError> {
        (self.change)(name, trainable, tensor)
    }
}

/// A tensor whose shape is not named, so that what is done with it is compiled once.
trait Stored {
    fn sizes(&self) -> Vec<usize>;
    fn read(&self) -> Vec<f32>;
    fn can_be_written(&self) -> Result<(), layout::Reason>;
    fn write(&mut self, values: &[f32]) -> Result<(), layout::Reason>;
}

impl<S: Shape, D: Device<f32>> Stored for Tensor<S, f32, D> {
    fn sizes(&self) -> Vec<usize> {
        layout::sizes(self)
    }

    fn read(&self) -> Vec<f32> {
        layout::read(self)
    }

    fn can_be_written(&self) -> Result<(), layout::Reason> {
        layout::physical_order(self).map(|_| ())
    }

    fn write(&mut self, values: &[f32]) -> Result<(), layout::Reason> {
        layout::write(self, values)
    }
}
