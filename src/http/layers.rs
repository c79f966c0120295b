//! Layers around the pages and the API: security headers, and the refusal of changes that another
//! site's page asks for.

use axum::extract::Request;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Nothing inline, nothing from elsewhere, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Adds the security headers to every answer that does not bring its own.
pub async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    secure(response.headers_mut());
    response
}

/// Adds the security headers, where the answer does not bring its own.
pub fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Browsers that do not know `frame-ancestors` know this one.
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Refuses changes that a page of another site asks a browser to make here. Without access
/// control this is all that stands between a home network and any page its people visit.
pub async fn same_origin(request: Request, next: Next) -> Response {
    if changes(request.method()) && is_foreign(request.headers()) {
        tracing::warn!(
            http.method = %request.method(),
            http.path = request.uri().path(),
            "a change asked for by another site was refused",
        );
        let text = "This change was asked for by a page of another site, so it was refused.\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    next.run(request).await
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a browser says that the request comes from elsewhere. Programs like curl send neither
/// header and are no danger: no other site steers them.
fn is_foreign(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
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
            assert!(!is_foreign(&headers(pairs)), "{pairs:?}");
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
            assert!(is_foreign(&headers(pairs)), "{pairs:?}");
        }
    }

    #[test]
    fn reading_is_no_change() {
        assert!(!changes(&Method::GET));
        assert!(changes(&Method::POST));
        assert!(changes(&Method::DELETE));
    }
}
