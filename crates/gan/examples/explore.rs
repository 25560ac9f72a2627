//! scratch
use gan::experiment::*;
use gan::*;
use shared::claims::Context;

fn main() {
    // DATASET TURNS SEEDS BATCH NETWORKS RECIPE-JSON...
    let args: Vec<String> = std::env::args().collect();
    let (turns, seeds, batch): (usize, u64, usize) =
        (args[2].parse().unwrap(), args[3].parse().unwrap(), args[4].parse().unwrap());
    let networks: Networks = args[5].parse().unwrap();
    let context = Context {
        threads: 2,
        data_dir: std::env::var_os("EIGHTFOLD_DATA").map(Into::into),
        dataset: Some(args[1].clone()),
        ..Context::quiet(true)
    };
    let lab = Lab::open(&context);
    for json in &args[6..] {
        let t = std::time::Instant::now();
        let recipe: Recipe = serde_json::from_str(json).unwrap();
        let runs: Vec<Run> = (0..seeds)
            .map(|seed| Run {
                dataset: args[1].clone(),
                limit: None,
                networks,
                recipe: recipe.clone(),
                turns,
                batch,
                seed,
                looks: 0,
            })
            .collect();
        let out = lab.play(&context, &runs).unwrap();
        for p in out {
            match (p.coverage, p.scores) {
                (Some(c), _) => print!("{}/{}/{:.3} ", c.modes_1, c.modes_20, c.high_quality),
                (_, Some(s)) => print!("{s:?} {:?}", p.as_asked),
                _ => print!("diverged "),
            }
        }
        println!("{:.1} s  {json}", t.elapsed().as_secs_f64());
    }
}
