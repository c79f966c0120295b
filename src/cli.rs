//! What the commands do.

mod people;

use std::io::{self, IsTerminal, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::{Command, CommandLine, Healthcheck, LogFormat, Serve};
use crate::server::Server;

/// Seconds that a health check waits for each step.
const PATIENCE: Duration = Duration::from_secs(4);

/// Carries out a command line.
#[must_use]
pub fn run(line: CommandLine) -> ExitCode {
    let result = match line.command {
        None => serve(&line.serve),
        Some(Command::Serve(options)) => serve(&options),
        Some(Command::Healthcheck(options)) => healthcheck(&options),
        Some(Command::User(command)) => people::users(command),
        Some(Command::Token(command)) => people::tokens(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "espalier: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is told to stop.
fn serve(options: &Serve) -> Result<(), String> {
    start_log(options);
    // The usual soft limit of 1024 open files is less than the connections that may be held.
    if let Err(error) = rlimit::increase_nofile_limit(u64::from(u16::MAX)) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let server = Server::start(options).await.map_err(|error| error.to_string())?;
        for line in server.greeting() {
            let _ = writeln!(io::stdout(), "{line}");
        }
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "espalier serves");
        warn_of_access(&server);
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone()));
        server.run(stop).await;
        tracing::info!("espalier has stopped; everything is written");
        Ok(())
    })
}

/// What the log should say of access even where nobody reads the greeting.
fn warn_of_access(server: &Server) {
    if server.app().is_open() {
        tracing::warn!(
            "access control is off (--auth none): whoever gets here may change everything"
        );
    }
    if let Some(code) = server.app().accounts().setup_code() {
        let code = code.expose();
        tracing::warn!(
            "nobody can sign in yet: make the first administrator at /setup, code {code}"
        );
    }
}

/// Ctrl-C, and SIGTERM where there is one.
async fn stop_on_signal(stop: CancellationToken) {
    #[cfg(unix)]
    {
        if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = signal::ctrl_c() => {}
            }
            tracing::info!("stopping: running downloads may finish");
            stop.cancel();
            return;
        }
    }
    if signal::ctrl_c().await.is_ok() {
        stop.cancel();
    }
}

fn start_log(options: &Serve) {
    let directives = options.log.directives();
    let directives = if directives.contains(['=', ',']) {
        directives.to_owned()
    } else {
        format!("{directives},sqlx=warn,hyper=info")
    };
    let filter = EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second start in one process (tests) keeps the first log.
    let _ = match options.log_format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// Asks a running server whether it can do its work.
fn healthcheck(options: &Healthcheck) -> Result<(), String> {
    let host = match options.bind {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    let address = SocketAddr::new(host, options.port.first().copied().unwrap_or(8000));
    let failed = |error: io::Error| format!("{address} does not answer: {error}");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).map_err(failed)?;
    let first = String::from_utf8_lossy(&answer);
    let first = first.lines().next().unwrap_or_default();
    if first.contains(" 200 ") { Ok(()) } else { Err(format!("{address} answers {first}")) }
}
