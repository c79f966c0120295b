//! How a sketch is pointed at this server: snippets with its own address, and a line that waits
//! for the first device.

use std::net::IpAddr;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::page::{Page, View};
use super::platforms::names;
use crate::app::App;
use crate::domain::device::{Approval, Device};
use crate::domain::names::PlatformName;
use crate::store::{DeviceFilter, DeviceSort};

/// For how many seconds a check-in turns the line green.
const JUST_NOW: i64 = 120;

/// The address by which devices reach this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// As in `http://192.168.1.10:8000`.
    pub(super) base: String,
    host: String,
    port: u16,
    set_by_hand: bool,
}

impl Address {
    /// The public address, else the one that the visitor's browser used.
    pub(super) fn of(app: &App, page: &Page) -> Self {
        if let Some(url) = &app.settings().public_url {
            return Self::read(url.as_str(), true);
        }
        let host = page.host.as_deref().unwrap_or("localhost:8000");
        Self::read(&format!("http://{host}"), false)
    }

    fn read(base: &str, set_by_hand: bool) -> Self {
        let (usual, rest) = match base.strip_prefix("https://") {
            Some(rest) => (443, rest),
            None => (80, base.strip_prefix("http://").unwrap_or(base)),
        };
        let authority = rest.split('/').next().unwrap_or(rest);
        let split = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = match split {
            Some(at) => (&authority[..at], authority[at + 1..].parse().unwrap_or(usual)),
            None => (authority, usual),
        };
        Self { base: base.to_owned(), host: host.to_owned(), port, set_by_hand }
    }

    /// Why no device will find this address, in a sentence; empty where it is good.
    fn warning(&self) -> String {
        let host = self.host.trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        let local = host.eq_ignore_ascii_case("localhost")
            || address.is_some_and(|address| address.is_loopback() || address.is_unspecified());
        if local {
            return format!("{} is this machine itself: no device can reach it.", self.base);
        }
        let container = matches!(address, Some(IpAddr::V4(v4)) if {
            let [first, second, ..] = v4.octets();
            first == 172 && (16..=31).contains(&second)
        });
        if container && !self.set_by_hand {
            return format!("{} looks like the inside of a container.", self.base);
        }
        if self.base.starts_with("https://") {
            return "The address begins with https: most sketches only speak http.".to_owned();
        }
        String::new()
    }
}

/// Some lines to copy.
#[derive(Debug)]
struct Snippet {
    id: &'static str,
    title: &'static str,
    file: &'static str,
    text: &'static str,
    code: String,
}

fn snippets(address: &Address, platform: &str) -> Vec<Snippet> {
    let Address { base, host, port, .. } = address;
    let fill = |template: &str| {
        template
            .replace("{base}", base)
            .replace("{host}", host)
            .replace("{port}", &port.to_string())
            .replace("{platform}", platform)
    };
    vec![
        Snippet {
            id: "esp8266",
            title: "ESP8266",
            file: "in the sketch",
            text: "Asks once after every start. Raise VERSION with every build: it is what \
                   Espalier reads out of the file, and what the device reports.",
            code: fill(include_str!("snippets/esp8266.txt")),
        },
        Snippet {
            id: "esp32",
            title: "ESP32",
            file: "in the sketch",
            text: "The same for the ESP32 and its relatives (S2, S3, C3, C6 …).",
            code: fill(include_str!("snippets/esp32.txt")),
        },
        Snippet {
            id: "autoconnect",
            title: "AutoConnect",
            file: "in the sketch",
            text: "Adds an Update page to the portal of AutoConnect that lists this platform’s \
                   releases. The device must be approved before it may download.",
            code: fill(include_str!("snippets/autoconnect.txt")),
        },
        Snippet {
            id: "platformio",
            title: "PlatformIO",
            file: "platformio.ini",
            text: "Uploads every build here; “pio run -t upload” then publishes it. Leave out \
                   publish=true to look at the report card first.",
            code: fill(include_str!("snippets/platformio.txt")),
        },
        Snippet {
            id: "curl",
            title: "curl",
            file: "a shell, or CI",
            text: "Uploads and publishes, or says what is in the way and ends with an error. The \
                   second line plays a device that asks.",
            code: fill(include_str!("snippets/curl.txt")),
        },
    ]
}

#[derive(Debug, Template)]
#[template(path = "connect.html", blocks = ["live"])]
struct Connect {
    page: Page,
    address: Address,
    warning: String,
    platforms: Vec<String>,
    platform: String,
    snippets: Vec<Snippet>,
    latest: Option<Device>,
}

impl Connect {
    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }
}

fn is_pending(device: &Device) -> bool {
    device.approval == Approval::Pending
}

/// Which platform the snippets are for, and which part of the page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    platform: Option<String>,
    fragment: Option<String>,
}

/// `GET /connect`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let platforms = names(&app);
    let chosen = choice.platform.and_then(|name| name.parse::<PlatformName>().ok());
    let platform = chosen.map(|name| name.to_string()).or_else(|| platforms.first().cloned());
    let platform = platform.unwrap_or_else(|| "chase".to_owned());
    let address = Address::of(&app, &page);
    let connect = Connect {
        warning: address.warning(),
        snippets: snippets(&address, &platform),
        latest: latest(&app, page.now).await?,
        page,
        address,
        platforms,
        platform,
    };
    if choice.fragment.as_deref() == Some("live") {
        return Ok(View(connect.as_live()).into_response());
    }
    Ok(View(connect).into_response())
}

async fn latest(app: &App, now: i64) -> Result<Option<Device>, PageError> {
    let filter = DeviceFilter { sort: DeviceSort::Seen, limit: 1, ..DeviceFilter::default() };
    let latest = app.store().devices(&filter).await?.into_iter().next();
    Ok(latest.filter(|device| device.last_seen.is_some_and(|seen| now - seen <= JUST_NOW)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (base, host, port) in [
            ("http://192.168.1.10:8000", "192.168.1.10", 8000),
            ("http://pi.lan", "pi.lan", 80),
            ("https://ota.example/base", "ota.example", 443),
            ("http://[fe80::1]:8000", "[fe80::1]", 8000),
            ("http://[fe80::1]", "[fe80::1]", 80),
        ] {
            let address = Address::read(base, false);
            assert_eq!((address.host.as_str(), address.port), (host, port), "{base}");
        }
    }

    #[test]
    fn addresses_that_no_device_reaches_are_told() {
        for (base, word) in [
            ("http://localhost:8000", "itself"),
            ("http://127.0.1.1", "itself"),
            ("http://[::1]:8000", "itself"),
            ("http://172.17.0.2:8000", "container"),
            ("https://pi.lan", "https"),
            ("http://192.168.1.10:8000", ""),
            ("http://172.32.0.2", ""),
        ] {
            let warning = Address::read(base, false).warning();
            assert_eq!(warning.is_empty(), word.is_empty(), "{base}: {warning}");
            assert!(warning.contains(word), "{base}: {warning}");
        }
        assert_eq!(Address::read("http://172.20.1.5", true).warning(), "");
    }

    #[test]
    fn snippets_hold_the_address_and_the_platform() {
        let address = Address::read("http://pi.lan:8000", false);
        for snippet in snippets(&address, "chase") {
            for gap in ["{base}", "{host}", "{port}", "{platform}"] {
                assert!(!snippet.code.contains(gap), "{}", snippet.id);
            }
            assert!(snippet.code.contains("pi.lan"), "{}", snippet.id);
        }
    }
}
