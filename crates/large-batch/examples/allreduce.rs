//! Times all-reduces on the threads of this machine, and sets them beside the model's predictions.
//!
//! `cargo run --release -p large-batch --example allreduce -- [VALUES] [REPEATS]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example that cannot go on ends here")]

use std::{collections::BTreeMap, time::Instant};

use large_batch::collective::{
    cost::{CostModel, Measured, Terms},
    run_ranks, Algorithm, Collective, CollectiveError, Options,
};

/// Sorted seconds of `repeats` all-reduces, after two that warm up; the slowest rank counts.
fn times(size: usize, options: Options, len: usize, repeats: usize) -> Vec<f64> {
    let run = |group: &mut dyn Collective| {
        let mut mine = vec![0.0_f32; len];
        let mut times = Vec::new();
        for at in 0..repeats + 2 {
            mine.fill(1.0 + group.rank() as f32);
            group.all_gather(b"ready")?;
            let start = Instant::now();
            group.all_reduce(&mut mine)?;
            group.all_gather(b"done")?;
            if at >= 2 {
                times.push(start.elapsed().as_secs_f64());
            }
        }
        let expected = (size * (size + 1) / 2) as f32;
        assert!(mine.iter().all(|x| *x == expected));
        Ok::<_, CollectiveError>(times)
    };
    let of_ranks = run_ranks(size, options, run).unwrap();
    let mut slowest: Vec<f64> =
        (0..repeats).map(|at| of_ranks.iter().map(|times| times[at]).fold(0.0, f64::max)).collect();
    slowest.sort_by(f64::total_cmp);
    slowest
}

/// Seconds to add `len` values to others, at best.
fn adding(len: usize) -> f64 {
    let (mut sum, other) = (vec![1.0_f32; len], vec![2.0_f32; len]);
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let start = Instant::now();
        sum.iter_mut().zip(&other).for_each(|(s, x)| *s += x);
        best = best.min(start.elapsed().as_secs_f64());
    }
    assert!(sum.iter().all(|x| *x == 15.0));
    best
}

fn main() {
    let mut given = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (len, repeats) = (given.next().unwrap_or(25_000_000), given.next().unwrap_or(9));
    let ways = [
        ("ordered, in memory", Algorithm::Ordered, false),
        ("ordered, by messages", Algorithm::Ordered, true),
        ("ring", Algorithm::Ring, true),
        ("halving/doubling", Algorithm::HalvingDoubling, true),
    ];
    let mut measured = BTreeMap::new();
    for size in [2, 4] {
        for (name, algorithm, by_messages) in ways {
            let options = Options { algorithm, by_messages, ..Options::default() };
            let times = times(size, options, len, repeats);
            let [median, least, most] = [times[repeats / 2], times[0], times[repeats - 1]].map(|t| 1e3 * t);
            println!("{size} threads, {len} values, {name}: median {median:.1} ms, least {least:.1}, most {most:.1}");
            measured.insert((size, name), times[repeats / 2]);
        }
    }

    // the model gives each rank a core of its own; ranks that share one wait for one another
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    println!("{cores} cores; a model fitted to ring all-reduces of 2 threads, and to adding alone:");
    let small = 1000.min(len);
    let ring = Options { algorithm: Algorithm::Ring, by_messages: true, ..Options::default() };
    let run = |len, seconds| Measured { terms: Terms::of(Algorithm::Ring, 2, len), seconds };
    let runs = [
        run(small, times(2, ring, small, 201)[100]),
        run(len, measured[&(2, "ring")]),
        Measured { terms: Terms { added: 4.0 * len as f64, ..Terms::default() }, seconds: adding(len) },
    ];
    let model = CostModel::fit(&runs).unwrap();
    println!("alpha {:.2e} s, beta {:.2e} s/byte, gamma {:.2e} s/byte", model.alpha, model.beta, model.gamma);
    for size in [2, 4] {
        for (name, algorithm, _) in &ways[1..] {
            for len in [small, len / 10, len] {
                let options = Options { algorithm: *algorithm, by_messages: true, ..Options::default() };
                let taken = times(size, options, len, 21)[10];
                let crowd = (size as f64 / cores as f64).max(1.0);
                let predicted = crowd * model.replay(*algorithm, size, len).seconds;
                println!(
                    "{size} threads, {len} values, {name}: predicted {:.3} ms, measured {:.3} ms, ratio {:.2}",
                    1e3 * predicted,
                    1e3 * taken,
                    taken / predicted
                );
            }
        }
    }
}
