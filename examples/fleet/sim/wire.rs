//! A check-in over a socket: the bytes go out as they are, the answer is read as the device does.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::device::{Heard, Reading};
use super::firmware;

/// Longer than anything takes when all is well.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a device has room for: the rest waits at the server.
const WINDOW: u32 = 4096;
/// The largest head that is read.
const MAX_HEAD: usize = 16 * 1024;
/// The largest image that is unpacked.
const MAX_IMAGE: usize = 32 << 20;

/// The head of an answer.
#[derive(Debug, Default)]
struct Head {
    status: u16,
    length: Option<u64>,
    md5: Option<String>,
    file: Option<String>,
    chunked: bool,
}

/// A connection with what was read beyond the head.
struct Line {
    stream: TcpStream,
    rest: Vec<u8>,
}

/// Sends a check-in and reads what is answered: one answer, or two where it asks twice.
pub async fn exchange(server: SocketAddr, request: &[u8], reading: Reading) -> Vec<Heard> {
    if reading != Reading::Twice {
        return vec![once(server, request, reading).await];
    }
    // Both are under way before either is read.
    let first = patient(ask(server, request, true)).await;
    let second = patient(ask(server, request, true)).await;
    vec![listen(first, Reading::Whole).await, listen(second, Reading::Whole).await]
}

async fn once(server: SocketAddr, request: &[u8], reading: Reading) -> Heard {
    let small = reading != Reading::Whole;
    let asked = patient(ask(server, request, small)).await;
    listen(asked, reading).await
}

async fn patient<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, what).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Sends a request and reads the head of the answer.
async fn ask(server: SocketAddr, request: &[u8], small: bool) -> io::Result<(Head, Line)> {
    let mut stream = if small {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(WINDOW)?;
        socket.connect(server).await?
    } else {
        TcpStream::connect(server).await?
    };
    stream.write_all(request).await?;
    let mut read = Vec::with_capacity(512);
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if read.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let rest = read.split_off(end);
    let head = parse(&String::from_utf8_lossy(&read)).ok_or(io::ErrorKind::InvalidData)?;
    Ok((head, Line { stream, rest }))
}

fn parse(text: &str) -> Option<Head> {
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut head = Head { status, ..Head::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.parse().ok(),
            "x-md5" => head.md5 = Some(value.to_owned()),
            "content-disposition" => head.file = Some(value.to_owned()),
            "transfer-encoding" => head.chunked = true,
            _ => {}
        }
    }
    Some(head)
}

/// Reads the rest of an answer as far as the device does.
async fn listen(asked: io::Result<(Head, Line)>, reading: Reading) -> Heard {
    let Ok((head, mut line)) = asked else {
        return Heard::default();
    };
    let file = head.file.clone();
    let mut heard = Heard { status: Some(head.status), file, ..Heard::default() };
    if head.status != 200 {
        let body = patient(line.all(u64::MAX)).await.unwrap_or_default();
        let bodiless = head.status == 304;
        heard.fault = (bodiless && !body.is_empty()).then_some("a body came with 304");
        return heard;
    }
    let Some(length) = head.length.filter(|_| !head.chunked) else {
        heard.fault = Some("an image came without its length");
        return heard;
    };
    let wanted = match reading {
        Reading::Breaks(thousandths) => length * thousandths / 1_000,
        _ => length,
    };
    // What came before the connection broke is not told: the device has lost it too.
    let body = patient(line.all(wanted)).await.unwrap_or_default();
    heard.bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    heard.whole = heard.bytes == length && !matches!(reading, Reading::Breaks(_));
    heard.reset = !heard.whole || reading == Reading::Resets;
    if heard.reset {
        let _ = line.stream.set_zero_linger();
    }
    drop(line);
    if heard.whole {
        unpack(&mut heard, &head, &body);
    }
    heard
}

/// Looks at an image that came whole.
fn unpack(heard: &mut Heard, head: &Head, body: &[u8]) {
    let md5 = firmware::md5(body);
    if head.md5.as_ref() != Some(&md5) {
        heard.fault = Some("x-MD5 is not that of the image");
        return;
    }
    heard.packed = body.starts_with(&[0x1F, 0x8B]);
    if !heard.packed {
        heard.image = Some(md5);
        return;
    }
    // Ten bytes before and eight behind, as `gzip -n` writes them.
    let inner = body.get(10..body.len().saturating_sub(8)).unwrap_or_default();
    match miniz_oxide::inflate::decompress_to_vec_with_limit(inner, MAX_IMAGE) {
        Ok(image) => heard.image = Some(firmware::md5(&image)),
        Err(_) => heard.fault = Some("an image could not be unpacked"),
    }
}

impl Line {
    /// Reads until there are `wanted` bytes, or the end.
    async fn all(&mut self, wanted: u64) -> io::Result<Vec<u8>> {
        let mut body = std::mem::take(&mut self.rest);
        let had = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let more = wanted.saturating_sub(had);
        (&mut self.stream).take(more).read_to_end(&mut body).await?;
        if more == 0 {
            body.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_in_any_case() {
        let head = parse("HTTP/1.0 200 OK\r\nContent-Length: 12\r\nX-MD5: abc\r\n\r\n").unwrap();
        assert_eq!((head.status, head.length, head.md5.as_deref()), (200, Some(12), Some("abc")));
        assert!(!head.chunked);
        assert!(parse("SSH-2.0-x\r\n\r\n").is_none());
    }

    #[test]
    fn a_damaged_image_is_no_image() {
        let head = Head { md5: Some("0".repeat(32)), ..Head::default() };
        let mut heard = Heard::default();
        unpack(&mut heard, &head, b"abc");
        assert!(heard.fault.is_some() && heard.image.is_none());
    }
}
