//! Claims on models around the game: encoders, autoencoders, codes.

use serde::{Deserialize, Serialize};
use shared::{
    claims::{
        judge::{above_by, reaches, stays_below},
        stats::{interval95, paired, LEVEL},
        ClaimError, Context, ImageSheet, Measured, Row,
    },
    device::{Backend, DeviceTask},
    dfdx::prelude::*,
    nn::state::{load_state_dict, state_dict},
    train::RunRng,
};

use crate::{
    adam,
    data::{Part, Sets},
    error::compute,
    experiment::Lab,
    families::{best_matching, Aae, Bigan, Coded, CodedGan, Coding},
    latent,
    measures::{mmd_null, mmd_squared, Kernel, Points},
    nets::{dcgan_init, DcganDiscriminator28, DcganGenerator28, MlpDiscriminator, MlpGenerator, LEAKY, RELU},
    Examples, Game, GanError, Plan, Prior, Recipe,
};

/// Images a step.
const BATCH: usize = 64;
/// The stream of the seed that initial weights are drawn from, where a rule draws them.
const INIT_STREAM: u64 = 21;

/// Digits, and how long to train on them.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) sets: &'a Sets,
    pub(super) turns: usize,
    pub(super) seed: u64,
}

impl Job<'_> {
    fn play(&self, game: &mut dyn Game) -> Result<(), GanError> {
        let Part { values, labels, .. } = &self.sets.train;
        let plan = Plan { steps: self.turns, batch: BATCH, seed: self.seed, watch: 0, storage: None };
        crate::play(game, &Examples { values, labels }, &plan, &mut |_| Ok(())).map(|_| ())
    }

    /// Test images, few enough to be compared in pairs.
    fn shown(&self) -> Part {
        self.sets.test.first(1_000)
    }
}

pub(super) fn model<M: BuildModule<D, f32>, D: Backend>(device: &D) -> Result<M, GanError> {
    M::try_build(device).map_err(compute)
}

/// Adam at 2e-4 with β₁ = 0.5 and averaged weights.
fn calm() -> Recipe {
    Recipe { average: 0.99, ..Recipe::default() }
}

/// The mean squared difference of a pixel.
fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len().max(1) as f64
}

/// Rows of ten originals and what became of them.
fn beside(title: &str, rows: &[(&str, &[f32])]) -> Result<ImageSheet, ClaimError> {
    let mut sheet = ImageSheet::grey(title, 28, 28, &[""; 10])?;
    for (name, values) in rows {
        let unit: Vec<f32> = values[..10 * 784].iter().map(|v| 0.5 * (v + 1.0)).collect();
        sheet = sheet.unit_row(name, &unit)?;
    }
    Ok(sheet)
}

/// What an encoder and its decoder do.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Inverse {
    /// ‖x − G(E(x))‖² a pixel.
    images: f64,
    /// ‖z − E(G(z))‖² over ‖z‖².
    codes: f64,
    /// Test images whose nearest training code is of their class.
    neighbours: f64,
    /// Ten test images and what came back.
    shown: Vec<f32>,
}

const Z: usize = 32;

type Encoder<D> = MlpGenerator<f32, D, 784, 256, Z, LEAKY, 0>;
type Decoder<D> = MlpGenerator<f32, D, Z, 256, 784, RELU, 1>;

/// The share of test codes whose nearest training code has their class.
fn nearest(train: (&[f32], &[usize]), test: (&[f32], &[usize]), width: usize) -> f64 {
    let right = test.0.chunks_exact(width).zip(test.1).filter(|(code, label)| {
        let apart = |other: &[f32]| code.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let near = train.0.chunks_exact(width).enumerate().map(|(i, other)| (i, apart(other)));
        let (near, _) = near.fold((0, f32::INFINITY), |best, next| if next.1 < best.1 { next } else { best });
        train.1[near] == **label
    });
    right.count() as f64 / test.1.len().max(1) as f64
}

struct BiganTask<'a>(Job<'a>);

