//! scratch
use datasets::synthetic::Mixture;
use gan::nets::*;
use gan::*;
use shared::dfdx::prelude::*;
use shared::parallel::side_by_side;

const Z: usize = 16;
fn coverage(x: &[f32], m: &Mixture) -> (usize, usize, f64) {
    let mut c = vec![0usize; m.centres().len()];
    let mut hq = 0;
    for p in x.chunks(2) {
        let (k, d) = m
            .centres()
            .iter()
            .enumerate()
            .map(|(k, c)| (k, ((c[0] - p[0] as f64).powi(2) + (c[1] - p[1] as f64).powi(2)).sqrt()))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        if d < 3.0 * m.sigma() {
            c[k] += 1;
            hq += 1;
        }
    }
    (
        c.iter().filter(|c| **c >= 1).count(),
        c.iter().filter(|c| **c >= 20).count(),
        hq as f64 / (x.len() / 2) as f64,
    )
}
fn run(
    m: &Mixture,
    recipe: &Recipe,
    steps: usize,
    batch: usize,
    seed: u64,
) -> Result<(usize, usize, f64), GanError> {
    let values = m.sample(0..51200, 1);
    let dev = Cpu::seed_from_u64(seed);
    let g: MlpGenerator<f32, Cpu, Z, 128, 2, 0, 0> = BuildModule::build(&dev);
    let d: MlpDiscriminator<f32, Cpu, 2, 128, 1> = BuildModule::build(&dev);
    let mut game: Gan<_, _, _, Z, 2, 2, 128> = Gan::new((g, d), dev, recipe, 0, seed)?;
    let plan = Plan { steps, batch, seed, ..Plan::default() };
    play(&mut game, &Examples { values: &values, labels: &[] }, &plan, &mut |_| Ok(()))?;
    Ok(coverage(&game.samples(2500, &[], 9)?, m))
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let m = if args[1] == "ring" { Mixture::ring() } else { Mixture::grid() };
    let steps: usize = args[2].parse().unwrap();
    let seeds: u64 = args[3].parse().unwrap();
    let base = Recipe {
        generator: adam(1e-3, 0.5, 0.999),
        discriminator: adam(1e-3, 0.5, 0.999),
        ..Recipe::default()
    };
    let r: Vec<(&str, Recipe)> = vec![
        ("vanilla", base.clone()),
        ("minimax", Recipe { formulation: Formulation::Minimax, ..base.clone() }),
        (
            "noise",
            Recipe {
                instance_noise: 1.0,
                noise_steps: steps * 3 / 4,
                anneal: steps,
                average: 0.99,
                ..base.clone()
            },
        ),
        (
            "noise2",
            Recipe {
                instance_noise: 0.5,
                noise_steps: steps * 3 / 4,
                anneal: steps,
                average: 0.99,
                ..base.clone()
            },
        ),
        ("r1", Recipe { penalty: Penalty::ZeroCentred(1.0), anneal: steps, average: 0.99, ..base.clone() }),
        ("r1s", Recipe { penalty: Penalty::ZeroCentred(0.1), anneal: steps, average: 0.99, ..base.clone() }),
        (
            "wgan-gp",
            Recipe {
                formulation: Formulation::Wasserstein,
                penalty: Penalty::Lipschitz(10.0),
                critic_steps: 5,
                anneal: steps,
                average: 0.99,
                ..base.clone()
            },
        ),
        (
            "wgan-gp1",
            Recipe {
                formulation: Formulation::Wasserstein,
                penalty: Penalty::Lipschitz(1.0),
                critic_steps: 5,
                anneal: steps,
                average: 0.99,
                ..base.clone()
            },
        ),
        ("unroll5", Recipe { unroll: 5, ..base.clone() }),
        ("hinge", Recipe { formulation: Formulation::Hinge, ..base.clone() }),
        ("lsgan", Recipe { formulation: Formulation::LeastSquares, ..base.clone() }),
        (
            "noise-r1",
            Recipe {
                penalty: Penalty::ZeroCentred(0.1),
                instance_noise: 0.5,
                noise_steps: steps / 2,
                anneal: steps,
                average: 0.99,
                ..base.clone()
            },
        ),
    ];
    for (name, recipe) in r.iter().filter(|(n, _)| args.len() < 5 || args[4].split(',').any(|a| a == *n)) {
        let t = std::time::Instant::now();
        let all: Vec<u64> = (0..seeds).collect();
        let out = side_by_side(&all, |s| run(&m, recipe, steps, 128, *s).map_err(|e| e.to_string()));
        println!("{name}: {:?} {:.1} s", out, t.elapsed().as_secs_f64());
    }
}
