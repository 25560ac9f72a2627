//! Checks groups of MPI processes against one thread and against groups of threads.
//!
//! `mpirun -n RANKS mpi_check [--kill-rank R | --hang-rank R | --fail-rank R] [--limit MILLISECONDS]
//! [--time VALUES] [--algorithm 0|1|2]`, where 0 is ordered, 1 the ring and 2 halving/doubling.
//!
//! Without a rank to kill, hang or fail it ends with status 0 if all is as it should be.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a check that cannot go on ends here"
)]

use std::{
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use large_batch::{
    arithmetic::trained_bits,
    collective::{mpi, run_ranks, Algorithm, Collective, CollectiveError, Options, Traffic},
    Alone, Reduction,
};

/// Lengths of the buffers that are added up: none, few, of every remainder, and more than MPI sends at once.
const LENGTHS: [usize; 7] = [0, 1, 2, 3, 24, 1001, 300_000];

/// Values whose sum depends on the order of adding.
fn values(rank: usize, len: usize) -> Vec<f32> {
    let word = |at: usize| ((rank * 7919 + at) as u32 + 1).wrapping_mul(0x9e37_79b9) >> 8;
    (0..len).map(|at| (word(at) as f32 / 8e6 - 1.0) * 10_f32.powi((word(at) % 7) as i32 - 3)).collect()
}

fn in_order(size: usize, len: usize) -> Vec<f32> {
    let mut sum = values(0, len);
    for rank in 1..size {
        sum.iter_mut().zip(values(rank, len)).for_each(|(s, x)| *s += x);
    }
    sum
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(what())
    }
}

/// Every call of the group, by one algorithm.
fn check(group: &mut dyn Collective, algorithm: Algorithm) -> Result<(), String> {
    let (rank, size) = (group.rank(), group.size());
    for len in LENGTHS {
        let before = group.traffic();
        let mut mine = values(rank, len);
        group.all_reduce(&mut mine).map_err(|error| error.to_string())?;
        let expected = in_order(size, len);
        let given: Vec<Vec<f32>> = (0..size).map(|rank| values(rank, len)).collect();
        if algorithm == Algorithm::Ordered {
            ensure(bits(&mine) == bits(&expected), || format!("{len} values differ from one thread's"))?;
        }
        for ((x, y), at) in mine.iter().zip(&expected).zip(0..) {
            let scale: f32 = given.iter().map(|of_rank| of_rank[at].abs()).sum();
            let near = (x - y).abs() <= 2e-6 * scale;
            ensure(near, || format!("{algorithm:?}: value {at} of {len} is {x}, and not {y}"))?;
        }
        let bytes: Vec<u8> = mine.iter().flat_map(|x| x.to_ne_bytes()).collect();
        let all = group.all_gather(&bytes).map_err(|error| error.to_string())?;
        ensure(all.iter().all(|of_rank| *of_rank == all[0]), || format!("{algorithm:?}: the ranks differ"))?;
        let after = group.traffic();
        traffic(algorithm, size, len, before, after, all[0].len())?;
    }
    let own = vec![rank as u8; 5 * rank];
    let all = group.all_gather(&own).map_err(|error| error.to_string())?;
    ensure(all.iter().zip(0..).all(|(of_rank, r)| *of_rank == vec![r as u8; 5 * r]), || {
        "gathered bytes".to_owned()
    })
}

/// What was sent and received is what the formula says, where the ranks divide the buffer.
fn traffic(
    algorithm: Algorithm,
    size: usize,
    len: usize,
    before: Traffic,
    after: Traffic,
    gathered: usize,
) -> Result<(), String> {
    let power = size.is_power_of_two() || algorithm != Algorithm::HalvingDoubling;
    if !len.is_multiple_of(size) || !power {
        return Ok(());
    }
    let others = (size - 1) as u64;
    let share = 2 * others * 4 * len as u64 / size as u64 + others * gathered as u64;
    let steps = algorithm.steps(size) as u64 + others;
    let expected = [steps, steps, share, share];
    let found = [
        after.steps - before.steps,
        after.messages - before.messages,
        after.bytes_sent - before.bytes_sent,
        after.bytes_received - before.bytes_received,
    ];
    ensure(found == expected, || {
        format!("{algorithm:?} moved {found:?} for {len} values, and not {expected:?}")
    })
}

