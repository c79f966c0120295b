//! Who asks, where a proxy may stand in between.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName, HeaderValue};

use crate::domain::network::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The longest way through proxies that is followed back.
const LONGEST_WAY: usize = 32;

/// Who asks: the client itself, not a trusted proxy in front of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether it speaks TLS, to us or to the proxy.
    pub secure: bool,
    /// Whether a trusted proxy vouches for this.
    pub proxied: bool,
}

/// What a trusted proxy says about a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) peer: Peer,
    /// The `Host` that the client asked for, where the proxy sends another one.
    pub(super) host: Option<HeaderValue>,
}

/// A stage of a request's way: who handed it on, and how.
#[derive(Debug, Default, Clone)]
struct Hop {
    address: Option<IpAddr>,
    secure: Option<bool>,
    host: Option<HeaderValue>,
}

/// What the trusted proxy `direct` tells of a request: the client is the last one on its way that
/// is no trusted proxy itself, because whatever stands before that one may be made up.
///
/// Where both kinds of headers are there and name different clients, one of them was sent by the
/// client itself through a proxy that only knows the other. Nearly all proxies know
/// `X-Forwarded-For`, so that one counts; nobody can make themselves the proxy by the other.
pub(super) fn told(headers: &HeaderMap, direct: Peer, trusted: &[Network]) -> Told {
    let (usual, standard) = (x_forwarded(headers), forwarded(headers));
    let usual = usual.map(|way| client(&way, direct, trusted));
    let standard = standard.map(|way| client(&way, direct, trusted));
    match (usual, standard) {
        (Some(told), _) | (None, Some(told)) => told,
        (None, None) => {
            let secure = last_word(headers, &X_FORWARDED_PROTO).and_then(is_secure);
            let host = last_word(headers, &X_FORWARDED_HOST).and_then(host);
            let secure = secure.unwrap_or(direct.secure);
            Told { peer: Peer { secure, proxied: true, ..direct }, host }
        }
    }
}

/// The client of a way, which ends at `direct`.
fn client(way: &[Hop], direct: Peer, trusted: &[Network]) -> Told {
    let mut told = Told { peer: Peer { proxied: true, ..direct }, host: None };
    for hop in way.iter().rev() {
        // `unknown` and made up names: the one who says so is the last whom we know.
        let Some(address) = hop.address else { break };
        told.peer.address = address;
        told.peer.secure = hop.secure.unwrap_or(direct.secure);
        told.host.clone_from(&hop.host);
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
    }
    told
}

/// `X-Forwarded-For` with its companions, which only the last proxy is asked about.
fn x_forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let secure = last_word(headers, &X_FORWARDED_PROTO).and_then(is_secure);
    let host = last_word(headers, &X_FORWARDED_HOST).and_then(host);
    let addresses = words(headers, &X_FORWARDED_FOR, ',')?;
    let hop = |text: &str| Hop { address: address(text), secure, host: host.clone() };
    Some(addresses.into_iter().map(hop).collect())
}

/// `Forwarded` (RFC 7239), where every hop says everything about itself.
fn forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let elements = words(headers, &FORWARDED, ',')?;
    let mut way = Vec::new();
    for element in elements {
        let mut hop = Hop::default();
        for pair in split(element, ';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = address(value),
                "proto" => hop.secure = is_secure(value),
                "host" => hop.host = host(value),
                _ => {}
            }
        }
        way.push(hop);
    }
    Some(way)
}

/// The last words of all headers of this name, in order; `None` where there is none.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName, at: char) -> Option<Vec<&'a str>> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        // What cannot be read hides what came before it.
        match value.to_str() {
            Ok(text) => all.extend(split(text, at)),
            Err(_) => all.push("unknown"),
        }
    }
    let longest = all.len().min(LONGEST_WAY);
    headers.contains_key(name).then(|| all.split_off(all.len() - longest))
}

fn last_word<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    words(headers, name, ',')?.pop()
}

/// The parts of a text, without those that a quoted text holds.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let part = move |c: char| {
        quoted ^= c == '"';
        c == at && !quoted
    };
    text.split(part).map(str::trim).filter(|part| !part.is_empty())
}

