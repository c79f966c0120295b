//! Devices as they speak on the wire: the exact bytes of `protocol.md` §2.1 and §3.1.

use std::fmt::Write;

use super::app::{Released, TestApp};
use super::http::{Answer, Client};
use super::image;

/// How a sketch for one family builds its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Core {
    /// ESP8266 core 3: everything.
    Esp8266,
    /// ESP8266 core 2.0.0: HTTP/1.1, no mode, no digest.
    Esp8266First,
    /// ESP32 core 3: everything.
    Esp32,
    /// ESP32 core 1.0.x: wants to keep the connection, no MD5, no base address.
    Esp32First,
    /// An ESP32-H2 or -P4 without Wi-Fi: the base address only.
    Esp32Wireless,
}

/// A device with an updater.
#[derive(Debug, Clone)]
pub struct FakeDevice {
    core: Core,
    mac: String,
    version: Option<String>,
    mode: Option<String>,
    sketch_md5: Option<String>,
    sketch_sha256: Option<String>,
    free_space: u64,
    sketch_size: u64,
    chip_size: u64,
    host: bool,
    lower_case: bool,
    extra: String,
}

impl FakeDevice {
    /// An ESP8266 with a current core.
    pub fn esp8266(mac: &str) -> Self {
        Self {
            core: Core::Esp8266,
            mac: mac.to_owned(),
            version: None,
            mode: Some("sketch".to_owned()),
            sketch_md5: Some("5fe77a34a9bb0b3d3a6a5ee8a8f4e4a1".to_owned()),
            sketch_sha256: None,
            free_space: 2_490_368,
            sketch_size: 373_940,
            chip_size: 4 << 20,
            host: true,
            lower_case: false,
            extra: String::new(),
        }
    }

    /// An ESP8266 with the first core that had an updater.
    pub fn esp8266_core_2_0_0(mac: &str) -> Self {
        Self { core: Core::Esp8266First, mode: None, sketch_md5: None, ..Self::esp8266(mac) }
    }

    /// An ESP32 with a current core.
    pub fn esp32(mac: &str) -> Self {
        Self {
            core: Core::Esp32,
            sketch_sha256: Some("A1".repeat(32)),
            free_space: 1_310_720,
            ..Self::esp8266(mac)
        }
    }

    /// The same with a core of 1.0.x.
    pub fn core_1_0_x(self) -> Self {
        Self { core: Core::Esp32First, sketch_md5: None, ..self }
    }

    /// The same without Wi-Fi.
    pub fn without_wifi(self) -> Self {
        Self { core: Core::Esp32Wireless, ..self }
    }

    /// With this in its version header.
    pub fn reporting(self, version: &str) -> Self {
        Self { version: Some(version.to_owned()), ..self }
    }

    /// With this in its mode header.
    pub fn in_mode(self, mode: &str) -> Self {
        Self { mode: Some(mode.to_owned()), ..self }
    }

    /// Without a mode header.
    pub fn without_mode(self) -> Self {
        Self { mode: None, ..self }
    }

    /// With this much free space.
    pub fn with_free_space(self, free_space: u64) -> Self {
        Self { free_space, ..self }
    }

    /// With this sketch size; 0 where it could not check itself.
    pub fn with_sketch_size(self, sketch_size: u64) -> Self {
        Self { sketch_size, ..self }
    }

    /// With this much flash memory.
    pub fn with_chip_size(self, chip_size: u64) -> Self {
        Self { chip_size, ..self }
    }

    /// With this digest of what it runs.
    pub fn with_md5(self, md5: &str) -> Self {
        Self { sketch_md5: Some(md5.to_owned()), ..self }
    }

    /// With this digest of what it runs (ESP32).
    pub fn with_sha256(self, sha256: &str) -> Self {
        Self { sketch_sha256: Some(sha256.to_owned()), ..self }
    }

    /// With the digests that it has when it runs this release.
    pub fn running(mut self, released: &Released) -> Self {
        let bytes = &released.bytes;
        self.sketch_md5 = self.sketch_md5.map(|_| image::md5(bytes));
        self.sketch_sha256 = self.sketch_sha256.map(|_| image::appended_sha256(bytes));
        self.sketch_size = u64::try_from(bytes.len()).unwrap();
        self
    }

    /// Without a `Host` header.
    pub fn without_host(self) -> Self {
        Self { host: false, ..self }
    }

    /// Behind a proxy that writes all header names in lower case.
    pub fn in_lower_case(self) -> Self {
        Self { lower_case: true, ..self }
    }

