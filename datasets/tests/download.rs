//! Downloads against a server on loopback that misbehaves on purpose.

#![cfg(feature = "download")]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use datasets::download::{fetch, source, sources, Options, Origin, RemoteFile, Source};
use datasets::DatasetError;
use sha2::{Digest, Sha256};

/// What the server does with one request.
#[derive(Clone)]
enum Reply {
    /// The body, or the asked-for range of it.
    Good(Vec<u8>),
    /// The whole body although a range was asked for.
    IgnoreRange(Vec<u8>),
    /// The right header, but the connection ends after so many bytes of the body.
    Cut(Vec<u8>, usize),
    /// A body without a length, ended by closing the connection.
    Unannounced(Vec<u8>),
    /// A status line alone.
    Status(&'static str),
    /// Silence until the client gives up.
    Stall,
}

/// Answers the n-th request with the n-th reply, and every later one with the last. Remembers the requests.
struct Server {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/sets/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let reply = replies[number.min(replies.len() - 1)].clone();
                let Ok(stream) = stream else { continue };
                let request = read_request(&stream);
                seen.lock().unwrap().push(request.clone());
                // A client that hangs up early is part of the game.
                let _ = answer(stream, &request, &reply);
            }
        });
        Self { base, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase() + "\n").collect()
}

fn range_of(request: &str) -> Option<usize> {
    request.split_once("range: bytes=")?.1.split_once('-')?.0.parse().ok()
}

fn answer(mut stream: TcpStream, request: &str, reply: &Reply) -> std::io::Result<()> {
    let whole = |n: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nConnection: close\r\n\r\n");
    match reply {
        Reply::Good(body) => match range_of(request).filter(|&from| from < body.len()) {
            None => stream.write_all(&[whole(body.len()).as_bytes(), body].concat()),
            Some(from) => {
                let (n, last) = (body.len(), body.len() - 1);
                let head = format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{last}/{n}\r\n\
                     Connection: close\r\n\r\n",
                    n - from
                );
                stream.write_all(&[head.as_bytes(), &body[from..]].concat())
            }
        },
        Reply::IgnoreRange(body) => stream.write_all(&[whole(body.len()).as_bytes(), body].concat()),
        Reply::Cut(body, after) => {
            stream.write_all(&[whole(body.len()).as_bytes(), &body[..*after]].concat())
        }
        Reply::Unannounced(body) => {
            stream.write_all(&[b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &body[..]].concat())
        }
        Reply::Status(line) => stream.write_all(
            format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes(),
        ),
        Reply::Stall => {
            std::thread::sleep(Duration::from_millis(700));
            Ok(())
        }
    }
}

/// 200,003 bytes, more than one buffer and not a round number.
fn body() -> Vec<u8> {
    (0..200_003u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn one_file(body: &[u8]) -> Source {
    let sha256: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let file = RemoteFile { path: "zoo/zoo.bin".into(), bytes: body.len() as u64, sha256 };
    Source { name: "zoo".into(), homepage: "https://example.org".into(), base_url: None, files: vec![file] }
}

fn options(server: &Server) -> Options {
    Options {
        base_url: Some(server.base.clone()),
        retries: 2,
        backoff: Duration::from_millis(1),
        stall: Duration::from_millis(400),
        ..Default::default()
    }
}

/// The answer, the requests, and what lies in the folder afterwards.
struct Outcome {
    result: Result<Vec<(PathBuf, Origin)>, DatasetError>,
    requests: Vec<String>,
    file: Option<Vec<u8>>,
    part: Option<Vec<u8>>,
}

/// Fetches the one file from a server with the given replies into a folder that `prepare` has seen.
fn try_with(replies: Vec<Reply>, prepare: impl Fn(&Path)) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("zoo")).unwrap();
    prepare(folder.path());
    let server = Server::start(replies);
    let result = fetch(&one_file(&body()), folder.path(), &options(&server));
    let read = |name: &str| std::fs::read(folder.path().join(name)).ok();
    Outcome { result, requests: server.requests(), file: read("zoo/zoo.bin"), part: read("zoo/zoo.bin.part") }
}

