//! The stored series in blocks: the unit that is written, resumed, shared out and merged.

use std::ops::Range;

use safetensors::{serialize, tensor::TensorView, Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::graph::{Csr, PowerRows};

use crate::{
    powers::{Powers, Sparsify},
    series::{cut, Series},
    SparseError,
};

/// The key of a block's description in its file.
const NOTE: &str = "eightfold";

/// What every block of one series has in common. Blocks with another header are of another series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesHeader {
    /// N.
    pub nodes: usize,
    /// H.
    pub hops: usize,
    /// What is kept.
    pub sparsify: Sparsify,
    /// SHA-256 over the transition matrix, as [`matrix_digest`] computes it.
    pub matrix: String,
}

/// What the note of a block says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockNote {
    series: SeriesHeader,
    first_row: usize,
    rows: usize,
    sha256: String,
}

impl SeriesHeader {
    /// The header of the powers of a matrix. The digest is that of the matrix whose powers are taken: of P̄ for Pre, and
    /// with the rows of [`Powers::with_rows`].
    ///
    /// # Errors
    /// None in practice: the rows were checked when they were given.
    pub fn of(powers: &Powers<'_>) -> Result<Self, SparseError> {
        Ok(SeriesHeader {
            nodes: powers.nodes(),
            hops: powers.hops(),
            sparsify: powers.sparsify(),
            matrix: matrix_digest(&*powers.whole_matrix()?),
        })
    }
}

/// SHA-256 over the row pointers, columns and values of a matrix, in this order, little-endian.
///
/// # Complexity
/// O(N + |E|).
#[must_use]
pub fn matrix_digest(matrix: &Csr) -> String {
    let mut sha = Sha256::new();
    update(&mut sha, matrix.proper_indptr().iter().map(|i| (*i as u64).to_le_bytes()));
    update(&mut sha, matrix.indices().iter().map(|j| j.to_le_bytes()));
    update(&mut sha, matrix.data().iter().map(|v| v.to_le_bytes()));
    hex(sha)
}

/// The rows of each block of a series of `nodes` rows.
///
/// # Example
/// ```
/// assert_eq!(sparse_dcnn::blocks(10, 4), [0..4, 4..8, 8..10]);
/// ```
#[must_use]
pub fn blocks(nodes: usize, block_rows: usize) -> Vec<Range<usize>> {
    cut(0..nodes, block_rows)
}

/// The blocks of shard `shard` of `shards`, counted from 0: every `shards`-th one.
///
/// # Example
/// ```
/// let blocks = sparse_dcnn::blocks(10, 4);
/// assert_eq!(sparse_dcnn::shard_blocks(&blocks, 1, 2), [(1, 4..8)]);
/// ```
#[must_use]
pub fn shard_blocks(blocks: &[Range<usize>], shard: usize, shards: usize) -> Vec<(usize, Range<usize>)> {
    blocks.iter().cloned().enumerate().skip(shard).step_by(shards.max(1)).collect()
}

