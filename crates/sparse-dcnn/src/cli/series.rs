//! `series` and `merge`: the stored power series, block by block, on one machine or many.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    claims::atomic_write,
    cli::{CliError, Job, Summary},
    device::memory::peak_bytes,
    graph::PowerRows,
    train::interrupt,
};

use super::{
    run::{dataset_name, make_folder, source},
    SeriesArgs,
};
use crate::{
    block_from_bytes, block_to_bytes, blocks,
    bounds::power_bound,
    count_entries,
    data::{load_adjacency, load_named},
    power_series_rows, series_bytes, shard_blocks, sigma_for, Bytes, Config, Graph, Powers, Series,
    SeriesHeader, Side, SparseError, Threshold,
};

/// What the blocks of a folder are of; every shard writes the same.
const PLAN_FILE: &str = "series.json";
/// The joined series.
const SERIES_FILE: &str = "series.safetensors";

/// The work that the shards of a folder share out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    series: SeriesHeader,
    block_rows: usize,
}

impl Plan {
    fn blocks(&self) -> Vec<std::ops::Range<usize>> {
        blocks(self.series.nodes, self.block_rows)
    }
}

fn block_file(out: &Path, block: usize) -> PathBuf {
    out.join("blocks").join(format!("{block:06}.safetensors"))
}

pub(super) fn compute(args: &SeriesArgs, job: &Job<'_>) -> Result<Summary, CliError> {
    let context = &job.context;
    if !(1..=1 << 24).contains(&args.block_rows) {
        return Err(format!("--block-rows is {}: it must be from 1 to 16777216", args.block_rows).into());
    }
    if args.keep.hops == 0 {
        return Err("--hops is 0: it must be from 1 to 8; the series begins with the first power".into());
    }
    let mut config = Config { sparsify: args.keep.sparsify(), ..Config::default() };
    config.network.hops = args.keep.hops;
    let name = dataset_name(&args.files, context)?;
    let allowed = args.max_memory.map(|bytes| bytes.0);
    let adjacency = match args.files.files(allowed) {
        Some(files) => load_adjacency(&files)?,
        None => load_named(&name, &source(context))?.adjacency,
    };
    if let Some(budget) = args.budget {
        let exact = Config { sparsify: Threshold::None.into(), ..config.clone() }.validate()?;
        let graph = Graph::new(adjacency.clone(), &exact)?;
        let side = match config.sparsify.threshold {
            Threshold::Pre(_) => Side::Pre,
            Threshold::Post(_) => Side::Post,
            Threshold::None | Threshold::TopK(_) => {
                return Err("--budget picks a sigma: say which with --threshold pre:1 or post:1".into());
            }
        };
        context.progress.note("looking for the smallest sigma that fits");
        config.sparsify.threshold = sigma_for(graph.transition(), side, config.network.hops, budget.0)?;
    }
    let config = config.validate()?;
    let graph = Graph::new(adjacency, &config)?;
    let powers = graph.powers();
    let (nodes, hops) = (graph.nodes(), powers.hops());
    if args.dry_run {
        return Ok(dry_run(&name, &powers)?);
    }
    let plan = Plan { series: SeriesHeader::of(&powers)?, block_rows: args.block_rows };
    check_memory(&powers, &plan, graph.memory_bytes() as u64, allowed)?;
    make_folder(&job.out.join("blocks"))?;
    agree_on(&job.out, &plan)?;

    let mine = shard_blocks(&plan.blocks(), args.shard.index - 1, args.shard.of);
    context.progress.start(&format!("blocks of {name}"), mine.len() as u64);
    let (mut entries, mut kept) = (vec![0u64; hops], 0);
    for (number, rows) in &mine {
        interrupt::heed()?;
        let file = block_file(&job.out, *number);
        let done = if job.resume { finished(&file, &plan, rows)? } else { None };
        kept += usize::from(done.is_some());
        let block = match done {
            Some(block) => block,
            None => {
                let block = power_series_rows(&powers, rows.clone())?;
                atomic_write(&file, &block_to_bytes(&plan.series, &block)?)?;
                block
            }
        };
        entries.iter_mut().enumerate().for_each(|(k, sum)| *sum += block.nnz(k + 1) as u64);
        context.progress.advance(1);
    }
    let shard = format!("{}/{}", args.shard.index, args.shard.of);
    Ok(Summary {
        lines: vec![
            format!("{name}: {nodes} nodes, {hops} hops, threshold {}", config.sparsify.threshold),
            format!(
                "shard {shard}: {} blocks ({kept} were there already), entries by hop {entries:?}",
                mine.len()
            ),
            format!(
                "in {}: {PLAN_FILE}, blocks/; when all shards are done, run `merge` with the same --out",
                job.out.display()
            ),
        ],
        json: json!({
            "dataset": name, "nodes": nodes, "hops": hops, "threshold": config.sparsify.threshold, "shard": shard,
            "blocks": mine.len(), "resumed": kept, "entries": entries, "peak_bytes": peak_bytes(), "out": job.out,
        }),
    })
}

