//! A `WebDriver` client of just what these tests need: JSON over HTTP to a chromedriver of our own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longer than anything here takes when all is well, however slow the machine is.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The programs that are looked for in `PATH`, first found first taken.
const CHROMIUMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A chromedriver process with one browser session.
pub struct Driver {
    process: Child,
    port: u16,
    session: String,
}

impl Driver {
    /// Starts both programs; the error says which one is missing.
    pub fn start(capabilities: impl FnOnce(&str) -> Value) -> Result<Self, String> {
        let driver = find(&["chromedriver"]).ok_or("chromedriver is not installed")?;
        let chromium = find(&CHROMIUMS).ok_or("chromium is not installed")?;
        let mut process = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("chromedriver does not start: {error}"))?;
        let port = port(&mut process);
        let mut driver = Self { process, port, session: String::new() };
        let wish =
            json!({"capabilities": {"alwaysMatch": capabilities(&chromium.to_string_lossy())}});
        let session = driver.call("POST", "/session", Some(wish)).expect("a browser session");
        session["sessionId"].as_str().expect("a session id").clone_into(&mut driver.session);
        Ok(driver)
    }

    /// A command of the session.
    pub fn post(&self, command: &str, body: Value) -> Result<Value, String> {
        self.call("POST", &format!("/session/{}/{command}", self.session), Some(body))
    }

    /// A question to the session.
    pub fn get(&self, question: &str) -> Result<Value, String> {
        self.call("GET", &format!("/session/{}/{question}", self.session), None)
    }

    /// A command of the `DevTools` protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("goog/cdp/execute", body).expect(command)
    }

    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, answer) = self.exchange(&request).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        if status == 200 { Ok(answer["value"].clone()) } else { Err(answer["value"].to_string()) }
    }

    fn exchange(&self, request: &str) -> std::io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(2 * PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let mut length = 0;
        while line.trim() != "" {
            line.clear();
            answer.read_line(&mut line)?;
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        Ok((status, body))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Ends the browser, which the driver has started.
        let _ = self.call("DELETE", &format!("/session/{}", self.session), None);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port that chromedriver has chosen, read from what it prints.
fn port(process: &mut Child) -> u16 {
    let mut output = BufReader::new(process.stdout.take().expect("chromedriver's output"));
    let mut line = String::new();
    while output.read_line(&mut line).expect("chromedriver's words") > 0 {
        if let Some(port) = line.split("successfully on port ").nth(1) {
            // It must never wait for a reader.
            thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
            return port.trim().trim_end_matches('.').parse().expect("a port");
        }
        line.clear();
    }
    panic!("chromedriver ended before it was ready");
}

fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let tried = names.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    tried.into_iter().find(|program| program.is_file())
}

/// Tries until there is something, or says what was waited for.
pub fn wait<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(40));
    }
}
