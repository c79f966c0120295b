//! The end of a connection whose end matters.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long the last acknowledgement is waited for after both sides have closed.
const LAST_ACK: Duration = Duration::from_secs(10);
/// The longest pause between two looks at it.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What is read and thrown away before a connection is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes: u64,
    pub(super) time: Duration,
    /// The longest pause between two bytes.
    pub(super) pause: Duration,
}

/// Ends our side and waits for the peer to end its own; says whether it did.
///
/// A socket that is closed while the peer is still sending resets the connection, and the peer
/// loses an answer that it has not read yet.
pub(super) async fn linger(socket: &TcpStream, bounds: Bounds) -> bool {
    if SockRef::from(socket).shutdown(Shutdown::Write).is_err() {
        return false;
    }
    let over = Instant::now() + bounds.time;
    let mut left = bounds.bytes;
    loop {
        let pause = over.min(Instant::now() + bounds.pause);
        if !matches!(timeout_at(pause, socket.readable()).await, Ok(Ok(()))) {
            return false;
        }
        match swallow(socket) {
            Ok(0) => return true,
            Ok(bytes) if bytes <= left => left -= bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return false,
        }
    }
}

/// Reads once; a function of its own, so that the buffer is no part of every connection's task.
fn swallow(socket: &TcpStream) -> std::io::Result<u64> {
    let mut buffer = [0; 16 * 1024];
    socket.try_read(&mut buffer).map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// Ends the connection of a watched answer: whether the peer has taken all of it and has closed.
///
/// The end of the peer's stream alone does not say so: it may have come before our last bytes
/// were delivered. On Linux a socket has no peer any more once both ends are acknowledged, and no
/// error if the peer did not reset it.
pub(super) async fn confirm(socket: &TcpStream, bounds: Bounds) -> bool {
    if !linger(socket, bounds).await {
        return false;
    }
    if !cfg!(target_os = "linux") {
        return true;
    }
    let mut pause = Duration::from_millis(1);
    let closed = timeout(LAST_ACK, async {
        while socket.peer_addr().is_ok() {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    });
    closed.await.is_ok() && matches!(socket.take_error(), Ok(None))
}
