//! What we know and how we decide: pure, synchronous, without any input or output.
//!
//! Every rule of the product lives here, as plain functions over plain values, so that it can be
//! tested as a table and used alike by devices, pages, the dry run and the explanation.

pub mod access;
pub mod actor;
pub mod attempt;
pub mod audit;
pub mod chip;
pub mod decoder;
pub mod device;
pub mod device_secret;
pub mod digest;
pub mod event;
pub mod group;
pub mod hours;
pub mod image;
pub mod learnt;
pub mod mac;
pub mod names;
pub mod network;
pub mod pairing;
pub mod platform;
pub mod policy;
pub mod proof;
pub mod release;
pub mod report;
pub mod rhythm;
pub mod rollout;
pub mod secret;
pub mod stats;
pub mod tally;
pub mod totp;
pub mod update;
pub mod version;

/// A moment: seconds since 1970-01-01 00:00:00 UTC.
pub type Timestamp = i64;
