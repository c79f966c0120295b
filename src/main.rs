//! The `espalier` program: reads its command line, runs, exits.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    espalier::cli::run(espalier::config::CommandLine::parse())
}
