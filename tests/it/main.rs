//! The program from outside: devices over raw TCP, people over HTTP, on real SQLite and real files.
//!
//! The numbers of cases are those of `protocol.md` §10.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what is wrong by failing"
)]

mod autoconnect;
mod core_protocol;
mod downloads;
mod esp32;
mod hardening;
mod http_layer;
mod interrupted;
mod kstobbe;
mod loops;
mod nginx;
mod proxied;
mod store;
mod support;
mod tasmota;
mod tls;
mod uploads;
