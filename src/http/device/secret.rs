//! The secret that a device shows, in whichever place its updater can put it.
//!
//! In the path (`/k/<secret>/…`), in the query (`key=`), or as credentials (`Authorization`); the
//! first of them counts. So a proxy may have credentials of its own. It is taken out of the path
//! before anything else looks at that; nothing here is ever recorded.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;

use super::query;
use crate::domain::secret::Secret;

/// The first segment of a path whose second one is a secret. No platform is called so.
pub(super) const SEGMENT: &str = "k";
/// Longer texts are nobody's secret, and not worth a digest.
const LONGEST: usize = 128;

/// A secret that was taken out of a request's path.
#[derive(Debug, Clone)]
struct FromPath(Secret);

/// The secret that a request shows.
pub(super) fn shown<B>(request: &Request<B>) -> Option<Secret> {
    if let Some(FromPath(secret)) = request.extensions().get() {
        return Some(secret.clone());
    }
    let key = query::value(request.uri().query().unwrap_or_default(), "key");
    let text = match key.filter(|key| !key.is_empty()) {
        Some(key) => Some(key),
        None => authorization(request.headers()).map(Cow::from),
    };
    text.map(secret)
}

fn secret(text: Cow<'_, str>) -> Secret {
    // Too long is wrong, but not missing.
    Secret::new(if text.len() > LONGEST { String::new() } else { text.into_owned() })
}

/// Takes the secret out of a path like `/k/<secret>/update`, which leaves `/update`.
pub(super) fn take(request: &mut Request) {
    let path = request.uri().path();
    let Some((text, rest)) = split(path) else { return };
    let secret = secret(percent_decode_str(text).decode_utf8_lossy());
    let rest = format!("/{}", rest.trim_start_matches('/'));
    let rest = match request.uri().query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest,
    };
    let Ok(rest) = rest.parse::<PathAndQuery>() else { return };
    *request.uri_mut() = Uri::from(rest);
    request.extensions_mut().insert(FromPath(secret));
}

/// The secret at the beginning of a catalog's path, and what is behind it: `AutoConnect` puts its
/// base path there, and has no other place.
pub(super) fn take_from_catalog(path: &str) -> (Option<Secret>, &str) {
    match split(path) {
        Some((text, rest)) => (Some(secret(Cow::from(text))), rest),
        None => (None, path),
    }
}

/// The second segment and what is behind it, where the first one says that it is a secret.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let rest = path.strip_prefix(SEGMENT)?.strip_prefix('/')?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// What is behind the colon of `Basic` credentials, or `Bearer` credentials as they are. The name
/// before the colon may be anything.
fn authorization(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    // What cannot be read is wrong, but not missing.
    let decoded = decoded(rest).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Some(decoded.split_once(':').map(|(_, secret)| secret.to_owned()).unwrap_or_default())
}

/// Base64, with or without its padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.len() > 4 * LONGEST {
        return None;
    }
    let (mut bytes, mut sum, mut bits) = (Vec::with_capacity(text.len()), 0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        sum = (sum << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((sum >> bits) & 0xFF).ok()?);
            sum &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(uri: &str, authorization: Option<&str>) -> Request {
        let builder = axum::http::Request::builder().uri(uri);
        let builder = match authorization {
            Some(value) => builder.header(AUTHORIZATION, value),
            None => builder,
        };
        builder.body(Body::empty()).unwrap()
    }

    fn read(uri: &str, authorization: Option<&str>) -> (String, Option<String>) {
        let mut request = request(uri, authorization);
        take(&mut request);
        let shown = shown(&request).map(|secret| secret.expose().to_owned());
        (request.uri().to_string(), shown)
    }

    #[test]
    fn every_place_is_looked_at_in_turn() {
        // device:hunter22
        let basic = Some("Basic ZGV2aWNlOmh1bnRlcjIy");
        for (uri, authorization, rest, secret) in [
            ("/update?dev=a", None, "/update?dev=a", None),
            ("/update?dev=a", basic, "/update?dev=a", Some("hunter22")),
            ("/update", Some("basic OmEx"), "/update", Some("a1")),
            ("/update", Some("Basic ZGV2aWNl"), "/update", Some("")),
            ("/update", Some("Basic ???"), "/update", Some("")),
            ("/update", Some("Bearer hunter22"), "/update", Some("hunter22")),
            ("/update", Some("Digest x"), "/update", None),
            ("/update?key=hunter22&dev=a", None, "/update?key=hunter22&dev=a", Some("hunter22")),
            ("/update?key=one", basic, "/update?key=one", Some("one")),
            ("/update?key=", basic, "/update?key=", Some("hunter22")),
            ("/update?dev=a?key=hunter22", None, "/update?dev=a?key=hunter22", Some("hunter22")),
            ("/k/two/update?key=one", basic, "/update?key=one", Some("two")),
            ("/k/two/a/x.bin", None, "/a/x.bin", Some("two")),
            ("/k/two//x.bin", None, "/x.bin", Some("two")),
            ("/k/two", None, "/", Some("two")),
            ("/k/t%77o/", None, "/", Some("two")),
            ("/key/two", None, "/key/two", None),
        ] {
            let (left, shown) = read(uri, authorization);
            assert_eq!((left.as_str(), shown.as_deref()), (rest, secret), "{uri}");
        }
    }

    #[test]
    fn autoconnect_has_it_in_its_base_path() {
        for (path, secret, rest) in [
            ("/k/two", Some("two"), ""),
            ("k/two/.", Some("two"), "."),
            ("/k/two/chase", Some("two"), "chase"),
            ("./k/two", Some("two"), ""),
            ("bin", None, "bin"),
            (".", None, "."),
        ] {
            let (shown, left) = take_from_catalog(path);
            assert_eq!(shown.as_ref().map(Secret::expose), secret, "{path}");
            assert_eq!(left, rest, "{path}");
        }
    }

    #[test]
    fn what_is_too_long_is_wrong() {
        let (_, shown) = read(&format!("/update?key={}", "x".repeat(129)), None);
        assert_eq!(shown.as_deref(), Some(""));
    }
}
