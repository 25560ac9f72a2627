//! `bench`: training steps of ours and of PyTorch's and SciPy's in turn, each in a process of its own.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output};

use serde::{Deserialize, Serialize};
use shared::{
    claims::{atomic_write, readme::replace_block, Column, TextTable},
    cli::{median, CliError},
};

use crate::args::{Bench, Problem};

/// Our workloads that the peers have too: the paper, the name in `bench`, and the word that the peers' program takes.
const WORKLOADS: [(&str, &str, &str); 8] = [
    ("capsules", "capsules", "capsules"),
    ("gan", "gan", "gan"),
    ("rethinking-generalization", "rethinking-inception", "rethinking-inception"),
    ("rethinking-generalization", "rethinking-mlp", "rethinking-mlp"),
    ("large-batch", "resnet20", "resnet20"),
    ("dcnn", "dcnn", "dcnn"),
    ("sparse-dcnn", "sparse-dcnn-pre", "sparse-dcnn"),
    ("sparse-dcnn", "sparse-dcnn-post", "sparse-dcnn"),
];

/// A sitting, as it stands in `results/bench.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Sitting {
    command: String,
    commit: String,
    machine: String,
    peers: String,
    threads: usize,
    rows: Vec<Line>,
}

/// One workload: times of a step in milliseconds, and the most memory of the process in MiB, one of each a round.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    workload: String,
    batch: u64,
    ours_ms: Vec<f64>,
    theirs_ms: Vec<f64>,
    ours_mib: Vec<u64>,
    theirs_mib: Vec<u64>,
}

/// What both sides say of a workload.
#[derive(Debug, Deserialize)]
struct Told {
    name: String,
    batch: u64,
    ms_per_step: f64,
    #[serde(default)]
    peak_rss_mib: Option<u64>,
    threads: usize,
}

/// Times the workloads, or reads a sitting again, and tells of it.
pub(crate) fn bench(args: &Bench, out: &mut dyn Write) -> Result<(), CliError> {
    let sitting = match &args.from {
        Some(file) => read(file)?,
        None => sit(args)?,
    };
    if let Some(file) = &args.out {
        atomic_write(file, (serde_json::to_string_pretty(&sitting)? + "\n").as_bytes())?;
    }
    if let Some(path) = &args.update_readme {
        let text = fs::read_to_string(path).map_err(|why| Problem::Readme { path: path.clone(), why })?;
        let updated = replace_block(&text, "bench", &sitting.markdown())?;
        if updated != text {
            atomic_write(path, updated.as_bytes())?;
        }
    }
    let text = if args.json { serde_json::to_string_pretty(&sitting)? + "\n" } else { sitting.text() };
    Ok(out.write_all(text.as_bytes())?)
}

fn read(file: &Path) -> Result<Sitting, CliError> {
    let wrong = |why: String| Problem::Sitting { path: file.into(), why };
    let text = fs::read_to_string(file).map_err(|e| wrong(e.to_string()))?;
    let sitting: Sitting = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    let whole = |line: &Line| {
        let times = [&line.ours_ms, &line.theirs_ms];
        times.iter().all(|t| t.len() == line.ours_ms.len() && !t.is_empty() && t.iter().all(|ms| *ms > 0.0))
    };
    match sitting.rows.iter().find(|line| !whole(line)) {
        Some(line) => {
            Err(wrong(format!("'{}' has not one time above 0 a round on each side", line.workload)).into())
        }
        None => Ok(sitting),
    }
}

fn sit(args: &Bench) -> Result<Sitting, CliError> {
    if !args.peers.is_file() {
        return Err(Problem::Peers(args.peers.clone()).into());
    }
    let chosen: Vec<_> = WORKLOADS
        .into_iter()
        .filter(|(_, name, _)| args.workload.is_empty() || args.workload.iter().any(|w| w == name))
        .collect();
    if let Some(name) = args.workload.iter().find(|name| WORKLOADS.iter().all(|(_, known, _)| known != name))
    {
        let known = WORKLOADS.map(|(_, known, _)| known).join(", ");
        return Err(Problem::Workload { name: name.clone(), known }.into());
    }
    let steps = args.steps.to_string();
    let (mut rows, mut threads) = (Vec::new(), 0);
    for (paper, workload, word) in chosen {
        let mut line = Line {
            workload: workload.into(),
            batch: 0,
            ours_ms: Vec::new(),
            theirs_ms: Vec::new(),
            ours_mib: Vec::new(),
            theirs_mib: Vec::new(),
        };
        for round in 0..args.rounds {
            let _ = writeln!(io::stderr(), "{workload}, round {} of {}", round + 1, args.rounds);
            let mut own = Command::new(std::env::current_exe()?);
            own.args([paper, "bench", "--json", "-q", "--workload", workload, "--steps", &steps]);
            let mut peer = Command::new(&args.python);
            peer.arg(&args.peers).args([word, "--steps", &steps]);
            if let Some(n) = args.threads {
                own.args(["--threads", &n.to_string()]);
                peer.args(["--threads", &n.to_string()]);
            }
            let ours = told(own, workload)?;
            let theirs = told(peer, workload)?;
            (line.batch, threads) = (ours.batch, ours.threads);
            line.ours_ms.push(ours.ms_per_step);
            line.theirs_ms.push(theirs.ms_per_step);
            line.ours_mib.extend(ours.peak_rss_mib);
            line.theirs_mib.extend(theirs.peak_rss_mib);
        }
        rows.push(line);
    }
    let script = args.peers.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut command =
        format!("cargo run --release -p eightfold -- bench --steps {steps} --rounds {}", args.rounds);
    if let Some(n) = args.threads {
        command += &format!(" --threads {n}");
    }
    let commit = shared::cli::commit();
    Ok(Sitting {
        command,
        commit,
        machine: machine(),
        peers: format!("{script}, {}", versions(args)),
        threads,
        rows,
    })
}

