//! The paper's arithmetic, worked out on the optimisers, networks and groups that training uses: what `self-test` and the exact
//! claims ask.

use shared::{
    device::DeviceKind,
    optim::{HeavyBallForm, Momentum, OptimizerConfig, Sgd, SgdConfig, WeightDecay},
    train::{epoch_order, RunRng},
    zoo::{LabelledImages, ZooModel, ZooOptions},
};

use rand::Rng;

use crate::{
    collective::{run_ranks, Algorithm, Collective, Options},
    norm_parameters, shard_of_epoch, shards, Alone, DataParallel, ImageReplica, LargeBatchError, Reduction,
    Replica,
};

/// The largest distance between the weights of two momentum forms over 60 steps on the same gradients, relative to the largest
/// weight, while the rate jumps from 0.1 to 3.2 at step 20 and falls to 0.32 at step 40 (Remark 2).
///
/// # Errors
/// None for forms of [`HeavyBallForm`].
pub fn momentum_gap(form: HeavyBallForm) -> Result<f64, LargeBatchError> {
    let optimizer = |form| {
        Sgd::new(SgdConfig { momentum: Momentum::HeavyBall { mu: 0.9, form }, ..SgdConfig::default() })
    };
    let (mut reference, mut other) = (optimizer(HeavyBallForm::RateOutside)?, optimizer(form)?);
    let mut rng = RunRng::new(1, 1);
    let (mut a, mut b) = ([0.0f32; 32], [0.0f32; 32]);
    let (mut gap, mut size) = (0.0f64, 0.0f64);
    for step in 0..60 {
        let lr = [0.1, 3.2, 0.32][step / 20];
        let gradient: [f32; 32] = std::array::from_fn(|_| rng.gen_range(-1.0..1.0));
        for (optimizer, w) in [(&mut reference, &mut a), (&mut other, &mut b)] {
            optimizer.set_lr(lr)?;
            optimizer.begin_step();
            optimizer.update("w", w, &gradient)?;
        }
        let apart = a.iter().zip(&b).map(|(a, b)| f64::from(a - b).abs()).fold(0.0, f64::max);
        gap = gap.max(apart);
        size = a.iter().map(|a| f64::from(*a).abs()).fold(size, f64::max);
    }
    Ok(gap / size)
}

/// Where SGD on 0.15 (w − 2)² with decay λ comes to rest: with a rate of k η, and with the loss times k at the rate η (Remark 1,
/// k = 8).
///
/// # Errors
/// [`LargeBatchError::Optim`] for a λ out of its range.
pub fn rests(decay: f64) -> Result<(f64, f64), LargeBatchError> {
    let rest = |lr: f64, loss: f64| -> Result<f64, LargeBatchError> {
        let config = SgdConfig { lr, weight_decay: WeightDecay::L2(decay), ..SgdConfig::default() };
        let mut sgd = Sgd::new(config)?;
        let mut w = [0.0f32];
        for _ in 0..4_000 {
            let gradient = [(loss * 0.3) as f32 * (w[0] - 2.0)];
            sgd.begin_step();
            sgd.update("w", &mut w, &gradient)?;
        }
        Ok(f64::from(w[0]))
    };
    Ok((rest(0.05 * 8.0, 1.0)?, rest(0.05, 8.0)?))
}

/// Random images with classes, for a network of the zoo.
struct Examples {
    pixels: Vec<f32>,
    labels: Vec<usize>,
}

impl Examples {
    fn new(count: usize, image: usize, seed: u64) -> Self {
        let mut rng = RunRng::new(seed, 2);
        let pixels = (0..count * image).map(|_| rng.gen_range(-1.0..1.0)).collect();
        Examples { pixels, labels: (0..count).map(|i| i % 10).collect() }
    }

    fn images(&self) -> LabelledImages<'_> {
        LabelledImages { pixels: &self.pixels, labels: &self.labels }
    }
}

/// The network that checks are made with: residual, with batch normalisation.
const MODEL: ZooModel = ZooModel::Resnet8;
const IMAGE: usize = 3 * 32 * 32;

fn replica(examples: &Examples, group: Option<usize>) -> Result<ImageReplica<'_>, LargeBatchError> {
    let sgd = SgdConfig { momentum: Momentum::Nesterov(0.9), ..SgdConfig::default() };
    let options = ZooOptions { group, ..ZooOptions::new(OptimizerConfig::Sgd(sgd), 3) };
    Ok(ImageReplica { network: MODEL.build(DeviceKind::Cpu, &options)?, images: examples.images() })
}

/// How the summed gradient of k workers compares with the gradient of all kn examples at once (Remark 3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregation {
    /// The largest distance, relative to the largest element, of the sum of gradients over kn.
    pub by_all: f64,
    /// |sum| / |whole| where each worker's gradient is over n, and nobody divides by k: k, where it goes wrong.
    pub by_own: f64,
}

/// Four workers of four images each against one pass over all with batch normalisation in groups of
/// four.
///
/// # Errors
/// The network's.
pub fn aggregation() -> Result<Aggregation, LargeBatchError> {
    const N: usize = 4;
    let examples = Examples::new(16, IMAGE, 5);
    let all: Vec<usize> = (0..16).collect();
    let mut whole = Vec::new();
    replica(&examples, Some(N))?.gradient(&all, 1.0, &mut whole)?;
    let mut sums = [vec![0.0f32; whole.len()], vec![0.0f32; whole.len()]];
    for (sum, share) in sums.iter_mut().zip([N as f32 / 16.0, 1.0]) {
        let mut workers = replica(&examples, None)?;
        for shard in shards(&all, N) {
            let mut row = Vec::new();
            workers.gradient(shard, share, &mut row)?;
            sum.iter_mut().zip(&row).for_each(|(sum, g)| *sum += g);
        }
    }
    let size = whole.iter().map(|g| f64::from(g.abs())).fold(0.0, f64::max);
    let apart = whole.iter().zip(&sums[0]).map(|(w, s)| f64::from((w - s).abs())).fold(0.0, f64::max);
    let norm = |g: &[f32]| g.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    Ok(Aggregation { by_all: apart / size, by_own: norm(&sums[1]) / norm(&whole) })
}

