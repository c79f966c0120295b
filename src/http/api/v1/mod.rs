//! The first version of the API, one file per noun.
//!
//! Its description (`/api/v1/openapi.json`, and to read at `/api`) is made from the code. To add a
//! route:
//!
//! 1. Write the handler. Requests ([`Body`], [`List`], `Query`) and answers are types that derive
//!    `JsonSchema` beside `serde`’s traits, with a line of doc comment on each member: that is what
//!    is read. One of some words is a [`Word`], a moment a [`Time`], a member that may be missing,
//!    but not null, is [`Given`]; what only a query or body reads as text says
//!    `#[schemars(with = "Word<…>")]`.
//! 2. Give the answer’s type an [`Example`]: a value of it.
//! 3. Write an [`Operation`] above the handler: noun, name, summary; `more` to say; the JSON that an
//!    example request `takes`; what it `gives`; how it `refuses`, by codes of
//!    [`codes`](crate::http::api::codes). What follows from the signature (a body that cannot be
//!    read, a full disk, who may not) is added by itself.
//! 4. Add the route to [`table`], with both. A handler whose signature says too little, such as one
//!    that gives a bare `Response`, does not compile there.
//!
//! A new parameter or member is a new field, with its words. `tests/it_api/description.rs` holds
//! the whole document, and `tests/it_api/schema.rs` every answer that a test sees.
//!
//! [`Body`]: crate::http::api::extract::Body
//! [`List`]: crate::http::api::page::List
//! [`Word`]: crate::http::api::words::Word
//! [`Time`]: crate::http::api::words::Time
//! [`Given`]: crate::http::api::words::Given
//! [`Example`]: crate::http::api::describe::Example
//! [`Operation`]: crate::http::api::describe::Operation

mod audit;
mod back;
mod decision;
mod decoder;
mod device;
mod devices;
mod events;
mod foreseen;
mod groups;
mod images;
mod openapi;
mod pairing;
mod platforms;
mod preview;
mod preview_devices;
mod release;
mod releases;
pub(super) mod report;
mod rollout;
mod rollouts;
mod secrets;
mod tokens;
mod upload;
mod uploaded;
mod users;

pub(super) use openapi::document;

use crate::domain::access::Need;
use crate::http::access::Routes;
use crate::http::api::describe::Table;

/// All routes, with what they need.
pub(super) fn routes() -> Routes {
    table().into_routes()
}

/// All routes, with what they need and what is said about them.
pub(super) fn table() -> Table {
    others(releases(devices(Table::new())))
}

/// Platforms, devices and groups.
fn devices(table: Table) -> Table {
    use Need::{Administer, Edit, View};
    table
        .get("/api/v1/platforms", View, platforms::list, platforms::LIST)
        .post("/api/v1/platforms", Edit, platforms::create, platforms::CREATE)
        .get("/api/v1/platforms/{name}", View, platforms::show, platforms::SHOW)
        .patch("/api/v1/platforms/{name}", Edit, platforms::change, platforms::CHANGE)
        .delete("/api/v1/platforms/{name}", Administer, platforms::delete, platforms::DELETE)
        .post(
            "/api/v1/platforms/{name}/secret",
            Edit,
            secrets::make_for_platform,
            secrets::MAKE_FOR_PLATFORM,
        )
        .delete(
            "/api/v1/platforms/{name}/secret/old",
            Edit,
            secrets::end_for_platform,
            secrets::END_FOR_PLATFORM,
        )
        .get("/api/v1/platforms/{name}/devices", View, devices::of_platform, devices::OF_PLATFORM)
        .post("/api/v1/platforms/{name}/devices", Edit, devices::approve, devices::APPROVE)
        .get("/api/v1/devices", View, devices::list, devices::LIST)
        .get("/api/v1/devices/{mac}", View, devices::show, devices::SHOW)
        .patch("/api/v1/devices/{mac}", Edit, devices::change, devices::CHANGE)
        .delete("/api/v1/devices/{mac}", Edit, devices::delete, devices::DELETE)
        .post(
            "/api/v1/devices/{mac}/secret",
            Edit,
            secrets::make_for_device,
            secrets::MAKE_FOR_DEVICE,
        )
        .delete(
            "/api/v1/devices/{mac}/secret/old",
            Edit,
            secrets::end_for_device,
            secrets::END_FOR_DEVICE,
        )
        .get("/api/v1/devices/{mac}/decision", View, decision::show, decision::SHOW)
        .get("/api/v1/groups", View, groups::list, groups::LIST)
        .post("/api/v1/groups", Edit, groups::create, groups::CREATE)
        .get("/api/v1/groups/{name}", View, groups::show, groups::SHOW)
        .patch("/api/v1/groups/{name}", Edit, groups::change, groups::CHANGE)
        .delete("/api/v1/groups/{name}", Edit, groups::delete, groups::DELETE)
}

