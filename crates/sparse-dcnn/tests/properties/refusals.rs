//! What is refused, each with one sentence that says what, where and what is allowed.

use shared::graph::{from_edges, Csr, MAX_HOPS};
use sparse_dcnn::{
    bounds::error_bound, count_entries, diffuse, keep_entries, power_series, power_series_rows,
    pre_threshold, Features, Powers, Series, SparseError, Threshold,
};

use crate::graphs::walk;

fn path() -> Csr {
    walk(&from_edges(4, &[(0, 1), (1, 2), (2, 3)]).unwrap())
}

/// One sentence that holds all of these pieces.
#[track_caller]
fn says<T>(result: Result<T, SparseError>, pieces: &[&str]) {
    let Err(error) = result else { panic!("not refused; expected {pieces:?}") };
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.ends_with('.') && !text.contains(". "), "one sentence: {text}");
    for piece in pieces {
        assert!(text.contains(piece), "'{piece}' is not in: {text}");
    }
}

#[test]
fn thresholds_that_keep_by_no_rule() {
    let p = path();
    let allowed = ["must be none, pre:SIGMA or post:SIGMA with SIGMA above 0, or top:K with K from 1"];
    for sigma in [0.0, -0.0, -0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for threshold in [Threshold::Pre(sigma), Threshold::Post(sigma)] {
            says(Powers::new(&p, threshold, 2), &allowed);
            says(power_series(&p, threshold, 2), &[&threshold.to_string()]);
            says(error_bound(&p, threshold, 2), &allowed);
        }
        says(pre_threshold(&p, sigma), &allowed);
    }
    says(Powers::new(&p, Threshold::TopK(0), 2), &["the threshold is top:0", allowed[0]]);
}

#[test]
fn matrices_that_are_no_transitions() {
    let wide = Csr::new((2, 3), vec![0, 1, 2], vec![0, 2], vec![1.0, 1.0]);
    let by_columns = path().to_csc();
    let with = |value| Csr::new((2, 2), vec![0, 0, 1], vec![0], vec![value]);
    for threshold in [Threshold::None, Threshold::Pre(0.1), Threshold::Post(0.1), Threshold::TopK(2)] {
        let square = ["the transition matrix is 2 x 3", "must be square"];
        says(Powers::new(&wide, threshold, 1), &square);
        says(power_series(&wide, threshold, 1), &square);
        says(error_bound(&wide, threshold, 1), &square);
        says(power_series(&by_columns, threshold, 1), &["stored by columns (CSC)", "call `to_csr()`"]);
        for value in [f32::NAN, f32::INFINITY, -0.5] {
            let row = ["row 1 of the transition matrix", &value.to_string(), "finite and not negative"];
            says(power_series(&with(value), threshold, 1), &row);
        }
    }
    says(pre_threshold(&wide, 0.1), &["must be square"]);
    says(pre_threshold(&with(-1.0), 0.1), &["row 1", "-1"]);
    says(keep_entries(&by_columns, |_, _, _| true), &["stored by columns"]);
}

#[test]
fn too_many_hops() {
    let p = path();
    for threshold in [Threshold::None, Threshold::Pre(0.1), Threshold::Post(0.1), Threshold::TopK(2)] {
        assert!(Powers::new(&p, threshold, MAX_HOPS).is_ok());
        let hops = ["65 hops", "at most 64"];
        says(Powers::new(&p, threshold, MAX_HOPS + 1), &hops);
        says(power_series(&p, threshold, MAX_HOPS + 1), &hops);
        says(error_bound(&p, threshold, MAX_HOPS + 1), &hops);
    }
}

