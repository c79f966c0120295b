//! A secret that was just made, and the lines that put it into a sketch.

use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;
use serde::Deserialize;

use super::address::Address;
use crate::domain::secret::Secret;

/// Where a person may look up the version: the lines are for the whole call.
const VERSION: &str = "\" VERSION";

/// What the form for a new secret sends.
#[derive(Deserialize)]
pub(super) struct Wished {
    #[serde(default)]
    secret: String,
}

impl Wished {
    /// The secret that was typed, if one was.
    pub(super) fn typed(&self) -> Option<&str> {
        Some(self.secret.trim()).filter(|text| !text.is_empty())
    }
}

/// A secret that was just made, with the lines that use it.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) secret: Secret,
    /// What they are for, and the lines.
    pub(super) lines: Vec<(&'static str, Secret)>,
}

impl Fresh {
    pub(super) fn new(secret: Secret, address: &Address, platform: &str) -> Self {
        let Address { base, host, port, .. } = address;
        let (scheme, authority) = base.split_once("://").unwrap_or(("http", base));
        let text = secret.expose();
        let query = format!("update?dev={platform}&ver={VERSION}");
        let lines = [
            (
                "ESP8266, core 3 and later",
                format!(
                    "ESPhttpUpdate.setAuthorization(\"device\", \"{text}\");\n\
                     ESPhttpUpdate.update(client, \"{base}/{query});"
                ),
            ),
            (
                "ESP32, core 2 and later",
                format!(
                    "httpUpdate.setAuthorization(\"device\", \"{text}\");\n\
                     httpUpdate.update(client, \"{base}/{query});"
                ),
            ),
            (
                "Older cores: in the address",
                format!(
                    "ESPhttpUpdate.update(client, \"{scheme}://device:{text}@{authority}/{query});"
                ),
            ),
            (
                "AutoConnect: list and download",
                format!("AutoConnectUpdate update(\"{host}\", {port}, \"/k/{text}/{platform}\");"),
            ),
            ("Tasmota", format!("OtaUrl {base}/k/{text}/{platform}.bin")),
            (
                "ESP-IDF, esp_https_ota: in the path, and the MAC address as a header",
                include_str!("snippets/secret_idf.txt")
                    .replace("{base}", base)
                    .replace("{secret}", text)
                    .replace("{platform}", platform),
            ),
        ];
        let lines = lines.map(|(title, text)| (title, Secret::new(text))).into();
        Self { secret, lines }
    }
}

/// The answer with a secret in it: no browser keeps it.
pub(super) fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_holds_the_secret_and_the_address() {
        let address = Address::read("https://pi.lan:8443", true);
        let fresh = Fresh::new(Secret::new("hunter22"), &address, "chase");
        for (title, line) in &fresh.lines {
            let line = line.expose();
            assert!(line.contains("hunter22") && line.contains("pi.lan"), "{title}: {line}");
            assert!(!line.contains('{') || title.contains("IDF"), "{title}: {line}");
        }
        assert!(fresh.lines[2].1.expose().contains("https://device:hunter22@pi.lan:8443/update?"));
        assert!(!format!("{fresh:?}").contains("hunter22"));
    }
}
