//! Finds, builds and runs the programs as a user would: as processes, judged by exit code, stdout and stderr.
//!
//! Nothing here is about one paper; the tests beside this file hold every paper crate to the same rules.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

pub mod browser;
pub mod disk;
pub mod idx;
pub mod mutate;
pub mod trainings;

use cargo_metadata::{Message, Metadata, MetadataCommand};
use serde_json::Value;

/// The longest a program may take before it is stopped and the test fails.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Where real data is looked for, from outside.
pub const DATA_VARIABLE: &str = "EIGHTFOLD_DATA";

/// One of the programs, built.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name, which is its crate's.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
}

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// The command line, for messages.
    pub line: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// A program that is running.
#[derive(Debug)]
pub struct Running {
    child: Child,
    line: String,
    stdout: thread::JoinHandle<Vec<u8>>,
    stderr: thread::JoinHandle<Vec<u8>>,
}

/// Every file under a folder with its bytes, by path below that folder.
pub type Snapshot = BTreeMap<PathBuf, Vec<u8>>;

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What cargo says of the workspace's own crates.
#[must_use]
pub fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let mut command = MetadataCommand::new();
        command.cargo_path(cargo()).current_dir(workspace()).no_deps();
        command.exec().unwrap()
    })
}

/// The crate under `crates/` that is no paper's: the program of all of them.
pub const FRONT: &str = "eightfold";

/// The crates under `crates/`: one a paper, and [`FRONT`], which is left out.
#[must_use]
pub fn papers() -> Vec<String> {
    let under = workspace().join("crates");
    let packages = metadata().packages.iter();
    let ours = packages.filter(|p| p.manifest_path.as_std_path().starts_with(&under));
    let mut names: Vec<String> = ours.map(|p| p.name.to_string()).filter(|name| name != FRONT).collect();
    names.sort();
    assert!(!names.is_empty(), "there is no crate under {}", under.display());
    names
}

/// The program of every paper.
#[must_use]
pub fn programs() -> Vec<Program> {
    papers().iter().map(|name| program(name)).collect()
}

/// The program of a paper, in the tests' profile. All are built once a process.
#[must_use]
pub fn program(name: &str) -> Program {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let path = BUILT.get_or_init(build).get(name);
    let path = path.unwrap_or_else(|| panic!("{name} has no program of its name")).clone();
    Program { name: name.to_owned(), path }
}

/// The folder of real data; without one, says that it is missing.
#[must_use]
pub fn real_data() -> Option<PathBuf> {
    let given = std::env::var_os(DATA_VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let dir = given.unwrap_or_else(|| workspace().join("../shared/data"));
    if dir.is_dir() {
        return dir.canonicalize().ok();
    }
    println!("skipped: no real data in {}", dir.display());
    None
}

/// Reads every file under `dir`, but for those that were still being written when a program was killed, which the
/// next run may clear away.
#[must_use]
pub fn snapshot(dir: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|end| end != "tmp") {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(dir).unwrap().to_path_buf(), bytes);
            }
        }
    }
    found
}

/// Fails where a file of `before` is gone or changed, naming it.
pub fn assert_kept(before: &Snapshot, dir: &Path, what: &str) {
    let after = snapshot(dir);
    for (path, bytes) in before {
        match after.get(path) {
            None => panic!("{what}: {} is gone", path.display()),
            Some(now) => assert!(now == bytes, "{what}: {} has changed", path.display()),
        }
    }
}

impl Program {
    /// Runs it to its end in a folder of the system's, without real data.
    ///
    /// # Panics
    /// When it does not end in [`PATIENCE`].
    pub fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Run {
        self.start(args, &[]).wait(PATIENCE)
    }

    /// As [`run`](Self::run), with changes to the environment.
    ///
    /// # Panics
    /// When it does not end in [`PATIENCE`].
    pub fn run_with<A: AsRef<OsStr>>(&self, args: &[A], env: &[(&str, &str)]) -> Run {
        self.start(args, env).wait(PATIENCE)
    }