#[test]
fn features_that_do_not_fit() {
    let p = path();
    let dense = |values, columns| Features::Dense { values, columns };
    let nan_at = |at: usize| (0..8).map(|k| if k == at { f32::NAN } else { 1.0 }).collect();
    for threshold in [Threshold::None, Threshold::Pre(0.1), Threshold::Post(0.1), Threshold::TopK(2)] {
        let powers = Powers::new(&p, threshold, 2).unwrap();
        let by = |x: Features| diffuse(&powers, x);
        says(by(dense(vec![1.0; 6], 2)), &["there are 3 feature rows, and there should be 4, one a node"]);
        says(by(dense(vec![1.0; 9], 2)), &["9 feature values", "8, nodes times columns"]);
        says(by(dense(Vec::new(), 0)), &["0 feature columns", "1, or more"]);
        says(by(dense(nan_at(5), 2)), &["feature 1 in row 2 is NaN", "finite"]);
        says(by(Features::Sparse(Csr::zero((3, 2)))), &["there are 3 feature rows, and there should be 4"]);
        let infinite = Csr::new((4, 9), vec![0, 0, 1, 1, 2], vec![3, 8], vec![1.0, f32::INFINITY]);
        says(by(Features::Sparse(infinite)), &["feature 8 in row 3 is inf", "finite"]);
        let by_columns = Csr::new((4, 4), vec![0, 1, 1, 1, 1], vec![3], vec![1.0]).to_csc();
        says(Features::Sparse(by_columns.clone()).check(4), &["the feature matrix is stored by columns"]);
        says(by(Features::Sparse(by_columns)), &["the feature matrix is stored by columns"]);
    }
}

#[test]
fn rows_that_are_not_there() {
    let p = path();
    let powers = Powers::new(&p, Threshold::Post(0.2), 2).unwrap();
    says(power_series_rows(&powers, 2..5), &["node 4 does not exist", "0 to 4 - 1"]);
    says(count_entries(&powers, 0..9), &["node 8 does not exist"]);
    says(count_entries(&powers, 9..9), &["node 8 does not exist"]);

    let grown = |nodes, row: u32, columns: &[u32], values: &[f32]| {
        powers.clone().with_rows(nodes, [(row, columns.to_vec(), values.to_vec())])
    };
    says(grown(4, 4, &[], &[]), &["node 4 does not exist"]);
    says(grown(5, 4, &[5], &[1.0]), &["node 5 does not exist", "0 to 5 - 1"]);
    says(grown(5, 4, &[2, 1], &[0.5, 0.5]), &["row 4", "columns that do not rise"]);
    says(grown(5, 4, &[1, 1], &[0.5, 0.5]), &["row 4", "columns that do not rise"]);
    says(grown(5, 4, &[1, 2], &[1.0]), &["row 4", "2 columns and 1 values"]);
    says(grown(5, 4, &[1], &[f32::NAN]), &["row 4", "NaN"]);
    says(grown(5, 4, &[1], &[-1.0]), &["row 4", "-1"]);
    // A number of nodes below the graph's is the graph's.
    assert!(grown(0, 3, &[2], &[1.0]).is_ok());
}

#[test]
fn shards_that_are_no_series() {
    let p = path();
    let shard = |rows, hops| {
        let powers = Powers::new(&p, Threshold::Post(0.2), hops).unwrap();
        power_series_rows(&powers, rows).unwrap()
    };
    says(Series::join([]), &["no shards", "give at least one"]);
    says(Series::join([shard(0..1, 2), shard(2..4, 2)]), &["after row 1 ", "starts at row 2"]);
    says(Series::join([shard(0..3, 2), shard(2..4, 2)]), &["after row 3 ", "starts at row 2"]);
    says(
        Series::join([shard(0..2, 2), shard(2..4, 3)]),
        &["rows 2 to 4", "3 hops", "4 and 2", "shards of one series"],
    );
}

#[test]
fn rows_that_sum_to_more_than_1_have_no_bounds() {
    let p = Csr::new((2, 2), vec![0, 1, 3], vec![0, 0, 1], vec![1.0, 0.75, 0.5]);
    says(error_bound(&p, Threshold::Post(0.1), 1), &["row 1", "1.25", "at most 1", "random-walk"]);
    assert!(power_series(&p, Threshold::Post(0.1), 1).is_ok());
}