/// A block as the bytes of a safetensors file: for each power k `power{k}.indptr` (U64), `power{k}.columns` (U32) and
/// `power{k}.values` (F32), with the header and a checksum of them all.
///
/// # Errors
/// [`SparseError::Blocks`] for a series that is not of this header.
pub fn block_to_bytes(header: &SeriesHeader, block: &Series) -> Result<Vec<u8>, SparseError> {
    if (block.nodes(), block.hops()) != (header.nodes, header.hops) {
        return Err(SparseError::Blocks(
            "the block is of another series than the header: compute both from the same matrix and hops"
                .into(),
        ));
    }
    let mut parts: Vec<(String, Dtype, usize, Vec<u8>)> = Vec::new();
    for hop in 1..=block.hops() {
        let Some(power) = block.power(hop) else { continue };
        let indptr = power.proper_indptr();
        let pointers = indptr.iter().flat_map(|i| (*i as u64).to_le_bytes()).collect();
        let columns = power.indices().iter().flat_map(|j| j.to_le_bytes()).collect();
        let values = power.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        parts.push((format!("power{hop}.indptr"), Dtype::U64, indptr.len(), pointers));
        parts.push((format!("power{hop}.columns"), Dtype::U32, power.nnz(), columns));
        parts.push((format!("power{hop}.values"), Dtype::F32, power.nnz(), values));
    }
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    let sha256 = digest(parts.iter().map(|(name, _, _, bytes)| (name.as_str(), bytes.as_slice())));
    let rows = block.rows();
    let note = BlockNote { series: header.clone(), first_row: rows.start, rows: rows.len(), sha256 };
    let broken = |why: String| {
        SparseError::Blocks(format!("a block cannot be written ({why}): free memory and try again"))
    };
    let note = serde_json::to_string(&note).map_err(|e| broken(e.to_string()))?;
    let views: Result<Vec<(&str, TensorView<'_>)>, _> = parts
        .iter()
        .map(|(name, dtype, len, bytes)| Ok((name.as_str(), TensorView::new(*dtype, vec![*len], bytes)?)))
        .collect();
    let views = views.map_err(|e: safetensors::SafeTensorError| broken(e.to_string()))?;
    serialize(views, Some([(NOTE.to_owned(), note)].into())).map_err(|e| broken(e.to_string()))
}

/// A block read back, with its header.
///
/// # Errors
/// [`SparseError::Blocks`] for bytes that are cut, damaged or not of a block; `name` says where they came from.
pub fn block_from_bytes(name: &str, bytes: &[u8]) -> Result<(SeriesHeader, Series), SparseError> {
    let broken = |why: &str| {
        SparseError::Blocks(format!(
            "{name} is not a whole block of a series ({why}): delete it and compute it again"
        ))
    };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| broken(&e.to_string()))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| broken(&e.to_string()))?;
    let note =
        metadata.metadata().as_ref().and_then(|m| m.get(NOTE)).ok_or_else(|| broken("it has no header"))?;
    let note: BlockNote = serde_json::from_str(note).map_err(|e| broken(&e.to_string()))?;
    let header = note.series;
    let mut parts = tensors.tensors();
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    if digest(parts.iter().map(|(name, view)| (name.as_str(), view.data()))) != note.sha256 {
        return Err(broken("its checksum does not fit"));
    }
    let end = note.first_row.checked_add(note.rows);
    if header.hops > shared::graph::MAX_HOPS || end.is_none_or(|end| end > header.nodes) {
        return Err(broken("its sizes are out of range"));
    }
    let part = |hop: usize, kind: &str, dtype: Dtype| {
        let view = tensors.tensor(&format!("power{hop}.{kind}")).map_err(|e| broken(&e.to_string()))?;
        if view.dtype() != dtype {
            return Err(broken(&format!("power{hop}.{kind} has another type")));
        }
        Ok(view)
    };
    let mut powers = Vec::with_capacity(header.hops);
    for hop in 1..=header.hops {
        let indptr = part(hop, "indptr", Dtype::U64)?;
        let indptr: Vec<usize> =
            indptr.data().as_chunks().0.iter().map(|b| u64::from_le_bytes(*b) as usize).collect();
        if indptr.len().checked_sub(1) != Some(note.rows) {
            return Err(broken("its row pointers are too few or too many"));
        }
        let columns = part(hop, "columns", Dtype::U32)?;
        let columns = columns.data().as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let values = part(hop, "values", Dtype::F32)?;
        let values = values.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let power = Csr::try_new((note.rows, header.nodes), indptr, columns, values);
        powers.push(power.map_err(|(_, _, _, why)| broken(&why.to_string()))?);
    }
    Ok((
        header.clone(),
        Series::from_powers(header.nodes, note.first_row..note.first_row + note.rows, powers),
    ))
}

fn digest<'a>(parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut sha = Sha256::new();
    for (name, bytes) in parts {
        sha.update(name.as_bytes());
        sha.update((bytes.len() as u64).to_le_bytes());
        sha.update(bytes);
    }
    hex(sha)
}

/// Hashes small pieces through a buffer: the hash is slow on pieces below its block.
fn update<const B: usize>(sha: &mut Sha256, pieces: impl Iterator<Item = [u8; B]>) {
    let mut buffer = Vec::with_capacity(1 << 16);
    for piece in pieces {
        buffer.extend_from_slice(&piece);
        if buffer.len() + B > 1 << 16 {
            sha.update(&buffer);
            buffer.clear();
        }
    }
    sha.update(&buffer);
}

