//! What serving costs: each row beside a bare axum route in the same run, in turn, medians.
//!
//! `cargo bench --bench serving` runs all rows, `cargo bench --bench serving -- poll` those whose
//! name holds the word. The figure that travels is server CPU per request (user + system of the
//! whole server process), as a ratio to the bare route.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark ends at the first fault"
)]
#![expect(clippy::cast_precision_loss, reason = "figures are printed with three digits")]

mod load;
mod rows;
mod servers;

fn main() {
    if let Some(port_file) = std::env::var_os(servers::BARE) {
        servers::serve_bare(port_file.as_ref());
        return;
    }
    // Cargo passes `--bench`; the rest are words that rows are chosen by.
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(rows::run(&words));
}
