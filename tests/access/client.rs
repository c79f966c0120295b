//! A server with access control, and those who talk to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Parser;
use espalier::app::{App, Caller, SignIn, TokenWish};
use espalier::clock::FakeClock;
use espalier::config::{CommandLine, PasswordCost};
use espalier::domain::access::Role;
use espalier::domain::actor::Actor;
use espalier::domain::audit::Entry;
use espalier::domain::event::{Event, Kind};
use espalier::domain::secret::Secret;
use espalier::server::Server as Inner;
use espalier::store::{AuditFilter, EventFilter};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Everybody's password here.
pub const PASSWORD: &str = "apple trellis rain";
/// Where the clock stands at first.
pub const NOON: i64 = 1_700_000_000;
const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A running server.
pub struct Server {
    pub app: App,
    pub address: SocketAddr,
    /// All addresses: those of `--port`, then those of `--device-port`.
    pub addresses: Vec<SocketAddr>,
    pub clock: Arc<FakeClock>,
    pub greeting: Vec<String>,
    pub data: TempDir,
    arguments: Vec<String>,
    stop: DropGuard,
    task: JoinHandle<()>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A browser: it keeps cookies, and comes from an address.
#[derive(Debug, Clone)]
pub struct Browser {
    server: SocketAddr,
    from: Ipv4Addr,
    pub cookies: Vec<(String, String)>,
}

/// The one who changes things in tests.
pub fn a_test() -> Actor {
    Actor::person("a test", None)
}

impl Server {
    /// A fresh one with these users, all with the same password.
    pub async fn with(users: &[(&str, Role)]) -> Self {
        let server = Self::start(&[]).await;
        for (name, role) in users {
            let password = Secret::new(PASSWORD);
            server.app.accounts().create_user(name, *role, &password, &a_test()).await.unwrap();
        }
        server
    }

    /// A fresh one with an administrator, `anna`.
    pub async fn with_anna() -> Self {
        Self::with(&[("anna", Role::Administrator)]).await
    }

    /// A fresh one.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, None).await
    }

    pub async fn start_with(arguments: &[&str], password: Option<&str>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        Self::launch(data, arguments, password, NOON).await
    }

    /// Stops it in order and starts it again on the same data.
    pub async fn restarted(self) -> Self {
        let Self { app, data, arguments, stop, task, .. } = self;
        let now = app.now();
        drop((app, stop));
        task.await.unwrap();
        Self::launch(data, arguments, None, now).await
    }

    async fn launch(
        data: TempDir,
        arguments: Vec<String>,
        password: Option<&str>,
        now: i64,
    ) -> Self {
        let line = ["espalier", "--port", "0", "--bind", "127.0.0.1", "--data"];
        let folder = data.path().to_str().unwrap();
        let line = line.into_iter().chain([folder]).chain(arguments.iter().map(String::as_str));
        let mut options = CommandLine::try_parse_from(line).unwrap().serve;
        options.password_cost = PasswordCost::LOWEST;
        options.admin_password = password.map(Secret::new);
        let clock = Arc::new(FakeClock::at(now));
        let server = Inner::start_with(&options, clock.clone()).await.unwrap();
        let (app, addresses) = (server.app().clone(), server.addresses());
        let address = addresses[0];
        let greeting = server.greeting();
        let stop = CancellationToken::new();
        let task = tokio::spawn(server.run(stop.clone()));
        let stop = stop.drop_guard();
        Self { app, address, addresses, clock, greeting, data, arguments, stop, task }
    }

    /// A browser that nobody has used.
    pub fn browser(&self) -> Browser {
        self.browser_at(HOME)
    }

    /// The same at another address.
    pub fn browser_at(&self, from: Ipv4Addr) -> Browser {
        Browser { server: self.address, from, cookies: Vec::new() }
    }