impl DeviceTask for BiganTask<'_> {
    type Output = Result<Inverse, GanError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let job = self.0;
        let (e, g): (Encoder<D>, Decoder<D>) = (model(&device)?, model(&device)?);
        let d: MlpDiscriminator<f32, D, 816, 256, LEAKY> = model(&device)?;
        let mut game: Bigan<_, _, _, D, 784, Z, 816, 256> = Bigan::new((e, g, d), device, &calm(), job.seed)?;
        job.play(&mut game)?;
        let (shown, known) = (job.shown(), job.sets.train.first(4_000));
        let mut rng = RunRng::new(job.seed, 99);
        let z = latent::draw(Prior::Normal, 1_000, Z, &mut rng);
        let back = game.encode(&game.generate(&z)?)?;
        let images = game.reconstruct(&shown.values)?;
        let (codes, others) = (game.encode(&known.values)?, game.encode(&shown.values)?);
        let size = z.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / z.len() as f64;
        Ok(Inverse {
            images: squared(&shown.values, &images),
            codes: squared(&z, &back) / size,
            neighbours: nearest((&codes, &known.labels), (&others, &shown.labels), Z),
            shown: images[..10 * 784].to_vec(),
        })
    }
}

/// What an adversarial autoencoder does.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Autoencoded {
    /// ‖x − Dec(E(x))‖² a pixel.
    images: f64,
    /// MMD² of codes and prior.
    apart: f64,
    /// The 95 % point of MMD² between halves of the prior's draws.
    null: f64,
    /// Ten test images and what came back.
    shown: Vec<f32>,
}

const CODE: usize = 8;

struct AaeTask<'a>(Job<'a>);

impl DeviceTask for AaeTask<'_> {
    type Output = Result<Autoencoded, GanError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let job = self.0;
        let e: MlpGenerator<f32, D, 784, 256, CODE, LEAKY, 0> = model(&device)?;
        let g: MlpGenerator<f32, D, CODE, 256, 784, RELU, 1> = model(&device)?;
        let d: MlpDiscriminator<f32, D, CODE, 256, LEAKY> = model(&device)?;
        let reconstruction = adam(1e-3, 0.9, 0.999);
        let mut game: Aae<_, _, _, D, 784, CODE, 256> =
            Aae::new((e, g, d), device, &calm(), &reconstruction, job.seed)?;
        job.play(&mut game)?;
        let shown = job.shown();
        let images = game.reconstruct(&shown.values)?;
        let codes = game.encode(&shown.values)?;
        let mut rng = RunRng::new(job.seed, 99);
        let prior = latent::draw(Prior::Normal, shown.len(), CODE, &mut rng);
        let told = |why: crate::measures::MeasureError| GanError::Training(why.to_string());
        let (a, b) = (Points::new(&codes, CODE).map_err(told)?, Points::new(&prior, CODE).map_err(told)?);
        let kernel = Kernel::gaussian_median(&b, &b).map_err(told)?;
        let mut null = mmd_null(&b, &kernel, job.seed, 100).map_err(told)?.values;
        null.sort_by(f64::total_cmp);
        Ok(Autoencoded {
            images: squared(&shown.values, &images),
            apart: mmd_squared(&a, &b, &kernel).map_err(told)?,
            null: null[null.len() * 95 / 100],
            shown: images[..10 * 784].to_vec(),
        })
    }
}

struct InfoTask<'a> {
    job: Job<'a>,
    weight: f64,
}

/// What codes came to mean.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Codes {
    /// Test images whose code stands for their class, after the best matching.
    accuracy: f64,
    /// Ten samples of each code, row by row.
    shown: Vec<f32>,
    /// Ten samples of one code and noise for each of two values, which goes from −1 to 1.
    swept: Vec<f32>,
}

