//! Codes without names against classes with names: the best one-to-one matching.

use crate::GanError;

/// Which class each code stands for, and how often that is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// The class of each code.
    pub class_of: Vec<usize>,
    /// Examples whose code stands for their class.
    pub right: usize,
    /// The share of those.
    pub accuracy: f64,
}

/// The one-to-one matching of `count` codes to `count` classes under which most examples are right.
///
/// max over permutations π of 1/n Σᵢ [π(codeᵢ) = classᵢ]
///
/// It measures a clustering against classes that it was never told: for an InfoGAN, whether its code is the digit. Chance is
/// not 1/count but somewhat more, as the matching is chosen afterwards.
///
/// # Shapes
/// One code and one class an example, each below `count`.
///
/// # Errors
/// [`GanError::Values`] for a code or class that there is not, for another number of classes than codes, and for no example.
///
/// # Complexity
/// O(n + count³), exact (the Hungarian method).
///
/// # Reference
/// Chen et al. 2016 ("InfoGAN", section 7.2) match the ten-way code to digits so; Kuhn 1955; Munkres 1957.
///
/// # Example
/// ```
/// use gan::families::best_matching;
/// let matching = best_matching(&[2, 2, 0, 0, 1, 1], &[0, 0, 1, 1, 2, 1], 3)?;
/// assert_eq!(matching.class_of, [1, 2, 0]);
/// assert_eq!(matching.right, 5);
/// # Ok::<(), gan::GanError>(())
/// ```
pub fn best_matching(codes: &[usize], classes: &[usize], count: usize) -> Result<Matching, GanError> {
    let pairs = || codes.iter().zip(classes).filter(|(code, class)| **code < count && **class < count);
    let (found, examples) = (pairs().count(), codes.len().max(classes.len()).max(1));
    if found != examples {
        let what = "pairs of a code and a class that there are";
        return Err(GanError::Values { what, found, examples, width: 1, expected: examples });
    }
    let mut hits = vec![0i64; count * count];
    for (code, class) in pairs() {
        hits[code * count + class] += 1;
    }
    let class_of = most(&hits, count);
    let right = class_of.iter().enumerate().map(|(code, class)| hits[code * count + class] as usize).sum();
    Ok(Matching { class_of, right, accuracy: right as f64 / examples as f64 })
}

/// The column of each row, one-to-one, with the largest sum.
///
/// Rows come in one after the other. Each looks for the cheapest chain of moves (it takes a column, whose row moves to
/// another, ...) that ends at a free column, by Dijkstra's method on costs −hits that potentials u, v keep at least 0.
/// Index 0 is nobody: rows and columns count from 1.
fn most(hits: &[i64], count: usize) -> Vec<usize> {
    let mut u = vec![0; count + 1];
    let mut v = vec![0; count + 1];
    let mut row_of = vec![0; count + 1];
    for row in 1..=count {
        row_of[0] = row;
        let mut column = 0;
        let (mut least, mut from) = (vec![i64::MAX; count + 1], vec![0; count + 1]);
        let mut done = vec![false; count + 1];
        while row_of[column] != 0 {
            done[column] = true;
            let (at, mut step, mut next) = (row_of[column], i64::MAX, 0);
            for j in (1..=count).filter(|j| !done[*j]) {
                let cost = -hits[(at - 1) * count + j - 1] - u[at] - v[j];
                if cost < least[j] {
                    (least[j], from[j]) = (cost, column);
                }
                if least[j] < step {
                    (step, next) = (least[j], j);
                }
            }
            for j in 0..=count {
                if done[j] {
                    u[row_of[j]] += step;
                    v[j] -= step;
                } else if j > 0 {
                    least[j] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
    }
    let mut class_of = vec![0; count];
    for column in 1..=count {
        class_of[row_of[column] - 1] = column - 1;
    }
    class_of
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The largest sum over all one-to-one choices of the remaining columns.
    fn by_trying(hits: &[i64], count: usize, row: usize, taken: usize) -> i64 {
        let free = (0..count).filter(|j| taken & (1 << j) == 0);
        free.map(|j| hits[row * count + j] + by_trying(hits, count, row + 1, taken | 1 << j))
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn no_permutation_is_better(
            (count, hits) in (1usize..=6).prop_flat_map(|k| (Just(k), prop::collection::vec(0i64..20, k * k))),
        ) {
            let class_of = most(&hits, count);
            let mut sorted = class_of.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..count).collect::<Vec<_>>(), "one-to-one");
            let sum: i64 = class_of.iter().enumerate().map(|(i, j)| hits[i * count + j]).sum();
            prop_assert_eq!(sum, by_trying(&hits, count, 0, 0));
        }

        #[test]
        fn renamed_classes_match_in_full(
            order in Just((0usize..10).collect::<Vec<_>>()).prop_shuffle(),
            classes in prop::collection::vec(0usize..10, 1..100),
        ) {
            let codes: Vec<usize> = classes.iter().map(|class| order[*class]).collect();
            let matching = best_matching(&codes, &classes, 10).unwrap();
            prop_assert_eq!(matching.accuracy, 1.0);
            prop_assert!(classes.iter().all(|class| matching.class_of[order[*class]] == *class));
        }
    }

    #[test]
    fn what_does_not_pair_is_told() {
        for (codes, classes) in [(&[0, 3][..], &[0, 1][..]), (&[0], &[0, 1]), (&[], &[])] {
            let text = best_matching(codes, classes, 3).unwrap_err().to_string();
            assert!(text.starts_with("pairs of a code and a class"), "{text}");
        }
    }
}
