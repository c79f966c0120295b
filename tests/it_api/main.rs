//! The administration API over real HTTP. Every answer is held against its description too.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod description;
mod devices;
mod events;
mod images;
mod pairing;
mod platforms;
mod policies;
mod problems;
mod refusals;
mod releases;
mod reports;
mod rollouts;
mod schema;
mod secrets;
mod server;
mod uploads;
