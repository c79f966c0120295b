//! How a sketch is pointed at this server: snippets with its own address, and a line that waits
//! for the first device.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::address::Address;
use super::error::PageError;
use super::page::{Page, View};
use super::platforms::names;
use crate::app::App;
use crate::domain::device::{Approval, Device};
use crate::domain::names::PlatformName;
use crate::store::{DeviceFilter, DeviceSort};

/// For how many seconds a check-in turns the line green.
const JUST_NOW: i64 = 120;
/// Stands in the snippets until a platform is chosen.
const PLACEHOLDER: &str = "your-platform";

/// Some lines to copy.
#[derive(Debug)]
struct Snippet {
    id: &'static str,
    title: &'static str,
    file: &'static str,
    text: &'static str,
    code: String,
}

/// Proves who uploads, with the token in a variable.
pub(super) const BEARER: &str = "-H \"Authorization: Bearer $ESPALIER_TOKEN\" ";
/// The same as `PlatformIO` reads variables.
const PIO_BEARER: &str = "-H \"Authorization: Bearer ${sysenv.ESPALIER_TOKEN}\" ";

fn snippets(address: &Address, platform: &str, open: bool) -> Vec<Snippet> {
    let Address { base, host, port, .. } = address;
    let fill = |template: &str| {
        template
            .replace("{bearer}", if open { "" } else { BEARER })
            .replace("{pio-bearer}", if open { "" } else { PIO_BEARER })
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
        Snippet {
            id: "github",
            title: "GitHub Actions",
            file: ".github/workflows/firmware.yml",
            text: "Publishes the build of every tag like v1.0.1; [env:esp] is the name in \
                   platformio.ini. The server must be reachable from the internet, or the \
                   runner be one of your own.",
            code: fill(include_str!("snippets/github.txt")),
        },
    ]
}

#[derive(Debug, Template)]
#[template(path = "connect.html", blocks = ["live"])]
struct Connect {
    page: Page,
    address: Address,
    platforms: Vec<String>,
    platform: String,
    snippets: Vec<Snippet>,
    latest: Option<Device>,
    /// Whether that check-in is so recent that it turns the line green.
    fresh: bool,
}

impl Connect {
    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }

    /// Whether a platform is chosen already.
    fn is_settled(&self) -> bool {
        self.platforms.iter().any(|name| self.is_platform(name))
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
    let platform = match (chosen, platforms.as_slice()) {
        (Some(name), _) => name.to_string(),
        (None, [only]) => only.clone(),
        (None, []) => "chase".to_owned(),
        (None, _) => String::new(),
    };
    let address = Address::of(&app, &page);
    let latest = latest(&app).await?;
    let seen = latest.as_ref().and_then(|device| device.last_seen);
    let connect = Connect {
        snippets: snippets(
            &address,
            if platform.is_empty() { PLACEHOLDER } else { &platform },
            app.is_open(),
        ),
        fresh: seen.is_some_and(|seen| page.now - seen <= JUST_NOW),
        latest,
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

/// The device that asked last.
async fn latest(app: &App) -> Result<Option<Device>, PageError> {
    let filter = DeviceFilter { sort: DeviceSort::Seen, limit: 1, ..DeviceFilter::default() };
    let latest = app.store().devices(&filter).await?.into_iter().next();
    Ok(latest.filter(|device| device.last_seen.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_hold_the_address_and_the_platform() {
        let address = Address::read("http://pi.lan:8000", false);
        for open in [true, false] {
            for snippet in snippets(&address, "chase", open) {
                for gap in ["{base}", "{host}", "{port}", "{platform}", "bearer}"] {
                    assert!(!snippet.code.contains(gap), "{}", snippet.id);
                }
                assert!(snippet.code.contains("pi.lan"), "{}", snippet.id);
                let uploads = snippet.code.contains("/api/v1/releases");
                let bearer = snippet.code.contains("Authorization: Bearer $");
                assert_eq!(bearer, uploads && !open, "{}", snippet.id);
            }
        }
    }
}