#[test]
fn a_good_file_lands_under_its_name_and_is_not_fetched_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![Reply::Good(body())]);
    let target = folder.path().join("zoo/zoo.bin");
    let source = one_file(&body());
    assert_eq!(
        fetch(&source, folder.path(), &options(&server)).unwrap(),
        [(target.clone(), Origin::Fetched)]
    );
    assert_eq!(std::fs::read(&target).unwrap(), body());
    assert_eq!(std::fs::read_dir(folder.path().join("zoo")).unwrap().count(), 1, "a part was left behind");
    assert_eq!(fetch(&source, folder.path(), &options(&server)).unwrap(), [(target, Origin::AlreadyThere)]);
    let offline = Options { offline: true, ..Default::default() };
    assert!(fetch(&source, folder.path(), &offline).is_ok());
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("get /sets/zoo/zoo.bin http/1.1"), "{requests:?}");
}

#[test]
fn a_body_without_a_length_is_taken_if_it_is_the_right_one() {
    let Outcome { result, file, part, .. } = try_with(vec![Reply::Unannounced(body())], |_| {});
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((file, part), (Some(body()), None));
}

#[test]
fn a_wrong_sum_is_refused_and_says_expected_and_found() {
    let mut wrong = body();
    wrong[7] ^= 1;
    let Outcome { result, requests, file, part } = try_with(vec![Reply::Good(wrong.clone())], |_| {});
    let message = result.unwrap_err().to_string();
    let found: String = Sha256::digest(&wrong).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(message.contains(&one_file(&body()).files[0].sha256) && message.contains(&found), "{message}");
    assert_eq!((requests.len(), file, part), (1, None, None));
}

#[test]
fn a_file_that_is_there_is_never_replaced() {
    let mine = |folder: &Path| std::fs::write(folder.join("zoo/zoo.bin"), b"my own").unwrap();
    let Outcome { result, requests, file, part } = try_with(vec![Reply::Good(body())], mine);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("expected 200003 bytes, found 6; it was left as it is"), "{message}");
    assert_eq!((requests.len(), file, part), (0, Some(b"my own".to_vec()), None));
}

#[test]
fn a_cut_connection_is_continued_where_it_broke() {
    let Outcome { result, requests, file, part } =
        try_with(vec![Reply::Cut(body(), 150_000), Reply::Good(body())], |_| {});
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((file, part), (Some(body()), None));
    assert_eq!(range_of(&requests[0]), None);
    let resumed_at = range_of(&requests[1]).unwrap();
    assert!(resumed_at > 0 && resumed_at <= 150_000, "{requests:?}");
}

#[test]
fn a_part_of_an_earlier_run_is_continued_and_a_bad_one_is_dropped() {
    let part = |bytes: Vec<u8>| {
        move |folder: &Path| std::fs::write(folder.join("zoo/zoo.bin.part"), &bytes).unwrap()
    };
    let Outcome { result, requests, file, .. } =
        try_with(vec![Reply::Good(body())], part(body()[..1000].to_vec()));
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((file, requests.len(), range_of(&requests[0])), (Some(body()), 1, Some(1000)));

    let Outcome { result, requests, file, .. } = try_with(vec![Reply::Good(body())], part(vec![0; 1000]));
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((file, requests.len(), range_of(&requests[1])), (Some(body()), 2, None));

    let Outcome { result, requests, file, .. } = try_with(vec![Reply::Good(body())], part(vec![0; 300_000]));
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((file, requests.len()), (Some(body()), 1));

    // A whole part needs no request at all.
    let Outcome { result, requests, file, .. } = try_with(vec![Reply::Status("500 No")], part(body()));
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((file, requests.len()), (Some(body()), 0));
}

#[test]
fn a_server_without_ranges_starts_over() {
    let replies = vec![Reply::Cut(body(), 150_000), Reply::IgnoreRange(body())];
    let Outcome { result, requests, file, part } = try_with(replies, |_| {});
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((requests.len(), file, part), (2, Some(body()), None));
}

