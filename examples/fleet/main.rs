//! A fleet of simulated devices against the real server, over sockets.
//!
//! `cargo run --release --example fleet -- --devices 10000 --breaks 30`; `--help` tells the rest.
//! The program ends with code 1 where a promise of the server was broken, and with code 2 where
//! the run itself failed.

mod sim;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use sim::{Options, Report};

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let run = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(sim::run(&options, &mut tell)).map_err(|error| error.to_string())
    });
    match run {
        Ok(report) => show(&report, options.json),
        Err(error) => {
            tell(&format!("fleet: {error}"));
            ExitCode::from(2)
        }
    }
}

/// A line about how far it is.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn show(report: &Report, json: bool) -> ExitCode {
    let text = if json { report.json() } else { report.table() };
    let _ = writeln!(io::stdout(), "{text}");
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
