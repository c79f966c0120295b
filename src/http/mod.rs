//! HTTP: the only place that names axum and askama.
//!
//! Devices, API, pages, assets and probes are routers of their own, each with its own layers.

pub mod api;
pub mod assets;
pub mod device;
pub mod layers;
mod probes;
pub mod view;
pub mod web;
pub mod wire;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use wire::Connection;

/// Everything that is served.
pub fn router(app: App) -> Router {
    let people = Router::new()
        .merge(web::router())
        .merge(api::router())
        .merge(assets::router())
        .layer(middleware::from_fn(layers::same_origin))
        .layer(middleware::from_fn(layers::security_headers))
        .layer(middleware::from_fn(name_caller))
        .layer(middleware::from_fn_with_state(app.clone(), updaters_first))
        .layer(CatchPanicLayer::new());
    Router::new()
        .merge(people)
        .merge(device::router())
        .merge(probes::router())
        .fallback(fallback)
        .with_state(app)
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
        Err(request) => web::not_found(State(app), request).await.into_response(),
    }
}

/// Passes on who asks in the forms that extractors expect: as a [`wire::Peer`], and its address.
async fn name_caller(mut request: Request, next: Next) -> Response {
    if let Some(connection) = request.extensions().get::<Connection>() {
        let (peer, port) = (connection.peer(), connection.remote().port());
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.address, port)));
    }
    next.run(request).await
}
