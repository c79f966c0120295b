//! The bytes of a check-in, as the updaters of both families send them.

use std::fmt::Write;

use espalier::domain::chip::{Chip, Family};

/// How old the libraries are that a sketch was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// They send everything.
    Current,
    /// They send no MD5 of what runs.
    Old,
}

/// What a device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<'a> {
    /// Its chip.
    pub chip: Chip,
    /// How old its libraries are.
    pub core: Core,
    /// Its MAC, in any notation.
    pub mac: &'a str,
    /// The platform it asks for.
    pub platform: &'a str,
    /// The version it reports.
    pub version: &'a str,
    /// Whether it names its chip.
    pub names_chip: bool,
    /// MD5 of what it runs.
    pub md5: &'a str,
    /// The digest of what it runs (ESP32).
    pub sha256: &'a str,
    /// Size of what it runs.
    pub size: usize,
}

impl Said<'_> {
    /// The request.
    pub fn bytes(&self) -> Vec<u8> {
        let chip = if self.names_chip { self.chip.name() } else { "" };
        let chip_word = if chip.is_empty() { "" } else { "&chip=" };
        let mut text = format!(
            "GET /update?dev={}&ver={}{chip_word}{chip} HTTP/1.0\r\nHost: 192.168.1.10:8000\r\n",
            self.platform, self.version
        );
        match self.chip.family() {
            Family::Esp8266 => self.esp8266(&mut text),
            Family::Esp32 => self.esp32(&mut text),
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    fn esp8266(&self, text: &mut String) {
        let (mac, size) = (self.mac, self.size);
        let _ = write!(
            text,
            "User-Agent: ESP8266-http-Update\r\nConnection: close\r\n\
             x-ESP8266-Chip-ID: 1458415\r\nx-ESP8266-STA-MAC: {mac}\r\n\
             x-ESP8266-AP-MAC: 1A:FE:AA:AA:AA:AA\r\nx-ESP8266-free-space: 2490368\r\n\
             x-ESP8266-sketch-size: {size}\r\n"
        );
        if self.core == Core::Current {
            let _ = write!(text, "x-ESP8266-sketch-md5: {}\r\n", self.md5);
        }
        text.push_str(
            "x-ESP8266-chip-size: 4194304\r\nx-ESP8266-sdk-version: 2.2.2-dev(38a443e)\r\n\
             x-ESP8266-mode: sketch\r\nContent-Length: 0\r\n",
        );
    }

    fn esp32(&self, text: &mut String) {
        let (mac, size) = (self.mac, self.size);
        text.push_str("User-Agent: ESP32-http-Update\r\nConnection: close\r\n");
        text.push_str("Cache-Control: no-cache\r\n");
        if self.core == Core::Current {
            let _ = write!(text, "x-ESP32-BASE-MAC: {mac}\r\n");
        }
        let _ = write!(
            text,
            "x-ESP32-STA-MAC: {mac}\r\nx-ESP32-AP-MAC: 24:0A:C4:FF:FF:FE\r\n\
             x-ESP32-free-space: 1310720\r\nx-ESP32-sketch-size: {size}\r\n"
        );
        if self.core == Core::Current {
            let _ = write!(text, "x-ESP32-sketch-md5: {}\r\n", self.md5);
            let _ = write!(text, "x-ESP32-sketch-sha256: {}\r\n", self.sha256);
        }
        text.push_str(
            "x-ESP32-chip-size: 4194304\r\nx-ESP32-sdk-version: v4.4.7\r\n\
             x-ESP32-mode: sketch\r\n",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(chip: Chip, core: Core) -> String {
        let (mac, platform, version) = ("24:0A:C4:00:00:01", "lamp", "v1.0.0");
        let (md5, sha256) = ("5fe77a34a9bb0b3d3a6a5ee8a8f4e4a1", "A1");
        let (names_chip, size) = (chip != Chip::Esp8266, 70_000);
        let said = Said { chip, core, mac, platform, version, names_chip, md5, sha256, size };
        String::from_utf8(said.bytes()).unwrap()
    }

    #[test]
    fn each_family_speaks_its_own_headers() {
        let text = said(Chip::Esp8266, Core::Current);
        assert!(text.starts_with("GET /update?dev=lamp&ver=v1.0.0 HTTP/1.0\r\n"));
        assert!(text.contains("x-ESP8266-sketch-md5: 5fe7") && text.ends_with("\r\n\r\n"));
        let text = said(Chip::Esp32C3, Core::Current);
        assert!(text.contains("&chip=ESP32-C3 ") && text.contains("x-ESP32-BASE-MAC"));
        assert!(!text.contains("ESP8266"));
    }

    #[test]
    fn old_libraries_do_not_say_what_runs() {
        for chip in [Chip::Esp8266, Chip::Esp32] {
            assert!(!said(chip, Core::Old).contains("sketch-md5"));
        }
    }
}
