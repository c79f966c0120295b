//! HTTP as raw bytes: what is sent is exactly what a test writes, what comes is kept as it came.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than anything here takes when all is well, however slow the machine is.
const PATIENCE: Duration = Duration::from_mins(2);

/// The same, but not for ever.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it takes too long")
}

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = timeout(PATIENCE, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    asked.await.unwrap_or_else(|_| panic!("it never happened: {what}"))
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The first line.
    pub line: String,
    /// The status.
    pub status: u16,
    /// The headers in their order, with their names in the case they came in.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the server closed the connection behind it.
    pub closed: bool,
}

impl Answer {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// All headers of this name, in any case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its length, as announced.
    pub fn length(&self) -> Option<usize> {
        self.header("content-length").map(|length| length.parse().expect("a decimal length"))
    }

    /// The status with the words of the body, to be compared at once.
    pub fn said(&self) -> (u16, String) {
        (self.status, self.text())
    }

    /// 304 as the updaters want it: no body, no length but 0, no type.
    #[track_caller]
    pub fn is_not_modified(&self) {
        assert_eq!(self.status, 304, "{self:?}");
        assert!(self.body.is_empty(), "a body on 304: {self:?}");
        assert!(matches!(self.length(), None | Some(0)), "a length on 304: {self:?}");
        for name in ["content-type", "transfer-encoding", "content-encoding", "x-md5"] {
            assert_eq!(self.header(name), None, "on 304");
        }
    }

    /// 200 with exactly these bytes, as the updaters want it.
    #[track_caller]
    pub fn is_firmware(&self, bytes: &[u8]) {
        assert_eq!(self.status, 200, "{} {:?} {}", self.line, self.headers, self.text());
        assert_eq!(self.length(), Some(bytes.len()));
        assert_eq!(self.header("content-type"), Some("application/octet-stream"));
        assert_eq!(self.all("x-md5"), [super::image::md5(bytes)], "exactly one, in lower case");
        for name in ["transfer-encoding", "content-encoding", "location"] {
            assert_eq!(self.header(name), None);
        }
        let disposition = self.header("content-disposition").unwrap_or_default();
        assert!(disposition.starts_with("attachment; filename="), "{disposition}");
        assert!(self.body == bytes, "{} bytes that are not those of the file", self.body.len());
    }
}

/// A connection on which one request follows the other.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub async fn connect(server: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(server)).await.expect("the server listens");
        Self { stream, buffer: Vec::new() }
    }

    /// On a connection that exists.
    pub fn over(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Connects with a small window, like a device: little can be on its way unseen.
    pub async fn connect_small(server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = soon(socket.connect(server)).await.expect("the server listens");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.expect("the server takes the request");
    }

    /// Sends bytes as long as the server takes them.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        soon(self.stream.write_all(bytes)).await
    }

    /// One read: what stands in the socket.
    pub async fn read_some(&mut self) -> Vec<u8> {
        let mut some = vec![0; 64 * 1024];
        let length = soon(self.stream.read(&mut some)).await.expect("the server sends");
        some.truncate(length);
        some
    }

    /// Reads so many bytes of the body.
    pub async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            let some = self.read_some().await;
            assert!(!some.is_empty(), "it ended after {} of {length} bytes", self.buffer.len());
            self.buffer.extend(some);
        }
        self.buffer.drain(..length).collect()
    }

    /// Reads a head, and nothing of the body.
    pub async fn head(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            let some = self.read_some().await;
            let so_far = String::from_utf8_lossy(&self.buffer).into_owned();
            assert!(!some.is_empty(), "closed without an answer: {so_far:?}");
            self.buffer.extend(some);
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        parse_head(&String::from_utf8(head).expect("a head is text"))
    }

    /// Reads an answer that is framed by its length; `bodiless` for the answer to HEAD.
    pub async fn framed(&mut self, bodiless: bool) -> Answer {
        let mut answer = self.head().await;
        let bodiless = bodiless || matches!(answer.status, 204 | 304);
        let length = if bodiless { 0 } else { answer.length().expect("a length") };
        answer.body = self.read_exactly(length).await;
        answer
    }

    /// Reads an answer up to the end of the connection.
    pub async fn rest(&mut self) -> Answer {
        let mut answer = self.head().await;
        let mut body = std::mem::take(&mut self.buffer);
        soon(self.stream.read_to_end(&mut body)).await.expect("the server ends in order");
        (answer.body, answer.closed) = (body, true);
        answer
    }

    /// Whether the server has closed: nothing more comes.
    pub async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && self.read_some().await.is_empty()
    }

    /// Breaks the connection off with a reset.
    pub fn reset(self) {
        let stream = socket2::SockRef::from(&self.stream);
        stream.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// Sends a request on a connection of its own, and reads until the server closes.
pub async fn exchange(server: SocketAddr, request: &[u8]) -> Answer {
    let mut client = Client::connect(server).await;
    client.send(request).await;
    client.rest().await
}

/// Reads the head of an answer.
pub fn parse_answer(head: &[u8]) -> Answer {
    parse_head(std::str::from_utf8(head).expect("a head is text"))
}

fn parse_head(head: &str) -> Answer {
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        (name.to_owned(), value.trim().to_owned())
    };
    Answer {
        status: status.unwrap_or_else(|| panic!("no status in {line:?}")),
        line,
        headers: lines.map(header).collect(),
        body: Vec::new(),
        closed: false,
    }
}
