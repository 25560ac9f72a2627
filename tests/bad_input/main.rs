//! What a program says to bad input, and that nothing is lost by it: each case is one sentence on stderr, exit code 2,
//! and every file that was there before stays as it was. The table of all cases is printed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

mod capsules;
mod data_scaling;
mod dcnn;
mod dsd;
mod gan;
mod large_batch;
mod rethinking;
mod sparse_dcnn;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use eightfold_tests::{assert_kept, disk::SmallDisk, program, snapshot, Program, Run, Snapshot};

/// A folder with data in `data` and a run in `run`, to be damaged.
struct House {
    dir: tempfile::TempDir,
    program: Program,
    /// Flags of every `train`.
    train: &'static [&'static str],
}

impl House {
    fn of(paper: &str, train: &'static [&'static str]) -> Self {
        House { dir: tempfile::tempdir().unwrap(), program: program(paper), train }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Changes a file by what `change` makes of its bytes.
    fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        self.write(name, bytes);
    }

    /// Puts a compressed file in place of a plain one, and changes that.
    fn gzip(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&fs::read(self.path(name)).unwrap()).unwrap();
        fs::remove_file(self.path(name)).unwrap();
        let mut bytes = encoder.finish().unwrap();
        change(&mut bytes);
        self.write(&format!("{name}.gz"), bytes);
    }

    /// Replaces the first `from` in a text.
    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let at = text.find(from).unwrap_or_else(|| panic!("{name} has no `{from}`"));
        self.write(name, format!("{}{to}{}", &text[..at], &text[at + from.len()..]));
    }

    fn run(&self, verb: &str, flags: &[&str]) -> Run {
        let (data, out) = (self.path("data"), self.path("run"));
        let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
        let mut args = vec![verb, "--data-dir", data];
        if !flags.contains(&"--out") {
            args.extend(["--out", out]);
        }
        self.program.run(&[&args, flags].concat())
    }

    fn train(&self, flags: &[&str]) -> Run {
        self.run("train", &[self.train, flags].concat())
    }

    fn snapshot(&self) -> Snapshot {
        snapshot(self.dir.path())
    }
}

/// Runs the case, holds the answer to the rules, and prints its line of the table.
fn case(house: &House, input: &str, run: impl FnOnce(&House) -> Run, parts: &[&str]) {
    let before = house.snapshot();
    let run = run(house);
    let said = run.sentence();
    for part in parts {
        assert!(said.contains(part), "{input}: `{part}` is not in: {said}");
    }
    assert_kept(&before, house.dir.path(), input);
    let folder = house.dir.path().to_str().unwrap();
    println!("| {input} | {} |", said.replace(folder, "DIR"));
}

fn read_only(path: &Path) -> fs::Permissions {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(true);
    permissions
}
