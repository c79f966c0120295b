//! By which names pages and API may be asked for.
//!
//! A page of a stranger can make its own name point at a machine in the visitor's network ("DNS
//! rebinding"). For the browser that machine then belongs to the stranger's site, and nothing that
//! compares `Origin` and `Host` notices. So names count that no stranger can own, and those that
//! the administrator has named. Devices are no browsers: their routes take every name.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Exposure, api, device};
use crate::app::App;
use crate::config::HostNames;

/// Ends of names that the public DNS will never know.
const PRIVATE: [&str; 6] = [".local", ".localhost", ".lan", ".internal", ".home.arpa", ".home"];
/// Characters of a name that are repeated.
const NAME_SHOWN: usize = 80;

/// Refuses requests that ask for pages or API by a name that may be a stranger's.
pub(super) async fn known(
    State((app, exposure)): State<(App, Exposure)>,
    request: Request,
    next: Next,
) -> Response {
    match refusal(&app, &exposure, &request) {
        None => next.run(request).await,
        Some(response) => response,
    }
}

/// The answer to a request that asks by a name that is not ours: it says what to do.
pub(super) fn refusal(app: &App, exposure: &Exposure, request: &Request) -> Option<Response> {
    if is_two_minded(request) {
        let (status, text) = (StatusCode::BAD_REQUEST, "The request names two hosts.");
        if api::is_below(request.uri().path()) {
            return Some(api::Problem::new(api::codes::TWO_HOSTS, text).into_response());
        }
        return Some((status, format!("{text}\n")).into_response());
    }
    let named = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("?"));
    // Only browsers can be led astray, and they always send one.
    let named = named.or_else(|| request.uri().authority().map(Authority::as_str))?;
    let settings = app.settings();
    let public = settings.public_url.as_ref().map(crate::config::PublicUrl::host);
    if is_own(named, public, &exposure.allowed_hosts) {
        return None;
    }
    let name: String = name(named).chars().take(NAME_SHOWN).collect();
    tracing::debug!(http.host = name, "a request for a name that is not ours was refused");
    let event = format!(
        "asked for a page by the name “{name}”, which is not one of this server's: see \
         ESPALIER_ALLOWED_HOSTS."
    );
    app.refuse_unknown(device::Caller::of(request).address, "unknown_host", &event);
    let text = format!(
        "This server does not know the name “{name}”, so it takes the request for a trick of \
         another site. Use its IP address, or name it at the start: --allowed-hosts \
         (ESPALIER_ALLOWED_HOSTS), or --public-url (ESPALIER_PUBLIC_URL)."
    );
    let status = StatusCode::MISDIRECTED_REQUEST;
    if api::is_below(request.uri().path()) {
        return Some(api::Problem::new(api::codes::UNKNOWN_HOST, text).into_response());
    }
    Some((status, text + "\n").into_response())
}

/// Whether a request names more than one host, so that what stands before us may have looked at
/// another one than we do.
fn is_two_minded(request: &Request) -> bool {
    let mut named = request.headers().get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    let target = request.uri().authority().map(Authority::as_str);
    let differs = |(first, target): (&HeaderValue, &str)| {
        !first.as_bytes().eq_ignore_ascii_case(target.as_bytes())
    };
    second.is_some() || first.zip(target).is_some_and(differs)
}

/// The name in a `Host`, in lower case, without its port and the brackets of IPv6.
fn name(host: &str) -> String {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    bare.trim_end_matches('.').to_ascii_lowercase()
}

fn is_own(host: &str, public: Option<&str>, allowed: &HostNames) -> bool {
    let name = name(host);
    name.parse::<IpAddr>().is_ok()
        // A single word is looked up in the own network only.
        || !name.contains('.') && !name.is_empty() && !name.contains('?')
        || PRIVATE.iter().any(|end| name.ends_with(end))
        || public.is_some_and(|public| public.eq_ignore_ascii_case(&name))
        || allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_that_no_stranger_can_own() {
        let allowed: HostNames = "ota.example.org".parse().unwrap();
        for (host, own) in [
            ("192.168.1.10:8000", true),
            ("[fd00::1]:8000", true),
            ("[::1]", true),
            ("localhost:8000", true),
            ("pi", true),
            ("PI.local:8000", true),
            ("pi.lan", true),
            ("pi.lan.", true),
            ("nas.home.arpa", true),
            ("ota.example.com:443", true),
            ("OTA.example.org", true),
            ("evil.example", false),
            ("evil.example:8000", false),
            ("192.168.1.10.evil.example", false),
            ("evil.local.example", false),
            ("evillocal.example", false),
            ("a.ota.example.org", false),
            ("2130706433.evil", false),
            ("", false),
            ("?", false),
            (":8000", false),
        ] {
            assert_eq!(is_own(host, Some("ota.example.com"), &allowed), own, "{host}");
        }
    }
}
