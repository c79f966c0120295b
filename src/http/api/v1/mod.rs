//! The first version of the API, one file per noun.

mod audit;
mod back;
mod decoder;
mod device;
mod devices;
mod events;
mod groups;
mod images;
mod openapi;
mod pairing;
mod platforms;
mod preview;
mod preview_devices;
mod releases;
pub(super) mod report;
mod rollouts;
mod secrets;
mod tokens;
mod upload;
mod users;

pub(super) use openapi::document;

use crate::domain::access::Need;
use crate::http::access::{Face, Routes};

/// All routes, with what they need.
pub(super) fn routes() -> Routes {
    use Need::{Administer, Edit, Public, Publish, Upload, View};
    Routes::new(Face::Program)
        .get("/api/v1/openapi.json", Public, openapi::show)
        .get("/api/v1/platforms", View, platforms::list)
        .post("/api/v1/platforms", Edit, platforms::create)
        .get("/api/v1/platforms/{name}", View, platforms::show)
        .patch("/api/v1/platforms/{name}", Edit, platforms::change)
        .delete("/api/v1/platforms/{name}", Administer, platforms::delete)
        .post("/api/v1/platforms/{name}/secret", Edit, secrets::make_for_platform)
        .delete("/api/v1/platforms/{name}/secret/old", Edit, secrets::end_for_platform)
        .get("/api/v1/platforms/{name}/devices", View, devices::of_platform)
        .post("/api/v1/platforms/{name}/devices", Edit, devices::approve)
        .get("/api/v1/devices", View, devices::list)
        .get("/api/v1/devices/{mac}", View, devices::show)
        .patch("/api/v1/devices/{mac}", Edit, devices::change)
        .delete("/api/v1/devices/{mac}", Edit, devices::delete)
        .post("/api/v1/devices/{mac}/secret", Edit, secrets::make_for_device)
        .delete("/api/v1/devices/{mac}/secret/old", Edit, secrets::end_for_device)
        .get("/api/v1/devices/{mac}/decision", View, devices::decision)
        .get("/api/v1/releases", View, releases::list)
        .upload("/api/v1/releases", Upload, upload::create)
        .get("/api/v1/releases/{id}", View, releases::show)
        .patch("/api/v1/releases/{id}", Publish, releases::change)
        .delete("/api/v1/releases/{id}", Edit, releases::delete)
        .get("/api/v1/releases/{id}/report", View, releases::report)
        .delete("/api/v1/releases/{id}/images/{image}", Edit, images::delete)
        .get("/api/v1/releases/{id}/preview", View, preview::release_asked)
        .post("/api/v1/releases/{id}/preview", View, preview::release)
        .get("/api/v1/platforms/{name}/preview", View, preview::platform_asked)
        .post("/api/v1/platforms/{name}/preview", View, preview::platform)
        .get("/api/v1/releases/{id}/preview/devices", View, preview_devices::release_asked)
        .post("/api/v1/releases/{id}/preview/devices", View, preview_devices::release)
        .get("/api/v1/platforms/{name}/preview/devices", View, preview_devices::platform_asked)
        .post("/api/v1/platforms/{name}/preview/devices", View, preview_devices::platform)
        .get("/api/v1/rollouts", View, rollouts::list)
        .get("/api/v1/rollouts/{id}", View, rollouts::show)
        .patch("/api/v1/rollouts/{id}", Publish, rollouts::tell)
        .post("/api/v1/releases/{id}/back", Publish, back::back)
        .get("/api/v1/groups", View, groups::list)
        .post("/api/v1/groups", Edit, groups::create)
        .get("/api/v1/groups/{name}", View, groups::show)
        .patch("/api/v1/groups/{name}", Edit, groups::change)
        .delete("/api/v1/groups/{name}", Edit, groups::delete)
        .get("/api/v1/events", View, events::list)
        .get("/api/v1/audit", Administer, audit::list)
        .get("/api/v1/pairing", View, pairing::show)
        .patch("/api/v1/pairing", Edit, pairing::change)
        .get("/api/v1/decoder", View, decoder::show)
        .get("/api/v1/tokens", Administer, tokens::list)
        .post("/api/v1/tokens", Administer, tokens::create)
        .delete("/api/v1/tokens/{id}", Administer, tokens::revoke)
        .get("/api/v1/users", Administer, users::list)
}