impl DeviceTask for InfoTask<'_> {
    type Output = Result<Codes, GanError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let InfoTask { job, weight } = self;
        let mut rng = RunRng::new(job.seed, INIT_STREAM);
        let mut g: DcganGenerator28<f32, D, 62, 64, 32, 3136> = model(&device)?;
        let mut d: DcganDiscriminator28<f32, D, 1, 784, 32, 64, 3136> = model(&device)?;
        let fresh = dcgan_init(state_dict(&g), &mut rng);
        load_state_dict(&mut g, &fresh)?;
        let fresh = dcgan_init(state_dict(&d), &mut rng);
        load_state_dict(&mut d, &fresh)?;
        let d: Coded<_, f32, D, 3136, 10, 2> = Coded::new(d, &device).map_err(compute)?;
        let coding = Coding::Information { weight_classes: weight, weight_values: 0.1 * weight };
        let recipe = Recipe { generator: adam(1e-3, 0.5, 0.999), ..calm() };
        let mut game: CodedGan<_, _, D, 62, 784, 3136, 10, 2> =
            CodedGan::new((g, d), device, &recipe, coding, job.seed)?;
        job.play(&mut game)?;
        let told = game.classes_of(&job.sets.test.values)?;
        let codes: Vec<usize> = (0..100).map(|i| i / 10).collect();
        let mut ways = game.latents(&[0; 20], 2)?;
        let first = ways[..62].to_vec();
        for (at, z) in ways.chunks_exact_mut(62).enumerate() {
            z.copy_from_slice(&first);
            z[60..].fill(0.0);
            z[60 + at / 10] = (at % 10) as f32 / 4.5 - 1.0;
        }
        Ok(Codes {
            swept: game.generate(&ways)?,
            accuracy: best_matching(&told, &job.sets.test.labels, 10)?.accuracy,
            shown: game.draw(100, &codes, 1)?,
        })
    }
}

/// A task for each seed, side by side, kept as cells.
pub(super) fn each_seed<'s, R, T>(
    lab: &Lab,
    context: &Context<'_>,
    (name, sets, turns, variant): (&str, &'s Sets, usize, u32),
    seeds: &[u64],
    task: impl Fn(Job<'s>) -> T + Sync,
) -> Result<Vec<R>, GanError>
where
    R: Serialize + serde::de::DeserializeOwned + Send,
    T: DeviceTask<Output = Result<R, GanError>>,
{
    shared::parallel::side_by_side(seeds, |seed| {
        let key = (&sets.name, turns, variant, seed);
        let done =
            lab.cell(name, &key, || lab.device().launch(*seed, task(Job { sets, turns, seed: *seed }))?)?;
        context.progress.advance(1);
        Ok(done)
    })
}

pub(super) fn turns(context: &Context<'_>, quick: usize, full: usize) -> usize {
    if context.quick {
        quick
    } else {
        full
    }
}

pub(super) fn bigan(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 3));
    let sets = lab.digits()?;
    context.progress.start("models", 2 * seeds.len() as u64);
    let turns = turns(context, 150, 18_760);
    let found: Vec<Inverse> = each_seed(&lab, context, ("bigan", &sets, turns, 0), &seeds, BiganTask)?;
    let plain: Vec<Autoencoded> =
        each_seed(&lab, context, ("aae", &sets, turns.min(3_752), 0), &seeds, AaeTask)?;
    let (ours, theirs): (Vec<f64>, Vec<f64>) =
        (found.iter().map(|f| f.images).collect(), plain.iter().map(|p| p.images).collect());
    let near: Vec<f64> = found.iter().map(|f| f.neighbours).collect();
    let codes: Vec<f64> = found.iter().map(|f| f.codes).collect();
    let worse = paired(&ours, &theirs, LEVEL)?;
    let originals = sets.test.first(10).values;
    let back = found.first().map_or(&originals, |f| &f.shown);
    let sheet = beside(
        "test images, and what a BiGAN's generator makes of their codes",
        &[("image", &originals), ("G(E(x))", back)],
    )?;
    Ok(Measured::new(seeds)
        .row(Row::new("test images whose nearest training code has their class", near.clone())?.paper(0.974))
        .row(Row::new("‖z − E(G(z))‖² over ‖z‖²", codes.clone())?)
        .row(Row::new("‖x − G(E(x))‖² a pixel", ours)?)
        .row(Row::new("the same of an adversarial autoencoder", theirs)?)
        .check(reaches("the share of neighbours of the same class", &interval95(&near)?, 0.8, 0.0))
        .check(stays_below("‖z − E(G(z))‖² over ‖z‖²", &interval95(&codes)?, 1.0, 0.0))
        .check(above_by("squared difference, BiGAN less autoencoder", &worse, 0.0))
        .sheet(sheet)
        .note(format!(
            "Fully connected networks, z of {Z}, {turns} turns of {BATCH}; 1,000 test codes against 4,000."
        )))
}

