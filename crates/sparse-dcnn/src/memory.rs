//! Memory before it is needed: what a run will take, and the smallest threshold that fits a budget.

use std::fmt;

use rayon::prelude::*;
use serde::Serialize;
use shared::graph::{Csr, PowerRows};

use crate::{powers::Powers, threshold::Threshold, SparseError};

/// Bytes of a stored entry: a column and a value.
pub(crate) const ENTRY: u64 = 8;
/// Bytes of a row pointer.
const POINTER: u64 = 8;
/// Bytes of a float.
const FLOAT: u64 = 4;

/// The sizes that decide how much memory a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sizes {
    /// N.
    pub nodes: usize,
    /// Stored entries of the adjacency matrix: twice the undirected edges.
    pub entries: u64,
    /// H.
    pub hops: usize,
    /// What is kept.
    pub threshold: Threshold,
    /// F, without the constant feature.
    pub features: usize,
    /// Stored entries of X and of all slices of P*X if the features are sparse; `None` for dense features.
    pub sparse: Option<SparseEntries>,
    /// Threads.
    pub threads: usize,
}

/// Entries of sparse features.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SparseEntries {
    /// Of X, the constant feature included.
    pub features: u64,
    /// Of X, PX, …, P^H X together.
    pub diffused: u64,
    /// Of PX, …, P^(H−1) X, which None and Pre hold apart while the last slice is computed.
    pub middle: u64,
}

/// How much memory a run takes, part by part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemoryPlan {
    /// P, its row sums, and P̄ for Pre.
    pub graph: u64,
    /// P*X, which for dense features holds X.
    pub diffusion: u64,
    /// X beside it, while P*X is computed.
    pub features: u64,
    /// A row of sums for each thread, for Post and top-k.
    pub scratch: u64,
    /// Labels, the split, the order of an epoch, predictions.
    pub nodes: u64,
    /// What the process takes on a graph of no size.
    pub base: u64,
}

/// What a process takes before any graph: the program, its threads and their stacks.
pub const BASE_BYTES: u64 = 19 << 19;

/// The peak memory of loading a graph with dense features, diffusing them and training on them, in bytes.
///
/// # Units
/// `edges`: undirected edges, each stored in both directions; `sigma`: for pre-thresholding, `None` for the exact path;
/// `features`: F floats a node.
///
/// ```text
/// P 16 E + 8 N + row sums 4 N + [P̄ at most as much] + P*X 4 N (F + 1)(H + 1) + X 4 N F + 24 N labels and splits + 9.5 MiB
/// ```
///
/// # Example
/// ```
/// use sparse_dcnn::memory_bytes;
/// // ten million nodes of mean degree 8 with 16 features: 4 GB, where the dense P* would take 1.2 million GB
/// let bytes = memory_bytes(10_000_000, 40_000_000, 2, None, 16);
/// assert!((3_500_000_000..4_500_000_000).contains(&bytes), "{bytes}");
/// ```
#[must_use]
pub fn memory_bytes(nodes: usize, edges: u64, hops: usize, sigma: Option<f64>, features: usize) -> u64 {
    let threshold = sigma.map_or(Threshold::None, Threshold::Pre);
    let entries = edges.saturating_mul(2);
    plan(&Sizes { nodes, entries, hops, threshold, features, sparse: None, threads: 1 }).total()
}

/// Bytes of the dense tensor P*, N x (H + 1) x N, that the first paper's programs hold.
#[must_use]
pub fn dense_bytes(nodes: usize, hops: usize) -> u128 {
    let n = nodes as u128;
    n.saturating_mul(n).saturating_mul(hops as u128 + 1).saturating_mul(u128::from(FLOAT))
}

/// The plan of a run.
#[must_use]
pub fn plan(sizes: &Sizes) -> MemoryPlan {
    let n = sizes.nodes as u64;
    let matrix = |entries: u64| ENTRY.saturating_mul(entries).saturating_add(POINTER.saturating_mul(n + 1));
    let product = |a: u64, b: u64| a.saturating_mul(b);
    let width = sizes.features as u64 + 1;
    let slices = sizes.hops as u64 + 1;
    let kept = match sizes.threshold {
        Threshold::Pre(_) => matrix(sizes.entries),
        _ => 0,
    };
    let by_rows = sizes.threshold.needs_rows() && sizes.hops > 1;
    let (diffusion, features) = match sizes.sparse {
        None => (product(product(n, width), product(slices, FLOAT)), product(product(n, width - 1), FLOAT)),
        Some(sparse) => {
            let middle = if sizes.threshold.needs_rows() { 0 } else { matrix(sparse.middle) };
            (
                matrix(sparse.diffused) + 5 * n,
                matrix(sparse.features).saturating_mul(2).saturating_add(middle),
            )
        }
    };
    MemoryPlan {
        graph: matrix(sizes.entries) + FLOAT * n + kept,
        diffusion,
        features,
        scratch: if by_rows { product(n * FLOAT, sizes.threads as u64) } else { 0 },
        nodes: 24 * n,
        base: BASE_BYTES,
    }
}

