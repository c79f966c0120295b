//! Who a request comes from, and whether it may go on.
//!
//! [`identify()`] finds out who asks and puts an [`Identity`] into the request. [`Routes`] collects
//! routes, each with what it [`Need`](crate::domain::access::Need)s, and guards them; a route
//! cannot be added without saying what it needs.

mod cookies;
mod csrf;
mod guard;
mod identify;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

pub use cookies::{Cookies, MARK_COOKIE, SESSION_COOKIE, read_cookie};
pub use csrf::CheckedForm;
pub use guard::{Face, Route, Routes};
pub use identify::{Identity, identified, identify, settle_visit};

use crate::app::Caller;
use crate::domain::actor;
use crate::domain::secret::Secret;
use crate::http::wire::Peer;

/// Whether a request came over TLS, to us or to a trusted proxy, so that its cookies may say
/// `Secure`.
#[must_use]
pub fn is_secure(extensions: &Extensions) -> bool {
    extensions.get::<Peer>().is_some_and(|peer| peer.secure)
}

/// The address that a request comes from.
#[must_use]
pub fn address(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|ConnectInfo(peer)| peer.ip().to_canonical());
    address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The one who asks, as they are written down with what they change.
#[derive(Debug, Clone)]
pub struct Actor(pub actor::Actor);

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let principal = Identity::of(&parts.extensions).principal;
        Ok(Self(actor::Actor::of(&principal, address(&parts.extensions))))
    }
}

/// Who sends a form about themselves: from where, who they are now, and how cookies are set.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// From where.
    pub caller: Caller,
    /// Who they are now.
    pub identity: Identity,
    /// How cookies are set.
    pub cookies: Cookies,
}

impl Visitor {
    /// As they are written down with what they change.
    #[must_use]
    pub fn actor(&self) -> actor::Actor {
        actor::Actor::of(&self.identity.principal, self.caller.address)
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let (identity, cookies) = (Identity::of(&parts.extensions), Cookies::of(&parts.extensions));
        Ok(Self { caller: caller(parts), identity, cookies })
    }
}

/// Where a request comes from, for signing in.
fn caller(parts: &Parts) -> Caller {
    Caller {
        address: address(&parts.extensions),
        browser: browser(&parts.headers),
        mark: Cookies::of(&parts.extensions).read(&parts.headers, MARK_COOKIE).map(Secret::new),
    }
}

/// The browser in words, like “Firefox on Linux”; nothing of what it sent is repeated.
fn browser(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let known = |words: &[(&str, &'static str)]| {
        words.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, word)| *word)
    };
    let program = known(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = known(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    let program = program.unwrap_or("an unknown browser");
    system.map_or_else(|| program.to_owned(), |system| format!("{program} on {system}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_without_repeating_them() {
        let named = |agent: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, agent.parse().unwrap());
            browser(&headers)
        };
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(named(firefox), "Firefox on Linux");
        let phone = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Safari/537.36";
        assert_eq!(named(phone), "Chrome on Android");
        assert_eq!(named("<script>"), "an unknown browser");
    }
}
