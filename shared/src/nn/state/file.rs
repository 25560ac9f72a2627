//! Tensors in safetensors files: written in one piece or not at all, read with suspicion.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use dfdx::nn::tensor_collection::TensorCollection;
use dfdx::tensor_ops::Device;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};

use crate::files::{atomic_write_with, FileError};

use super::{index_by_name, load_state_dict, state_dict, NamedTensor, StateError};

/// Headers beyond this are refused before they are parsed; a hundred thousand tensors need less.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// The one key of the header's metadata that we write. A single key, because safetensors keeps metadata in
/// a hash map, and more than one would make equal states into unequal files.
const NOTE_KEY: &str = "eightfold";

/// What a safetensors file held.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedTensors {
    /// The tensors, sorted by name.
    pub tensors: Vec<NamedTensor>,
    /// The note that was saved with them, if any.
    pub note: Option<String>,
}

/// Saves every tensor of `model` to `path`; see [`save_safetensors`].
///
/// # Errors
/// As [`save_safetensors`].
pub fn save_model<M, D>(path: impl AsRef<Path>, model: &M) -> Result<(), StateError>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    save_safetensors(path, &state_dict(model), None)
}

/// Loads `path` into `model`, strictly: every tensor of the model, and no other, must be there.
///
/// # Errors
/// As [`load_safetensors`] and [`load_state_dict`]; on any of them but `Device`, `model` is untouched.
pub fn load_model<M, D>(path: impl AsRef<Path>, model: &mut M) -> Result<(), StateError>
where
    M: TensorCollection<f32, D>,
    D: Device<f32>,
{
    load_state_dict(model, &load_safetensors(path)?.tensors)
}

/// Writes `tensors` to `path` as a safetensors file that any safetensors reader opens, with an optional
/// `note` (free text, such as JSON) in its header.
///
/// The write is atomic ([`files`](crate::files)): a crash leaves the old file or the new one. Missing folders are
/// made. Equal tensors and notes give equal bytes.
///
/// # Errors
/// [`StateError::Duplicate`] where a name comes twice, [`StateError::File`] where the file system refuses.
pub fn save_safetensors(
    path: impl AsRef<Path>,
    tensors: &[NamedTensor],
    note: Option<&str>,
) -> Result<(), StateError> {
    let path = path.as_ref();
    let by_name = index_by_name(tensors)?;
    let metadata = note.map(|note| HashMap::from([(NOTE_KEY.to_string(), note.to_string())]));

    let views = by_name.iter().map(|(name, tensor)| (*name, LittleEndian(tensor)));
    let written =
        atomic_write_with(path, |file| safetensors::serialize_to_file(views, metadata, file.path()));
    written.map_err(|e| match e {
        SafeTensorError::IoError(why) => FileError::Write { path: path.into(), why }.into(),
        other => StateError::Format { file: path.into(), reason: other.to_string() },
    })
}

/// Reads every tensor of the safetensors file at `path`.
///
/// # Errors
/// [`StateError::File`], [`StateError::Cut`], [`StateError::Format`] or [`StateError::Dtype`], each naming the
/// file.
///
/// # Complexity
/// Reads the file once; memory is at most twice its length.
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<SavedTensors, StateError> {
    let path = path.as_ref();
    let io = |why| FileError::Read { path: path.into(), why };
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::new();
    // A file that grows while it is read is not followed.
    file.take(length).read_to_end(&mut bytes).map_err(io)?;
    parse_safetensors(&bytes, path)
}

/// Reads tensors from the bytes of a safetensors file; `path` only names it in errors.
///
/// # Errors
/// [`StateError::Cut`], [`StateError::Format`] or [`StateError::Dtype`]. No bytes make it panic or allocate
/// more than a small multiple of their number.
pub fn parse_safetensors(bytes: &[u8], path: impl AsRef<Path>) -> Result<SavedTensors, StateError> {
    let path = path.as_ref();
    check_extent(bytes, path)?;
    let format = |e: SafeTensorError| StateError::Format { file: path.to_path_buf(), reason: e.to_string() };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    let note = header.metadata().as_ref().and_then(|m| m.get(NOTE_KEY)).cloned();
    let file = SafeTensors::deserialize(bytes).map_err(format)?;
    let mut tensors = Vec::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            let found = view.dtype().to_string();
            return Err(StateError::Dtype { file: path.to_path_buf(), name: name.to_string(), found });
        }
        let values =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        tensors.push(NamedTensor::new(name, view.shape().to_vec(), values)?);
    }
    tensors.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(SavedTensors { tensors, note })
}

/// Compares the length of the file with what its header claims, before the safetensors crate adds those
/// claims up without an overflow check.
fn check_extent(bytes: &[u8], path: &Path) -> Result<(), StateError> {
    let file = || path.to_path_buf();
    let found = bytes.len() as u64;
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(StateError::Cut { file: file(), expected: 8, found });
    };
    let header_bytes = u64::from_le_bytes(*length);
    if header_bytes > MAX_HEADER_BYTES {
        let reason =
            format!("its header would take {header_bytes} bytes and at most {MAX_HEADER_BYTES} are allowed");
        return Err(StateError::Format { file: file(), reason });
    }
    let Some(header) = rest.get(..header_bytes as usize) else {
        return Err(StateError::Cut { file: file(), expected: 8 + header_bytes, found });
    };
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(header)
        .map_err(|e| StateError::Format { file: file(), reason: format!("its header is not valid: {e}") })?;
    let end =
        entries.iter().filter(|(name, _)| *name != "__metadata__").map(|(_, e)| e.end()).max().unwrap_or(0);
    let expected = end.saturating_add(8 + header_bytes);
    if expected != found {
        return Err(StateError::Cut { file: file(), expected, found });
    }
    Ok(())
}

/// The one field of a header's entry that [`check_extent`] looks at.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor { data_offsets: (u64, u64) },
    Other(serde::de::IgnoredAny),
}

impl Entry {
    fn end(&self) -> u64 {
        match self {
            Self::Tensor { data_offsets: (_, end) } => *end,
            Self::Other(_) => 0,
        }
    }
}

/// The bytes of a tensor as safetensors wants them, made only when asked for.
struct LittleEndian<'a>(&'a NamedTensor);

impl View for LittleEndian<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.0.values().iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        self.0.values().len() * 4
    }
}
