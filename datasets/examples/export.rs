//! Writes a synthetic set as raw bytes, for programs in other languages: `export digits|shapes|transfer COUNT SEED FILE`.
//!
//! Each record is a label byte and then the planar pixels, as in the binary version of CIFAR-10. The time that the
//! drawing took goes to stderr.

#![allow(clippy::print_stderr)]

use std::io::{BufWriter, Write};
use std::time::Instant;

use datasets::synthetic;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, count, seed, file] = &arguments[..] else {
        return Err("usage: export digits|shapes|transfer COUNT SEED FILE".into());
    };
    let (count, seed): (u64, u64) = (count.parse()?, seed.parse()?);
    let start = Instant::now();
    let set = match kind.as_str() {
        "digits" => synthetic::digits(&Default::default(), seed)?.set(0..count)?,
        "shapes" => synthetic::shapes(&Default::default(), seed)?.set(0..count)?,
        "transfer" => synthetic::scenes(&Default::default(), seed)?.transfer().set(0..count)?,
        other => return Err(format!("no set named {other}: digits, shapes or transfer").into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{count} {kind} in {seconds:.3} s: {:.0} a second", count as f64 / seconds);
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    for (image, label) in set.iter() {
        out.write_all(&[label])?;
        out.write_all(image)?;
    }
    out.flush()?;
    Ok(())
}
