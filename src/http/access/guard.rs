//! Routes with what they need, and the guard before each of them.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::header::{ACCEPT, HeaderValue, REFERER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{self, MethodRouter};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::csrf::{self, Refused};
use super::identify::Identity;
use crate::app::App;
use crate::domain::access::{Need, Principal, Where};
use crate::http::api::{Problem, codes};
use crate::http::web::PageError;
use crate::http::web::page::inside;
use crate::http::wire::Connection;

/// To whom routes speak: that decides how they refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// People in a browser: refusals are pages, and forms carry a token.
    Page,
    /// Programs: refusals are problem documents.
    Program,
}

/// A route, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its method; any where this is missing.
    pub method: Option<Method>,
    /// Its path, as the router knows it.
    pub path: &'static str,
    /// What it needs.
    pub need: Need,
}

/// Routes that are guarded, each by what it needs.
#[derive(Debug)]
pub struct Routes {
    face: Face,
    router: Router<App>,
    table: Vec<Route>,
}

impl Routes {
    /// None yet.
    #[must_use]
    pub fn new(face: Face) -> Self {
        Self { face, router: Router::new(), table: Vec::new() }
    }

    /// Answers `GET` and `HEAD`.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::GET, path, need, routing::get(handler), false)
    }

    /// Answers `POST`.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::POST, path, need, routing::post(handler), false)
    }

    /// Answers `POST` with files, whose handler counts the bytes itself.
    #[must_use]
    pub fn upload<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let upload = routing::post(handler).layer(DefaultBodyLimit::disable());
        self.add(Method::POST, path, need, upload, true)
    }

    /// Answers `PATCH`.
    #[must_use]
    pub fn patch<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::PATCH, path, need, routing::patch(handler), false)
    }

    /// Answers `DELETE`.
    #[must_use]
    pub fn delete<H, T>(self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::DELETE, path, need, routing::delete(handler), false)
    }

    /// Answers any method; for what needs nothing.
    #[must_use]
    pub fn any<H, T>(mut self, path: &'static str, need: Need, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.table.push(Route { method: None, path, need });
        let handler = self.guarded(need, routing::any(handler), false);
        self.router = self.router.route(path, handler);
        self
    }

    /// With other routes to the same face.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self
    }

    /// All of them, with what they need.
    #[must_use]
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// As a router.
    pub fn into_router(self) -> Router<App> {
        self.router
    }

    fn add(
        mut self,
        method: Method,
        path: &'static str,
        need: Need,
        handler: MethodRouter<App, Infallible>,
        uploads: bool,
    ) -> Self {
        self.table.push(Route { method: Some(method), path, need });
        let handler = self.guarded(need, handler, uploads);
        self.router = self.router.route(path, handler);
        self
    }

    fn guarded(
        &self,
        need: Need,
        handler: MethodRouter<App, Infallible>,
        uploads: bool,
    ) -> MethodRouter<App, Infallible> {
        // Devices and probes have no session and no forms, and cost nothing here.
        if self.face == Face::Program && matches!(need, Need::Public | Need::Device) {
            return handler;
        }
        let face = self.face;
        let guard = move |request: Request, next: Next| guard(face, need, uploads, request, next);
        handler.route_layer(middleware::from_fn(guard))
    }
}

