//! The first version of the API, one file per noun.

mod device;
mod devices;
mod events;
mod images;
mod openapi;
mod platforms;
mod releases;
pub(super) mod report;
mod upload;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, delete, get};

use crate::app::App;

/// All routes by their paths; `openapi.json` describes exactly these.
pub(super) fn routes() -> [(&'static str, MethodRouter<App>); 12] {
    // The upload counts its bytes itself.
    let releases = get(releases::list).post(upload::create).layer(DefaultBodyLimit::disable());
    let platform = get(platforms::show).patch(platforms::change).delete(platforms::delete);
    let device = get(devices::show).patch(devices::change).delete(devices::delete);
    let release = get(releases::show).patch(releases::change).delete(releases::delete);
    [
        ("/api/v1/openapi.json", get(openapi::show)),
        ("/api/v1/platforms", get(platforms::list).post(platforms::create)),
        ("/api/v1/platforms/{name}", platform),
        ("/api/v1/platforms/{name}/devices", get(devices::of_platform).post(devices::approve)),
        ("/api/v1/devices", get(devices::list)),
        ("/api/v1/devices/{mac}", device),
        ("/api/v1/devices/{mac}/decision", get(devices::decision)),
        ("/api/v1/releases", releases),
        ("/api/v1/releases/{id}", release),
        ("/api/v1/releases/{id}/report", get(releases::report)),
        ("/api/v1/releases/{id}/images/{image}", delete(images::delete)),
        ("/api/v1/events", get(events::list)),
    ]
}
