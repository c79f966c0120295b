//! What the tests share: a server, devices, images, and HTTP as raw bytes.

pub mod app;
pub mod board;
pub mod catalog;
pub mod device;
pub mod form;
pub mod http;
pub mod image;

pub use app::{Released, TestApp, mac};
pub use board::{Board, Came};
pub use device::FakeDevice;
pub use form::Form;
pub use http::{Answer, Client, eventually, exchange};
pub use image::Firmware;

/// An ESP8266.
pub const CHASE: &str = "18:FE:34:00:00:01";
/// Another one.
pub const MARSHALL: &str = "18:FE:34:00:00:02";
/// An ESP32.
pub const SKYE: &str = "24:0A:C4:00:00:10";
