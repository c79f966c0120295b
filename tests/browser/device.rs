//! A device: the very bytes that an ESP8266 sends when its sketch asks for an update.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use md5::{Digest, Md5};
use socket2::{Domain, Socket, Type};

use crate::driver::PATIENCE;

/// An ESP8266 with its sketch.
pub struct Device {
    mac: &'static str,
    server: SocketAddr,
}

/// A download that hardly goes on: one that stood still would be given up.
pub struct Slow {
    reader: JoinHandle<TcpStream>,
    hurry: Arc<AtomicBool>,
}

impl Slow {
    fn reads(mut stream: TcpStream) -> Self {
        let hurry = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&hurry);
        let reader = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if !matches!(stream.read(&mut [0; 1024]), Ok(1..)) {
                    break;
                }
                thread::sleep(Duration::from_millis(250));
            }
            stream
        });
        Self { reader, hurry }
    }

    /// It takes the rest.
    pub fn finishes(self) {
        self.hurry.store(true, Ordering::Relaxed);
        let mut stream = self.reader.join().expect("the device");
        std::io::copy(&mut stream, &mut std::io::sink()).expect("the rest of the answer");
    }
}

/// What it was answered.
pub struct Answer {
    pub status: u16,
    pub md5: Option<String>,
    pub body: Vec<u8>,
}

impl Device {
    /// A device in the network of the server.
    pub const fn new(mac: &'static str, server: SocketAddr) -> Self {
        Self { mac, server }
    }

    /// It asks what there is for its platform.
    pub fn polls(&self, platform: &str, version: &str) -> Answer {
        self.polls_running(platform, version, "2d1f3a0c6b8e4d5f9a7b1c2d3e4f5a6b")
    }

    /// It asks, and takes little of what it gets until it is told to.
    pub fn begins(&self, platform: &str, version: &str) -> Slow {
        let request = self.request(platform, version, "2d1f3a0c6b8e4d5f9a7b1c2d3e4f5a6b");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small window");
        socket.connect(&self.server.into()).expect("a connection");
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("an answer");
        assert_eq!(&first, b"HTTP/1.0 200", "nothing is offered");
        Slow::reads(stream)
    }

    /// It asks, and says that it runs the image with this MD5.
    pub fn polls_running(&self, platform: &str, version: &str, md5: &str) -> Answer {
        self.sends(&self.request(platform, version, md5))
    }

    fn request(&self, platform: &str, version: &str, md5: &str) -> String {
        format!(
            "GET /update?dev={platform}&ver={version} HTTP/1.0\r\n\
             Host: {}\r\nUser-Agent: ESP8266-http-Update\r\nConnection: close\r\n\
             x-ESP8266-Chip-ID: 1878437\r\nx-ESP8266-STA-MAC: {}\r\n\
             x-ESP8266-AP-MAC: 5E:CF:7F:00:00:00\r\nx-ESP8266-free-space: 2097152\r\n\
             x-ESP8266-sketch-size: 348160\r\n\
             x-ESP8266-sketch-md5: {md5}\r\n\
             x-ESP8266-chip-size: 4194304\r\nx-ESP8266-sdk-version: 2.2.2-dev(38a443e)\r\n\
             x-ESP8266-mode: sketch\r\n\r\n",
            self.server, self.mac
        )
    }

    /// It is an ESP32 and asks; nothing tells which chip of that family it has.
    pub fn polls_as_esp32(&self, platform: &str, version: &str) -> Answer {
        self.sends(&format!(
            "GET /update?dev={platform}&ver={version} HTTP/1.0\r\n\
             Host: {}\r\nUser-Agent: ESP32-http-Update\r\nConnection: close\r\n\
             x-ESP32-STA-MAC: {}\r\nx-ESP32-free-space: 1310720\r\n\
             x-ESP32-sketch-size: 898560\r\n\
             x-ESP32-sketch-md5: 2d1f3a0c6b8e4d5f9a7b1c2d3e4f5a6b\r\n\
             x-ESP32-chip-size: 4194304\r\nx-ESP32-sdk-version: v4.4.5\r\n\
             x-ESP32-mode: sketch\r\n\r\n",
            self.server, self.mac
        ))
    }

    fn sends(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.server).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        Answer::read(&answer)
    }
}

impl Answer {
    fn read(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let md5 = head.lines().filter_map(|line| line.split_once(": "));
        let md5 = md5.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("x-md5"));
        let md5 = md5.map(|(_, value)| value.to_owned());
        Self { status, md5, body: answer[end + 4..].to_vec() }
    }
}

/// The MD5 of bytes in the form of the header.
pub fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
