//! The `espalier` program: reads its command line, runs, exits.

use std::process::ExitCode;

use espalier::config::CommandLine;

fn main() -> ExitCode {
    match CommandLine::read(std::env::args_os()) {
        Ok(line) => espalier::cli::run(line),
        Err(error) => error.exit(),
    }
}