/// The weights, statistics and optimiser state after a few steps of `workers` workers on the ranks of a group, as bits. The last
/// minibatch has a ragged end.
///
/// # Errors
/// The group's and the network's.
pub fn trained_bits(
    workers: usize,
    reduction: Reduction,
    group: &mut dyn Collective,
) -> Result<Vec<u32>, LargeBatchError> {
    const N: usize = 2;
    let examples = Examples::new(N * workers + 1, IMAGE, 7);
    let mut parallel = DataParallel::new(replica(&examples, None)?, N, reduction)?;
    parallel.agree(group, "a check")?;
    let all: Vec<usize> = (0..N * workers + 1).collect();
    for (step, minibatch) in [&all[..N * workers], &all[1..], &all[..N * workers - 1]].into_iter().enumerate()
    {
        parallel.step(group, minibatch, 0.05 * (step + 1) as f64)?;
    }
    let state = parallel.replica.save()?;
    Ok(state
        .tensors
        .iter()
        .flat_map(|t| t.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect())
}

/// Whether `ranks` threads of one worker each end with the same bits as one thread that accumulates all of them (claim 16).
///
/// # Errors
/// The group's and the network's.
pub fn threads_are_accumulation(ranks: usize) -> Result<bool, LargeBatchError> {
    let alone = trained_bits(ranks, Reduction::Ordered, &mut Alone)?;
    let threads =
        run_ranks(ranks, Options::default(), |group| trained_bits(ranks, Reduction::Ordered, group))?;
    Ok(threads.iter().all(|bits| *bits == alone))
}

/// Whether every index comes to one worker once an epoch, for several sizes of sets, workers and shards (Remark 4).
#[must_use]
pub fn shards_are_a_permutation() -> bool {
    let cases = [(1_000, 8, 32), (999, 7, 10), (31, 4, 32), (64, 3, 1)];
    cases.into_iter().all(|(examples, workers, n)| {
        (0..3).all(|epoch| {
            let order = epoch_order(examples, 11, epoch);
            let parts = (0..workers).flat_map(|worker| shard_of_epoch(&order, worker, workers, n));
            let mut seen = parts.collect::<Vec<_>>();
            seen.sort_unstable();
            seen.into_iter().eq(0..examples)
        })
    })
}

/// The largest distance of an all-reduce from the sum in double precision, relative to the sum of sizes, over 1 to `most` ranks
/// and several lengths; infinite where ranks got different bits.
///
/// # Errors
/// The group's.
pub fn all_reduce_error(algorithm: Algorithm, most: usize) -> Result<f64, LargeBatchError> {
    let options = Options { algorithm, ..Options::default() };
    let value = |rank: usize, at: usize| ((rank * 31 + at * 17) as f32).sin();
    let mut worst = 0.0f64;
    for ranks in 1..=most {
        for length in [0, 1, 5, 64, 1_001] {
            let sums = run_ranks(ranks, options, |group| {
                let mut values: Vec<f32> = (0..length).map(|at| value(group.rank(), at)).collect();
                group.all_reduce(&mut values)?;
                Ok::<_, LargeBatchError>(values)
            })?;
            if sums.iter().any(|sum| *sum != sums[0]) {
                return Ok(f64::INFINITY);
            }
            for (at, found) in sums[0].iter().enumerate() {
                let terms = (0..ranks).map(|rank| f64::from(value(rank, at)));
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
                worst = worst.max((f64::from(*found) - sum).abs() / size.max(f64::MIN_POSITIVE));
            }
        }
    }
    Ok(worst)
}

/// How far γ and β of a network's normalisations move, relative to their size, in ten steps of decay with gradients of 0; other
/// weights shrink.
///
/// # Errors
/// The network's.
pub fn norm_decay() -> Result<f64, LargeBatchError> {
    let outline =
        MODEL.build(DeviceKind::Cpu, &ZooOptions::new(OptimizerConfig::Sgd(SgdConfig::default()), 3))?;
    let config = SgdConfig { weight_decay: WeightDecay::L2(0.1), ..crate::sgd(&outline.parameters()) };
    let mut network = MODEL.build(DeviceKind::Cpu, &ZooOptions::new(OptimizerConfig::Sgd(config), 3))?;
    let norms = norm_parameters(&network.parameters());
    let before = network.weights();
    let elements = network.parameters().iter().filter(|p| p.trainable).map(|p| p.numel()).sum();
    for _ in 0..10 {
        network.apply(&vec![0.0; elements])?;
    }
    let (mut moved, mut shrunk) = (0.0f64, true);
    for (old, new) in before.iter().zip(&network.weights()) {
        let size = |t: &[f32]| t.iter().map(|w| f64::from(*w).abs()).sum::<f64>();
        let (was, is) = (size(old.values()), size(new.values()));
        match norms.iter().any(|name| name == old.name()) {
            true => moved = moved.max((was - is).abs() / was.max(1.0)),
            false if old.name().ends_with("weight") => shrunk &= is < was,
            false => {}
        }
    }
    Ok(if shrunk { moved } else { f64::INFINITY })
}
