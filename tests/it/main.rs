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
mod chips;
mod core_protocol;
mod digests;
mod downloads;
mod esp32;
mod files;
mod guards;
mod gzip;
mod hardening;
mod http_layer;
mod images;
mod interrupted;
mod kstobbe;
mod loops;
mod migration;
mod packing;
mod pairing;
mod policies;
mod policy_pages;
mod proxied;
mod proxies;
mod rhythm;
mod rollout_pages;
mod rollouts;
mod secrets;
mod stats;
mod store;
mod support;
mod tasmota;
mod tls;
mod uploads;
