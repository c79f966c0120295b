//! The real server in this process, on a clock that the simulator moves.

use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use espalier::app::App;
use espalier::clock::FakeClock;
use espalier::config::{CommandLine, Serve};
use espalier::server::Server;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::api::Address;

/// The server, while it runs.
#[derive(Debug)]
pub struct Host {
    options: Serve,
    clock: Arc<FakeClock>,
    address: Address,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    app: App,
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Host {
    /// Starts a server on this data folder.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn start(data: &Path, clock: Arc<FakeClock>) -> Result<Self, Fault> {
        let line = ["espalier", "--auth", "none", "--bind", "127.0.0.1", "--port", "0"];
        let line = line.into_iter().map(Into::into).chain(["--data".into(), data.into()]);
        let parsed = CommandLine::try_parse_from(line.collect::<Vec<std::ffi::OsString>>());
        let options = parsed.map_err(|error| Fault::Start(error.to_string()))?.serve;
        let address = Address::new(([127, 0, 0, 1], 0).into());
        let mut host = Self { options, clock, address, running: None };
        host.begin().await?;
        Ok(host)
    }

    /// Where it is, also after it has moved.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    async fn begin(&mut self) -> Result<(), Fault> {
        let clock = Arc::clone(&self.clock);
        let server = Server::start_with(&self.options, clock).await;
        let server = server.map_err(|error| Fault::Start(error.to_string()))?;
        if let Some(address) = server.addresses().first() {
            self.address.set(*address);
        }
        let (app, stop) = (server.app().clone(), CancellationToken::new());
        let ended = tokio::spawn(server.run(stop.clone()));
        self.running = Some(Running { app, stop, ended });
        Ok(())
    }

    /// Does what its jobs do as time passes: they come round in real time, in which a virtual
    /// minute is a moment.
    ///
    /// # Errors
    /// Where a job fails.
    pub async fn tick(&self) -> Result<(), Fault> {
        let Some(Running { app, .. }) = &self.running else { return Ok(()) };
        app.look_for_lost().await;
        app.watch_rollouts(false).await.map_err(|error| Fault::Job(error.to_string()))
    }

    /// Stops it in order, as a service manager does.
    pub async fn stop(&mut self) {
        if let Some(Running { app, stop, ended }) = self.running.take() {
            drop(app);
            stop.cancel();
            let _ = ended.await;
        }
    }

    /// Stops it and starts it again on the same data.
    ///
    /// # Errors
    /// Where it does not start again.
    pub async fn restart(&mut self) -> Result<(), Fault> {
        self.stop().await;
        self.begin().await
    }
}
