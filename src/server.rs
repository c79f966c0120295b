//! Puts the program together, serves, and stops in order.

use std::fs::{File, TryLockError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Limits};
use crate::blobs::Blobs;
use crate::clock::{Clock, SystemClock};
use crate::config::Serve;
use crate::http::wire::WireSettings;
use crate::machine::{in_container, lan_address};
use crate::store::Store;
use crate::{http, jobs};

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
    #[error("cannot listen on {address} (--bind, --port, ESPALIER_BIND, ESPALIER_PORT): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("the database in the data folder cannot be opened: {0}")]
    Store(#[from] crate::store::StoreError),
    /// The firmware folder cannot be opened.
    #[error("the firmware folder in the data folder cannot be opened: {0}")]
    Blobs(#[from] crate::blobs::BlobError),
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
    listeners: Vec<TcpListener>,
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
        let mut listeners = Vec::new();
        for port in &options.port {
            let address = SocketAddr::new(options.bind, *port);
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|source| StartError::Listen { address, source })?);
        }
        Ok(Self { app, listeners, _lock: lock })
    }

    /// The program, for what else drives it.
    #[must_use]
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// The addresses that are listened on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Lines that tell a person where to go.
    #[must_use]
    pub fn greeting(&self) -> Vec<String> {
        let mut lines = self.addresses_to_open();
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

    fn addresses_to_open(&self) -> Vec<String> {
        let public = self.app.settings().public_url.clone();
        if in_container() {
            return vec![match public {
                Some(url) => format!("Open {url} in a browser; sketches ask {url}/update"),
                None => "Ready. Set ESPALIER_PUBLIC_URL to the address that your devices use, \
                         like http://192.168.1.10:8000: inside a container it cannot be found out."
                    .to_owned(),
            }];
        }
        let mut lines = Vec::new();
        if let Some(url) = public {
            lines.push(format!("Open {url} in a browser; sketches ask {url}/update"));
        }
        for address in self.addresses() {
            for host in hosts(address.ip()) {
                let url = format!("http://{}", SocketAddr::new(host, address.port()));
                lines.push(format!("Open {url} in a browser; sketches ask {url}/update"));
            }
        }
        lines
    }

    /// Serves until `stop`; then running downloads finish (bounded) and everything is written.
    pub async fn run(self, stop: CancellationToken) {
        let Self { app, listeners, _lock } = self;
        jobs::start(&app, &stop);
        let router = http::router(app.clone());
        http::wire::serve(listeners, router, WireSettings::default(), stop).await;
        app.close().await;
    }
}

/// Makes the data folder and takes its lock.
fn lock(folder: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Data { folder: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
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

/// The addresses under which a listener can be reached.
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
