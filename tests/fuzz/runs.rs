//! The folder of a finished run, damaged, and then read by the program that wrote it: settings in notes decide what is built, so
//! that a number in them must not be believed.

#![cfg(unix)]

use std::{fs, path::Path, time::Duration};

use eightfold_tests::{
    mutate::{for_a_while, Mutator},
    program, snapshot,
    trainings::TRAIN,
    Program, Run,
};

/// The address space that a program may take, in KiB.
const MEMORY: &str = "4000000";

fn run(program: &Program, words: &[&str]) -> Run {
    let shell = Program { name: "sh".into(), path: "sh".into() };
    let script = format!("ulimit -v {MEMORY} && exec \"$0\" \"$@\"");
    let line = [&["-c", &script, program.path.to_str().unwrap()], words].concat();
    shell.start(&line, &[]).wait(Duration::from_secs(120))
}

fn fuzz(paper: &str) {
    let (_, short, _) = TRAIN.iter().find(|(name, ..)| *name == paper).unwrap();
    let (dir, program) = (tempfile::tempdir().unwrap(), program(paper));
    let out = dir.path().join("run");
    let folder = ["-q", "--offline", "--out", out.to_str().unwrap()];
    let train: Vec<&str> = short.split(' ').chain(folder).collect();
    let _ = run(&program, &train).exits(0);
    let sound: Vec<_> = snapshot(&out).into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    let (mut refused, mut taken) = (0, 0);
    let cases = for_a_while(40, |seed| {
        let mut mutator = Mutator::new(seed);
        let (name, bytes) = &sound[mutator.below(sound.len())];
        let mut damaged = bytes.clone();
        mutator.damage(&mut damaged);
        fs::write(out.join(name), &damaged).unwrap();
        let line = match mutator.below(3) {
            0 => [&train[..], &["--resume"]].concat(),
            _ => [&["eval"], &folder[..]].concat(),
        };
        let end = run(&program, &line);
        let what = format!("{paper}, seed {seed}, {}: {}", name.display(), line.join(" "));
        match end.code {
            Some(0) => taken += 1,
            Some(2) => {
                let said = end.sentence();
                assert!(!said.is_empty(), "{what}");
                refused += 1;
            }
            other => panic!("{what} ended with {other:?}\n{}", end.stderr),
        }
        assert!(!end.stderr.contains("panicked"), "{what}\n{}", end.stderr);
        restore(&out, &sound);
    });
    println!("run of {paper}: {cases} cases, {refused} refused, {taken} taken");
    assert!(refused > 0, "{paper}: no case was refused");
}

fn restore(out: &Path, sound: &[(std::path::PathBuf, Vec<u8>)]) {
    for (name, bytes) in sound {
        fs::write(out.join(name), bytes).unwrap();
    }
}

macro_rules! papers {
    ($($test:ident: $paper:literal,)*) => {
        $(#[test]
        fn $test() {
            fuzz($paper);
        })*

        #[test]
        fn every_program_is_here() {
            assert_eq!(eightfold_tests::papers(), [$($paper),*]);
        }
    };
}

papers! {
    a_run_of_capsules: "capsules",
    a_run_of_data_scaling: "data-scaling",
    a_run_of_dcnn: "dcnn",
    a_run_of_dsd: "dsd",
    a_run_of_gan: "gan",
    a_run_of_large_batch: "large-batch",
    a_run_of_rethinking_generalization: "rethinking-generalization",
    a_run_of_sparse_dcnn: "sparse-dcnn",
}
