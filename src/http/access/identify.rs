//! Finds out who a request comes from.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::cookies::{Cookies, SESSION_COOKIE, VISIT_COOKIE};
use crate::app::{App, Bearer, Error};
use crate::domain::access::Principal;
use crate::domain::secret::Secret;
use crate::store::Session;

/// Who a request comes from, and what goes with it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who it is.
    pub principal: Principal,
    /// The session, where it is somebody who has signed in.
    pub session: Option<Session>,
    /// What forms must carry; nothing where access control is off, or for a program.
    pub csrf: Option<Secret>,
    /// What stands in for a session that is not there, and whether the browser has it already.
    visit: Option<(Secret, bool)>,
    /// Whether the first administrator must be made.
    pub needs_setup: bool,
    /// Why the token of the request is not good, in a sentence.
    pub wrong_token: Option<&'static str>,
}

impl Default for Identity {
    /// Nobody.
    fn default() -> Self {
        Self {
            principal: Principal::Nobody,
            session: None,
            csrf: None,
            visit: None,
            needs_setup: false,
            wrong_token: None,
        }
    }
}

impl Identity {
    /// Of a request that has passed [`identify`]; others come from nobody.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Whoever reaches the server, where access control is off.
    fn anyone() -> Self {
        Self { principal: Principal::Anyone, ..Self::default() }
    }

    async fn find(app: &App, parts: &Parts) -> Result<Self, Error> {
        if app.is_open() {
            return Ok(Self::anyone());
        }
        let from = super::address(&parts.extensions).to_string();
        let programs = parts.uri.path().starts_with("/api/");
        if programs && let Some(token) = bearer(&parts.headers) {
            return Self::program(app, &token, &from).await;
        }
        let cookies = Cookies::of(&parts.extensions);
        if let Some(secret) = cookies.read(&parts.headers, SESSION_COOKIE).map(Secret::new)
            && let Some(session) = app.accounts().session(&secret, &from).await?
        {
            let (id, name, role) = (session.user_id, session.user.clone(), session.role);
            let principal = Principal::User { id, name, role };
            let csrf = Some(secret.derived("form"));
            return Ok(Self { principal, session: Some(session), csrf, ..Self::default() });
        }
        if programs {
            return Ok(Self::default());
        }
        let known = cookies.read(&parts.headers, VISIT_COOKIE).filter(|text| text.len() >= 32);
        let visit = match known {
            Some(text) => (Secret::new(text), true),
            None => (app.accounts().new_visit()?, false),
        };
        let csrf = Some(visit.0.derived("form"));
        let needs_setup = app.accounts().needs_setup().await?;
        Ok(Self { csrf, visit: Some(visit), needs_setup, ..Self::default() })
    }

    async fn program(app: &App, token: &Secret, from: &str) -> Result<Self, Error> {
        let wrong = |why| Self { wrong_token: Some(why), ..Self::default() };
        Ok(match app.accounts().bearer(token, from).await? {
            Bearer::Known(token) => {
                let (id, name, scopes) = (token.id, token.name.to_string(), token.scopes);
                Self { principal: Principal::Token { id, name, scopes }, ..Self::default() }
            }
            Bearer::Expired => wrong("The time of this token is over; make a new one."),
            Bearer::Unknown => wrong("This token is not known here; it may have been revoked."),
        })
    }
}

/// The token of a request. Other kinds of `Authorization` are a proxy's business.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (kind, token) = text.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// Puts an [`Identity`] into every request.
pub async fn identify(State(app): State<App>, request: Request, next: Next) -> Response {
    match identified(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    }
}

/// The request with an [`Identity`].
///
/// # Errors
/// The answer that says that the database fails.
pub async fn identified(app: &App, request: Request) -> Result<Request, Response> {
    let (mut parts, body) = request.into_parts();
    match Identity::find(app, &parts).await {
        Ok(identity) => {
            parts.extensions.insert(identity);
            Ok(Request::from_parts(parts, body))
        }
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "who asks could not be found out");
            let text = "The server could not find out who asks; its log says why.\n";
            Err((StatusCode::INTERNAL_SERVER_ERROR, text).into_response())
        }
    }
}

/// Gives a browser what stands in for a session, where it has none yet.
pub fn settle_visit(identity: &Identity, cookies: Cookies, response: &mut Response) {
    if let Some((secret, false)) = &identity.visit
        && let Some(cookie) = cookies.visit(secret)
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