    /// Its claims, those first whose short form takes the least time, by its own word.
    ///
    /// # Panics
    /// When it does not list them.
    #[must_use]
    pub fn claims_by_time(&self) -> Vec<String> {
        let listed = self.run(&["claims", "--json"]).exits(0).json();
        let mut claims = listed["claims"].as_array().unwrap().clone();
        claims.sort_by_key(|claim| claim["budget"]["quick_s"].as_u64().unwrap());
        claims.iter().map(|claim| claim["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<A: AsRef<OsStr>>(&self, args: &[A], env: &[(&str, &str)]) -> Running {
        let mut command = Command::new(&self.path);
        command.args(args).current_dir(workspace()).env_remove(DATA_VARIABLE).env_remove("EIGHTFOLD_MIRROR");
        // an empty cache folder, so that no earlier download is found
        command.env("XDG_CACHE_HOME", workspace().join("target/no-cache"));
        command.envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let words = args.iter().map(|a| a.as_ref().to_string_lossy().into_owned());
        let line = [self.name.clone()].into_iter().chain(words).collect::<Vec<_>>().join(" ");
        let mut child = command.spawn().unwrap_or_else(|why| panic!("cannot start `{line}`: {why}"));
        let stdout = drain(child.stdout.take().unwrap());
        let stderr = drain(child.stderr.take().unwrap());
        Running { child, line, stdout, stderr }
    }
}

impl Running {
    /// Waits for the end.
    ///
    /// # Panics
    /// When `patience` runs out; the program is stopped first.
    #[must_use]
    pub fn wait(mut self, patience: Duration) -> Run {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.ended(status.code());
            }
            if start.elapsed() > patience {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                let run = self.ended(None);
                panic!("`{}` did not end in {patience:?}\n{}", run.line, run.stderr);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends it a signal, by its name without `SIG`, as a shell does.
    ///
    /// # Panics
    /// Without a shell.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {} 2>&1", self.child.id());
        // a process that has ended is none that could be sent something
        let _ = Command::new("sh").args(["-c", &line]).output().unwrap();
    }

    /// Waits until it answers signals itself, where the system tells; else for as long as a start takes.
    #[cfg(unix)]
    pub fn until_it_listens(&mut self) {
        let status = format!("/proc/{}/status", self.child.id());
        let start = Instant::now();
        let term = 1u64 << (15 - 1);
        while self.is_running() && start.elapsed() < PATIENCE {
            let Ok(text) = fs::read_to_string(&status) else { return thread::sleep(Duration::from_secs(2)) };
            let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = caught.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
            if caught.is_some_and(|set| set & term != 0) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops it where it stands: SIGKILL on Unix, which no program can answer. The code is `None` if it was killed
    /// and its own if it had ended before.
    #[must_use]
    pub fn kill(mut self) -> Run {
        // an error here means that it has ended, and `wait` says how
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        self.ended(status.code())
    }

    fn ended(self, code: Option<i32>) -> Run {
        let text = |stream: thread::JoinHandle<Vec<u8>>| String::from_utf8(stream.join().unwrap()).unwrap();
        Run { line: self.line, code, stdout: text(self.stdout), stderr: text(self.stderr) }
    }
}

impl Run {
    /// Itself, if it ended with `code`.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "`{}`\n{}{}", self.line, self.stdout, self.stderr);
        self
    }

    /// stdout as the one JSON document that it must be.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| {
            panic!("`{}`: stdout is not one JSON document ({why})\n{}", self.line, self.stdout)
        })
    }

    /// The sentence of an error: exit code 2, nothing on stdout, one line on stderr that begins with `error: `.
    ///
    /// # Panics
    /// When any of that does not hold.
    #[must_use]
    pub fn sentence(&self) -> &str {
        assert_eq!(self.code, Some(2), "`{}`\n{}{}", self.line, self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "`{}`: stdout of an error is empty", self.line);
        assert_eq!(self.stderr.lines().count(), 1, "`{}`: not one line\n{}", self.line, self.stderr);
        assert!(!self.stderr.contains("panicked"), "`{}`\n{}", self.line, self.stderr);
        let said = self.stderr.trim_end().strip_prefix("error: ");
        said.unwrap_or_else(|| panic!("`{}`: no `error: ` in {}", self.line, self.stderr))
    }
}

/// The cargo that runs the tests, in the workspace's folder, as a user's shell would call it.
#[must_use]
pub fn cargo_command() -> Command {
    let mut command = Command::new(cargo());
    // What cargo tells a test of its own package (CARGO_PKG_NAME, ..) is no part of a user's shell, and build scripts that
    // watch it would run again, with everything above them.
    for (name, _) in std::env::vars_os() {
        let told = name.to_str().is_some_and(|n| {
            n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_") || n.starts_with("CARGO_BIN_")
        });
        if told {
            command.env_remove(name);
        }
    }
    command.current_dir(workspace()).stdin(Stdio::null());
    command
}

/// The text below the heading that is `title`, up to the next heading of its rank or a higher one.
///
/// # Panics
/// When there is no such heading.
#[must_use]
pub fn chapter(text: &str, title: &str) -> String {
    let rank = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
    let mut lines =
        text.lines().skip_while(|line| line.trim_start_matches('#').trim() != title || rank(line) == 0);
    let own = rank(lines.next().unwrap_or_else(|| panic!("there is no heading `{title}`")));
    let mut fenced = false;
    let inside = lines.take_while(|line| {
        fenced ^= line.starts_with("```");
        fenced || rank(line) == 0 || rank(line) > own
    });
    inside.map(|line| format!("{line}\n")).collect()
}

/// The first fenced block of `language` in a text.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn fence(text: &str, language: &str) -> String {
    let start = format!("```{language}\n");
    let inside = text.split_once(&start).and_then(|(_, after)| after.split_once("```"));
    inside.unwrap_or_else(|| panic!("there is no block of `{language}`")).0.to_owned()
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Builds every program and finds the executables.
///
/// Built with the tests of the whole workspace, because only then are the features of all dependencies those of
/// `cargo test --workspace`, and nothing is compiled twice.
fn build() -> HashMap<String, PathBuf> {
    let mut command = cargo_command();
    command.args(["build", "--workspace", "--bins", "--tests", "--message-format=json"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cannot build the programs:\n{said}");
    let messages = Message::parse_stream(output.stdout.as_slice());
    let programs = messages.filter_map(|message| match message.unwrap() {
        Message::CompilerArtifact(artifact) if artifact.target.is_bin() && !artifact.profile.test => {
            Some((artifact.target.name, artifact.executable?.into_std_path_buf()))
        }
        _ => None,
    });
    programs.collect()
}

fn drain(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