/// What a process says of the workload, in a line of JSON.
fn told(mut command: Command, workload: &str) -> Result<Told, CliError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |why: String| Problem::Process { program: program.clone(), workload: workload.into(), why };
    let Output { status, stdout, stderr } = command.output().map_err(|e| failed(e.to_string()))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        return Err(failed(said.lines().last().unwrap_or("it said nothing").to_owned()).into());
    }
    let lines = String::from_utf8_lossy(&stdout).into_owned();
    let found = lines.lines().filter_map(|line| serde_json::from_str::<Told>(line).ok());
    let found = found.into_iter().find(|told| told.name == workload && told.ms_per_step > 0.0);
    Ok(found.ok_or_else(|| failed("it told no time of that workload".into()))?)
}

/// Processor and cores of this machine, as far as the system tells.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, m)| m.trim()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", model.unwrap_or("a processor that the system does not name"))
}

fn versions(args: &Bench) -> String {
    let asked =
        "import torch, scipy, sys; print('PyTorch', torch.__version__ + ', SciPy', scipy.__version__)";
    let output = Command::new(&args.python).args(["-c", asked]).output();
    let text = output.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    text.map_or_else(|| "versions unknown".into(), |text| text.trim().to_owned())
}

impl Line {
    /// Medians of both sides, and the median of the rounds' own ratios with the least and the greatest.
    fn summary(&self) -> (f64, f64, [f64; 3]) {
        let mut ratios: Vec<f64> =
            self.ours_ms.iter().zip(&self.theirs_ms).map(|(ours, theirs)| ours / theirs).collect();
        let middle = median(&mut ratios);
        let end = |ratio: Option<&f64>| ratio.copied().unwrap_or(f64::NAN);
        // sorted by now
        let ends = [middle, end(ratios.first()), end(ratios.last())];
        (median(&mut self.ours_ms.clone()), median(&mut self.theirs_ms.clone()), ends)
    }

    fn cells(&self) -> [String; 6] {
        let (ours, theirs, [ratio, least, most]) = self.summary();
        let mib = |of: &[u64]| of.iter().max().map_or_else(|| "–".into(), u64::to_string);
        [
            self.workload.clone(),
            self.batch.to_string(),
            format!("{ours:.2}"),
            format!("{theirs:.2}"),
            format!("{ratio:.2} ({least:.2} to {most:.2})"),
            format!("{} / {}", mib(&self.ours_mib), mib(&self.theirs_mib)),
        ]
    }
}

const HEAD: [&str; 6] = ["workload", "items a step", "ours, ms", "theirs, ms", "ours / theirs", "peak MiB"];

impl Sitting {
    fn markdown(&self) -> String {
        let mut out = format!("| {} |\n|---|---|---|---|---|---|\n", HEAD.join(" | "));
        for line in &self.rows {
            out += &format!("| {} |\n", line.cells().join(" | "));
        }
        let rounds = self.rows.iter().map(|line| line.ours_ms.len()).max().unwrap_or(0);
        out + &format!(
            "\nMedians of {rounds} rounds in turn, with the least and the greatest ratio of a round; {} threads; {}; {}; commit {}.\n\
             Command: `{}`\n",
            self.threads, self.machine, self.peers, self.commit, self.command
        )
    }

    fn text(&self) -> String {
        let mut table = TextTable::new(&HEAD.map(|name| Column { name, max: 24, right: false }));
        for line in &self.rows {
            table.row(line.cells().each_ref().map(String::as_str));
        }
        table.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ours: &[f64], theirs: &[f64]) -> Line {
        Line {
            workload: "w".into(),
            batch: 8,
            ours_ms: ours.to_vec(),
            theirs_ms: theirs.to_vec(),
            ours_mib: vec![3, 5],
            theirs_mib: vec![],
        }
    }

    #[test]
    fn a_ratio_is_that_of_a_round_and_not_of_medians() {
        let cells = line(&[1.0, 9.0, 2.0], &[2.0, 10.0, 8.0]).cells();
        assert_eq!(cells, ["w", "8", "2.00", "8.00", "0.50 (0.25 to 0.90)", "5 / –"]);
    }

    #[test]
    fn a_sitting_that_is_not_whole_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bench.json");
        let said = |rows: Vec<Line>| {
            let sitting = Sitting {
                command: String::new(),
                commit: String::new(),
                machine: String::new(),
                peers: String::new(),
                threads: 1,
                rows,
            };
            fs::write(&file, serde_json::to_string(&sitting).unwrap()).unwrap();
            read(&file).map(|_| ()).map_err(|e| e.to_string())
        };
        assert_eq!(said(vec![line(&[1.0], &[2.0])]), Ok(()));
        for wrong in [line(&[1.0], &[]), line(&[], &[]), line(&[0.0], &[1.0])] {
            assert!(said(vec![wrong]).unwrap_err().contains("measure again"));
        }
        fs::write(&file, "{").unwrap();
        assert!(read(&file).is_err());
    }

    #[test]
    fn every_workload_is_one_of_its_paper_s() {
        let papers = crate::papers();
        for (paper, name, _) in WORKLOADS {
            let paper = papers.iter().find(|p| p.name == paper).unwrap();
            let known = paper.workloads.iter().chain(paper.named_workloads).any(|w| w.name == name);
            assert!(known, "{name}");
        }
    }
}
