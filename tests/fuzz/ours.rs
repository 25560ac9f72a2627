//! Files that the programs write and read again.

use std::fs;

use data_scaling::curve::{parse_points, told, CurveOptions, CurveStudy};
use eightfold_tests::workspace;
use serde_json::json;
use shared::{
    claims::{readme, results, Cells, FileError},
    graph::{from_edges, transition_matrix, Normalization},
    nn::state::{load_safetensors, save_safetensors, NamedTensor},
    train::{Checkpoint, Cursor, Record, Sampling, State, StopState, CHECKPOINT_FILE, RECORD_FILE},
};
use sparse_dcnn::{block_from_bytes, block_to_bytes, power_series, Powers, Series, SeriesHeader, Threshold};

use super::{answer, fuzz, text};

const SAMPLING: Sampling = Sampling { examples: 10, batch_size: 3, seed: 5 };

fn tensors() -> Vec<NamedTensor> {
    let tensor = |name: &str, shape: &[usize]| {
        let len = shape.iter().product::<usize>();
        NamedTensor::new(name, shape.to_vec(), (0..len).map(|i| i as f32 / 7.0).collect()).unwrap()
    };
    vec![tensor("layer.weight", &[4, 3]), tensor("layer.bias", &[4]), tensor("scale", &[])]
}

#[test]
fn checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(CHECKPOINT_FILE);
    let config = json!({"hops": 2, "optimiser": {"lr": 0.05}});
    let mut state = State { tensors: tensors(), ..State::default() };
    state.put("rng", &[1u64, 2, 3]).unwrap();
    let cursor = Cursor { epoch: 1, batch: 2, step: 12 };
    let (stopping, epoch_loss) = (StopState::default(), (0.125, 7));
    let checkpoint = Checkpoint {
        config: config.clone(),
        sampling: SAMPLING,
        cursor,
        stopping,
        epoch_loss,
        finished: false,
        state,
    };
    checkpoint.save(&file).unwrap();
    // with its tensors in the order of their names
    let checkpoint = Checkpoint::load(&file).unwrap();
    let files = vec![(CHECKPOINT_FILE.to_owned(), fs::read(&file).unwrap())];
    fuzz("checkpoint.safetensors", &files, |dir| {
        let found = Checkpoint::load_for(&dir.join(CHECKPOINT_FILE), &config, SAMPLING);
        // what is taken is what was written
        answer(found.map(|found| assert_eq!(found, checkpoint)))
    });
}

#[test]
fn weights() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    save_safetensors(&file, &tensors(), Some("{\"epochs\": 3}")).unwrap();
    let files = vec![("model.safetensors".to_owned(), fs::read(&file).unwrap())];
    fuzz("model.safetensors", &files, |dir| answer(load_safetensors(dir.join("model.safetensors"))));
}

#[test]
fn blocks_of_a_series() {
    let edges: Vec<(u32, u32)> = (0..12).flat_map(|i| [(i, (i + 1) % 12), (i, (i + 5) % 12)]).collect();
    let p = transition_matrix(&from_edges(12, &edges).unwrap(), Normalization::RANDOM_WALK).unwrap();
    let header = SeriesHeader::of(&Powers::new(&p, Threshold::Post(0.05), 2).unwrap()).unwrap();
    let whole = power_series(&p, Threshold::Post(0.05), 2).unwrap();
    let files = vec![("000000.safetensors".to_owned(), block_to_bytes(&header, &whole).unwrap())];
    fuzz("block of a series", &files, |dir| {
        let bytes = fs::read(dir.join("000000.safetensors")).unwrap();
        let found = block_from_bytes("000000.safetensors", &bytes).map_err(|error| error.to_string())?;
        answer(Series::join([found.1]).map_err(|error| format!("000000.safetensors: {error}")))
    });
}

#[test]
fn results_of_claims() {
    let papers = fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let kept = papers.flat_map(|paper| fs::read_dir(paper.join("results")).into_iter().flatten());
    let files = kept.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let files = files.map(|path| fs::read(path).unwrap());
    let smallest = files.min_by_key(Vec::len).unwrap();
    fuzz("results JSON", &vec![("claim.json".to_owned(), smallest)], |dir| {
        let result = results::read(&dir.join("claim.json")).map_err(|error| error.to_string())?;
        // what was taken is also told
        assert!(!readme::render(&[result]).is_empty());
        Ok(())
    });
}

#[test]
fn cells() {
    let dir = tempfile::tempdir().unwrap();
    type Value = (String, Vec<f64>, Option<u64>);
    let value: Value = ("mlp".into(), vec![0.5, 1e-9, 3.0], Some(7));
    let get = |cells: &Cells, work: Result<Value, FileError>| cells.get("cell", &("mlp", 7), |_| work);
    get(&Cells::new(dir.path()), Ok(value)).unwrap();
    let file = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    fuzz("cell", &vec![(name, fs::read(&file).unwrap())], |dir| {
        let missing = FileError::Content { path: "a cell".into(), why: "it is not there".into() };
        answer(get(&Cells::new(dir), Err(missing)))
    });
}

#[test]
fn records() {
    let line = |epoch: usize| {
        json!({"epoch": epoch, "step": 10 * epoch, "train_loss": 0.5, "validation_loss": null, "validation_accuracy": 0.25})
            .to_string()
    };
    let lines: String = (1..=4).map(|epoch| line(epoch) + "\n").collect();
    fuzz("record.jsonl", &vec![text(RECORD_FILE, &lines)], |dir| {
        let path = dir.join(RECORD_FILE);
        let before = answer(Record::read(&path));
        let opened = Record::open_at(dir, 3);
        assert_eq!(opened.is_ok(), before.is_ok());
        if opened.is_ok() {
            let kept = Record::read(&path).unwrap();
            assert!(kept.iter().all(|line| line.epoch <= 3) && kept.len() <= 4);
        }
        before
    });
}

#[test]
fn points_of_a_curve() {
    let points = "# runs\nexamples,score\n300,0.214\n300,0.209\n1000,0.31\n1000,0.305\n3000,0.4\n10000,0.47\n10000,0.49\n";
    let options = CurveOptions { draws: 100, ..CurveOptions::default() };
    fuzz("points.csv", &vec![text("points.csv", points)], |dir| {
        let text = fs::read_to_string(dir.join("points.csv")).map_err(|why| format!("points.csv: {why}"))?;
        let points = parse_points("points.csv", &text).map_err(|error| {
            // one size alone is of no line
            format!("points.csv: {error}")
        })?;
        if text.len() % 32 != 30 {
            // a fit takes as long as hundreds of files
            return Ok(());
        }
        let study = CurveStudy::of(&points, &options).map_err(|error| format!("points.csv: {error}"))?;
        answer(told(&study, &[1e5], &[0.5]).map_err(|error| format!("points.csv: {error}")))
    });
}
