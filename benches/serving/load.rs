//! A small load generator: raw sockets, as devices speak.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How requests are sent.
#[derive(Clone, Copy)]
pub enum Manner {
    /// On connections that stay open (HTTP/1.1).
    KeepAlive,
    /// On a new connection each (HTTP/1.0), as devices do.
    Fresh,
}

/// The headers of an ESP8266's check-in.
pub fn request(path: &str, manner: Manner, device: u64) -> Vec<u8> {
    let (version, connection) = match manner {
        Manner::KeepAlive => ("1.1", "keep-alive"),
        Manner::Fresh => ("1.0", "close"),
    };
    let mac = mac(device);
    format!(
        "GET {path} HTTP/{version}\r\nHost: 192.168.1.10:8000\r\nUser-Agent: ESP8266-http-Update\r\n\
         Connection: {connection}\r\nx-ESP8266-Chip-ID: {device}\r\nx-ESP8266-STA-MAC: {mac}\r\n\
         x-ESP8266-AP-MAC: {mac}\r\nx-ESP8266-free-space: 8671744\r\nx-ESP8266-sketch-size: 373940\r\n\
         x-ESP8266-sketch-md5: a56f8ef78a0bebd812f62067daf1408a\r\nx-ESP8266-chip-size: 16777216\r\n\
         x-ESP8266-sdk-version: 2.2.2-dev(38a443e)\r\nx-ESP8266-mode: sketch\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The address of the bench's device of this number.
pub fn mac(device: u64) -> String {
    let bytes = device.to_be_bytes();
    bytes[3..].iter().fold("18".to_owned(), |text, byte| format!("{text}:{byte:02X}"))
}

/// Reads one answer; says its status and the bytes of its body. The body is thrown away.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(u16, usize)> {
    buffer.clear();
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.unwrap_or(0);
    let mut have = buffer.len() - head;
    while have < length {
        buffer.clear();
        match stream.read_buf(buffer).await.ok()? {
            0 => return None,
            bytes => have += bytes,
        }
    }
    Some((status, length))
}

/// Sends `count` requests over `connections` at once; `make` makes each one's bytes from its
/// number. Every answer must have this status.
pub async fn run(
    address: SocketAddr,
    connections: usize,
    count: u64,
    manner: Manner,
    status: u16,
    make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
) {
    let (next, make) = (Arc::new(AtomicU64::new(0)), Arc::new(make));
    let mut workers = Vec::new();
    for _ in 0..connections {
        let (next, make) = (Arc::clone(&next), Arc::clone(&make));
        workers.push(tokio::spawn(async move {
            let mut buffer = Vec::with_capacity(256 << 10);
            let mut open: Option<TcpStream> = None;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let mut stream = match open.take() {
                    Some(stream) => stream,
                    None => TcpStream::connect(address).await.unwrap(),
                };
                stream.set_nodelay(true).unwrap();
                stream.write_all(&make(number)).await.unwrap();
                let answer = read_answer(&mut stream, &mut buffer).await;
                assert_eq!(answer.map(|(status, _)| status), Some(status));
                if matches!(manner, Manner::KeepAlive) {
                    open = Some(stream);
                }
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
}
