//! The first bytes of a connection on a port that takes TLS.

use std::io::{self, ErrorKind};

use tokio::net::TcpStream;

use super::stream::Stream;
use crate::tls::{LONGEST_LOOK, Opening, Tls, read};

/// Bytes of a hello that are read at once: more than most have.
const USUAL: usize = 2 * 1024;

/// Waits for the first bytes of a client, which decide whether TLS is spoken and how large the
/// records may be, and shakes hands.
///
/// # Errors
/// Where the client breaks off, or TLS cannot be agreed on.
pub(super) async fn open(socket: TcpStream, tls: &Tls) -> io::Result<Stream> {
    // Only looked at, so that a plain request is still whole.
    let mut first = [0];
    let seen = socket.peek(&mut first).await?;
    if read(&first[..seen]) == Opening::Plain || seen == 0 {
        return Ok(Stream::plain(socket));
    }
    let mut hello = Vec::new();
    loop {
        match read(&hello) {
            Opening::Incomplete => more(&socket, &mut hello).await?,
            Opening::Plain => return Err(ErrorKind::InvalidData.into()),
            Opening::Tls(records) => {
                return Stream::secure(socket, tls.config(records), records, &hello).await;
            }
        }
    }
}

/// Reads what there is, up to the longest hello that is looked at.
async fn more(socket: &TcpStream, hello: &mut Vec<u8>) -> io::Result<()> {
    loop {
        socket.readable().await?;
        let begin = hello.len();
        hello.resize((begin + USUAL).min(LONGEST_LOOK), 0);
        let got = socket.try_read(&mut hello[begin..]);
        hello.truncate(begin + got.as_ref().copied().unwrap_or(0));
        match got {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
