//! Puts the program together, serves, and stops in order.

mod ports;

use std::fs::{File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::{App, Limits};
use crate::blobs::Blobs;
use crate::clock::{Clock, SystemClock};
use crate::config::Serve;
use crate::http::layers::SecurityHeaders;
use crate::http::{self, Exposure, wire::WireSettings};
use crate::jobs;
use crate::store::Store;
use crate::tls::TlsError;
use ports::Ports;

/// Why the server cannot start, in words for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("the data folder {} (--data, ESPALIER_DATA) cannot be used: {source}. It must be a folder that this user may write to", .folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process serves this data folder.
    #[error("the data folder {} is in use by another espalier; stop that one first, or choose another folder with --data", .0.display())]
    InUse(PathBuf),
    /// The catalog folder cannot be used.
    #[error("the catalog folder {} (--catalog, ESPALIER_CATALOG) cannot be used: {source}", .folder.display())]
    Catalog {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A port cannot be listened on.
    #[error("cannot listen on {address} ({variable}; --bind, ESPALIER_BIND): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Where its port comes from.
        variable: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("the database in the data folder cannot be opened: {0}")]
    Store(#[from] crate::store::StoreError),
    /// The firmware folder cannot be opened.
    #[error("the firmware folder in the data folder cannot be opened: {0}")]
    Blobs(#[from] crate::blobs::BlobError),
    /// There is no certificate.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The environment's first administrator cannot be made.
    #[error(
        "the first administrator cannot be made (ESPALIER_ADMIN_PASSWORD, ESPALIER_ADMIN_PASSWORD_FILE): {0}"
    )]
    Administrator(#[source] crate::app::Error),
    /// The rest.
    #[error("{0}")]
    App(#[from] crate::app::Error),
}

/// A server that listens and is ready to run.
#[derive(Debug)]
pub struct Server {
    app: App,
    ports: Ports,
    wire: WireSettings,
    exposure: Exposure,
    /// One process per data folder: held until the end.
    _lock: File,
}

impl Server {
    /// Opens the data folder and listens, on the system's clock.
    ///
    /// # Errors
    /// [`StartError`] in words for the person who started it.
    pub async fn start(options: &Serve) -> Result<Self, StartError> {
        Self::start_with(options, Arc::new(SystemClock)).await
    }

    /// The same with another clock.
    ///
    /// # Errors
    /// [`StartError`] in words for the person who started it.
    pub async fn start_with(options: &Serve, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let lock = lock(&options.data)?;
        let catalog = options.catalog.as_deref().map(catalog_folder).transpose()?;
        let blobs = Blobs::open(&options.data, options.image_cache.0)?;
        let store = Store::open(&options.data.join("espalier.db")).await?;
        let limits = Limits {
            max_upload: options.max_upload.0,
            catalog,
            public_url: options.public_url.clone(),
            time_zone: options.tz.clone(),
            local_only: options.bind.is_loopback(),
            auth: options.auth,
            password_cost: options.password_cost,
        };
        let app = App::open(store, blobs, clock, limits).await?;
        if !app.is_open() {
            let password = options.admin_password.as_ref();
            app.accounts().prepare(password).await.map_err(StartError::Administrator)?;
        }
        let ports = Ports::open(options).await?;
        let wire = WireSettings {
            trusted_proxies: options.transport.trusted_proxies.0.clone().into(),
            ..WireSettings::default()
        };
        let exposure = exposure(options, &ports);
        Ok(Self { app, ports, wire, exposure, _lock: lock })
    }

    /// The program, for what else drives it.
    #[must_use]
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// The addresses that are listened on: those of `--port`, then those of `--device-port`.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.ports.addresses()
    }

    /// Lines that tell a person where to go.
    #[must_use]
    pub fn greeting(&self) -> Vec<String> {
        let mut lines = self.ports.greeting(self.app.settings().public_url.as_ref());
        if self.app.is_open() {
            lines.push(
                "Anyone who reaches this server can change everything (--auth none). Use it in a \
                 trusted network only."
                    .to_owned(),
            );
        }
        if let Some(code) = self.app.accounts().setup_code() {
            lines.push(format!(
                "Nobody can sign in yet. Create the first administrator at /setup with the \
                 set-up code {}",
                code.expose()
            ));
        }
        lines
    }

    /// Serves until `stop`; then running downloads finish (bounded) and everything is written.
    pub async fn run(self, stop: CancellationToken) {
        let Self { app, ports, wire, exposure, _lock } = self;
        jobs::start(&app, &stop);
        if let Some(tls) = ports.tls() {
            app.tasks().spawn(ports::keep_fresh(Arc::clone(tls), stop.clone()));
        }
        let listeners = ports.listeners(&app, exposure);
        http::wire::serve(listeners, wire, stop).await;
        app.close().await;
    }
}

/// How pages and API are shown to the world outside.
fn exposure(options: &Serve, ports: &Ports) -> Exposure {
    let tls = ports.tls().cloned();
    let strict = tls.as_ref().is_some_and(|tls| !tls.is_made_here());
    let headers = SecurityHeaders::new(&options.transport.frame_ancestors, strict);
    let allowed_hosts = Arc::new(options.transport.allowed_hosts.clone());
    Exposure { tls, headers: Arc::new(headers), allowed_hosts }
}

/// Makes the data folder and takes its lock.
fn lock(folder: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Data { folder: folder.to_owned(), source };
    crate::machine::private_folder(folder).map_err(failed)?;
    let mut options = std::fs::OpenOptions::new();
    let options = options.create(true).write(true).truncate(false);
    let file = options.open(folder.join("espalier.lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The real place of the catalog folder.
fn catalog_folder(folder: &Path) -> Result<PathBuf, StartError> {
    let failed = |source| StartError::Catalog { folder: folder.to_owned(), source };
    let real = folder.canonicalize().map_err(failed)?;
    if real.is_dir() {
        Ok(real)
    } else {
        Err(failed(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder")))
    }
}
