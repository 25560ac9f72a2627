//! What can be wrong with a state dictionary or its file.

use std::path::PathBuf;

use crate::files::FileError;

/// Why tensors could not be saved, read or put into a model.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The model has a tensor that the state lacks.
    #[error("tensor `{name}` of shape {shape:?} is missing from the state; load a state saved from the same model")]
    Missing {
        /// The tensor's name.
        name: String,
        /// Its shape in the model.
        shape: Vec<usize>,
    },
    /// The state has a tensor that the model lacks.
    #[error("the state holds tensor `{name}` of shape {shape:?}, which the model does not have; load a state saved from the same model or drop that tensor")]
    Unexpected {
        /// The tensor's name.
        name: String,
        /// Its shape in the state.
        shape: Vec<usize>,
    },
    /// A tensor has another shape in the state than in the model.
    #[error("tensor `{name}` has shape {found:?} in the state but {expected:?} in the model; load a state saved from a model of the same sizes")]
    Shape {
        /// The tensor's name.
        name: String,
        /// Its shape in the model.
        expected: Vec<usize>,
        /// Its shape in the state.
        found: Vec<usize>,
    },
    /// Two tensors have one name.
    #[error("the name `{name}` stands for two tensors; give each its own name")]
    Duplicate {
        /// The name that comes twice.
        name: String,
    },
    /// A tensor's shape and the number of its values disagree.
    #[error("tensor `{name}` of shape {shape:?} was given {found} values; give it exactly as many as its shape holds")]
    Length {
        /// The tensor's name.
        name: String,
        /// The shape that was claimed.
        shape: Vec<usize>,
        /// How many values came with it.
        found: usize,
    },
    /// The device could not read or write a tensor.
    #[error("tensor `{name}` cannot be written: {reason}")]
    Device {
        /// The tensor's name.
        name: String,
        /// What the device said.
        reason: String,
    },
    /// A tensor in a file is not of 32-bit floats.
    #[error("{}: tensor `{name}` is of type {found} but only F32 can be loaded; convert it to F32 and save it again", file.display())]
    Dtype {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        name: String,
        /// The type found, in safetensors' spelling.
        found: String,
    },
    /// A file ends before, or goes on after, where its own header says it ends.
    #[error("{}: the file has {found} bytes but its header speaks of {expected}, so it is cut or damaged; restore or save it again", file.display())]
    Cut {
        /// The file.
        file: PathBuf,
        /// The length that the header implies.
        expected: u64,
        /// The length of the file.
        found: u64,
    },
    /// A file is not a safetensors file.
    #[error("{}: not a safetensors file ({reason}); give a file written by `save_safetensors` or another safetensors writer", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
}
