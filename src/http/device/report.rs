//! The headers of both families' updaters, read into a [`Report`].

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::Request;
use axum::http::header::{HOST, RANGE, USER_AGENT};
use axum::http::{HeaderMap, Method};

use super::query;
use crate::domain::chip::Family;
use crate::domain::digest::{Md5, Sha256};
use crate::domain::mac::MacAddr;
use crate::domain::report::{Mode, Report};
use crate::http::wire::Connection;

/// Characters of a text header that are kept.
const TEXT_LIMIT: usize = 64;

/// An updater, known by its `User-Agent`: always exactly these two (`protocol.md` §2.1, §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updater(
    /// The family it runs on.
    pub Family,
);

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address it came from.
    pub address: IpAddr,
    /// The `Host` it asked for.
    pub host: Option<Box<str>>,
}

impl Caller {
    /// The caller of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let connection = request.extensions().get::<Connection>();
        let address = connection.map(|connection| connection.peer().ip().to_canonical());
        let host = text(request.headers(), HOST.as_str());
        Self {
            address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            host,
        }
    }
}

/// The updater that sent these headers, if one did.
pub(super) fn updater(headers: &HeaderMap) -> Option<Updater> {
    let agent = headers.get(USER_AGENT)?.as_bytes();
    if agent.starts_with(b"ESP8266-http-Update") {
        Some(Updater(Family::Esp8266))
    } else if agent.starts_with(b"ESP32-http-Update") {
        Some(Updater(Family::Esp32))
    } else {
        None
    }
}

/// The names of one family's headers.
struct Names {
    family: Family,
    sta_mac: &'static str,
    base_mac: &'static str,
    ap_mac: &'static str,
    free_space: &'static str,
    sketch_size: &'static str,
    sketch_md5: &'static str,
    sketch_sha256: &'static str,
    chip_size: &'static str,
    sdk_version: &'static str,
    mode: &'static str,
    version: &'static str,
}

macro_rules! names {
    ($family:expr, $prefix:literal) => {
        Names {
            family: $family,
            sta_mac: concat!($prefix, "sta-mac"),
            base_mac: concat!($prefix, "base-mac"),
            ap_mac: concat!($prefix, "ap-mac"),
            free_space: concat!($prefix, "free-space"),
            sketch_size: concat!($prefix, "sketch-size"),
            sketch_md5: concat!($prefix, "sketch-md5"),
            sketch_sha256: concat!($prefix, "sketch-sha256"),
            chip_size: concat!($prefix, "chip-size"),
            sdk_version: concat!($prefix, "sdk-version"),
            mode: concat!($prefix, "mode"),
            version: concat!($prefix, "version"),
        }
    };
}

static ESP8266: Names = names!(Family::Esp8266, "x-esp8266-");
static ESP32: Names = names!(Family::Esp32, "x-esp32-");

/// The headers' names that this request uses, with the text of its address: STA, else BASE, else
/// AP (`design.md` §3). The ESP8266's are looked at first, as the original did.
fn address(headers: &HeaderMap) -> Option<(&'static Names, &str)> {
    [&ESP8266, &ESP32].into_iter().find_map(|names| {
        let all = [names.sta_mac, names.base_mac, names.ap_mac];
        let mut values = all
            .into_iter()
            .filter_map(|name| headers.get(name)?.to_str().ok());
        values
            .find(|value| !value.trim().is_empty())
            .map(|value| (names, value))
    })
}

/// Whether the request is no attempt to update: no updater asks for headers only, or for a range.
pub(super) fn only_looks(request: &Request) -> bool {
    request.method() == Method::HEAD || request.headers().contains_key(RANGE)
}

/// Whether the request says whose it is.
pub(super) fn has_address(headers: &HeaderMap) -> bool {
    address(headers).is_some()
}