    /// A browser in which somebody has just signed in, past the form.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let caller = Caller { address: IpAddr::V4(HOME), browser: "a test".to_owned(), mark: None };
        let tried = self.app.accounts().sign_in(name, &Secret::new(PASSWORD), &caller).await;
        let SignIn::Done(signed_in) = tried.unwrap() else { panic!("{name} is not let in") };
        let mut browser = self.browser();
        browser.keep("espalier_session", signed_in.session.expose());
        browser
    }

    /// A token with these scopes.
    pub async fn token(&self, scopes: &str) -> String {
        let (name, scopes) = ("a test".parse().unwrap(), scopes.parse().unwrap());
        let wish = TokenWish { name, scopes, days: None };
        let made = self.app.accounts().create_token(wish, &a_test()).await;
        made.unwrap().1.expose().to_owned()
    }

    /// A request with a token.
    pub async fn ask(&self, token: &str, method: &str, path: &str, json: &str) -> Answer {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![("authorization", authorization.as_str())];
        if !json.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.browser().send(method, path, &headers, json.as_bytes()).await
    }

    /// The events of a kind, newest first.
    pub async fn events(&self, kind: Kind) -> Vec<Event> {
        let filter = EventFilter { kind: Some(kind), limit: 1000, ..EventFilter::default() };
        self.app.store().events(&filter).await.unwrap()
    }
}

impl Server {
    /// The entries of the audit log about a sort of change, newest first.
    pub async fn audit(&self, action: Kind) -> Vec<Entry> {
        let filter = AuditFilter { action: Some(action), limit: 1000, ..AuditFilter::default() };
        self.app.store().audit(&filter).await.unwrap()
    }
}

impl Browser {
    /// Keeps a cookie.
    pub fn keep(&mut self, name: &str, value: &str) {
        self.cookies.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The same browser, which asks at another port.
    pub fn at_port(mut self, port: SocketAddr) -> Self {
        self.server = port;
        self
    }

    /// The same browser, with another server, or the same after a restart.
    pub fn to(mut self, server: &Server) -> Self {
        self.server = server.address;
        self
    }

    /// The same browser at another address.
    pub fn at(mut self, from: Ipv4Addr) -> Self {
        self.from = from;
        self
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let found = self.cookies.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    /// The token that forms of this browser's session carry.
    pub fn csrf(&self) -> String {
        let names = ["espalier_session", "__Host-espalier_session", "espalier_visit"];
        let cookie = names.into_iter().find_map(|name| self.cookie(name));
        let cookie = cookie.or_else(|| self.cookie("__Host-espalier_visit"));
        let secret = Secret::new(cookie.unwrap_or_default());
        secret.derived("form").expose().to_owned()
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = self.send("GET", path, &[], b"").await;
        self.learn(&answer);
        answer
    }

    /// Sends a form with the token that belongs to it.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        let fields: Vec<_> =
            [("csrf", csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post_bare(path, &fields).await
    }

    /// Sends a form as it is.
    pub async fn post_bare(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.send("POST", path, &kind, body.as_bytes()).await;
        self.learn(&answer);
        answer
    }

    /// Signs in by the form, as a person does.
    pub async fn signs_in(&mut self, name: &str, password: &str) -> Answer {
        if self.cookies.is_empty() {
            self.get("/login").await;
        }
        self.post("/login", &[("name", name), ("password", password)]).await
    }

    fn learn(&mut self, answer: &Answer) {
        for cookie in answer.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap();
            self.keep(name, value);
        }
    }

    /// Sends a request and reads up to the end of the connection.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.server);
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            let pairs: Vec<String> = pairs.collect();
            head.extend(["cookie: ", &pairs.join("; "), "\r\n"]);
        }
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let length = body.len().to_string();
        head.extend(["connection: close\r\ncontent-length: ", &length, "\r\n\r\n"]);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::V4(self.from), 0)).unwrap();
        let mut stream = socket.connect(self.server).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refusal may come, and the connection close, before all is sent.
        let _ = stream.write_all(body).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        Answer::read(&bytes)
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
        self.all(name).first().copied()
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The visitor is sent to another page.
    #[track_caller]
    pub fn goes_to(self, path: &str) -> Self {
        assert_eq!((self.status, self.header("location")), (303, Some(path)), "{self:?}");
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.body.contains(words), "“{words}” is not in {self:?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A problem document with this code; its detail.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> String {
        let problem = self.clone().is(status).json();
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["code"], code, "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    }
}
