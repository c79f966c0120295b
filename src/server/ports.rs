//! The ports that are listened on: for people and devices, and for devices alone.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::app::App;
use crate::config::{PublicUrl, Serve, TlsMode};
use crate::http::{self, Exposure, wire::Listener};
use crate::machine::{in_container, lan_address};
use crate::tls::{Files, Tls, TlsError};

/// How often the certificate's files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What is listened on, and how.
#[derive(Debug)]
pub(super) struct Ports {
    /// Pages, API and devices.
    all: Vec<TcpListener>,
    /// Devices alone.
    devices: Vec<TcpListener>,
    tls: Option<Arc<Tls>>,
}

impl Ports {
    /// Listens, and reads or makes the certificate.
    pub(super) async fn open(options: &Serve) -> Result<Self, StartError> {
        let tls = tls(options)?.map(Arc::new);
        let all = listen(options.bind, &options.port, "--port, ESPALIER_PORT").await?;
        let variable = "--device-port, ESPALIER_DEVICE_PORT";
        let devices = listen(options.bind, &options.transport.device_port, variable).await?;
        Ok(Self { all, devices, tls })
    }

    /// The addresses for pages, API and devices, then those for devices alone.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let all = self.all.iter().chain(&self.devices);
        all.filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// The certificate, where TLS is spoken.
    pub(super) const fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// Lines that tell a person where to go.
    pub(super) fn greeting(&self, public: Option<&PublicUrl>) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(url) = public {
            lines.push(format!("Open {url} in a browser; sketches ask {url}/update"));
        }
        if !in_container() {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            for address in reached(&self.all) {
                let url = format!("{scheme}://{address}");
                lines.push(format!("Open {url} in a browser; sketches ask {url}/update"));
            }
            for address in reached(&self.devices) {
                lines.push(format!("For devices only: http://{address}/update"));
            }
        } else if public.is_none() {
            let hint = "Ready. Set ESPALIER_PUBLIC_URL to the address that your devices use, \
                        like http://192.168.1.10:8000: inside a container it cannot be found out.";
            lines.push(hint.to_owned());
        }
        if let Some(tls) = &self.tls {
            let prints = tls.fingerprints();
            let file = tls.location().certificate.display();
            lines.push(format!("Certificate: {file}"));
            lines.push(format!("  SHA-1, for setFingerprint: {}", prints.sha1()));
            lines.push(format!("  SHA-256: {}", prints.sha256()));
        }
        lines
    }

    /// Each port with what is answered on it.
    pub(super) fn listeners(self, app: &App, exposure: Exposure) -> Vec<Listener> {
        let Self { all, devices, tls } = self;
        let everything = http::site(app.clone(), exposure);
        let alone = http::device_site(app.clone());
        let turned_away = http::turned_away(app.clone());
        let all = all.into_iter().map(|socket| match &tls {
            None => Listener::plain(socket, everything.clone()),
            Some(tls) => Listener {
                socket,
                plain: turned_away.clone(),
                secure: Some((Arc::clone(tls), everything.clone())),
            },
        });
        // A sketch decides for itself which of the two it speaks.
        let devices = devices.into_iter().map(|socket| Listener {
            socket,
            plain: alone.clone(),
            secure: tls.as_ref().map(|tls| (Arc::clone(tls), alone.clone())),
        });
        all.chain(devices).collect()
    }
}

/// Reads the certificate's files again when they change, until `stop`.
pub(super) async fn keep_fresh(tls: Arc<Tls>, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let tls = Arc::clone(&tls);
        // The files may lie in a slow place.
        let _ = tokio::task::spawn_blocking(move || tls.refresh()).await;
    }
}

fn tls(options: &Serve) -> Result<Option<Tls>, StartError> {
    let transport = &options.transport;
    match transport.tls {
        TlsMode::Off => {
            if transport.tls_cert.is_some() || transport.tls_key.is_some() {
                tracing::warn!("a certificate is named, but ESPALIER_TLS (--tls) is not “files”");
            }
            Ok(None)
        }
        TlsMode::SelfSigned => Ok(Some(Tls::self_signed(&options.data, &names(options))?)),
        TlsMode::Files => match (&transport.tls_cert, &transport.tls_key) {
            (Some(certificate), Some(key)) => {
                let files = Files { certificate: certificate.clone(), key: key.clone() };
                Ok(Some(Tls::files(files)?))
            }
            _ => Err(TlsError::Unnamed.into()),
        },
    }
}

/// The names and addresses by which this server is asked for, as far as they are known.
fn names(options: &Serve) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let bound = Some(options.bind).filter(|bind| !bind.is_unspecified());
    let lan = lan_address().filter(|_| !in_container());
    names.extend(bound.or(lan).map(|address| address.to_string()));
    names.extend(options.public_url.as_ref().map(|url| url.host().to_owned()));
    names.sort();
    names.dedup();
    names
}

async fn listen(
    bind: IpAddr,
    ports: &[u16],
    variable: &'static str,
) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for port in ports {
        let address = SocketAddr::new(bind, *port);
        let failed = |source: io::Error| StartError::Listen { address, variable, source };
        listeners.push(TcpListener::bind(address).await.map_err(failed)?);
    }
    Ok(listeners)
}

/// The addresses under which listeners can be reached.
fn reached(listeners: &[TcpListener]) -> impl Iterator<Item = SocketAddr> {
    let bound = listeners.iter().filter_map(|listener| listener.local_addr().ok());
    bound.flat_map(|bound| {
        hosts(bound.ip()).into_iter().map(move |host| SocketAddr::new(host, bound.port()))
    })
}

/// The addresses under which one can be reached that is bound to this.
fn hosts(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match lan_address() {
        Some(lan) if lan != local => vec![lan, local],
        _ => vec![local],
    }
}