/// Writes the plan, or finds the same one there.
fn agree_on(out: &Path, plan: &Plan) -> Result<(), CliError> {
    let file = out.join(PLAN_FILE);
    if file.exists() {
        let there = read_plan(out)?;
        if there != *plan {
            return Err(format!(
                "{} is of another series (its graph, hops, threshold or block size differ): give another --out, or \
                 delete that folder",
                file.display()
            )
            .into());
        }
        return Ok(());
    }
    Ok(atomic_write(&file, &serde_json::to_vec_pretty(plan)?)?)
}

fn read_plan(out: &Path) -> Result<Plan, CliError> {
    let file = out.join(PLAN_FILE);
    let text = fs::read(&file).map_err(|why| {
        format!("cannot read {} ({why}): give with --out the folder of a `series`", file.display())
    })?;
    let plan: Plan = serde_json::from_slice(&text).map_err(|why| {
        format!("{} is no plan of a series ({why}): delete it and run `series` again", file.display())
    })?;
    if plan.block_rows == 0 || plan.series.nodes > u32::MAX as usize {
        return Err(
            format!("{} is no plan of a series: delete it and run `series` again", file.display()).into()
        );
    }
    Ok(plan)
}

/// The block in a file, if it is there, whole, and of this plan.
fn finished(file: &Path, plan: &Plan, rows: &std::ops::Range<usize>) -> Result<Option<Series>, CliError> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => {
            return Err(format!("cannot read {} ({why}): free it or delete it", file.display()).into())
        }
    };
    // A damaged block is computed again.
    let block = block_from_bytes(&file.display().to_string(), &bytes).ok();
    Ok(block
        .filter(|(header, block)| *header == plan.series && block.rows() == *rows)
        .map(|(_, block)| block))
}

fn check_memory(
    powers: &Powers<'_>,
    plan: &Plan,
    graph: u64,
    allowed: Option<u64>,
) -> Result<(), SparseError> {
    let Some(allowed) = allowed else { return Ok(()) };
    // From the rows of the first block: its file is held beside the block.
    let rows = 0..plan.block_rows.min(plan.series.nodes);
    let block = series_bytes(rows.len(), &count_entries(powers, rows)?);
    let needed = graph.saturating_add(block.saturating_mul(4));
    if needed > allowed {
        return Err(SparseError::Memory {
            what: "the matrix with one block of the series (smaller with --block-rows)",
            needed: Bytes(needed).to_string(),
            allowed: Bytes(allowed).to_string(),
        });
    }
    Ok(())
}

fn dry_run(name: &str, powers: &Powers<'_>) -> Result<Summary, SparseError> {
    let (nodes, hops, threshold) = (powers.nodes(), powers.hops(), powers.sparsify().threshold);
    let entries = count_entries(powers, 0..nodes)?;
    let bytes = series_bytes(nodes, &entries);
    let mut lines = vec![format!("{name}: {nodes} nodes, {hops} hops, threshold {threshold}")];
    for (k, nnz) in entries.iter().enumerate() {
        let bound = power_bound(nodes, threshold, k + 1);
        lines.push(format!("hop {}: {nnz} entries, at most {bound} by the theorem", k + 1));
    }
    lines.push(format!("{} in all; nothing was written", Bytes(bytes)));
    let json = json!({
        "dataset": name, "nodes": nodes, "hops": hops, "threshold": threshold, "entries": entries, "bytes": bytes,
    });
    Ok(Summary { lines, json })
}

pub(super) fn merge(job: &Job<'_>) -> Result<Summary, CliError> {
    let plan = read_plan(&job.out)?;
    let all = plan.blocks();
    job.context.progress.start("blocks", all.len() as u64);
    let mut shards = Vec::with_capacity(all.len());
    for (number, rows) in all.iter().enumerate() {
        interrupt::heed()?;
        let file = block_file(&job.out, number);
        let bytes = fs::read(&file).map_err(|why| {
            format!(
                "cannot read {} ({why}): run the shard that it belongs to again, with --resume",
                file.display()
            )
        })?;
        let (header, block) = block_from_bytes(&file.display().to_string(), &bytes)?;
        if header != plan.series || block.rows() != *rows {
            return Err(format!(
                "{} is of another series: delete it and run its shard again",
                file.display()
            )
            .into());
        }
        shards.push(block);
        job.context.progress.advance(1);
    }
    let series = if all.is_empty() { None } else { Some(Series::join(shards)?) };
    let entries: Vec<usize> = series.iter().flat_map(|s| (1..=s.hops()).map(|k| s.nnz(k))).collect();
    let file = job.out.join(SERIES_FILE);
    if let Some(series) = &series {
        atomic_write(&file, &block_to_bytes(&plan.series, series)?)?;
    }
    Ok(Summary {
        lines: vec![format!("{} blocks joined to {}: entries by hop {entries:?}", all.len(), file.display())],
        json: json!({ "series": plan.series, "blocks": all.len(), "entries": entries, "file": file }),
    })
}
