//! Which entries are kept.

use proptest::prelude::*;
use shared::graph::{from_edges, Csr, PowerRows};
use sparse_dcnn::{
    bounds::{power_bound, row_bound},
    count_entries, edge, keep_entries, power_series, power_series_rows, pre_threshold, Powers, Series,
    Sparsify, Threshold,
};

use crate::graphs::{all_rows, graphs, kept, rows_with, sigmas, sparsifications, unweighted, walk, Row};

const HOPS: usize = 3;

fn entries((columns, values): &Row) -> Vec<(u32, f32)> {
    columns.iter().copied().zip(values.iter().copied()).collect()
}

fn sum((_, values): &Row) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum()
}

/// The numbers, not their bits: for whole matrices and rows alike `==` compares bits, as none is -0 or NaN.
fn whole(p: &Csr, sparsify: Sparsify) -> Series {
    power_series(p, sparsify, HOPS).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// T1 and T2, by rows and in all.
    #[test]
    fn no_power_has_more_entries_than_the_theorems_allow(a in graphs(60), sigma in sigmas(), k in 1usize..9) {
        let p = walk(&a);
        for threshold in [Threshold::None, Threshold::Pre(sigma), Threshold::Post(sigma), Threshold::TopK(k)] {
            let series = power_series(&p, threshold, HOPS).unwrap();
            for hop in 1..=HOPS {
                prop_assert!(series.nnz(hop) as u128 <= power_bound(p.rows(), threshold, hop), "{threshold} {hop}");
                let most = match threshold {
                    Threshold::None => u64::MAX,
                    Threshold::Pre(sigma) => row_bound(sigma).saturating_pow(hop as u32),
                    Threshold::Post(sigma) => row_bound(sigma),
                    Threshold::TopK(k) => k as u64,
                };
                let longest = series.power(hop).unwrap().outer_iterator().map(|row| row.nnz()).max().unwrap_or(0);
                prop_assert!(longest as u64 <= most, "{threshold} hop {hop}: a row of {longest}, at most {most}");
            }
        }
    }

    /// Post and top-k take their entries from the exact powers, bit for bit, and by their rule; Pre is below them.
    #[test]
    fn nothing_is_added_and_the_rule_alone_decides(a in graphs(50), sigma in sigmas(), k in 1usize..9) {
        let p = walk(&a);
        let exact = kept(&p, Threshold::None, HOPS);
        let post = kept(&p, Threshold::Post(sigma), HOPS);
        let top = kept(&p, Threshold::TopK(k), HOPS);
        let pre = kept(&p, Threshold::Pre(sigma), HOPS);
        for (i, hop) in (0..p.rows()).flat_map(|i| (0..HOPS).map(move |hop| (i, hop))) {
            let all = entries(&exact[i][hop]);
            prop_assert!(all.iter().all(|(_, v)| *v > 0.0));
            let above: Vec<_> = all.iter().copied().filter(|(_, v)| *v >= edge(sigma)).collect();
            prop_assert_eq!(entries(&post[i][hop]), above);

            let mut largest = all.clone();
            largest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            largest.truncate(k);
            largest.sort_by_key(|(column, _)| *column);
            prop_assert_eq!(largest.len(), k.min(all.len()));
            prop_assert_eq!(entries(&top[i][hop]), largest);

            for (column, value) in entries(&pre[i][hop]) {
                let found = all.iter().find(|(c, _)| *c == column);
                prop_assert!(found.is_some_and(|(_, v)| value <= v * (1.0 + 1e-5)), "({i}, {column}) of power {}", hop + 1);
            }
        }
        for ((_, v), kept) in entries(&exact[0][0]).iter().zip(p.data()) {
            prop_assert_eq!(v, kept);
        }
    }

    /// Without weights, Pre deletes the rows of nodes with more than 1/σ neighbours and changes nothing else.
    #[test]
    fn pre_deletes_the_rows_of_hubs(a in unweighted(70), m in 1usize..12, on_the_edge in any::<bool>()) {
        let p = walk(&a);
        let sigma = 1.0 / (m as f64 + if on_the_edge { 0.0 } else { 0.5 });
        let starts = a.proper_indptr().into_owned();
        let degree = |i: usize| starts[i + 1] - starts[i];
        let by_entries = keep_entries(&p, |i, _, _| degree(i) <= m).unwrap();
        let (mut indptr, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for i in 0..p.rows() {
            if degree(i) <= m {
                columns.extend_from_slice(&a.indices()[starts[i]..starts[i + 1]]);
                values.extend(vec![1.0 / degree(i) as f32; degree(i)]);
            }
            indptr.push(columns.len());
        }
        let by_hand = Csr::new(p.shape(), indptr, columns, values);
        let pre = pre_threshold(&p, sigma).unwrap();
        prop_assert_eq!(&pre, &by_entries);
        prop_assert_eq!(&pre, &by_hand);
        let of_kept = power_series(&by_hand, Threshold::None, HOPS).unwrap();
        prop_assert_eq!(&power_series(&p, Threshold::Pre(sigma), HOPS).unwrap(), &of_kept);
        // Rows are all or nothing, so there is nothing to make up for.
        let renormalized = Sparsify { threshold: Threshold::Pre(sigma), renormalize: true };
        prop_assert_eq!(&whole(&p, renormalized), &of_kept);
    }

    /// A larger σ keeps a part of what a smaller one keeps, and so does a smaller k.
    #[test]
    fn a_higher_threshold_keeps_less(a in graphs(50), one in sigmas(), other in sigmas(), k in 1usize..9) {
        let p = walk(&a);
        let (low, high) = (one.min(other), one.max(other));
        for (more, less, same_bits) in [
            (Threshold::Pre(low), Threshold::Pre(high), false),
            (Threshold::Post(low), Threshold::Post(high), true),
            (Threshold::TopK(k + 1), Threshold::TopK(k), true),
            (Threshold::None, Threshold::Pre(low), false),
        ] {
            for (more, less) in kept(&p, more, HOPS).iter().flatten().zip(kept(&p, less, HOPS).iter().flatten()) {
                let more = entries(more);
                for (column, value) in entries(less) {
                    let v = more.iter().find(|(c, _)| *c == column).map(|(_, v)| *v);
                    let fits = |v: f32| if same_bits { v == value } else { value <= v * (1.0 + 1e-5) };
                    prop_assert!(v.is_some_and(fits), "{column}: {value} of {v:?}");
                }
            }
        }
    }

    /// A row that keeps anything keeps its sum when it is renormalised, and the entries are those without.
    #[test]
    fn renormalized_rows_keep_their_mass(a in graphs(50), sparsify in sparsifications()) {
        let p = walk(&a);
        let renormalized = kept(&p, Sparsify { renormalize: true, ..sparsify }, HOPS);
        let plain = kept(&p, Sparsify { renormalize: false, ..sparsify }, HOPS);
        let exact = kept(&p, Threshold::None, HOPS);
        for i in 0..p.rows() {
            for hop in 0..HOPS {
                prop_assert_eq!(&renormalized[i][hop].0, &plain[i][hop].0);
                let whole = sum(&exact[i][hop]);
                let found = sum(&renormalized[i][hop]);
                // Later powers of P̄ lose the walks that end in a row without entries.
                let must = if matches!(sparsify.threshold, Threshold::Pre(_)) { hop == 0 } else { true };
                if must && !plain[i][hop].0.is_empty() {
                    prop_assert!((found - whole).abs() <= 1e-5 * whole, "row {i}, power {}: {found} of {whole}", hop + 1);
                }
                prop_assert!(found <= whole * (1.0 + 1e-5));
            }
        }
    }

    /// Workspaces carry nothing over from row to row.
    #[test]
    fn a_row_does_not_depend_on_the_rows_before(
        a in graphs(40), sparsify in sparsifications(), order in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
    ) {
        let p = walk(&a);
        let powers = Powers::new(&p, sparsify, HOPS).unwrap();
        let mut used = powers.scratch();
        for i in order.iter().map(|index| index.index(p.rows())) {
            prop_assert_eq!(rows_with(&powers, i, &mut used), rows_with(&powers, i, &mut powers.scratch()));
        }
    }

    /// Shards of any cut, in any order, are the whole; what is missing or double is refused.
    #[test]
    fn shards_join_to_the_whole(
        a in graphs(60), sparsify in sparsifications(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        turn in any::<prop::sample::Index>(),
    ) {
        let p = walk(&a);
        let n = p.rows();
        let powers = Powers::new(&p, sparsify, HOPS).unwrap();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(n + 1)).chain([0, n]).collect();
        ends.sort_unstable();
        let mut shards: Vec<Series> =
            ends.windows(2).map(|w| power_series_rows(&powers, w[0]..w[1]).unwrap()).collect();
        let whole = power_series(&p, sparsify, HOPS).unwrap();
        let counted: u64 = count_entries(&powers, 0..n).unwrap().iter().sum();
        prop_assert_eq!(counted, (1..=HOPS).map(|hop| whole.nnz(hop) as u64).sum::<u64>());
        let places = shards.len();
        shards.rotate_left(turn.index(places));
        prop_assert_eq!(&Series::join(shards.clone()).unwrap(), &whole);

        let at = shards.iter().position(|shard| !shard.rows().is_empty()).unwrap();
        let twice = shards.iter().cloned().chain([shards[at].clone()]);
        prop_assert!(Series::join(twice).is_err());
        let gone = shards.remove(at).rows();
        if gone.start > 0 && gone.end < n {
            prop_assert!(Series::join(shards).is_err());
        }
    }

    /// Rows put over a matrix give what the matrix with these rows gives, and new nodes what a larger matrix gives.
    #[test]
    fn rows_put_over_a_matrix_are_a_matrix_with_these_rows(
        a in graphs(40), sparsify in sparsifications(), new in 0usize..5, seed in any::<u64>(),
        changed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let p = walk(&a);
        let nodes = p.rows() + new;
        let rows: std::collections::BTreeMap<u32, Row> = changed.iter().map(|index| {
            let i = index.index(nodes) as u32;
            (i, crate::products::random_row(seed, i, nodes))
        }).collect();
        let grown = crate::products::replaced(&p, nodes, &rows);
        let base = Powers::new(&p, sparsify, HOPS).unwrap();
        let over = base.with_rows(nodes, rows.into_iter().map(|(i, (columns, values))| (i, columns, values))).unwrap();
        let rebuilt = Powers::new(&grown, sparsify, HOPS).unwrap();
        prop_assert_eq!(all_rows(&over), all_rows(&rebuilt));
        prop_assert_eq!(count_entries(&over, 0..nodes).unwrap(), count_entries(&rebuilt, 0..nodes).unwrap());
        prop_assert_eq!(power_series_rows(&over, 0..nodes).unwrap(), power_series_rows(&rebuilt, 0..nodes).unwrap());
    }
}

/// Equal entries: those of lower columns are kept.
#[test]
fn of_equal_entries_top_k_keeps_those_of_lower_column() {
    let star: Vec<(u32, u32)> = [7, 3, 9, 1, 5].iter().map(|leaf| (0, *leaf)).collect();
    let p = walk(&from_edges(10, &star).unwrap());
    assert_eq!(kept(&p, Threshold::TopK(3), 1)[0][0], (vec![1, 3, 5], vec![0.2; 3]));
}

/// Entries that are stored but 0 are counted by no power.
#[test]
fn stored_zeros_are_no_entries() {
    let p = Csr::new((3, 3), vec![0, 3, 4, 5], vec![0, 1, 2, 0, 2], vec![0.0, 1.0, 0.0, 1.0, 0.0]);
    for threshold in [Threshold::None, Threshold::Pre(1e-60), Threshold::Post(1e-60), Threshold::TopK(9)] {
        let series = power_series(&p, threshold, 3).unwrap();
        assert_eq!((series.nnz(1), series.nnz(2), series.nnz(3)), (2, 2, 2), "{threshold}");
    }
}

#[test]
fn a_series_of_no_powers_or_no_rows_is_empty() {
    let p = walk(&from_edges(3, &[(0, 1)]).unwrap());
    let none = power_series(&p, Threshold::Pre(0.5), 0).unwrap();
    assert_eq!((none.hops(), none.nodes(), none.nnz(1), none.memory_bytes()), (0, 3, 0, 0));
    let powers = Powers::new(&p, Threshold::None, 2).unwrap();
    let no_rows = power_series_rows(&powers, 2..2).unwrap();
    assert_eq!((no_rows.rows(), no_rows.nnz(2), no_rows.power(3)), (2..2, 0, None));
    let empty = Csr::zero((0, 0));
    assert_eq!(power_series(&empty, Threshold::Post(0.1), 2).unwrap().nnz(2), 0);
}
