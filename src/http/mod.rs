//! HTTP: the only place that names axum and askama.
//!
//! Devices, API, pages, assets and probes are routers of their own, each with its own layers.

pub mod access;
pub mod api;
pub mod assets;
pub mod device;
mod hosts;
pub mod layers;
mod probes;
pub mod view;
pub mod web;
pub mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::header::{ACCEPT, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;
use crate::config::HostNames;
use crate::tls::Tls;
use access::{Face, Route};
use layers::SecurityHeaders;
use wire::{Connection, Site};

/// What is answered where nothing is, to those who want no page.
const NOTHING: &str = "There is nothing at this address.\n";

/// How pages and API are shown to the world outside.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The certificate, where TLS is spoken.
    pub tls: Option<Arc<Tls>>,
    /// The headers of all answers.
    pub headers: Arc<SecurityHeaders>,
    /// Names by which they are asked for, besides those that are ours anyway.
    pub allowed_hosts: Arc<HostNames>,
}

/// Everything that is served.
pub fn site(app: App, exposure: Exposure) -> Site {
    let shortcut = device::shortcut(app.clone());
    let people = Router::new()
        .merge(web::router(&app))
        .merge(api::router(&app))
        .merge(assets::routes().into_router())
        .layer(Extension(exposure.clone()))
        .layer(middleware::from_fn(layers::same_origin))
        .layer(middleware::from_fn_with_state((app.clone(), exposure.clone()), hosts::known))
        .layer(middleware::from_fn_with_state(exposure.clone(), layers::security_headers))
        .layer(middleware::from_fn(layers::leave_places))
        .layer(middleware::from_fn(name_caller))
        .layer(middleware::from_fn_with_state(app.clone(), updaters_first))
        .layer(CatchPanicLayer::new());
    let router = Router::new()
        .merge(people)
        .merge(device::routes().into_router())
        .merge(probes::routes().into_router())
        .fallback(move |state: State<App>, request: Request| fallback(state, exposure, request))
        .layer(as_it_is_called())
        .with_state(app);
    Site::new(router, shortcut)
}

/// What is served where only devices are: their routes, and whether the process lives.
pub fn device_site(app: App) -> Site {
    let router = device::routes().into_router().merge(probes::liveness().into_router());
    let shortcut = device::shortcut(app.clone());
    let router = router.fallback(device_fallback).layer(as_it_is_called());
    Site::new(router.with_state(app), shortcut)
}

/// What is answered without TLS on a port that demands it: the probes, and where to go.
pub fn turned_away(app: App) -> Site {
    let router = probes::routes().into_router().fallback(use_tls);
    router.layer(as_it_is_called()).with_state(app).into()
}

/// No browser makes something else of an answer than what it is called.
fn as_it_is_called() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(X_CONTENT_TYPE_OPTIONS, device::AS_CALLED)
}

/// Every route that there is, with what it needs and to whom it speaks.
#[must_use]
pub fn table() -> Vec<(Face, Route)> {
    let pages = [web::routes()].into_iter().map(|routes| (Face::Page, routes));
    let programs = [api::routes(), device::routes(), probes::routes(), assets::routes()];
    let programs = programs.into_iter().map(|routes| (Face::Program, routes));
    let each = |(face, routes): (Face, access::Routes)| {
        routes.table().iter().map(|route| (face, route.clone())).collect::<Vec<_>>()
    };
    pages.chain(programs).flat_map(each).collect()
}

/// A sketch may ask for any path, also for one that a page has.
async fn updaters_first(State(app): State<App>, request: Request, next: Next) -> Response {
    match device::fallback(State(app), request).await {
        Ok(response) => response,
        Err(request) => next.run(request).await,
    }
}

/// What no route of devices knows: a device's file or path, else nothing.
async fn device_fallback(State(app): State<App>, request: Request) -> Response {
    let answer = device::fallback(State(app), request).await;
    answer.unwrap_or_else(|_| (StatusCode::NOT_FOUND, NOTHING).into_response())
}

/// Sends a browser to the same address with TLS; tells others, and the log, what is wrong.
async fn use_tls(State(app): State<App>, request: Request) -> Response {
    let browser = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let browser = browser.is_some_and(|accept| accept.contains("text/html"));
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    // A name before the host would only be there to mislead.
    let authority = authority.filter(|authority| !authority.as_str().contains('@'));
    if let (true, &Method::GET, Some(authority)) = (browser, request.method(), authority) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return Redirect::temporary(&format!("https://{authority}{path}")).into_response();
    }
    let address = device::Caller::of(&request).address;
    let text = "asked without TLS on a port that demands it. Let its sketch begin the address \
                with https, or give devices a port of their own by --device-port.";
    app.refuse_unknown(address, "plain_http", text);
    (StatusCode::BAD_REQUEST, "Error: This port speaks TLS: begin the address with https.\n")
        .into_response()
}

/// What no route knows: a device's file or path, else the page that says so.
async fn fallback(State(app): State<App>, exposure: Exposure, request: Request) -> Response {
    let request = match device::fallback(State(app.clone()), request).await {
        Ok(response) => return response,
        Err(request) => request,
    };
    let connection = request.extensions().get::<Connection>().cloned();
    let mut response = match hosts::refusal(&app, &exposure, &request) {
        Some(response) => response,
        None => match access::identified(&app, with_caller(request)).await {
            Ok(request) => web::not_found(State(app), request).await,
            Err(response) => response,
        },
    };
    exposure.headers.add(response.headers_mut(), connection.as_ref());
    response
}

/// Passes on who asks in the forms that extractors expect: as a [`wire::Peer`], and its address.
async fn name_caller(request: Request, next: Next) -> Response {
    next.run(with_caller(request)).await
}

fn with_caller(mut request: Request) -> Request {
    if let Some(connection) = request.extensions().get::<Connection>() {
        let (peer, port) = (connection.peer(), connection.remote().port());
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.address, port)));
    }
    request
}
