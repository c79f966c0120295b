//! A server of our own with an empty data folder, and what is put on it without a browser.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use espalier::app::App;
use espalier::clock::{Clock, FakeClock, SystemClock};
use espalier::config::{CommandLine, PasswordCost};
use espalier::domain::access::Role;
use espalier::domain::actor::Actor;
use espalier::domain::secret::Secret;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::driver::PATIENCE;

/// A running server; it stops when it goes out of scope.
pub struct Server {
    app: App,
    address: SocketAddr,
    stop: CancellationToken,
    runtime: Option<Runtime>,
    greeting: Vec<String>,
    data: Arc<TempDir>,
}

impl Server {
    /// Starts one on a free port of this machine, on which anyone may do everything.
    pub fn start() -> Self {
        Self::start_with("none", Arc::new(SystemClock))
    }

    /// Starts one on which people sign in. Its clock stands still, so that no code that is good
    /// for half a minute runs out on the way.
    pub fn start_with_access() -> Self {
        Self::start_with("password", Arc::new(FakeClock::at(SystemClock.now())))
    }

    /// The same with a clock of its own, on which anyone may do everything.
    pub fn start_at(clock: Arc<dyn Clock>) -> Self {
        Self::start_with("none", clock)
    }

    /// Starts it again on the same folder, on which a viewer signs in from now on.
    pub fn with_viewer(self, name: &str, password: &str) -> Self {
        let data = self.data.clone();
        drop(self);
        let server = Self::start_on(data, "password", Arc::new(SystemClock));
        let actor = Actor::person("a test", None);
        let password = Secret::new(password);
        let runtime = server.runtime.as_ref().expect("it runs");
        for (name, role) in [("keeper", Role::Administrator), (name, Role::Viewer)] {
            let made = server.app.accounts().create_user(name, role, &password, &actor);
            runtime.block_on(made).expect("a new user");
        }
        server
    }

    fn start_with(auth: &str, clock: Arc<dyn Clock>) -> Self {
        let data = TempDir::new().expect("a data folder");
        Self::start_on(Arc::new(data), auth, clock)
    }

    fn start_on(data: Arc<TempDir>, auth: &str, clock: Arc<dyn Clock>) -> Self {
        let folder = data.path().to_string_lossy();
        let line = [
            "espalier",
            "--auth",
            auth,
            "--bind",
            "127.0.0.1",
            "--port",
            "0",
            "--log",
            "off",
            "--data",
        ];
        let mut line = CommandLine::parse_from(line.into_iter().chain([folder.as_ref()]));
        line.serve.password_cost = PasswordCost::LOWEST;
        let runtime = Runtime::new().expect("a runtime");
        let server = runtime.block_on(espalier::server::Server::start_with(&line.serve, clock));
        let server = server.expect("a server");
        let (app, address) = (server.app().clone(), server.addresses()[0]);
        let greeting = server.greeting();
        let stop = CancellationToken::new();
        runtime.spawn(server.run(stop.clone()));
        Self { app, address, stop, runtime: Some(runtime), greeting, data }
    }

    /// The set-up code, as it was printed at the start.
    pub fn setup_code(&self) -> String {
        let line = self.greeting.iter().find(|line| line.contains("set-up code"));
        line.and_then(|line| line.rsplit(' ').next()).expect("a code").to_owned()
    }

    /// Sends a file to the API as curl does with a token; what is answered.
    pub fn upload_with_token(&self, token: &str, name: &str, image: &[u8]) -> String {
        let edge = "a-line-that-is-in-no-image";
        let before = format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        let body = [before.as_bytes(), image, format!("\r\n--{edge}--\r\n").as_bytes()].concat();
        let head = format!(
            "POST /api/v1/releases HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: multipart/form-data; boundary={edge}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(&[head.as_bytes(), &body].concat())
    }

    /// What its jobs do, which may have done it already: look for devices nobody has heard of, and
    /// write what is in memory.
    pub fn works(&self) {
        let runtime = self.runtime.as_ref().expect("it runs");
        runtime.block_on(self.app.look_for_lost());
        runtime.block_on(self.app.flush()).expect("it can write");
    }

    /// What time it is for it.
    pub fn now(&self) -> i64 {
        self.app.now()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address for a browser.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a form as a browser without script does.
    pub fn form(&self, path: &str, body: &str) {
        let head = format!(
            "POST {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.exchange(&[head.as_bytes(), body.as_bytes()].concat());
        let first = answer.lines().next().unwrap_or_default();
        assert!(first.contains(" 303 "), "{path} answered {first}");
    }

    /// Sends a form that answers with what it made, once.
    pub fn makes(&self, path: &str, body: &str) -> String {
        let answer = self.exchange(
            format!(
                "POST {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        let first = answer.lines().next().unwrap_or_default();
        assert!(first.contains(" 200 "), "{path} answered {first}");
        answer
    }

    /// Uploads a file; the page that its release or draft has.
    pub fn upload(&self, name: &str, image: &[u8], publish: bool) -> String {
        self.upload_as(name, image, &[("publish", if publish { "true" } else { "" })])
    }

    /// Uploads a file with these wishes; the page that its release or draft has.
    pub fn upload_as(&self, name: &str, image: &[u8], wishes: &[(&str, &str)]) -> String {
        let edge = "a-line-that-is-in-no-image";
        let part = |(name, value): &(&str, &str)| {
            format!(
                "--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let before = wishes.iter().map(part).collect::<String>()
            + &format!(
                "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; \
                 filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            );
        let body = [before.as_bytes(), image, format!("\r\n--{edge}--\r\n").as_bytes()].concat();
        let head = format!(
            "POST /releases HTTP/1.0\r\nAccept: application/json\r\n\
             Content-Type: multipart/form-data; boundary={edge}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.exchange(&[head.as_bytes(), &body].concat());
        let json = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let json: Value = serde_json::from_str(json).expect(&answer);
        let url = json["files"][0]["url"].as_str().unwrap_or_default();
        assert!(!url.is_empty(), "{name} was refused: {json}");
        url.to_owned()
    }

    /// A page as it is sent.
    pub fn page(&self, path: &str) -> String {
        self.exchange(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
    }

    /// Sends a request as it is; the whole answer.
    pub fn exchange(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.write_all(request).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}
