//! Claims without chance in them.

use shared::claims::{
    judge::{at_least, at_most},
    number, ClaimError, Context, Measured, Row, Table,
};

use crate::{
    arithmetic::{aggregation, all_reduce_error, rests, threads_are_accumulation},
    collective::{cost::CostModel, Algorithm},
};

/// Claim `loss-scale`.
pub(super) fn loss_scale(_: &Context<'_>) -> Result<Measured, ClaimError> {
    let (rate, loss) = rests(0.01)?;
    let (rate_free, loss_free) = rests(0.0)?;
    Ok(Measured::new(vec![0])
        .row(Row::new("rest of eight times the rate, decay 0.01", vec![rate])?)
        .row(Row::new("rest of eight times the loss, decay 0.01", vec![loss])?)
        .check(at_least("distance with decay", (rate - loss).abs(), 0.05))
        .check(at_most("distance without decay", (rate_free - loss_free).abs(), 1e-5))
        .note("SGD on 0.15 (w − 2)²: with decay λ it comes to rest where 0.3 c (w − 2) + λ w = 0 for a loss times c."))
}

/// Claim `aggregation`.
pub(super) fn sums(_: &Context<'_>) -> Result<Measured, ClaimError> {
    let found = aggregation()?;
    Ok(Measured::new(vec![0])
        .row(Row::new("relative distance of the sum over kn from the whole gradient", vec![found.by_all])?)
        .row(Row::new("norm of the sum over n, in norms of the whole gradient", vec![found.by_own])?)
        .check(at_most("relative distance of the sum over kn", found.by_all, 1e-5))
        .check(at_most("distance of the sum over n from k times", (found.by_own - 4.0).abs(), 1e-3))
        .note("Four workers of four images each, a residual network with per-worker batch normalisation."))
}

/// Claim `accumulation`.
pub(super) fn accumulation(_: &Context<'_>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(vec![0]);
    for ranks in [2, 3, 4] {
        let same = f64::from(u8::from(threads_are_accumulation(ranks)?));
        let label = format!("{ranks} ranks on threads: the bits of accumulation (1 = yes)");
        measured = measured.row(Row::new(&label, vec![same])?).check(at_least(&label, same, 1.0));
    }
    Ok(measured.note(
        "Weights, running statistics and velocities after three steps, the last with a ragged end. Ranks on MPI: \
         `mpirun -n 4 large-batch self-test`.",
    ))
}

/// Claim `all-reduce`.
pub(super) fn all_reduce(_: &Context<'_>) -> Result<Measured, ClaimError> {
    let mut measured = Measured::new(vec![0]);
    for (name, algorithm) in [("ring", Algorithm::Ring), ("halving/doubling", Algorithm::HalvingDoubling)] {
        let error = all_reduce_error(algorithm, 9)?;
        let label = format!("{name}: largest relative distance from the sum, 1 to 9 ranks");
        measured = measured.row(Row::new(&label, vec![error])?).check(at_most(&label, error, 1e-6));
    }
    // 10 Gbit/s Ethernet: 20 µs a message, 0.8 ns a byte, a reduction at 10 GB/s
    let terms = CostModel { alpha: 20e-6, beta: 0.8e-9, gamma: 0.1e-9 };
    let columns = ["ranks", "floats", "ring, ms", "halving/doubling, ms", "ring over halving/doubling"];
    let mut table = Table::new("Predicted time, 20 µs a message and 0.8 ns a byte", &columns);
    let mut ratios = Vec::new();
    for (ranks, floats) in [(32, 1_000), (32, 1_000_000), (32, 25_000_000), (4_096, 1_000_000)] {
        let [ring, halving] = [Algorithm::Ring, Algorithm::HalvingDoubling]
            .map(|algorithm| terms.replay(algorithm, ranks, floats).seconds);
        table = table.row([
            ranks.to_string(),
            floats.to_string(),
            number(1e3 * ring),
            number(1e3 * halving),
            number(ring / halving),
        ]);
        ratios.push(ring / halving);
    }
    let steps = [Algorithm::Ring, Algorithm::HalvingDoubling]
        .map(|algorithm| terms.replay(algorithm, 32, 1_000_000).steps as f64);
    Ok(measured
        .row(Row::new("steps of the ring, 32 ranks", vec![steps[0]])?.paper(62.0))
        .row(Row::new("steps of halving/doubling, 32 ranks", vec![steps[1]])?.paper(10.0))
        .check(at_most(
            "distance of the steps from 62 and 10",
            (steps[0] - 62.0).abs() + (steps[1] - 10.0).abs(),
            0.0,
        ))
        .check(at_least("ring over halving/doubling, 32 ranks, 1,000 floats", ratios[0], 3.0))
        .check(at_most("ring over halving/doubling, 32 ranks, 25 million floats", ratios[2], 1.1))
        .table(table))
}