/// What the device says; `None` where it does not say readably who it is.
pub(super) fn read(request: &Request) -> Option<Report> {
    let headers = request.headers();
    let (names, mac) = address(headers)?;
    let mac: MacAddr = mac.parse().ok()?;
    let query = request.uri().query().unwrap_or_default();
    let asked = |name| query::value(query, name).filter(|value| !value.trim().is_empty());
    let dev = asked("dev").map(|dev| shorten(&dev));
    let version = asked("ver").map(|version| shorten(&version));
    let md5 = text(headers, names.sketch_md5).and_then(|text| text.parse::<Md5>().ok());
    let sketch_size = size(headers, names.sketch_size);
    let readable = sketch_size != Some(0);
    Some(Report {
        family: names.family,
        mac,
        mode: Mode::read(
            headers
                .get(names.mode)
                .and_then(|value| value.to_str().ok()),
        ),
        dev,
        version: version.or_else(|| text(headers, names.version)),
        sketch_md5: md5.filter(|md5| readable && *md5 != Md5::OF_NOTHING),
        sketch_sha256: text(headers, names.sketch_sha256)
            .and_then(|text| text.parse::<Sha256>().ok()),
        free_space: size(headers, names.free_space),
        sketch_size,
        chip_size: size(headers, names.chip_size),
        sdk: text(headers, names.sdk_version),
    })
}

/// A header's text without spaces around it; `None` where it is missing or empty.
fn text(headers: &HeaderMap, name: &str) -> Option<Box<str>> {
    let value = headers.get(name)?.as_bytes();
    let value = String::from_utf8_lossy(value);
    let value = value.trim();
    if value.is_empty() {
        None
    } else {
        Some(shorten(value))
    }
}

/// At most so many characters, control characters made visible.
fn shorten(text: &str) -> Box<str> {
    let visible = |c: char| if c.is_control() { '·' } else { c };
    text.trim()
        .chars()
        .take(TEXT_LIMIT)
        .map(visible)
        .collect::<String>()
        .into()
}

fn size(headers: &HeaderMap, name: &str) -> Option<u32> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut builder = axum::http::Request::builder().uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Body::empty()).unwrap()
    }

    #[test]
    fn an_esp8266_is_read_whole() {
        let report = read(&request(
            "/update?ver=v1.0.2&dev=Chase",
            &[
                ("X-Esp8266-Sta-Mac", "18:FE:AA:AA:AA:AA"),
                ("x-ESP8266-AP-MAC", "1A:FE:AA:AA:AA:AA"),
                ("x-ESP8266-free-space", "671744"),
                ("x-ESP8266-sketch-size", "373940"),
                ("x-ESP8266-sketch-md5", "a56f8ef78a0bebd812f62067daf1408a"),
                ("x-ESP8266-chip-size", "4194304"),
                ("x-ESP8266-sdk-version", "1.3.0"),
                ("x-ESP8266-mode", "sketch"),
                ("x-ESP8266-version", "DOOR-7"),
            ],
        ))
        .unwrap();
        assert_eq!(report.mac.hex(), "18feaaaaaaaa");
        assert_eq!(report.dev.as_deref(), Some("Chase"));
        assert_eq!(report.version.as_deref(), Some("v1.0.2"), "the query wins");
        assert_eq!(report.free_space, Some(671_744));
        assert_eq!(report.sdk.as_deref(), Some("1.3.0"));
        assert_eq!(report.mode, Mode::Sketch);
    }

    #[test]
    fn an_esp32_without_wifi_is_known_by_its_base_address() {
        let report = read(&request("/", &[("x-ESP32-BASE-MAC", "24:0A:C4:00:00:10")])).unwrap();
        assert_eq!(report.mac.hex(), "240ac4000010");
        assert_eq!(report.family, Family::Esp32);
    }

    #[test]
    fn what_says_nothing_is_unknown() {
        let empty = "d41d8cd98f00b204e9800998ecf8427e";
        for (md5, size) in [
            ("", "373940"),
            (empty, "373940"),
            ("a56f8ef78a0bebd812f62067daf1408a", "0"),
        ] {
            let headers = [
                ("x-ESP32-STA-MAC", "24:0A:C4:00:00:10"),
                ("x-ESP32-sketch-md5", md5),
                ("x-ESP32-sketch-size", size),
            ];
            assert_eq!(read(&request("/", &headers)).unwrap().sketch_md5, None);
        }
        assert!(read(&request("/update?dev=chase&ver=1", &[])).is_none());
        assert!(read(&request("/", &[("x-ESP32-STA-MAC", "nonsense")])).is_none());
    }
}