impl MemoryPlan {
    /// All parts together.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.graph, self.diffusion, self.features, self.scratch, self.nodes, self.base]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Refuses a plan that is larger than `allowed` bytes.
    ///
    /// # Errors
    /// [`SparseError::Memory`], one sentence with both numbers.
    pub fn check(&self, allowed: Option<u64>) -> Result<(), SparseError> {
        match allowed {
            Some(allowed) if self.total() > allowed => Err(SparseError::Memory {
                what: "this run",
                needed: Bytes(self.total()).to_string(),
                allowed: Bytes(allowed).to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// The parts with their names, for a table.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, u64); 6] {
        [
            ("transition matrix, row sums, and what is kept of it", self.graph),
            ("P*X", self.diffusion),
            ("X beside it", self.features),
            ("a row of sums a thread", self.scratch),
            ("labels, split, order of an epoch", self.nodes),
            ("the program", self.base),
        ]
    }
}

/// Estimates the entries of a sparse P*X from evenly spaced rows.
///
/// # Complexity
/// The time of `samples` rows of [`Powers`].
#[must_use]
pub fn estimate_sparse(powers: &Powers<'_>, x: &Csr, bias: bool, samples: usize) -> SparseEntries {
    let (nodes, hops) = (powers.nodes(), powers.hops());
    let samples = samples.clamp(1, nodes.max(1));
    let extra = u64::from(bias);
    let counts: Vec<Vec<u64>> = (0..samples)
        .into_par_iter()
        .map_init(
            || (powers.scratch(), vec![usize::MAX; x.cols()]),
            |(walk, seen), s| {
                let i = s * nodes / samples;
                let mut counts = vec![0u64; hops];
                powers.rows(i, walk, &mut |hop, columns, _| {
                    let stamp = s * (hops + 1) + hop;
                    for &j in columns {
                        for &k in &x.indices()[x.indptr().outer_inds_sz(j as usize)] {
                            if seen[k as usize] != stamp {
                                seen[k as usize] = stamp;
                                counts[hop - 1] += 1;
                            }
                        }
                    }
                    counts[hop - 1] += if columns.is_empty() { 0 } else { extra };
                });
                counts
            },
        )
        .collect();
    let scaled = |hop: usize| {
        let sum: u64 = counts.iter().map(|c| c[hop]).sum();
        (sum as f64 * nodes as f64 / samples as f64) as u64
    };
    let features = x.nnz() as u64 + extra * nodes as u64;
    let hop_entries: Vec<u64> = (0..hops).map(scaled).collect();
    let diffused = features + hop_entries.iter().sum::<u64>();
    SparseEntries { features, diffused, middle: hop_entries.iter().rev().skip(1).sum() }
}

/// Bytes of a stored series with these entries in each power.
#[must_use]
pub fn series_bytes(nodes: usize, entries: &[u64]) -> u64 {
    let pointers = (nodes as u64 + 1).saturating_mul(POINTER * entries.len() as u64);
    entries.iter().fold(pointers, |sum, nnz| sum.saturating_add(nnz.saturating_mul(ENTRY)))
}

/// A number of bytes, told in the largest unit that leaves at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} bytes", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = UNITS[0];
        for next in &UNITS[1..] {
            if value < 1024.0 {
                break;
            }
            value /= 1024.0;
            unit = next;
        }
        write!(f, "{value:.1} {unit}")
    }
}

impl std::str::FromStr for Bytes {
    type Err = String;

    /// `1500000`, `512KiB`, `1.5 GiB`, `16GB`.
    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let scale: f64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "k" | "kib" => 1024.0,
            "m" | "mib" => 1024.0 * 1024.0,
            "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
            "t" | "tib" => 1024.0f64.powi(4),
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "tb" => 1e12,
            _ => f64::NAN,
        };
        let bytes = number.parse::<f64>().unwrap_or(f64::NAN) * scale;
        if bytes.is_finite() && (1.0..1e19).contains(&bytes) {
            Ok(Bytes(bytes as u64))
        } else {
            Err(format!("'{text}' is no amount of memory: give a number and a unit, such as 512MiB or 8GiB"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn amounts_are_read_as_they_are_told(bytes in 1u64..1 << 50) {
            let told = Bytes(bytes).to_string().parse::<Bytes>().unwrap().0;
            prop_assert!(told.abs_diff(bytes) as f64 <= 0.05 * bytes as f64);
        }
    }

    #[test]
    fn amounts_are_read_and_told() {
        for (text, bytes) in
            [("8GiB", 8 << 30), ("1.5 GiB", 3 << 29), ("512mib", 512 << 20), ("16GB", 16_000_000_000)]
        {
            assert_eq!(text.parse::<Bytes>().unwrap().0, bytes, "{text}");
        }
        for text in ["", "GiB", "-1", "8 apples", "nan", "0", "1e30"] {
            assert!(text.parse::<Bytes>().unwrap_err().contains("such as 512MiB"), "{text}");
        }
        assert_eq!(Bytes(3 << 29).to_string(), "1.5 GiB");
        assert_eq!(Bytes(12).to_string(), "12 bytes");
    }
}
