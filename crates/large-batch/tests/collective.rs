//! Groups of ranks: sums, traffic, costs, and ranks that fail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

use large_batch::collective::{
    cost::CostModel, run_ranks, Algorithm, Collective, CollectiveError, Frame, InProcess, Options, Traffic,
    Transport,
};
use proptest::prelude::*;

/// Values whose sum depends on the order of adding.
fn values(rank: usize, len: usize, seed: u32) -> Vec<f32> {
    let word = |at: usize| {
        let mut x = seed ^ (rank as u32).wrapping_mul(0x9e37_79b9) ^ (at as u32).wrapping_mul(0x85eb_ca6b);
        for _ in 0..3 {
            x ^= x << 13;
            x ^= x >> 17;
            x = (x ^ x << 5).wrapping_add(0x2545_f491);
        }
        x
    };
    (0..len)
        .map(|at| ((word(at) >> 8) as f32 / (1 << 23) as f32 - 1.0) * 10_f32.powi((word(at) % 7) as i32 - 3))
        .collect()
}

/// The sum in the order of ranks, on one thread.
fn in_order(size: usize, len: usize, seed: u32) -> Vec<f32> {
    let mut sum = values(0, len, seed);
    for rank in 1..size {
        sum.iter_mut().zip(values(rank, len, seed)).for_each(|(s, x)| *s += x);
    }
    sum
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn options(algorithm: Algorithm, by_messages: bool) -> Options {
    Options { algorithm, by_messages, ..Options::default() }
}

fn all_reduce(size: usize, options: Options, len: usize, seed: u32) -> Vec<(Vec<f32>, Traffic)> {
    let run = |group: &mut dyn Collective| {
        let mut mine = values(group.rank(), len, seed);
        group.all_reduce(&mut mine)?;
        Ok::<_, CollectiveError>((mine, group.traffic()))
    };
    run_ranks(size, options, run).unwrap()
}

fn check_sum(size: usize, len: usize, seed: u32) {
    let expected = in_order(size, len, seed);
    let given: Vec<Vec<f32>> = (0..size).map(|rank| values(rank, len, seed)).collect();
    let scale: Vec<f32> = (0..len).map(|at| given.iter().map(|of_rank| of_rank[at].abs()).sum()).collect();
    for (algorithm, by_messages) in [
        (Algorithm::Ordered, false),
        (Algorithm::Ordered, true),
        (Algorithm::Ring, true),
        (Algorithm::HalvingDoubling, true),
    ] {
        let found = all_reduce(size, options(algorithm, by_messages), len, seed);
        for (sum, _) in &found {
            assert_eq!(bits(sum), bits(&found[0].0), "{algorithm:?} differs between ranks");
        }
        if algorithm == Algorithm::Ordered {
            assert_eq!(bits(&found[0].0), bits(&expected), "{size} ranks, {len} values");
        }
        for ((x, y), scale) in found[0].0.iter().zip(&expected).zip(&scale) {
            assert!((x - y).abs() <= 2e-6 * scale, "{algorithm:?}: {x} for {y}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_algorithm_gives_the_sum(size in 1_usize..=9, len in 0_usize..=300, seed: u32) {
        check_sum(size, len, seed);
    }
}

#[test]
fn every_size_gives_the_sum_of_few_and_of_many_values() {
    for size in 1..=9 {
        for len in [0, 1, size - 1, size, 300, 20_001] {
            check_sum(size, len, 7);
        }
    }
}

#[test]
fn many_calls_in_a_row_give_their_own_sums() {
    for by_messages in [false, true] {
        let run = |group: &mut dyn Collective| {
            for seed in 0..200 {
                let mut mine = values(group.rank(), 50, seed);
                group.all_reduce(&mut mine)?;
                assert_eq!(bits(&mine), bits(&in_order(group.size(), 50, seed)));
                let all = group.all_gather(&[group.rank() as u8, seed as u8])?;
                assert_eq!(all, [[0, seed as u8], [1, seed as u8], [2, seed as u8]]);
            }
            Ok::<_, CollectiveError>(())
        };
        run_ranks(3, options(Algorithm::Ordered, by_messages), run).unwrap();
    }
}

#[test]
fn minus_zero_is_kept() {
    for by_messages in [false, true] {
        let run = |group: &mut dyn Collective| {
            let mut mine = [-0.0_f32; 5];
            group.all_reduce(&mut mine)?;
            Ok::<_, CollectiveError>(bits(&mine))
        };
        let found = run_ranks(3, options(Algorithm::Ordered, by_messages), run).unwrap();
        assert!(found.iter().flatten().all(|x| *x == (-0.0_f32).to_bits()));
    }
}

#[test]
fn traffic_is_that_of_the_formula() {
    for size in 2..=9_u64 {
        let len = 24 * size;
        let share = 2 * (size - 1) * 4 * len / size;
        for algorithm in [Algorithm::Ring, Algorithm::Ordered] {
            let steps = 2 * (size - 1);
            let expected = Traffic { steps, messages: steps, bytes_sent: share, bytes_received: share };
            for (_, traffic) in all_reduce(size as usize, options(algorithm, true), len as usize, 1) {
                assert_eq!(traffic, expected, "{algorithm:?} of {size}");
            }
        }
        let found = all_reduce(size as usize, options(Algorithm::HalvingDoubling, true), len as usize, 1);
        let levels = u64::from(size.ilog2());
        let core = 1 << levels;
        for (rank, (_, traffic)) in found.into_iter().enumerate() {
            let b = 4 * len;
            let (steps, sent) = match rank as u64 {
                _ if size == core => (2 * levels, share),
                rank if rank >= core => (2, b),
                // the halves of a buffer that no power of two divides differ by a value at most
                rank if rank + core < size => (2 * levels + 2, 2 * (core - 1) * b / core + b),
                _ => (2 * levels, 2 * (core - 1) * b / core),
            };
            assert_eq!((traffic.steps, traffic.bytes_sent + traffic.bytes_received), (steps, 2 * sent));
            if size == core || len % core == 0 {
                assert_eq!(traffic.bytes_sent, sent, "rank {rank} of {size}");
            }
        }
        for (_, traffic) in all_reduce(size as usize, Options::default(), len as usize, 1) {
            let moved = (size - 1) * 4 * len / size;
            let expected = Traffic { steps: 2, messages: 0, bytes_sent: moved, bytes_received: moved };
            assert_eq!(traffic, expected, "in memory, {size} ranks");
        }
    }
}

#[test]
fn gathered_bytes_keep_their_lengths() {
    let run = |group: &mut dyn Collective| {
        let mine: Vec<u8> = (0..group.rank() * 3).map(|x| x as u8).collect();
        Ok::<_, CollectiveError>((group.all_gather(&mine)?, group.traffic()))
    };
    for (rank, (all, traffic)) in run_ranks(5, Options::default(), run).unwrap().into_iter().enumerate() {
        for (of, bytes) in all.iter().enumerate() {
            assert_eq!(*bytes, (0..of * 3).map(|x| x as u8).collect::<Vec<_>>());
        }
        let own = 3 * rank as u64;
        let expected = Traffic { steps: 4, messages: 4, bytes_sent: 4 * own, bytes_received: 30 - own };
        assert_eq!(traffic, expected);
    }
}

#[test]
fn messages_go_from_point_to_point() {
    let mut ranks = InProcess::group(3, Duration::from_millis(100)).unwrap();
    ranks[0].send(2, Frame::of_bytes(b"first")).unwrap();
    ranks[0].send(2, Frame::of_values(&[2.5])).unwrap();
    let got = ranks[2].send_receive(0, Frame::of_bytes(b"back"), 0).unwrap();
    assert_eq!(got.bytes(), b"first");
    assert_eq!(ranks[2].receive(0).unwrap().values(), [2.5]);
    assert_eq!(ranks[0].receive(2).unwrap().bytes(), b"back");
    let error = ranks[1].receive(3).unwrap_err();
    assert_eq!(error.to_string(), "rank 3 is no partner for a message of rank 1: name another rank below 3");
    let error = ranks[1].receive(0).unwrap_err();
    assert!(matches!(error, CollectiveError::Late { rank: 0, .. }), "{error}");
}

/// Runs a group that must fail, and gives back its error, what each rank saw, and how long it took.
fn failing(
    size: usize,
    options: Options,
    work: impl Fn(&mut dyn Collective) -> Result<(), String> + Sync,
) -> (String, Duration) {
    #[derive(Debug)]
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
    let start = Instant::now();
    let error = run_ranks(size, options, |group| work(group).map_err(Text)).unwrap_err();
    (error.0, start.elapsed())
}

fn ways() -> Vec<Options> {
    let mut all = vec![Options::default()];
    all.extend(Algorithm::ALL.map(|algorithm| options(algorithm, true)));
    all
}

fn sum(group: &mut dyn Collective, len: usize) -> Result<(), String> {
    group.all_reduce(&mut vec![1.0; len]).map_err(|error| error.to_string())
}

#[test]
fn a_rank_that_fails_or_panics_ends_the_group_at_once() {
    for options in ways() {
        let (error, took) = failing(4, options, |group| {
            sum(group, 10)?;
            if group.rank() == 2 {
                return Err("its disk is full".to_owned());
            }
            let seen = sum(group, 10);
            assert_eq!(seen, Err("rank 2 of 4 failed: its disk is full".to_owned()));
            seen
        });
        assert_eq!(error, "rank 2 of 4 failed: its disk is full");
        assert!(took < Duration::from_secs(20), "{took:?}");
        let (error, took) = failing(4, options, |group| {
            assert!(group.rank() != 1, "a bad index");
            sum(group, 10)
        });
        assert_eq!(error, "rank 1 of 4 panicked: a bad index");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[test]
fn a_rank_that_hangs_is_named_after_the_limit() {
    for options in ways() {
        let options = Options { limit: Duration::from_millis(200), ..options };
        let started = Barrier::new(4);
        let (error, took) = failing(4, options, |group| {
            started.wait();
            sum(group, 10)?;
            if group.rank() == 3 {
                std::thread::sleep(Duration::from_millis(700));
            }
            let start = Instant::now();
            let seen = sum(group, 10);
            assert!(seen.is_err() && start.elapsed() < Duration::from_millis(600));
            // an error stays: the group is of no more use
            assert_eq!(sum(group, 10), seen);
            seen
        });
        let expected = "rank 3 of 4 did not come to call 2 of the group within 200ms: see what keeps that rank, or allow \
                        more time in `Options::limit`";
        assert_eq!(error, expected);
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[test]
fn a_rank_that_ends_early_is_named_at_once() {
    for options in ways() {
        let (error, took) = failing(3, options, |group| {
            sum(group, 10)?;
            if group.rank() == 1 {
                Ok(())
            } else {
                sum(group, 10)
            }
        });
        assert!(error.starts_with("rank 1 of 3 ended its work before call 2 of the group"), "{error}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[test]
fn different_lengths_and_different_calls_are_refused() {
    for options in ways() {
        for lengths in [[10, 11, 10], [0, 0, 1], [3, 2, 2]] {
            let (error, took) = failing(3, options, |group| {
                let len = lengths[group.rank()];
                sum(group, len)
            });
            assert!(error.contains("values to call 1 of the group and rank"), "{error}");
            assert!(error.ends_with("give the same number of values on every rank"), "{error}");
            assert!(took < Duration::from_secs(20), "{took:?}");
        }
        let (error, _) = failing(3, options, |group| match group.rank() {
            1 => group.all_gather(b"x").map(|_| ()).map_err(|e| e.to_string()),
            _ => sum(group, 3),
        });
        assert!(error.contains("`all_gather`") && error.contains("`all_reduce`"), "{error}");
    }
}

#[test]
fn a_group_that_cannot_be_is_refused() {
    let run = |size, options| run_ranks(size, options, |_| Ok::<_, CollectiveError>(())).unwrap_err();
    assert_eq!(run(0, Options::default()), CollectiveError::NoRanks);
    assert_eq!(run(2, Options { limit: Duration::ZERO, ..Options::default() }), CollectiveError::NoTime);
}

#[test]
fn each_rank_has_its_share_of_the_threads() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    for (size, share) in [(1, 4), (2, 2), (3, 1), (6, 1)] {
        let run = |_: &mut dyn Collective| Ok::<_, CollectiveError>(rayon::current_num_threads());
        let found = pool.install(|| run_ranks(size, Options::default(), run)).unwrap();
        assert_eq!(found, vec![share; size]);
    }
}

fn close(x: f64, y: f64) -> bool {
    (x - y).abs() <= 1e-9 * y.abs()
}

const NETWORK: CostModel = CostModel { alpha: 2e-5, beta: 1.6e-10, gamma: 5e-11 };

#[test]
fn the_replayed_schedule_takes_the_time_of_the_formula() {
    for algorithm in Algorithm::ALL {
        for size in [1, 2, 4, 8, 32, 64, 256] {
            for len in [0, size, 16 * size, 1 << 20] {
                let (replay, formula) =
                    (NETWORK.replay(algorithm, size, len), NETWORK.formula(algorithm, size, len));
                assert!(close(replay.seconds, formula), "{algorithm:?} {size} {len}: {replay:?}, {formula}");
                assert_eq!(replay.steps as usize, algorithm.steps(size));
            }
        }
    }
    for size in 2..=70 {
        let (folded, formula) = (
            NETWORK.replay(Algorithm::HalvingDoubling, size, 64 * 1024),
            NETWORK.formula(Algorithm::HalvingDoubling, size, 64 * 1024),
        );
        assert!(close(folded.seconds, formula), "{size}: {folded:?}, {formula}");
    }
}

#[test]
fn the_largest_group_is_replayed() {
    let (size, len) = (4096, 4096 * 64);
    let replay = NETWORK.replay(Algorithm::HalvingDoubling, size, len);
    assert!(close(replay.seconds, NETWORK.formula(Algorithm::HalvingDoubling, size, len)));
    assert_eq!((replay.steps, replay.bytes), (24, 2 * 4095 * 4 * 64));
    let ring = NETWORK.replay(Algorithm::Ring, size, len);
    assert!(close(ring.seconds, NETWORK.formula(Algorithm::Ring, size, len)));
    assert_eq!((ring.steps, ring.bytes), (2 * 4095, replay.bytes));
}

/// Claim 13: halving and doubling win where latency counts, and tie where bandwidth does.
#[test]
fn halving_and_doubling_win_for_small_buffers_and_tie_for_large_ones() {
    let both = |len| {
        [Algorithm::Ring, Algorithm::HalvingDoubling].map(|algorithm| NETWORK.replay(algorithm, 32, len))
    };
    let [ring, halving] = both(1024);
    assert_eq!((ring.steps, halving.steps), (62, 10));
    assert!(ring.seconds > 5.0 * halving.seconds, "{ring:?} {halving:?}");
    let [ring, halving] = both(1 << 30);
    assert!(ring.seconds > halving.seconds && ring.seconds < 1.01 * halving.seconds, "{ring:?} {halving:?}");
    assert_eq!(ring.bytes, halving.bytes);
}
