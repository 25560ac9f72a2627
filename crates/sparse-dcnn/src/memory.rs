//! Memory before it is needed: what a run will take, and the smallest threshold that fits a budget.

use std::fmt;

use rayon::prelude::*;
use serde::Serialize;
use shared::graph::{Csr, PowerRows};

use crate::{
    powers::Powers,
    series::{count_entries, cut},
    threshold::{Threshold, TOLERANCE},
    SparseError,
};

/// Bytes of a stored entry: a column and a value.
const ENTRY: u64 = 8;
/// Bytes of a row pointer.
const POINTER: u64 = 8;
/// Bytes of a float.
const FLOAT: u64 = 4;
/// Rows of one task of the histogram.
const TASK_ROWS: usize = 256;

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

/// Which side of the power a threshold is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the powers are taken.
    Pre,
    /// On each power.
    Post,
}

/// The threshold with the smallest σ whose stored series fits in `budget` bytes; [`Threshold::None`] where everything
/// fits.
///
/// Entries fall as σ rises, so the smallest is found by halving: for Pre over the distinct values of P, counting the
/// entries of each try; for Post from two passes that sort the entries of all exact powers into classes by value.
///
/// # Errors
/// [`SparseError::Budget`] where not even an empty series fits; as [`Powers::new`].
///
/// # Complexity
/// Pre: log₂(distinct values of P) times the time of [`count_entries`]. Post: three times that of the exact powers.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, transition_matrix, Normalization};
/// use sparse_dcnn::{sigma_for, Side, Threshold};
/// let p = transition_matrix(&from_edges(4, &[(0, 1), (0, 2), (0, 3)])?, Normalization::RANDOM_WALK)?;
/// assert_eq!(sigma_for(&p, Side::Pre, 2, 1000)?, Threshold::None); // 6 + 10 entries, 80 bytes of pointers
/// let Threshold::Pre(sigma) = sigma_for(&p, Side::Pre, 2, 110)? else { panic!() };
/// assert!((0.333..0.334).contains(&sigma)); // just above 1/3: the hub's row goes, 3 entries are left
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sigma_for(p: &Csr, side: Side, hops: usize, budget: u64) -> Result<Threshold, SparseError> {
    let nodes = p.rows();
    let exact = Powers::new(p, Threshold::None, hops)?;
    let least = series_bytes(nodes, &vec![0; hops]);
    if least > budget {
        let (allowed, least) = (Bytes(budget).to_string(), Bytes(least).to_string());
        return Err(SparseError::Budget { nodes, hops, allowed, least });
    }
    let fits = |entries: &[u64]| series_bytes(nodes, entries) <= budget;
    if fits(&count_entries(&exact, 0..nodes)?) {
        return Ok(Threshold::None);
    }
    match side {
        Side::Pre => {
            let mut values: Vec<f32> = p.data().iter().copied().filter(|v| *v > 0.0).collect();
            values.par_sort_unstable_by(f32::total_cmp);
            values.dedup();
            let (mut low, mut high) = (0, values.len());
            while low < high {
                let middle = low + (high - low) / 2;
                let powers = Powers::new(p, Threshold::Pre(sigma_keeping(values[middle])), hops)?;
                if fits(&count_entries(&powers, 0..nodes)?) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            // The values from `low` on fit, so σ lies just above the one before.
            let below = low.checked_sub(1).map_or(0.0, |last| values[last]);
            Ok(Threshold::Pre(sigma_keeping(below.next_up())))
        }
        Side::Post => {
            let allowed = (budget - least) / ENTRY;
            let coarse = |value: f32| Some((value.to_bits() >> FINE_BITS) as usize);
            let classes = histogram(&exact, 1 << (31 - FINE_BITS), coarse);
            let (class, above) = last_that_fits(&classes, allowed);
            let fine = |value: f32| {
                let bits = value.to_bits();
                (bits >> FINE_BITS == class as u32).then_some((bits & ((1 << FINE_BITS) - 1)) as usize)
            };
            let (rest, _) = last_that_fits(&histogram(&exact, 1 << FINE_BITS, fine), allowed - above);
            let value = f32::from_bits(((class as u32) << FINE_BITS) + rest as u32 + 1);
            Ok(Threshold::Post(sigma_keeping(value)))
        }
    }
}

/// Low bits of a float that the first pass of Post does not look at.
const FINE_BITS: u32 = 14;

/// The σ whose [edge](crate::edge) is `value`: it keeps `value` and nothing below.
fn sigma_keeping(value: f32) -> f64 {
    f64::from(value) / (1.0 - TOLERANCE)
}

/// How many entries of all exact powers fall in each class.
fn histogram(powers: &Powers<'_>, classes: usize, class: impl Fn(f32) -> Option<usize> + Sync) -> Vec<u64> {
    let task = |(mut counts, mut walk): (Vec<u64>, _), rows: &std::ops::Range<usize>| {
        for i in rows.clone() {
            powers.rows(i, &mut walk, &mut |_, _, values| {
                values.iter().filter_map(|v| class(*v)).for_each(|c| counts[c] += 1);
            });
        }
        (counts, walk)
    };
    cut(0..powers.nodes(), TASK_ROWS)
        .par_iter()
        .with_min_len(16)
        .fold(|| (vec![0u64; classes], powers.scratch()), task)
        .map(|(counts, _)| counts)
        .reduce(
            || vec![0; classes],
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                a
            },
        )
}