/// Releases, and how they get to devices.
fn releases(table: Table) -> Table {
    use Need::{Edit, Publish, Upload, View};
    table
        .get("/api/v1/releases", View, releases::list, releases::LIST)
        .upload("/api/v1/releases", Upload, upload::create, upload::CREATE)
        .get("/api/v1/releases/{id}", View, releases::show, releases::SHOW)
        .patch("/api/v1/releases/{id}", Publish, releases::change, releases::CHANGE)
        .delete("/api/v1/releases/{id}", Edit, releases::delete, releases::DELETE)
        .get("/api/v1/releases/{id}/report", View, releases::report, releases::REPORT)
        .delete("/api/v1/releases/{id}/images/{image}", Edit, images::delete, images::DELETE)
        .get("/api/v1/releases/{id}/preview", View, preview::release_asked, preview::RELEASE_ASKED)
        .post("/api/v1/releases/{id}/preview", View, preview::release, preview::RELEASE)
        .get(
            "/api/v1/platforms/{name}/preview",
            View,
            preview::platform_asked,
            preview::PLATFORM_ASKED,
        )
        .post("/api/v1/platforms/{name}/preview", View, preview::platform, preview::PLATFORM)
        .get(
            "/api/v1/releases/{id}/preview/devices",
            View,
            preview_devices::release_asked,
            preview_devices::RELEASE_ASKED,
        )
        .post(
            "/api/v1/releases/{id}/preview/devices",
            View,
            preview_devices::release,
            preview_devices::RELEASE,
        )
        .get(
            "/api/v1/platforms/{name}/preview/devices",
            View,
            preview_devices::platform_asked,
            preview_devices::PLATFORM_ASKED,
        )
        .post(
            "/api/v1/platforms/{name}/preview/devices",
            View,
            preview_devices::platform,
            preview_devices::PLATFORM,
        )
        .get("/api/v1/rollouts", View, rollouts::list, rollouts::LIST)
        .get("/api/v1/rollouts/{id}", View, rollouts::show, rollouts::SHOW)
        .patch("/api/v1/rollouts/{id}", Publish, rollouts::tell, rollouts::TELL)
        .post("/api/v1/releases/{id}/back", Publish, back::back, back::BACK)
}

/// What happened, who may do what, and this description.
fn others(table: Table) -> Table {
    use Need::{Administer, Edit, Public, View};
    table
        .get("/api/v1/openapi.json", Public, openapi::show, openapi::SHOW)
        .get("/api/v1/events", View, events::list, events::LIST)
        .get("/api/v1/audit", Administer, audit::list, audit::LIST)
        .get("/api/v1/pairing", View, pairing::show, pairing::SHOW)
        .patch("/api/v1/pairing", Edit, pairing::change, pairing::CHANGE)
        .get("/api/v1/decoder", View, decoder::show, decoder::SHOW)
        .get("/api/v1/tokens", Administer, tokens::list, tokens::LIST)
        .post("/api/v1/tokens", Administer, tokens::create, tokens::CREATE)
        .delete("/api/v1/tokens/{id}", Administer, tokens::revoke, tokens::REVOKE)
        .get("/api/v1/users", Administer, users::list, users::LIST)
}