/// A worker a rank, and one worker more than ranks, train to the bits of one process that accumulates: weights, running
/// statistics and velocities.
fn trains_as_one(group: &mut dyn Collective) -> Result<(), String> {
    for workers in [group.size(), group.size() + 1] {
        let bits = |group: &mut dyn Collective| {
            trained_bits(workers, Reduction::Ordered, group).map_err(|error| error.to_string())
        };
        let same = bits(group)? == bits(&mut Alone)?;
        ensure(same, || format!("{workers} workers do not train to the bits of accumulation"))?;
    }
    Ok(())
}

/// One rank is killed, hangs or fails between two calls.
fn lose(group: &mut dyn Collective, how: &str, lost: usize) -> Result<(), String> {
    let sum =
        |group: &mut dyn Collective| group.all_reduce(&mut [1.0; 1000]).map_err(|error| error.to_string());
    sum(group)?;
    if group.rank() == lost {
        match how {
            "--kill-rank" => {
                let own = std::process::id().to_string();
                Command::new("kill").args(["-9", &own]).status().unwrap();
            }
            "--hang-rank" => {}
            _ => return Err("its disk is full".to_owned()),
        }
        std::thread::sleep(Duration::from_secs(3600));
    }
    sum(group)
}

/// The slowest rank's median seconds of an all-reduce.
fn time(group: &mut dyn Collective, len: usize) -> Result<f64, CollectiveError> {
    let mut mine = vec![1.0_f32; len];
    let mut times = Vec::new();
    for _ in 0..9 {
        mine.fill(1.0);
        group.all_gather(b"ready")?;
        let start = Instant::now();
        group.all_reduce(&mut mine)?;
        group.all_gather(b"done")?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.drain(..2);
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

struct Text(String);

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<CollectiveError> for Text {
    fn from(error: CollectiveError) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| {
        let at = flags.iter().position(|flag| flag == name)?;
        Some(flags.get(at + 1).and_then(|text| text.parse::<usize>().ok()).expect("a flag needs a number"))
    };
    let limit = Duration::from_millis(flag("--limit").unwrap_or(20_000) as u64);
    let lost =
        ["--kill-rank", "--hang-rank", "--fail-rank"].into_iter().find_map(|how| Some((how, flag(how)?)));
    let work = |group: &mut dyn Collective| {
        if let Some((how, rank)) = lost {
            return lose(group, how, rank).map_err(Text);
        }
        if let Some(len) = flag("--time") {
            let seconds = time(group, len)?;
            if group.rank() == 0 {
                let by = algorithm(flag("--algorithm"));
                println!("{} ranks, {len} values, {by:?}: median {:.1} ms", group.size(), 1e3 * seconds);
            }
            return Ok(());
        }
        check(group, algorithm(flag("--algorithm"))).map_err(Text)?;
        if algorithm(flag("--algorithm")) == Algorithm::Ordered {
            trains_as_one(group).map_err(Text)?;
        }
        if group.rank() == 0 && algorithm(flag("--algorithm")) == Algorithm::Ordered {
            threads_agree(group.size())?;
        }
        group.all_gather(b"checked")?;
        if group.rank() == 0 {
            println!("{} ranks by MPI, {:?}: as it should be", group.size(), algorithm(flag("--algorithm")));
        }
        Ok(())
    };
    let options = Options { algorithm: algorithm(flag("--algorithm")), limit, ..Options::default() };
    match mpi::run(options, work, |sentence| eprintln!("{sentence}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Text(sentence)) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn algorithm(number: Option<usize>) -> Algorithm {
    Algorithm::ALL[number.unwrap_or(0) % Algorithm::ALL.len()]
}

/// Groups of threads of the same size give the bits that MPI was checked against.
fn threads_agree(size: usize) -> Result<(), Text> {
    for len in LENGTHS {
        let sums = run_ranks(size, Options::default(), |group| {
            let mut mine = values(group.rank(), len);
            group.all_reduce(&mut mine)?;
            Ok::<_, CollectiveError>(bits(&mine))
        })?;
        let expected = bits(&in_order(size, len));
        ensure(sums.iter().all(|sum| *sum == expected), || format!("{len} values differ from threads'"))
            .map_err(Text)?;
    }
    Ok(())
}
