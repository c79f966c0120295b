//! The cookies by which a browser is known again.

use axum::http::header::COOKIE;
use axum::http::{Extensions, HeaderMap, HeaderValue};

use super::is_secure;
use crate::domain::secret::Secret;

/// Holds the secret of a session.
pub const SESSION_COOKIE: &str = "espalier_session";
/// Marks a browser in which somebody has signed in: strangers cannot lock it out.
pub const MARK_COOKIE: &str = "espalier_browser";
/// Stands in for a session before there is one, so that the forms to sign in are protected too.
pub const VISIT_COOKIE: &str = "espalier_visit";

/// Seconds that a browser is known for.
const YEAR: u32 = 31_536_000;
/// Seconds after which a session is over in any case.
const MONTH: u32 = 30 * 86_400;

/// What the name of a cookie begins with where it is `Secure`: browsers take it from this very host
/// over TLS only, never from a neighbour of the same domain.
const HOST_ONLY: &str = "__Host-";

/// Makes the cookies of an answer, and reads those of a request.
#[derive(Debug, Clone, Copy)]
pub struct Cookies {
    secure: bool,
}

impl Cookies {
    /// For the answer to the request with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        Self { secure: is_secure(extensions) }
    }

    /// Keeps a session.
    #[must_use]
    pub fn session(self, secret: &Secret) -> Option<HeaderValue> {
        self.make(SESSION_COOKIE, secret.expose(), Some(MONTH))
    }

    /// Forgets the session.
    #[must_use]
    pub fn no_session(self) -> Option<HeaderValue> {
        self.make(SESSION_COOKIE, "", Some(0))
    }

    /// Keeps the mark of a browser in which somebody signed in.
    #[must_use]
    pub fn mark(self, secret: &Secret) -> Option<HeaderValue> {
        self.make(MARK_COOKIE, secret.expose(), Some(YEAR))
    }

    /// Keeps what stands in for a session, as long as the browser runs.
    #[must_use]
    pub fn visit(self, secret: &Secret) -> Option<HeaderValue> {
        self.make(VISIT_COOKIE, secret.expose(), None)
    }

    /// The value of one of these cookies.
    #[must_use]
    pub fn read<'a>(self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        read_cookie(headers, &format!("{}{name}", self.prefix()))
    }

    const fn prefix(self) -> &'static str {
        if self.secure { HOST_ONLY } else { "" }
    }

    fn make(self, name: &str, value: &str, age: Option<u32>) -> Option<HeaderValue> {
        let age = age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
        let secure = if self.secure { "; Secure" } else { "" };
        let prefix = self.prefix();
        let text = format!("{prefix}{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}");
        let mut cookie = HeaderValue::try_from(text).ok()?;
        cookie.set_sensitive(true);
        Some(cookie)
    }
}

/// The value of a cookie.
#[must_use]
pub fn read_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_closed_to_scripts_and_other_sites() {
        let secret = Secret::new("abc");
        let text = |secure| {
            let cookie = Cookies { secure }.session(&secret).unwrap();
            cookie.to_str().unwrap().to_owned()
        };
        let plain = "espalier_session=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax";
        assert_eq!(text(false), plain);
        assert_eq!(text(true), format!("__Host-{plain}; Secure"));
    }

    #[test]
    fn cookies_are_told_apart() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "espalier_session2=x; espalier_session=y".parse().unwrap());
        assert_eq!(read_cookie(&headers, SESSION_COOKIE), Some("y"));
        assert_eq!(read_cookie(&headers, MARK_COOKIE), None);
        let read = |secure| Cookies { secure }.read(&headers, SESSION_COOKIE);
        assert_eq!((read(false), read(true)), (Some("y"), None), "a neighbour could have set it");
    }
}
