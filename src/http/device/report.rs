//! The headers of both families' updaters, read into a [`Report`].

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::Request;
use axum::http::header::{HOST, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue};

use super::query;
use crate::domain::chip::{Chip, Family};
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
        Self::on(request.extensions().get::<Connection>(), request.headers())
    }

    /// The caller of a request with these headers.
    pub(super) fn on(connection: Option<&Connection>, headers: &HeaderMap) -> Self {
        let address = connection.map(|connection| connection.peer().address);
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        // Credentials before the name are nothing to be recorded.
        let host = host.map(|host| shorten(host.rsplit_once('@').map_or(host, |(_, name)| name)));
        Self { address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), host }
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

/// What one family's headers say, each as it stands in the request.
#[derive(Default)]
struct Said<'a> {
    sta_mac: Option<&'a str>,
    base_mac: Option<&'a str>,
    ap_mac: Option<&'a str>,
    free_space: Option<&'a str>,
    sketch_size: Option<&'a str>,
    sketch_md5: Option<&'a str>,
    sketch_sha256: Option<&'a str>,
    chip_size: Option<&'a str>,
    sdk_version: Option<&'a str>,
    mode: Option<&'a str>,
    version: Option<&'a str>,
}

impl<'a> Said<'a> {
    /// Takes one header, whose name behind the family's prefix is `name`. The first one counts.
    fn take(&mut self, name: &str, value: &'a HeaderValue) {
        let place = match name {
            "sta-mac" => &mut self.sta_mac,
            "base-mac" => &mut self.base_mac,
            "ap-mac" => &mut self.ap_mac,
            "free-space" => &mut self.free_space,
            "sketch-size" => &mut self.sketch_size,
            "sketch-md5" => &mut self.sketch_md5,
            "sketch-sha256" => &mut self.sketch_sha256,
            "chip-size" => &mut self.chip_size,
            "sdk-version" => &mut self.sdk_version,
            "mode" => &mut self.mode,
            "version" => &mut self.version,
            _ => return,
        };
        let text = std::str::from_utf8(value.as_bytes().trim_ascii()).unwrap_or_default();
        if place.is_none() && !text.is_empty() {
            *place = Some(text);
        }
    }

    /// Whether it says whose it is.
    const fn has_address(&self) -> bool {
        self.sta_mac.is_some() || self.base_mac.is_some() || self.ap_mac.is_some()
    }

    /// Whose it is: STA, else BASE, else AP (`design.md` §3). A chip without Wi-Fi may send an
    /// empty STA address, which BASE makes up for; AP counts only where there is nothing else,
    /// because it would be another identity of the same device.
    fn address(&self) -> Option<MacAddr> {
        if self.sta_mac.is_none() && self.base_mac.is_none() {
            return self.ap_mac?.parse().ok();
        }
        [self.sta_mac, self.base_mac].into_iter().flatten().find_map(|text| text.parse().ok())
    }
}

/// What the headers of both families say, in one pass over them. Those of the ESP8266 count where
/// both are there, as with the original server.
fn said(headers: &HeaderMap) -> Option<(Family, Said<'_>)> {
    let (mut esp8266, mut esp32) = (Said::default(), Said::default());
    for (name, value) in headers {
        let Some(rest) = name.as_str().strip_prefix("x-esp") else { continue };
        if let Some(rest) = rest.strip_prefix("8266-") {
            esp8266.take(rest, value);
        } else if let Some(rest) = rest.strip_prefix("32-") {
            esp32.take(rest, value);
        }
    }
    if esp8266.has_address() {
        Some((Family::Esp8266, esp8266))
    } else if esp32.has_address() {
        Some((Family::Esp32, esp32))
    } else {
        None
    }
}

/// What an updater wants.
pub(super) fn mode(headers: &HeaderMap, updater: Updater) -> Mode {
    let name = match updater.0 {
        Family::Esp8266 => "x-esp8266-mode",
        Family::Esp32 => "x-esp32-mode",
    };
    Mode::read(headers.get(name).and_then(|value| value.to_str().ok()))
}

/// Whether the request says whose it is.
pub(super) fn has_address(headers: &HeaderMap) -> bool {
    said(headers).is_some()
}

/// What the device says; `None` where it does not say readably who it is.
pub(super) fn read<B>(request: &Request<B>) -> Option<Report> {
    let (family, said) = said(request.headers())?;
    let mac = said.address()?;
    let query = request.uri().query().unwrap_or_default();
    let asked = |name| query::value(query, name).filter(|value| !value.trim_ascii().is_empty());
    let version = asked("ver").map(|version| shorten(&version));
    let md5 = said.sketch_md5.and_then(|text| text.parse::<Md5>().ok());
    let sketch_size = said.sketch_size.and_then(|text| text.parse().ok());
    let readable = sketch_size != Some(0);
    Some(Report {
        family,
        mac,
        mode: Mode::read(said.mode),
        dev: asked("dev").map(|dev| shorten(&dev)),
        version: version.or_else(|| said.version.map(shorten)),
        sketch_md5: md5.filter(|md5| readable && *md5 != Md5::OF_NOTHING),
        sketch_sha256: said.sketch_sha256.and_then(|text| text.parse::<Sha256>().ok()),
        free_space: said.free_space.and_then(|text| text.parse().ok()),
        sketch_size,
        chip_size: said.chip_size.and_then(|text| text.parse().ok()),
        sdk: said.sdk_version.map(shorten),
    })
}

/// The chip that the sketch names in `chip=`, which no header tells (`protocol.md` §3.1).
pub(super) fn chip<B>(request: &Request<B>) -> Option<Chip> {
    Chip::from_model(&query::value(request.uri().query()?, "chip")?)
}

/// At most so many characters, control characters made visible.
fn shorten(text: &str) -> Box<str> {
    let text = text.trim_ascii();
    if text.len() <= TEXT_LIMIT && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.into();
    }
    let visible = |c: char| if c.is_control() { '·' } else { c };
    text.chars().take(TEXT_LIMIT).map(visible).collect::<String>().into()
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
        for (md5, size) in
            [("", "373940"), (empty, "373940"), ("a56f8ef78a0bebd812f62067daf1408a", "0")]
        {
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
