//! HTTP: the only place that names axum and askama.
//!
//! Devices, API, pages, assets and probes are routers of their own, each with its own layers.

pub mod access;
pub mod api;
pub mod assets;
pub mod device;
pub mod layers;
mod probes;
pub mod view;
pub mod web;
pub mod wire;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use access::{Face, Route};
use wire::Connection;

/// Everything that is served.
pub fn router(app: App) -> Router {
    let people = Router::new()
        .merge(web::router(&app))
        .merge(api::router(&app))
        .merge(assets::routes().into_router())
        .layer(middleware::from_fn(layers::same_origin))
        .layer(middleware::from_fn(layers::security_headers))
        .layer(middleware::from_fn(name_caller))
        .layer(middleware::from_fn_with_state(app.clone(), updaters_first))
        .layer(CatchPanicLayer::new());
    Router::new()
        .merge(people)
        .merge(device::routes().into_router())
        .merge(probes::routes().into_router())
        .fallback(fallback)
        .with_state(app)
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

/// What no route knows: a device's file or path, else the page that says so.
async fn fallback(State(app): State<App>, request: Request) -> Response {
    match device::fallback(State(app.clone()), request).await {
        Ok(response) => response,
        Err(request) => match access::identified(&app, with_caller(request)).await {
            Ok(request) => web::not_found(State(app), request).await,
            Err(response) => response,
        },
    }
}

/// Passes the address of the connection on in the form that extractors expect.
async fn name_caller(request: Request, next: Next) -> Response {
    next.run(with_caller(request)).await
}

fn with_caller(mut request: Request) -> Request {
    if let Some(peer) = request.extensions().get::<Connection>().map(Connection::peer) {
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    request
}
