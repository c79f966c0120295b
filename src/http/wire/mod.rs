//! HTTP/1 as devices speak it: an accept loop of our own over hyper.
//!
//! It does what neither hyper nor axum do: it repairs the request lines that real clients send
//! (`repair`, `framing`, `request_line`), speaks TLS in records that small devices can take
//! (`hello`, `stream`), knows who asks behind a proxy (`peer`), how much of a firmware has left and
//! whether it arrived (`transfer`), closes so that a refusal reaches the one it is meant for
//! (`close`), bounds connections, waiting and shutdown (`accept`, `places`, `slot`, `stall`), and
//! lets the usual request past the router (`site`).

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod accept;
mod close;
mod framing;
mod hello;
mod peer;
mod places;
mod repair;
mod request_line;
mod site;
mod slot;
mod stall;
mod stream;
#[cfg(test)]
mod tests;
mod transfer;

pub use peer::Peer;
pub use site::{Shortcut, Site};
pub use transfer::{Connection, Outcome, Transfer};

use crate::domain::network::Network;
use crate::tls::Tls;

/// A device that erases its flash reads nothing for this long.
const LONGEST_ERASE: Duration = Duration::from_mins(1);

/// The limits of the listeners.
#[derive(Clone, Debug)]
pub struct WireSettings {
    /// Connections served at once; where more come, those that only wait make room. A quarter is
    /// kept for the listeners, an equal part for each, and a quarter is closed to pages and API.
    /// Default 4096.
    pub max_connections: u32,
    /// Connections of one address, or of one /64 of IPv6, at once; further ones are closed.
    /// Trusted proxies have no such limit. Default 2048.
    pub max_per_address: u32,
    /// How long a request is waited for on an open connection, and then how long its head may
    /// take; a quarter of it where more than three quarters of the connections are in use.
    /// Default 30 s.
    pub header_timeout: Duration,
    /// How long a connection may take nothing of an answer, or send nothing of a body. Default
    /// 120 s, at least 60 s, because devices erase their flash meanwhile. A body has a quarter of
    /// it where connections are scarce.
    pub write_idle_timeout: Duration,
    /// What a client may still send after a watched answer. Default 256 KiB.
    pub drain_bytes: u64,
    /// How long a client may take to close after a watched answer. Default 30 s.
    pub drain_time: Duration,
    /// How long running answers may take after the shutdown has begun. Default 8 s.
    pub shutdown_grace: Duration,
    /// How much of a watched answer the system may take beyond what the client has room for.
    /// Default 32 KiB.
    pub send_buffer: u32,
    /// Proxies whose word about the client is taken. Default none.
    pub trusted_proxies: Arc<[Network]>,
}

impl Default for WireSettings {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_per_address: 2048,
            header_timeout: Duration::from_secs(30),
            write_idle_timeout: Duration::from_mins(2),
            drain_bytes: 256 * 1024,
            drain_time: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(8),
            send_buffer: 32 * 1024,
            trusted_proxies: Arc::default(),
        }
    }
}

/// A port, and what is answered on it.
#[derive(Debug)]
pub struct Listener {
    /// Where connections arrive.
    pub socket: TcpListener,
    /// What answers requests without TLS.
    pub plain: Site,
    /// What answers requests with TLS, and its certificate; `None` where nobody expects TLS.
    pub secure: Option<(Arc<Tls>, Site)>,
}

impl Listener {
    /// A port without TLS.
    #[must_use]
    pub const fn plain(socket: TcpListener, site: Site) -> Self {
        Self { socket, plain: site, secure: None }
    }
}

/// Serves all `listeners` until `shutdown`, then lets running answers finish within
/// the grace period.
pub async fn serve(
    listeners: Vec<Listener>,
    mut settings: WireSettings,
    shutdown: CancellationToken,
) {
    settings.write_idle_timeout = settings.write_idle_timeout.max(LONGEST_ERASE);
    accept::run(listeners, settings, shutdown).await;
}