#[test]
fn a_wrong_length_is_refused_announced_or_not() {
    let long = [body(), vec![0; 10]].concat();
    for (reply, tries) in [
        (Reply::Good(body()[..100].to_vec()), 1),
        (Reply::Good(long.clone()), 1),
        (Reply::Unannounced(long), 1),
        (Reply::Unannounced(body()[..100].to_vec()), 3),
    ] {
        let Outcome { result, requests, file, .. } = try_with(vec![reply], |_| {});
        let message = result.unwrap_err().to_string();
        assert!(message.contains("200003"), "{message}");
        assert_eq!((requests.len(), file), (tries, None), "{message}");
    }
}

#[test]
fn a_missing_file_stops_at_once_and_a_busy_server_is_asked_again() {
    let Outcome { result, requests, file, part } = try_with(vec![Reply::Status("404 Not Found")], |_| {});
    let message = result.unwrap_err().to_string();
    assert!(message.contains("zoo/zoo.bin (tries: 1; status 404 Not Found); check that"), "{message}");
    assert_eq!((requests.len(), file, part), (1, None, None));

    let replies = vec![Reply::Status("503 Busy"), Reply::Status("429 Slow"), Reply::Good(body())];
    let Outcome { result, requests, file, .. } = try_with(replies, |_| {});
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((requests.len(), file), (3, Some(body())));

    let Outcome { result, requests, .. } = try_with(vec![Reply::Status("503 Busy")], |_| {});
    assert!(matches!(result, Err(DatasetError::Fetch { attempts: 3, .. })), "{result:?}");
    assert_eq!(requests.len(), 3);
}

#[test]
fn a_silent_server_is_given_up() {
    let begun = std::time::Instant::now();
    let Outcome { result, file, .. } = try_with(vec![Reply::Stall], |_| {});
    assert!(matches!(result, Err(DatasetError::Fetch { attempts: 3, .. })), "{result:?}");
    assert_eq!(file, None);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn offline_names_the_missing_files_and_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let offline =
        Options { offline: true, base_url: Some("http://127.0.0.1:1".into()), ..Default::default() };
    let message = fetch(&source("cora").unwrap(), folder.path(), &offline).unwrap_err().to_string();
    let folder = folder.path().display().to_string();
    for part in ["cora/cora.cites, cora/cora.content.gz", folder.as_str(), "--offline"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let message =
        |source: &Source, options: &Options| fetch(source, folder.path(), options).unwrap_err().to_string();
    let no_base = message(&source("MUTAG").unwrap(), &Options::default());
    assert!(
        no_base.starts_with("base_url is not set") && no_base.contains("graphkerneldatasets/MUTAG.zip"),
        "{no_base}"
    );
    let good = one_file(&body());
    let odd_base = Options { base_url: Some("ftp://x".into()), ..Default::default() };
    assert!(message(&good, &odd_base).starts_with("base_url is \"ftp://x\""));
    assert!(message(&good, &Options { retries: 21, ..Default::default() }).starts_with("retries is 21"));
    for path in ["", "/etc/x", "../x", "a/../../x", "a b", "a?b", "a\\b"] {
        let mut bad = good.clone();
        bad.files[0].path = path.into();
        assert!(message(&bad, &Options::default()).starts_with("path is"), "{path}");
    }
    let mut bad = good.clone();
    bad.files[0].sha256 = "12".into();
    assert!(message(&bad, &Options::default()).starts_with("sha256 is"));
    let mut bad = good;
    bad.files[0].bytes = u64::MAX;
    assert!(message(&bad, &Options::default()).starts_with("bytes is"));
}

/// The pinned sums hold for the real files where those are at hand.
#[test]
#[allow(clippy::print_stdout)]
fn pinned_files_are_the_real_ones() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var("EIGHTFOLD_DATA").unwrap_or(beside.into());
    if !Path::new(&folder).is_dir() {
        println!("skipped: no real data");
        return;
    }
    let offline = Options { offline: true, ..Default::default() };
    // The MNIST at hand is the authors' but packed again, so its .gz files have other sums.
    for source in sources().iter().filter(|source| !source.name.ends_with("mnist")) {
        let places = fetch(source, Path::new(&folder), &offline).unwrap();
        assert!(places.iter().all(|(_, origin)| *origin == Origin::AlreadyThere));
    }
}