async fn guard(face: Face, need: Need, uploads: bool, request: Request, next: Next) -> Response {
    let identity = Identity::of(request.extensions());
    if !identity.principal.may(need) {
        return match face {
            Face::Page => refuse_page(need, &identity, &request),
            Face::Program => refuse_program(need, &identity),
        };
    }
    let known = identity.principal != Principal::Nobody;
    if let (true, Some(connection)) = (known, request.extensions().get::<Connection>()) {
        connection.keep();
    }
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let request = if known { Ok(request) } else { csrf::whole(request).await };
    let request = match request {
        Ok(request) => request,
        Err(Refused::Large) => return stale_form(StatusCode::PAYLOAD_TOO_LARGE),
        Err(Refused::Slow) => return stale_form(StatusCode::REQUEST_TIMEOUT),
        Err(_) => return stale_form(StatusCode::BAD_REQUEST),
    };
    match face {
        Face::Page => match csrf::check_form(&identity, uploads, request).await {
            Ok(request) => next.run(request).await,
            Err(Refused::Token) => stale_form(StatusCode::FORBIDDEN),
            Err(Refused::Large) => stale_form(StatusCode::PAYLOAD_TOO_LARGE),
            Err(Refused::Broken | Refused::Slow) => stale_form(StatusCode::BAD_REQUEST),
        },
        Face::Program if csrf::is_ours(&identity, request.headers()) => next.run(request).await,
        Face::Program => {
            let detail = "A browser’s session may only change things from a page of this server; \
                          send the header X-CSRF-Token, or use a token.";
            Problem::new(codes::CSRF, detail).into_response()
        }
    }
}

/// Somebody signs in first; who has, may not do this.
fn refuse_page(need: Need, identity: &Identity, request: &Request) -> Response {
    if let Principal::User { role, .. } = &identity.principal {
        let text = format!(
            "Your role is {}; this needs the role {}. Ask an administrator.",
            role.word(),
            need.role().word()
        );
        return PageError::with(StatusCode::FORBIDDEN, "Not allowed", &text).into_response();
    }
    if identity.principal == Principal::Anyone {
        let text = "Access control is switched off (--auth none), so nobody has an account. Start \
                    Espalier with --auth password to have people sign in.";
        return PageError::with(StatusCode::NOT_FOUND, "No accounts", text).into_response();
    }
    let reading = request.method() == Method::GET;
    let part = request.uri().query().is_some_and(|query| query.contains("fragment="));
    let wants_json = accepts_json(request.headers());
    if part || wants_json {
        let text = "You are not signed in any more. Sign in and try again.\n";
        return (StatusCode::UNAUTHORIZED, text).into_response();
    }
    if identity.needs_setup {
        return Redirect::to("/setup").into_response();
    }
    let next = if reading { Some(request.uri().clone()) } else { came_from(request.headers()) };
    let next = next.as_ref().and_then(Uri::path_and_query).and_then(|path| inside(path.as_str()));
    match next.as_deref() {
        None | Some("/") => Redirect::to("/login").into_response(),
        Some(next) => {
            let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
            Redirect::to(&format!("/login?next={next}")).into_response()
        }
    }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

fn came_from(headers: &HeaderMap) -> Option<Uri> {
    headers.get(REFERER)?.to_str().ok()?.parse().ok()
}

fn refuse_program(need: Need, identity: &Identity) -> Response {
    if identity.principal == Principal::Nobody {
        let usual = "Send a token: Authorization: Bearer esp_…; administrators make them under \
                     Settings → Tokens.";
        let detail = identity.wrong_token.unwrap_or(usual);
        let problem = Problem::new(codes::UNAUTHORIZED, detail);
        let mut response = problem.into_response();
        let challenge = if identity.wrong_token.is_some() {
            "Bearer realm=\"espalier\", error=\"invalid_token\""
        } else {
            "Bearer realm=\"espalier\""
        };
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        return response;
    }
    Problem::lacks(&identity.principal, need, Where::Somewhere).into_response()
}

/// The page for a form without the right token.
pub(super) fn stale_form(status: StatusCode) -> Response {
    let (title, text) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => ("Too large", "The form is larger than forms are."),
        StatusCode::REQUEST_TIMEOUT => {
            ("Too slow", "The form did not arrive in time; send it again.")
        }
        StatusCode::BAD_REQUEST => ("That did not work", "The form broke off; send it again."),
        _ => (
            "This form is out of date",
            "Nothing was changed. You may have signed in or out since the page was loaded, or \
             your browser keeps no cookies. Go back, reload the page, and send it again.",
        ),
    };
    PageError::with(status, title, text).into_response()
}