fn hex(sha: Sha256) -> String {
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{power_series, power_series_rows, Threshold};
    use shared::graph::{adjacency, barabasi_albert, transition_matrix, Normalization, ParallelEdges};

    fn matrix() -> Csr {
        let graph = barabasi_albert(100, 3, 1).unwrap();
        let a = adjacency(&graph, ParallelEdges::Merge).unwrap();
        transition_matrix(&a, Normalization::RANDOM_WALK).unwrap()
    }

    #[test]
    fn blocks_of_any_size_and_order_merge_to_the_whole() {
        let p = matrix();
        for threshold in [Threshold::None, Threshold::Pre(0.1), Threshold::Post(0.05), Threshold::TopK(4)] {
            let powers = Powers::new(&p, threshold, 3).unwrap();
            let header = SeriesHeader::of(&powers).unwrap();
            let whole = power_series(&p, threshold, 3).unwrap();
            let bytes = block_to_bytes(&header, &whole).unwrap();
            for (rows, shards) in [(100, 1), (7, 3), (33, 2), (1, 5)] {
                let all = blocks(100, rows);
                let mut parts = Vec::new();
                for shard in (0..shards).rev() {
                    for (_, rows) in shard_blocks(&all, shard, shards) {
                        let part = power_series_rows(&powers, rows).unwrap();
                        let bytes = block_to_bytes(&header, &part).unwrap();
                        let (of, part) = block_from_bytes("a block", &bytes).unwrap();
                        assert_eq!(of, header);
                        parts.push(part);
                    }
                }
                let merged = Series::join(parts).unwrap();
                assert_eq!(merged, whole);
                assert_eq!(
                    block_to_bytes(&header, &merged).unwrap(),
                    bytes,
                    "{threshold}, {rows} rows a block"
                );
            }
        }
    }

    #[test]
    fn a_damaged_block_is_refused_wherever_it_is_damaged() {
        let p = matrix();
        let powers = Powers::new(&p, Threshold::Post(0.05), 2).unwrap();
        let block = power_series_rows(&powers, 10..30).unwrap();
        let bytes = block_to_bytes(&SeriesHeader::of(&powers).unwrap(), &block).unwrap();
        for at in (0..bytes.len()).step_by(37) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            if let Ok((header, read)) = block_from_bytes("x", &damaged) {
                // the header is not under the checksum; its fields are checked against the run's
                assert!(
                    header != SeriesHeader::of(&powers).unwrap() || read.rows() != block.rows(),
                    "byte {at}"
                );
            }
            assert!(block_from_bytes("x", &bytes[..at]).is_err(), "cut at {at}");
        }
        let error = block_from_bytes("runs/3.safetensors", b"").unwrap_err().to_string();
        assert!(error.starts_with("runs/3.safetensors is not a whole block"), "{error}");
    }

    #[test]
    fn shards_that_do_not_belong_together_are_refused() {
        let p = matrix();
        let powers = Powers::new(&p, Threshold::None, 2).unwrap();
        let part = |rows| power_series_rows(&powers, rows).unwrap();
        let sentence = |parts: Vec<Series>| Series::join(parts).unwrap_err().to_string();
        assert!(sentence(vec![]).contains("no shards"));
        assert!(sentence(vec![part(0..10), part(20..30)])
            .contains("after row 10 comes a shard that starts at row 20"));
        assert!(sentence(vec![part(0..10), part(5..30)]).contains("starts at row 5"));
        let other = power_series(&p, Threshold::None, 1).unwrap();
        assert!(sentence(vec![part(0..10), other]).contains("join shards of one series"));
    }

    #[test]
    fn rows_laid_over_a_matrix_make_another_series() {
        let p = matrix();
        let plain = SeriesHeader::of(&Powers::new(&p, Threshold::None, 2).unwrap()).unwrap();
        let changed =
            Powers::new(&p, Threshold::None, 2).unwrap().with_rows(100, [(3, vec![7], vec![1.0])]).unwrap();
        assert_ne!(SeriesHeader::of(&changed).unwrap(), plain);
    }

    #[test]
    fn a_series_of_no_hops_keeps_its_rows() {
        let p = matrix();
        let powers = Powers::new(&p, Threshold::None, 0).unwrap();
        let part = |rows| power_series_rows(&powers, rows).unwrap();
        let joined = Series::join([part(50..100), part(0..50)]).unwrap();
        assert_eq!((joined.rows(), joined.hops()), (0..100, 0));
        let header = SeriesHeader::of(&powers).unwrap();
        let bytes = block_to_bytes(&header, &part(50..100)).unwrap();
        assert_eq!(block_from_bytes("x", &bytes).unwrap().1.rows(), 50..100);
    }
}
