//! The fleet simulator.
//!
//! ```text
//! options                       the command line
//! random · behaviour · device   what a device does: pure, from a seed, virtual time and answers
//! fate · logbook                what becomes of an update; what the device saw
//! library · firmware            the images, and what running them means
//! request · wire                a check-in as bytes, and over a socket
//! api · host                    the public API; the server in this process, on a virtual clock
//! driver · watch                the events in order of virtual time; questions in between
//! forecast · course             what the dry run said; how the rollouts went
//! scenario · checks             what happens, and what must hold
//! arrival · report              whom a good release reached; what is told of it all
//! ```
//!
//! Virtual time belongs to the simulator: it moves to the next event when all earlier ones are
//! answered. `--speed` only bounds it. So a run depends on its options alone, not on the machine.

mod api;
mod arrival;
mod behaviour;
mod checks;
mod course;
mod device;
mod driver;
mod fate;
mod firmware;
mod forecast;
mod host;
mod library;
mod logbook;
mod options;
mod random;
mod report;
mod request;
mod scenario;
mod watch;
mod wire;

pub use options::Options;
pub use report::Report;
pub use scenario::run;

/// Why a run failed, which is no finding about the server.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file or a socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The server in this process did not start.
    #[error("the server does not start: {0}")]
    Start(String),
    /// The server's API answered something else than what was asked for.
    #[error("{method} {path} was answered {status}: {text}")]
    Api {
        /// The method.
        method: String,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The body.
        text: String,
    },
    /// A job of the server in this process failed.
    #[error("a job of the server failed: {0}")]
    Job(String),
    /// The options do not fit together.
    #[error("{0}")]
    Options(&'static str),
}
