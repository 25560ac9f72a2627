//! A headless Chromium, driven by its DevTools protocol on the loopback interface: opens pages from the disk as a person
//! would, and asks them what they look like.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{json, Value};
use tungstenite::{stream::MaybeTlsStream, Message, WebSocket};

/// What a browser is called on systems that have one.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// The longest that a browser may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running browser with one page; gone when dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: String,
    calls: u64,
    /// What the page said went wrong, since the last [`open`](Browser::open).
    pub complaints: Vec<String>,
    loaded: bool,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser; without one on this system, says so.
    ///
    /// # Panics
    /// When there is one that does not start or does not answer.
    #[must_use]
    pub fn start() -> Option<Self> {
        let there =
            |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success());
        let Some(name) = NAMES.iter().find(there) else {
            println!("skipped: there is no Chromium here");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(name)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
            ])
            .args(["--no-first-run", "--remote-debugging-address=127.0.0.1", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address =
            lines.find_map(|line| Some(line.ok()?.split_once("listening on ")?.1.trim().to_owned()));
        let address = address.unwrap_or_else(|| panic!("{name} ended without saying where it listens"));
        // what else it says is of no interest, but must be read
        std::thread::spawn(move || lines.for_each(drop));
        let (socket, _) = tungstenite::connect(&address).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let (session, complaints) = (String::new(), Vec::new());
        let mut browser =
            Browser { child, socket, session, calls: 0, complaints, loaded: false, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Opens a page from the disk in a window of this width, in light or dark, and waits until it is there.
    pub fn open(&mut self, page: &Path, width: u32, scheme: &str) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
        self.complaints.clear();
        self.loaded = false;
        let url = format!("file://{}", page.canonicalize().unwrap().display());
        let opened = self.call("Page.navigate", json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
        while !self.loaded {
            self.hear();
        }
    }

    /// What an expression of JavaScript comes to on the page.
    ///
    /// # Panics
    /// When it throws.
    pub fn ask(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Writes a picture of the whole page, of at most 16,000 pixels' height.
    pub fn photograph(&mut self, to: &Path) {
        let size = self
            .ask("({ width: innerWidth, height: Math.min(16000, document.documentElement.scrollHeight) })");
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let asked = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", asked);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, from_base64(picture["data"].as_str().unwrap())).unwrap();
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let answer = self.hear();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The next message; events are taken note of.
    fn hear(&mut self) -> Value {
        let message: Value = match self.socket.read().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            _ => return Value::Null,
        };
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Runtime.exceptionThrown") => self.complaints.push(params.to_string()),
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                self.complaints.push(params.to_string())
            }
            Some("Log.entryAdded") => self.complaints.push(params["entry"].to_string()),
            _ => {}
        }
        message
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(digit).map(u32::from).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let word = group.iter().fold(0, |word, d| word << 6 | d) << (6 * (4 - group.len()));
        bytes.extend((0..group.len() - 1).map(|i| (word >> (16 - 8 * i)) as u8));
    }
    bytes
}

#[test]
fn base64_is_read() {
    assert_eq!(from_base64("TWFu"), b"Man");
    assert_eq!(from_base64("TWE="), b"Ma");
    assert_eq!(from_base64("TQ=="), b"M");
}
