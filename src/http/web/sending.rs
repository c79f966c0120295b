//! Downloads while their bytes flow: how far, how fast, how long still.

use askama::Template;
use askama::filters::HtmlSafe;

use super::error::PageError;
use crate::app::{App, Sending};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::http::view::filters;

/// Downloads that are listed; of more only their number is told.
const SHOWN: usize = 8;

/// A download under way.
#[derive(Debug)]
struct Line {
    href: String,
    name: String,
    bytes: u64,
    size: u64,
    text: String,
}

/// The downloads under way; a page of its own to the script, which asks for it again and again
/// while there are any.
#[derive(Debug, Template)]
#[template(path = "sending.html")]
pub(super) struct SendingView {
    lines: Vec<Line>,
    more: u64,
}

// A template, escaped by itself.
impl HtmlSafe for SendingView {}

impl SendingView {
    /// What is sent to a device.
    pub(super) fn to(app: &App, mac: MacAddr, now: Timestamp) -> Self {
        let line = |sending: Sending| {
            let href = format!("/releases/{}", sending.release_id);
            Line::new(&sending, sending.title.clone(), href, now)
        };
        Self { lines: app.sending_to(mac).into_iter().map(line).collect(), more: 0 }
    }

    /// To whom a release is sent.
    pub(super) async fn of(app: &App, release_id: i64, now: Timestamp) -> Result<Self, PageError> {
        let sending = app.sending_of(release_id);
        let mut lines = Vec::new();
        for one in sending.iter().take(SHOWN) {
            let device = app.store().device(one.mac).await?;
            let name = device.map_or_else(|| one.mac.to_string(), |device| device.title());
            lines.push(Line::new(one, name, format!("/devices/{}", one.mac.hex()), now));
        }
        Ok(Self { more: sending.len().saturating_sub(SHOWN) as u64, lines })
    }
}

impl Line {
    fn new(sending: &Sending, name: String, href: String, now: Timestamp) -> Self {
        let (bytes, size) = (sending.bytes, sending.size);
        Self { href, name, bytes, size, text: told(sending, now) }
    }
}

/// How far a download is, in a line.
fn told(sending: &Sending, now: Timestamp) -> String {
    let percent = filters::percent(sending.bytes, sending.size);
    let (bytes, size) = (filters::bytes(&sending.bytes), filters::bytes(&sending.size));
    let speed = sending.speed(now).map(|speed| format!(", {}/s", filters::bytes(&speed)));
    let rest = sending.rest(now).filter(|seconds| *seconds > 0);
    let rest = rest.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let rest = rest.map(|seconds| format!(", about {} left", filters::duration(seconds)));
    format!(
        "{bytes} of {size} ({percent} %){}{}",
        speed.unwrap_or_default(),
        rest.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_told_in_a_line() {
        let mac = "5C:CF:7F:00:00:01".parse().unwrap();
        let (title, size, started) = ("chase v1".to_owned(), 512_000, 100);
        let sending =
            Sending { mac, release_id: 1, attempt_id: 1, title, bytes: 312_000, size, started };
        assert_eq!(told(&sending, 101), "312 KB of 512 KB (61 %)");
        assert_eq!(told(&sending, 112), "312 KB of 512 KB (61 %), 26 KB/s, about 8 s left");
        let all = Sending { bytes: size, ..sending };
        assert_eq!(told(&all, 110), "512 KB of 512 KB (100 %), 51 KB/s");
    }
}
