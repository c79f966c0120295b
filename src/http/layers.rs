//! Layers around the pages and the API: security headers, and the refusal of changes that another
//! site's page asks for.

use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, Entry, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::wire::Connection;
use super::{Exposure, api};
use crate::config::FrameAncestors;

/// Nothing inline, nothing from elsewhere; who may frame it is added.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors ";
/// Browsers remember for a day that this host is only asked with TLS. Not longer, because that
/// holds for every port of the host, and a home server may have others that speak plain HTTP.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=86400");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// The headers that every page and every answer of the API has.
#[derive(Debug, Clone)]
pub struct SecurityHeaders {
    always: Vec<(HeaderName, HeaderValue)>,
    /// Whether browsers are told to come back with TLS only.
    strict: bool,
}

impl SecurityHeaders {
    /// With these frames allowed; `strict` where an authority vouches for the certificate.
    #[must_use]
    pub fn new(frames: &FrameAncestors, strict: bool) -> Self {
        let own = |text| HeaderValue::from_static(text);
        let policy = HeaderValue::try_from(format!("{POLICY}{}", frames.as_str()));
        let mut always = vec![
            (CONTENT_SECURITY_POLICY, policy.unwrap_or(own("default-src 'none'"))),
            (X_CONTENT_TYPE_OPTIONS, own("nosniff")),
            (REFERRER_POLICY, own("same-origin")),
            (CROSS_ORIGIN_RESOURCE_POLICY, own("same-origin")),
        ];
        // Browsers that do not know `frame-ancestors` know this one.
        match frames.as_str() {
            "'none'" => always.push((X_FRAME_OPTIONS, own("DENY"))),
            "'self'" => always.push((X_FRAME_OPTIONS, own("SAMEORIGIN"))),
            _ => {}
        }
        Self { always, strict }
    }

    /// Adds them, where the answer does not bring its own.
    pub fn add(&self, headers: &mut HeaderMap, connection: Option<&Connection>) {
        for (name, value) in &self.always {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if connection.is_some_and(|connection| connection.peer().secure) {
            secure_cookies(headers);
        }
        if self.strict && connection.is_some_and(|connection| connection.peer().secure) {
            headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(STRICT);
        }
    }
}

/// What a browser got with TLS it must not send without.
fn secure_cookies(headers: &mut HeaderMap) {
    if let Entry::Occupied(mut cookies) = headers.entry(SET_COOKIE) {
        for cookie in cookies.iter_mut() {
            let text = cookie.as_bytes();
            if !text.ends_with(b"; Secure")
                && let Ok(mut secure) = HeaderValue::from_bytes(&[text, b"; Secure"].concat())
            {
                secure.set_sensitive(cookie.is_sensitive());
                *cookie = secure;
            }
        }
    }
}

/// Adds the security headers to every answer that does not bring its own.
pub async fn security_headers(
    State(exposure): State<Exposure>,
    request: Request,
    next: Next,
) -> Response {
    let connection = request.extensions().get::<Connection>().cloned();
    let mut response = next.run(request).await;
    exposure.headers.add(response.headers_mut(), connection.as_ref());
    response
}

/// Answers people only as long as enough places for connections are left for devices.
pub async fn leave_places(request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>();
    if connection.is_none_or(Connection::is_let_among_people) {
        return next.run(request).await;
    }
    let text = "Too many people ask at once; devices go first. Try again in a few seconds.";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = if api::is_below(request.uri().path()) {
        api::Problem::new(api::codes::BUSY, text).into_response()
    } else {
        (status, format!("{text}\n")).into_response()
    };
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

/// Refuses changes that a page of another site asks a browser to make here. Without access
/// control this is all that stands between a home network and any page its people visit.
pub async fn same_origin(request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>();
    let secure = connection.is_some_and(|connection| connection.peer().secure);
    if !changes(request.method()) || !is_foreign(request.headers(), secure) {
        return next.run(request).await;
    }
    tracing::warn!(
        http.method = %request.method(),
        http.path = request.uri().path(),
        "a change asked for by another site was refused",
    );
    let text = "This change was asked for by a page of another site, so it was refused.";
    if api::is_below(request.uri().path()) {
        return api::Problem::new(api::codes::FOREIGN_ORIGIN, text).into_response();
    }
    (StatusCode::FORBIDDEN, format!("{text}\n")).into_response()
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a browser says that the request comes from elsewhere. Programs like curl send neither
/// header and are no danger: no other site steers them.
fn is_foreign(headers: &HeaderMap, secure: bool) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    // What came without TLS may be anybody's, also under our own name.
    if secure && origin.as_ref().and_then(Uri::scheme_str) == Some("http") {
        return true;
    }
    match (origin.as_ref().and_then(Uri::authority), host) {
        (Some(origin), Some(host)) => !origin.as_str().eq_ignore_ascii_case(host),
        // `Origin: null` and unreadable ones are nobody's own pages.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let named = |name| HeaderName::from_static(name);
        pairs.iter().map(|(n, value)| (named(n), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn own_pages_and_programs_may_change_things() {
        for pairs in [
            &[("host", "pi.lan:8000")][..],
            &[("host", "pi.lan:8000"), ("origin", "http://pi.lan:8000")],
            &[("host", "Pi.lan:8000"), ("origin", "http://pi.lan:8000")],
            &[("host", "pi.lan"), ("sec-fetch-site", "same-origin")],
            &[("host", "pi.lan"), ("sec-fetch-site", "none")],
        ] {
            assert!(!is_foreign(&headers(pairs), false), "{pairs:?}");
        }
    }

    #[test]
    fn other_sites_may_not() {
        for pairs in [
            &[("host", "pi.lan:8000"), ("origin", "http://evil.example")][..],
            &[("host", "pi.lan:8000"), ("origin", "http://pi.lan:9000")],
            &[("host", "pi.lan:8000"), ("origin", "null")],
            &[("host", "pi.lan"), ("sec-fetch-site", "cross-site")],
            &[("host", "pi.lan"), ("sec-fetch-site", "same-site")],
        ] {
            assert!(is_foreign(&headers(pairs), false), "{pairs:?}");
        }
    }

    #[test]
    fn with_tls_a_page_of_the_same_name_without_it_is_foreign() {
        for (origin, foreign) in [("http://pi.lan", true), ("https://pi.lan", false)] {
            assert_eq!(
                is_foreign(&headers(&[("host", "pi.lan"), ("origin", origin)]), true),
                foreign
            );
        }
    }

    #[test]
    fn frames_are_allowed_to_those_who_are_named() {
        for (setting, policy, old) in [
            ("none", "frame-ancestors 'none'", Some("DENY")),
            ("self", "frame-ancestors 'self'", Some("SAMEORIGIN")),
            ("http://ha.local:8123", "frame-ancestors http://ha.local:8123", None),
        ] {
            let mut map = HeaderMap::new();
            SecurityHeaders::new(&setting.parse().unwrap(), true).add(&mut map, None);
            let said = map[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(said.ends_with(policy), "{said}");
            assert_eq!(map.get(X_FRAME_OPTIONS).map(HeaderValue::as_bytes), old.map(str::as_bytes));
            assert!(!map.contains_key(STRICT_TRANSPORT_SECURITY), "without TLS");
        }
    }

    #[test]
    fn reading_is_no_change() {
        assert!(!changes(&Method::GET));
        assert!(changes(&Method::POST));
        assert!(changes(&Method::DELETE));
    }
}
