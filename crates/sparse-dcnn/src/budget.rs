//! The smallest threshold whose stored series fits a budget.

use rayon::prelude::*;
use shared::graph::{Csr, PowerRows};

use crate::{
    memory::{series_bytes, Bytes, ENTRY},
    powers::Powers,
    series::{count_entries, cut},
    threshold::{Threshold, TOLERANCE},
    SparseError,
};

/// Rows of one task of the histogram.
const TASK_ROWS: usize = 256;

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
    }

    #[test]
    fn a_budget_below_the_pointers_is_refused() {
        let error = sigma_for(&matrix(0), Side::Post, 2, 100).unwrap_err().to_string();
        assert!(
            error.contains("80 nodes and 2 hops fit in 100 bytes") && error.contains("raise the budget"),
            "{error}"
        );
    }
}
