//! Whether an installation does the paper's arithmetic, in words.

use shared::optim::HeavyBallForm;

use crate::{
    arithmetic::{
        aggregation, all_reduce_error, momentum_gap, norm_decay, rests, shards_are_a_permutation,
        threads_are_accumulation,
    },
    collective::Algorithm,
    LargeBatchError, LinearScaling,
};

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SelfCheck {
    /// A word for it.
    pub name: &'static str,
    /// What is asked, as a statement that should be true.
    pub statement: &'static str,
    /// Whether it is.
    pub passed: bool,
    /// What was found.
    pub found: String,
}

/// Every check, on the processor: optimiser, decay, aggregation, shuffling, warmup, all-reduce, threads.
///
/// # Errors
/// Where a check could not be made at all.
///
/// # Example
/// ```
/// let checks = large_batch::self_test(2)?;
/// assert!(checks.iter().all(|check| check.passed), "{checks:?}");
/// # Ok::<(), large_batch::LargeBatchError>(())
/// ```
pub fn self_test(ranks: usize) -> Result<Vec<SelfCheck>, LargeBatchError> {
    let mut checks = Vec::new();
    let mut check = |name, statement, passed, found| {
        checks.push(SelfCheck { name, statement, passed, found });
    };
    let schedule = LinearScaling::default().schedule(8192, 157)?;
    let (first, last) = (schedule.lr(0), schedule.lr(5 * 157));
    let falls = schedule.lr(30 * 157);
    check(
        "warmup",
        "the rate of kn = 8,192 goes from 0.1 to 3.2 in five epochs, and falls to a tenth at epoch 30",
        (first - 0.1).abs() < 1e-12 && (last - 3.2).abs() < 1e-12 && (falls - 0.32).abs() < 1e-12,
        format!("{first:.3}, {last:.3}, {falls:.3}"),
    );
    let (corrected, plain) =
        (momentum_gap(HeavyBallForm::RateInsideCorrected)?, momentum_gap(HeavyBallForm::RateInside)?);
    check(
        "momentum",
        "equation 10 with momentum correction is equation 9 through changes of the rate, and without it is not",
        corrected < 1e-5 && plain > 1e-2,
        format!("relative distances {corrected:.1e} and {plain:.1e}"),
    );
    let (lr, loss) = rests(0.01)?;
    let (lr_free, loss_free) = rests(0.0)?;
    check(
        "decay",
        "with weight decay, scaling the loss is not scaling the rate; without it they are the same",
        (lr - 2.0 * 0.3 / 0.31).abs() < 1e-4
            && (loss - 2.0 * 2.4 / 2.41).abs() < 1e-4
            && (lr_free - loss_free).abs() < 1e-4,
        format!("they rest at {lr:.4} and {loss:.4}, and without decay at {lr_free:.4} and {loss_free:.4}"),
    );
    let moved = norm_decay()?;
    check(
        "norm decay",
        "weight decay leaves γ and β of batch normalisations alone",
        moved == 0.0,
        format!("they move by {moved:.1e}"),
    );
    let sums = aggregation()?;
    check(
        "aggregation",
        "four workers' gradients over kn add up to the gradient of all examples, and gradients over n to k times it",
        sums.by_all < 1e-5 && (sums.by_own - 4.0).abs() < 1e-3,
        format!("relative distance {:.1e}; over n {:.4} times", sums.by_all, sums.by_own),
    );
    let permutation = shards_are_a_permutation();
    check(
        "shuffle",
        "the workers' shards of an epoch are each example once",
        permutation,
        if permutation { "so in every case" } else { "not so" }.into(),
    );
    for (name, algorithm) in [
        ("all-reduce, ordered", Algorithm::Ordered),
        ("all-reduce, ring", Algorithm::Ring),
        ("all-reduce, halving/doubling", Algorithm::HalvingDoubling),
    ] {
        let error = all_reduce_error(algorithm, 5)?;
        check(
            name,
            "1 to 5 ranks get the sum, the same bits on each",
            error < 1e-6,
            format!("largest relative distance from the sum {error:.1e}"),
        );
    }
    let same = threads_are_accumulation(ranks)?;
    check(
        "distribution",
        "ranks on threads end with the bits of accumulation on one thread, running statistics included",
        same,
        format!("{ranks} ranks: {}", if same { "every bit" } else { "other bits" }),
    );
    Ok(checks)
}
