//! A server on a port of its own, and one who talks to it.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use espalier::app::App;
use espalier::config::CommandLine;
use espalier::server;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::schema;

/// The largest image that the server under test takes.
pub const MAX_UPLOAD: usize = 256 << 10;

/// Longer than anything here takes when all is well, however slow the machine is.
const PATIENCE: Duration = Duration::from_mins(2);

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    asked.await.unwrap_or_else(|_| panic!("it never happened: {what}"))
}

/// A running server with an empty data folder; it ends with the value.
pub struct Server {
    pub app: App,
    address: SocketAddr,
    stop: CancellationToken,
    pub data: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

/// A form with a file.
#[derive(Debug, Default)]
pub struct Form(Vec<u8>);

const BOUNDARY: &str = "------------------------d74496d66958873e";

impl Server {
    pub async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().to_str().unwrap();
        let line =
            ["espalier", "--auth", "none", "--port", "0", "--bind", "127.0.0.1", "--data", folder];
        let limit = MAX_UPLOAD.to_string();
        let line = line.into_iter().chain(["--max-upload", &limit]);
        let options = CommandLine::try_parse_from(line).unwrap().serve;
        let server = server::Server::start(&options).await.unwrap();
        let (app, address) = (server.app().clone(), server.addresses()[0]);
        let stop = CancellationToken::new();
        tokio::spawn(server.run(stop.clone()));
        Self { app, address, stop, data }
    }

    /// The same with a platform.
    pub async fn with_platform(name: &str) -> Self {
        let server = Self::start().await;
        server.post("/api/v1/platforms", &format!(r#"{{"name":"{name}"}}"#)).await.is(201);
        server
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"").await
    }

    pub async fn post(&self, path: &str, json: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], json.as_bytes()).await
    }

    pub async fn patch(&self, path: &str, json: &str) -> Answer {
        self.send("PATCH", path, &[("content-type", "application/json")], json.as_bytes()).await
    }

    /// Uploads a form, whole.
    pub async fn upload(&self, form: Form) -> Answer {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let body = form.end();
        self.send("POST", "/api/v1/releases", &[("content-type", &kind)], &body).await
    }

    /// Uploads and publishes an image, and answers its number.
    pub async fn release(&self, platform: &str, version: &str) -> i64 {
        let image = crate::images::esp8266(&[platform, version]);
        let form = Form::default().file("firmware.bin", &image);
        let form = form.text("platform", platform).text("version", version);
        let answer = self.upload(form.text("publish", "true")).await.is(201);
        answer.json()["id"].as_i64().unwrap()
    }

    /// An ESP8266 asks for an update; answers the status it sees.
    pub async fn poll(&self, mac: &str, platform: &str, version: &str) -> u16 {
        let path = format!("/update?dev={platform}&ver={version}");
        let headers = [
            ("user-agent", "ESP8266-http-Update"),
            ("x-esp8266-sta-mac", mac),
            ("x-esp8266-free-space", "2097152"),
            ("x-esp8266-sketch-size", "300000"),
            ("x-esp8266-mode", "sketch"),
        ];
        let status = self.send_raw("GET", &path, &headers, b"").await.status;
        self.app.flush().await.unwrap();
        status
    }

    /// Sends a request to the API and holds the answer against its description.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = self.send_raw(method, path, headers, body).await;
        schema::check(method, path, &answer);
        answer
    }

    pub async fn send_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let length = body.len().to_string();
        head.extend(["connection: close\r\ncontent-length: ", &length, "\r\n\r\n"]);
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refusal may come, and the connection close, before all is sent.
        let _ = stream.write_all(body).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::read(&bytes)
    }

    /// Sends bytes, then closes this side, and answers what comes back.
    pub async fn send_bytes(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::read(&bytes)
    }

    /// The texts of the latest events of a kind, newest first.
    pub async fn events(&self, kind: &str) -> Vec<String> {
        self.app.flush().await.unwrap();
        let page = self.get(&format!("/api/v1/events?kind={kind}")).await.is(200).json();
        let text = |event: &Value| event["text"].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(text).collect()
    }

    /// How many firmware files are on disk, without the compressed forms that the server makes
    /// behind its answers. None of those is half made while the files are counted.
    pub async fn files(&self) -> usize {
        self.app.pack_wanted().await.unwrap();
        let plain = |entry: &std::io::Result<std::fs::DirEntry>| {
            let bytes = std::fs::read(entry.as_ref().unwrap().path());
            bytes.is_ok_and(|bytes| !bytes.starts_with(&[0x1F, 0x8B]))
        };
        let entries = |folder| std::fs::read_dir(self.data.path().join(folder)).unwrap();
        ["firmware", "incoming"].into_iter().flat_map(entries).filter(plain).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {text:?}"));
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The answer is a problem document with this status and code; gives its detail.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("urn:espalier:problem:{code}"), "{problem}");
        let detail = problem["detail"].as_str().unwrap().to_owned();
        assert!(detail.ends_with('.') && !detail.ends_with(".."), "{detail}");
        detail
    }
}

impl Form {
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.begin(&format!("name=\"{name}\""));
        self.0.extend(value.as_bytes());
        self.0.extend(b"\r\n");
        self
    }

    pub fn file(mut self, file_name: &str, bytes: &[u8]) -> Self {
        self.begin(&format!("name=\"file\"; filename=\"{file_name}\""));
        self.0.extend(bytes);
        self.0.extend(b"\r\n");
        self
    }

    fn begin(&mut self, names: &str) {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {names}\r\n\r\n");
        self.0.extend(head.as_bytes());
    }

    /// The form as far as it goes, with the head that announces it; `claimed` bytes are announced.
    pub fn unfinished(self, claimed: usize) -> Vec<u8> {
        let head = format!(
            "POST /api/v1/releases HTTP/1.1\r\nhost: x\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\n\
             content-length: {claimed}\r\n\r\n"
        );
        [head.into_bytes(), self.0].concat()
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}
