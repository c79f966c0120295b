//! The socket, with or without TLS between it and us.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::{ServerConfig, ServerConnection};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::Records;

/// Bytes that are encrypted ahead of what the socket takes: for most, and for small devices.
const AHEAD: (usize, usize) = (16 * 1024, 4 * 1024);

/// An accepted connection.
pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Session>>,
}

/// The TLS of a connection, whose handshake is done.
struct Session {
    tls: ServerConnection,
    /// Bytes that are encrypted and not yet with the socket: they count when it has taken all.
    promised: usize,
    /// Whether the socket has taken anything since this was last asked.
    moved: bool,
}

/// What the socket does with bytes, as [`Write`] and [`Read`] say it.
struct Raw<F>(F);

impl<F: FnMut(&[IoSlice<'_>]) -> io::Result<usize>> Write for Raw<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (self.0)(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for Raw<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.0)(buffer)
    }
}

impl Stream {
    /// A connection without TLS.
    pub(super) const fn plain(socket: TcpStream) -> Self {
        Self { socket, tls: None }
    }

    /// Shakes hands with a client whose first bytes, `early`, have been read already.
    ///
    /// # Errors
    /// Where the client breaks off, or does not agree; it is told why.
    pub(super) async fn secure(
        socket: TcpStream,
        config: Arc<ServerConfig>,
        records: Records,
        early: &[u8],
    ) -> io::Result<Self> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        let ahead = if records == Records::Any { AHEAD.0 } else { AHEAD.1 };
        tls.set_buffer_limit(Some(ahead));
        let mut session = Box::new(Session { tls, promised: 0, moved: false });
        let told = session.shake_hands(&socket, early).await;
        if let Err(error) = told {
            // The alert that says why.
            let _ = session.flush(|bytes| socket.try_write_vectored(bytes));
            return Err(error);
        }
        Ok(Self { socket, tls: Some(session) })
    }

    /// Whether TLS is spoken.
    pub(super) const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The socket beneath.
    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Ends the encrypted stream as far as the socket takes that at once. Whether it is told at
    /// all matters: to a client that has closed its side already, the alert is a stray packet,
    /// which it answers with a reset.
    pub(super) fn into_socket(self, tell: bool) -> TcpStream {
        let Self { socket, tls } = self;
        if let Some(mut session) = tls.filter(|_| tell) {
            session.tls.send_close_notify();
            let _ = session.flush(|bytes| socket.try_write_vectored(bytes));
        }
        socket
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, tls } = self;
        let Some(session) = tls else {
            return Pin::new(socket).poll_read(cx, buf);
        };
        loop {
            match session.tls.reader().read(buf.initialize_unfilled()) {
                Ok(bytes) => {
                    buf.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Many devices close without a word; requests are framed by their length.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            match session.receive(|bytes| socket.try_read(bytes)) {
                // What the client is owed for it (a key, an alert) goes with the next answer.
                Ok(()) => {
                    let _ = session.flush(|bytes| socket.try_write_vectored(bytes));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(socket.poll_read_ready(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Says how many bytes the socket has taken. With TLS, those of earlier calls may be among
    /// them: after [`Poll::Pending`] the same bytes must be offered again.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, tls } = self;
        let Some(session) = tls else {
            return match slices {
                // The usual answer is but a head; the system takes one slice more cheaply.
                [head] => Pin::new(socket).poll_write(cx, head),
                _ => Pin::new(socket).poll_write_vectored(cx, slices),
            };
        };
        loop {
            match session.send(slices, |bytes| socket.try_write_vectored(bytes)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(socket.poll_write_ready(cx))?;
                }
                taken => return Poll::Ready(taken),
            }
        }
    }

    /// Tries although the system does not call the socket writable.
    pub(super) fn push(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Self { socket, tls } = self;
        let socket = SockRef::from(&*socket);
        match tls {
            None => socket.send_vectored(slices),
            Some(session) => session.send(slices, |bytes| socket.send_vectored(bytes)),
        }
    }

    /// Whether the socket has taken something since the last call that [`Stream::poll_write`] did
    /// not tell, because it was not enough.
    pub(super) fn has_moved(&mut self) -> bool {
        self.tls.as_mut().is_some_and(|session| mem::take(&mut session.moved))
    }
}

impl Session {
    async fn shake_hands(&mut self, socket: &TcpStream, mut early: &[u8]) -> io::Result<()> {
        while !early.is_empty() {
            self.receive(|buffer| early.read(buffer))?;
        }
        while self.tls.is_handshaking() {
            while self.tls.wants_write() {
                match self.flush(|bytes| socket.try_write_vectored(bytes)) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        socket.writable().await?;
                    }
                    done => done?,
                }
            }
            if !self.tls.is_handshaking() {
                break;
            }
            match self.receive(|bytes| socket.try_read(bytes)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => socket.readable().await?,
                done => done?,
            }
        }
        // The last words of the handshake; what the socket does not take goes with the answer.
        match self.flush(|bytes| socket.try_write_vectored(bytes)) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes in what the socket has.
    fn receive(&mut self, read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        let bytes = self.tls.read_tls(&mut Raw(read))?;
        let state = self.tls.process_new_packets();
        state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        if bytes == 0 && self.tls.is_handshaking() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Gives the socket what is encrypted.
    fn flush(&mut self, write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<()> {
        let mut raw = Raw(write);
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut raw)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.moved = true;
        }
        Ok(())
    }

    /// Encrypts some of the bytes, once, and says how many when the socket has taken all of it.
    fn send(
        &mut self,
        slices: &[IoSlice<'_>],
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.flush(&mut write)?;
        if self.promised == 0 {
            self.promised = self.tls.writer().write_vectored(slices)?;
            self.flush(&mut write)?;
        }
        Ok(mem::take(&mut self.promised))
    }
}