/// The highest class that does not fit any more beside those above it, and how many entries these have. If all fit, it
/// is class 0 with all above it.
fn last_that_fits(classes: &[u64], allowed: u64) -> (usize, u64) {
    let mut above = 0;
    for (class, count) in classes.iter().enumerate().rev() {
        if above + count > allowed {
            return (class, above);
        }
        above += count;
    }
    (0, above)
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
    use shared::graph::{adjacency, barabasi_albert, transition_matrix, Normalization, ParallelEdges};

    fn matrix(seed: u64) -> Csr {
        let a = adjacency(&barabasi_albert(80, 2, seed).unwrap(), ParallelEdges::Merge).unwrap();
        transition_matrix(&a, Normalization::RANDOM_WALK).unwrap()
    }

    fn bytes_of(p: &Csr, threshold: Threshold, hops: usize) -> u64 {
        let powers = Powers::new(p, threshold, hops).unwrap();
        series_bytes(p.rows(), &count_entries(&powers, 0..p.rows()).unwrap())
    }

    proptest! {
        #[test]
        fn the_smallest_sigma_that_fits_fits_and_no_smaller_one_does(
            seed in 0u64..50, hops in 1usize..4, share in 0.0f64..1.2, post: bool,
        ) {
            let (p, side) = (matrix(seed), if post { Side::Post } else { Side::Pre });
            let (least, most) = (series_bytes(80, &vec![0; hops]), bytes_of(&p, Threshold::None, hops));
            let budget = least + ((most - least) as f64 * share) as u64;
            let found = sigma_for(&p, side, hops, budget).unwrap();
            prop_assert!(bytes_of(&p, found, hops) <= budget);
            let smaller = match found {
                Threshold::None => return Ok(()),
                Threshold::Pre(sigma) => Threshold::Pre(sigma * (1.0 - 1e-5)),
                Threshold::Post(sigma) => Threshold::Post(sigma * (1.0 - 1e-5)),
                Threshold::TopK(_) => unreachable!(),
            };
            prop_assert!(bytes_of(&p, smaller, hops) > budget, "{found}");
        }

        #[test]
        fn amounts_are_read_as_they_are_told(bytes in 1u64..1 << 50) {
            let told = Bytes(bytes).to_string().parse::<Bytes>().unwrap().0;
            prop_assert!(told.abs_diff(bytes) as f64 <= 0.05 * bytes as f64);
        }
    }

    #[test]
    fn a_budget_below_the_pointers_is_refused() {
        let error = sigma_for(&matrix(0), Side::Post, 2, 100).unwrap_err().to_string();
        assert!(
            error.contains("80 nodes and 2 hops fit in 100 bytes") && error.contains("raise the budget"),
            "{error}"
        );
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