pub(super) fn aae(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 3));
    let sets = lab.digits()?;
    context.progress.start("models", seeds.len() as u64);
    let turns = turns(context, 150, 3_752);
    let found: Vec<Autoencoded> = each_seed(&lab, context, ("aae", &sets, turns, 0), &seeds, AaeTask)?;
    let apart: Vec<f64> = found.iter().map(|f| f.apart).collect();
    let null: Vec<f64> = found.iter().map(|f| f.null).collect();
    let above: Vec<f64> = apart.iter().zip(&null).map(|(a, n)| a - n).collect();
    let originals = sets.test.first(10).values;
    let back = found.first().map_or(&originals, |f| &f.shown);
    let sheet = beside(
        "test images, and what an adversarial autoencoder makes of them",
        &[("image", &originals), ("Dec(E(x))", back)],
    )?;
    Ok(Measured::new(seeds)
        .row(Row::new("MMD² of 1,000 codes and draws of the prior", apart)?)
        .row(Row::new("95 % point of MMD² between halves of 1,000 draws of the prior", null)?)
        .row(Row::new("‖x − Dec(E(x))‖² a pixel", found.iter().map(|f| f.images).collect())?)
        .check(stays_below("MMD² less the 95 % point of the same distribution", &interval95(&above)?, 0.0, 0.0))
        .sheet(sheet)
        .note(format!("Codes of {CODE} numbers, {turns} turns of {BATCH}; Gaussian kernel, its width the prior's median.")))
}

pub(super) fn infogan(context: &Context<'_>) -> Result<Measured, ClaimError> {
    let (lab, seeds) = (Lab::open(context), context.seeds(2, 3));
    let sets = lab.digits()?;
    context.progress.start("models", 2 * seeds.len() as u64);
    let turns = turns(context, 40, 3_752);
    let of = |variant: u32, weight: f64| -> Result<Vec<Codes>, GanError> {
        each_seed(&lab, context, ("infogan", &sets, turns, variant), &seeds, |job| InfoTask { job, weight })
    };
    let (found, control) = (of(1, 1.0)?, of(0, 0.0)?);
    let accuracy: Vec<f64> = found.iter().map(|f| f.accuracy).collect();
    let chance: Vec<f64> = control.iter().map(|f| f.accuracy).collect();
    let gain = paired(&accuracy, &chance, LEVEL)?;
    let mut sheet = ImageSheet::grey("a code a row", 28, 28, &[""; 10])?;
    if let Some(first) = found.first() {
        for (code, row) in first.shown.chunks_exact(10 * 784).enumerate() {
            let unit: Vec<f32> = row.iter().map(|v| 0.5 * (v + 1.0)).collect();
            sheet = sheet.unit_row(&code.to_string(), &unit)?;
        }
    }
    let swept = found.first().map_or(&[][..], |first| &first.swept);
    let ways: Vec<(&str, &[f32])> =
        ["first value", "second value"].into_iter().zip(swept.chunks_exact(10 * 784)).collect();
    let ways = beside("one code, and a value that goes from −1 to 1", &ways)?;
    Ok(Measured::new(seeds)
        .row(
            Row::new("test images sorted rightly by the code, after the best matching", accuracy.clone())?
                .paper(0.95),
        )
        .row(Row::new("the same without the information term, a head that learns nothing", chance)?)
        .check(reaches("the share sorted rightly", &interval95(&accuracy)?, 0.8, 0.0))
        .check(above_by("with the term less without", &gain, 0.0))
        .sheet(sheet)
        .sheet(ways)
        .note(format!("{turns} turns of {BATCH}; ten codes and two values beside 50 numbers of noise.")))
}