    /// With one more header line.
    pub fn with_header(mut self, line: &str) -> Self {
        self.extra.push_str(line);
        self.extra.push_str("\r\n");
        self
    }

    /// The bytes of a request.
    pub fn request(&self, method: &str, target: &str) -> Vec<u8> {
        let version = if self.core == Core::Esp8266First { "1.1" } else { "1.0" };
        let mut text = format!("{method} {target} HTTP/{version}\r\n");
        let mut line = |name: &str, value: &str| {
            let name = if self.lower_case { name.to_lowercase() } else { name.to_owned() };
            let _ = write!(text, "{name}: {value}\r\n");
        };
        if self.host {
            line("Host", "192.168.1.10:8000");
        }
        match self.core {
            Core::Esp8266 | Core::Esp8266First => self.esp8266_headers(&mut line),
            Core::Esp32 | Core::Esp32First | Core::Esp32Wireless => self.esp32_headers(&mut line),
        }
        text.push_str(&self.extra);
        text.push_str("\r\n");
        text.into_bytes()
    }

    fn esp8266_headers(&self, line: &mut impl FnMut(&str, &str)) {
        line("User-Agent", "ESP8266-http-Update");
        line("Connection", "close");
        if self.core == Core::Esp8266 {
            line("x-ESP8266-Chip-ID", "1458415");
        }
        line("x-ESP8266-STA-MAC", &self.mac);
        line("x-ESP8266-AP-MAC", "1A:FE:AA:AA:AA:AA");
        line("x-ESP8266-free-space", &self.free_space.to_string());
        line("x-ESP8266-sketch-size", &self.sketch_size.to_string());
        if let Some(md5) = &self.sketch_md5 {
            line("x-ESP8266-sketch-md5", md5);
        }
        line("x-ESP8266-chip-size", &self.chip_size.to_string());
        line("x-ESP8266-sdk-version", "2.2.2-dev(38a443e)");
        if let Some(mode) = &self.mode {
            line("x-ESP8266-mode", mode);
        }
        if let Some(version) = &self.version {
            line("x-ESP8266-version", version);
        }
        if self.core == Core::Esp8266 {
            line("Content-Length", "0");
        }
    }

    fn esp32_headers(&self, line: &mut impl FnMut(&str, &str)) {
        line("User-Agent", "ESP32-http-Update");
        line("Connection", if self.core == Core::Esp32First { "keep-alive" } else { "close" });
        line("Cache-Control", "no-cache");
        if self.core != Core::Esp32First {
            line("x-ESP32-BASE-MAC", &self.mac);
        }
        if self.core != Core::Esp32Wireless {
            line("x-ESP32-STA-MAC", &self.mac);
            line("x-ESP32-AP-MAC", "24:0A:C4:FF:FF:FE");
        }
        line("x-ESP32-free-space", &self.free_space.to_string());
        line("x-ESP32-sketch-size", &self.sketch_size.to_string());
        if let Some(md5) = &self.sketch_md5 {
            line("x-ESP32-sketch-md5", md5);
        }
        if let Some(sha256) = &self.sketch_sha256 {
            line("x-ESP32-sketch-sha256", sha256);
        }
        line("x-ESP32-chip-size", &self.chip_size.to_string());
        line("x-ESP32-sdk-version", "v4.4.7");
        if let Some(mode) = &self.mode {
            line("x-ESP32-mode", mode);
        }
        if let Some(version) = &self.version {
            line("x-ESP32-version", version);
        }
    }

    /// Asks for an address, reads the whole answer, and closes.
    pub async fn asks(&self, app: &TestApp, target: &str) -> Answer {
        self.asks_with("GET", app, target).await
    }

    /// The same with another method.
    pub async fn asks_with(&self, method: &str, app: &TestApp, target: &str) -> Answer {
        let mut client = Client::connect(app.address).await;
        client.send(&self.request(method, target)).await;
        // Whether a connection that wants to stay is closed is the server's choice.
        let stays = self.core == Core::Esp32First || self.core == Core::Esp8266First;
        if stays { client.framed(method == "HEAD").await } else { client.rest().await }
    }

    /// Checks in as the sketches of the original server do.
    pub async fn polls(&self, app: &TestApp, platform: &str, version: &str) -> Answer {
        self.asks(app, &format!("/update?ver={version}&dev={platform}")).await
    }

    /// Begins to download with a small window, and reads the head only.
    pub async fn begins(&self, app: &TestApp, target: &str) -> (Answer, Client) {
        let mut client = Client::connect_small(app.address).await;
        client.send(&self.request("GET", target)).await;
        let head = client.head().await;
        (head, client)
    }
}
