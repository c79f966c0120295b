//! The socket as hyper sees it: requests repaired, bytes counted, stalled sides given up.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::WireSettings;
use super::framing::{Framing, Stage};
use super::places::Places;
use super::stall::{Stall, Wait};
use super::stream::Stream;
use super::transfer::{Shared, Watch};

/// A peer that sends nothing is given up after its time and at most a quarter of it.
const READ_STEPS: u32 = 4;
/// How often within its time a full socket is tried although the system does not call it
/// writable: it does so only when a third of the buffer is free, which takes a slow device minutes.
const WRITE_STEPS: u32 = 12;

/// One accepted connection.
pub(super) struct Wire {
    stream: Stream,
    framing: Framing,
    shared: Arc<Shared>,
    watch: Option<Watch>,
    settings: Arc<WireSettings>,
    places: Arc<Places>,
    reading: Stall,
    writing: Stall,
}

impl Wire {
    pub(super) fn new(
        stream: Stream,
        shared: Arc<Shared>,
        settings: Arc<WireSettings>,
        places: Arc<Places>,
    ) -> Self {
        Self {
            stream,
            framing: Framing::new(),
            shared,
            watch: None,
            settings,
            places,
            reading: Stall::default(),
            writing: Stall::default(),
        }
    }

    /// The stream, the answer that was watched, and whether the client has more to say.
    pub(super) fn into_parts(self) -> (Stream, Option<Watch>, bool) {
        let unfinished = self.framing.is_unfinished();
        (self.stream, self.watch, unfinished)
    }

    /// Gives out what the framing kept back; says whether there was something.
    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if !self.framing.is_ready() {
            return false;
        }
        buf.put_slice(self.framing.deliver(buf.remaining()));
        true
    }

    /// Takes in what was read behind `before`; says whether there is something to give out.
    fn accept(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> bool {
        let stage = self.framing.stage();
        let open = self.framing.open();
        let passed = self.framing.accept(&buf.filled()[before..]);
        buf.set_filled(before + passed);
        if stage == Stage::Body || stage != self.framing.stage() {
            self.reading.clear();
        }
        if open != self.framing.open() {
            self.shared.set_open(self.framing.open());
        }
        self.deliver(buf) || passed > 0
    }

    /// Nothing to read: for how long already?
    fn wait_for_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stage = self.framing.stage();
        let limit = match stage {
            Stage::Idle(_) | Stage::Head(_) => self.settings.header_timeout,
            Stage::Body => self.settings.write_idle_timeout,
        };
        match self.reading.poll(cx, limit, READ_STEPS) {
            Wait::Sleeping => Poll::Pending,
            // Whoever waits has to make room for others where there is little.
            Wait::Step if !self.reading.has_waited() || !self.places.are_scarce() => Poll::Pending,
            // To hyper an idle connection that ends is nothing special.
            Wait::Over | Wait::Step if matches!(stage, Stage::Idle(_)) => Poll::Ready(Ok(())),
            Wait::Over | Wait::Step => Poll::Ready(Err(ErrorKind::TimedOut.into())),
        }
    }

    /// Nothing was taken: tries again now and then, and gives up in the end.
    fn wait_for_room(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let limit = self.settings.write_idle_timeout;
        if self.stream.has_moved() {
            self.writing.clear();
            self.shared.slot().moves();
        }
        self.shared.slot().stands();
        match self.writing.poll(cx, limit, WRITE_STEPS) {
            Wait::Sleeping => Poll::Pending,
            Wait::Over => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Wait::Step => match self.stream.push(slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
                sent => Poll::Ready(sent),
            },
        }
    }

    /// The next answer is a watched one: from now on little may stand in the socket's buffer.
    fn begin_watch(&mut self, slices: &[IoSlice<'_>]) {
        if self.watch.is_none() {
            self.watch = self.shared.armed();
            if let Some(watch) = &self.watch {
                let ahead = watch.ahead(self.settings.send_buffer);
                bound_send_buffer(self.stream.socket(), ahead);
            }
        }
        if let Some(watch) = &mut self.watch {
            watch.offer(slices);
        }
    }
}

/// Lets the system take at most `bytes` more than the peer's window has room for.
///
/// Not the size of the buffer is bounded where that can be helped, but what waits in it: so a fast
/// peer is not held up, and a device with its window of a few KiB gets no whole image ahead.
/// Without it the count runs ahead, which is all.
fn bound_send_buffer(socket: &TcpStream, bytes: u32) {
    let socket = SockRef::from(socket);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(bytes);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket.set_send_buffer_size(usize::try_from(bytes).unwrap_or(usize::MAX));
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.deliver(buf) {
            return Poll::Ready(Ok(()));
        }
        loop {
            let before = buf.filled().len();
            match this.stream.poll_read(cx, buf) {
                Poll::Pending => return this.wait_for_bytes(cx),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if buf.filled().len() == before => {
                    this.framing.end();
                    this.deliver(buf);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(())) => {
                    if this.accept(buf, before) {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.begin_watch(slices);
        let taken = match this.stream.poll_write(cx, slices) {
            Poll::Ready(taken) => taken?,
            Poll::Pending => ready!(this.wait_for_room(cx, slices))?,
        };
        this.writing.clear();
        match &mut this.watch {
            Some(watch) => watch.took(taken),
            None => this.shared.slot().moves(),
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Leaves the socket open: how it is closed depends on what became of the answer.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
