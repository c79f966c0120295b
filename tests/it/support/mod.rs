//! What the tests share: a server, devices, images, and HTTP as raw bytes.

use std::process::Stdio;

pub mod app;
pub mod board;
pub mod catalog;
pub mod device;
pub mod form;
pub mod http;
pub mod image;
pub mod tls;

pub use app::{Released, TestApp, a_test, mac};
pub use board::{Board, Came};
pub use device::FakeDevice;
pub use form::Form;
pub use http::{Answer, Client, eventually, exchange};
pub use image::Firmware;
pub use tls::TlsClient;

/// Whether a program is installed that some tests need; with `ESPALIER_REQUIRE_TOOLS` it must be.
pub fn is_installed(program: &str) -> bool {
    let version = if program == "openssl" { "version" } else { "-v" };
    let mut command = std::process::Command::new(program);
    let quiet = command.arg(version).stdout(Stdio::null()).stderr(Stdio::null());
    let installed = quiet.status().is_ok();
    let demanded = std::env::var_os("ESPALIER_REQUIRE_TOOLS").is_some();
    assert!(installed || !demanded, "{program} is not installed");
    if !installed {
        eprintln!("SKIPPED: {program} is not installed");
    }
    installed
}

/// An ESP8266.
pub const CHASE: &str = "18:FE:34:00:00:01";
/// Another one.
pub const MARSHALL: &str = "18:FE:34:00:00:02";
/// An ESP32.
pub const SKYE: &str = "24:0A:C4:00:00:10";