/// Reads `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:1234`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None if text.matches(':').count() == 1 => text.split(':').next()?,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_secure(scheme: &str) -> Option<bool> {
    match scheme.trim().to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

fn host(text: &str) -> Option<HeaderValue> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let fits = !text.is_empty() && text.len() < 256 && text.bytes().all(plain);
    if fits { HeaderValue::from_str(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every header is written `name: value`; says the client, its security, and the host.
    fn seen(lines: &[&str]) -> (String, bool, Option<String>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(
                name.to_ascii_lowercase().parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let direct = Peer { address: "10.0.0.1".parse().unwrap(), secure: false, proxied: false };
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let told = told(&headers, direct, &trusted);
        assert!(told.peer.proxied);
        let host = told.host.map(|host| host.to_str().unwrap().to_owned());
        (told.peer.address.to_string(), told.peer.secure, host)
    }

    #[test]
    fn the_client_is_the_last_one_that_is_no_trusted_proxy() {
        for (lines, client) in [
            (&[][..], "10.0.0.1"),
            (&["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
            (&["X-Forwarded-For: 203.0.113.66, 192.0.2.1"], "192.0.2.1"),
            (&["X-Forwarded-For: 203.0.113.66, 192.0.2.1, 10.0.0.7"], "192.0.2.1"),
            (&["X-Forwarded-For: 203.0.113.66", "X-Forwarded-For: 192.0.2.1"], "192.0.2.1"),
            (&["X-Forwarded-For: 10.0.0.9, 10.0.0.8"], "10.0.0.9"),
            (&["X-Forwarded-For: 192.0.2.1:4711"], "192.0.2.1"),
            (&["X-Forwarded-For: [2001:db8::1]:4711"], "2001:db8::1"),
            (&["X-Forwarded-For: 2001:db8::1, fd00::2"], "2001:db8::1"),
            (&["X-Forwarded-For: ::ffff:192.0.2.1"], "192.0.2.1"),
            (&["X-Forwarded-For: 192.0.2.1, unknown"], "10.0.0.1"),
            (&["X-Forwarded-For: 192.0.2.1, nonsense, 10.0.0.3"], "10.0.0.3"),
            (&["X-Forwarded-For: "], "10.0.0.1"),
            (&["Forwarded: for=192.0.2.1;proto=http"], "192.0.2.1"),
            (&["Forwarded: For=\"[2001:db8::1]:80\", for=10.0.0.4;by=_x"], "2001:db8::1"),
            (&["Forwarded: for=\"a, for=192.0.2.9\", for=192.0.2.1"], "192.0.2.1"),
            (&["Forwarded: for=_hidden"], "10.0.0.1"),
        ] {
            assert_eq!(seen(lines).0, client, "{lines:?}");
        }
    }

    #[test]
    fn a_header_of_the_client_does_not_make_it_the_proxy() {
        let made_up = "Forwarded: for=203.0.113.66;proto=https;host=evil.example";
        let lines = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", made_up];
        assert_eq!(seen(&lines), ("192.0.2.1".to_owned(), true, None));
        for made_up in ["Forwarded: for=10.0.0.1", "Forwarded: for=unknown", "Forwarded: x"] {
            assert_eq!(seen(&["X-Forwarded-For: 192.0.2.1", made_up]).0, "192.0.2.1", "{made_up}");
        }
        let agreed = ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"];
        assert_eq!(seen(&agreed).0, "192.0.2.1");
    }

    #[test]
    fn scheme_and_host_are_those_of_the_client() {
        for (lines, secure, host) in [
            (&["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"][..], true, None),
            (&["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https, http"], false, None),
            (&["X-Forwarded-Proto: HTTPS", "X-Forwarded-Host: a.lan"], true, Some("a.lan")),
            (&["X-Forwarded-Proto: gopher", "X-Forwarded-Host: a b"], false, None),
            (
                &[
                    "Forwarded: for=192.0.2.1;host=\"a.lan:8443\";proto=https, for=10.0.0.2;proto=http",
                ],
                true,
                Some("a.lan:8443"),
            ),
        ] {
            let (_, is_secure, named) = seen(lines);
            assert_eq!((is_secure, named.as_deref()), (secure, host), "{lines:?}");
        }
    }
}
