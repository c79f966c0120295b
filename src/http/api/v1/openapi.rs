//! The description of the API, made from the code.
//!
//! It is put together once, when somebody first asks for it: an operation for each route of the
//! table, the schemas of the types that they take and give, the codes of problems.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::http::access::SESSION_COOKIE;
use crate::http::api::describe::{Gives, Operation, Schemas, Sheet, shared_answers};
use crate::http::api::{page, problem};

/// The nouns, in order.
const NOUNS: [(&str, &str); 12] = [
    ("platforms", "Kinds of devices."),
    ("devices", "Devices, and who may have releases."),
    ("releases", "Firmware: uploaded, published, withdrawn."),
    ("groups", "Labels on devices."),
    ("rollouts", "Releases on their way, in stages."),
    ("events", "What happened."),
    ("audit", "Who changed what."),
    ("pairing", "What becomes of devices that nobody knows."),
    ("decoder", "Serial logs in words."),
    ("tokens", "What programs use to prove who they are."),
    ("users", "Who may sign in."),
    ("openapi", "This description."),
];

/// What holds for all operations.
const ABOUT: &str = "Errors are problem documents (RFC 9457) with a stable `code`: a wrong path is \
    404 `not_found`, a wrong method 405 `method_not_allowed` with `Allow`. Unknown members, fields \
    and parameters are errors, not ignored. Times are RFC 3339 in UTC. Lists are paged: `next` of \
    a page is the `cursor` of the following one. Changes that a page of another site asks a \
    browser for are refused with 403 `foreign_origin`, requests by a name that is not this \
    server’s with 421 `unknown_host`.";

static DOCUMENT: LazyLock<(Value, String)> = LazyLock::new(|| {
    let document = make();
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    (document, text)
});

/// The whole description.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT.0
}

/// The description, as it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Description;

impl IntoResponse for Description {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], DOCUMENT.1.as_str()).into_response()
    }
}

impl Gives for Description {
    fn draw(sheet: &mut Sheet<'_>) {
        sheet.json(200, &json!({"type": "object"}), &json!({"openapi": "3.1.0"}));
    }
}

pub(super) const SHOW: Operation =
    Operation::new("openapi", "openapi", "This document").gives("This document.");

/// `GET /api/v1/openapi.json`
pub(super) async fn show() -> Description {
    Description
}

fn make() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for entry in super::table().entries() {
        let item = paths.entry(entry.path).or_insert_with(|| json!({}));
        item[entry.method] = entry.describe(&mut schemas);
    }
    schemas.shown::<problem::Document>();
    let parameters = page::parameters().map(|(name, parameter)| (name.to_owned(), parameter));
    let tags = NOUNS.map(|(name, text)| json!({"name": name, "description": text}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Espalier",
            "version": "1",
            "summary":
                "Over-the-air updates for ESP8266 and ESP32 devices: the administration API.",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": security(),
            "parameters": Map::from_iter(parameters),
            "responses": shared_answers(),
            "schemas": schemas.finish(),
        },
    })
}

/// How those who ask prove who they are.
fn security() -> Value {
    json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description":
                "A token from Settings → Tokens, `POST /api/v1/tokens` or `espalier token add`: \
                 `Authorization: Bearer esp_…`. Each operation says which scope it needs.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": SESSION_COOKIE,
            "description":
                "Somebody who has signed in, in a browser. Changes also need the header \
                 `X-CSRF-Token`, or must come from a page of this server.",
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use axum::http::header::ALLOW;
    use tower::ServiceExt;

    use super::*;
    use crate::app::{App, Limits};
    use crate::blobs::Blobs;
    use crate::clock::FakeClock;
    use crate::http::api;
    use crate::store::Store;

    #[test]
    fn every_operation_says_what_it_needs() {
        for (path, item) in document()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if method != "parameters" {
                    assert!(operation["security"].is_array(), "{method} {path}");
                }
            }
        }
        let upload = &document()["paths"]["/api/v1/releases"]["post"];
        assert_eq!(upload["x-scope"], "upload:<platform>");
        assert_eq!(upload["responses"]["401"]["$ref"], "#/components/responses/Unauthorized");
    }

    /// The methods that the document has for a path, as an `Allow` header lists them.
    fn described(item: &Value) -> BTreeSet<String> {
        let names = item.as_object().unwrap().keys().map(|key| key.to_uppercase());
        let mut methods: BTreeSet<_> = names.filter(|name| name != "PARAMETERS").collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        methods
    }

    #[tokio::test]
    async fn exactly_the_routes_and_methods_of_the_router_are_described() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path(), 1 << 20).unwrap();
        let (store, clock) = (Store::in_memory().await.unwrap(), Arc::new(FakeClock::at(0)));
        let app = App::open(store, blobs, clock, Limits::default()).await.unwrap();
        let router = api::router(&app).with_state(app);

        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let routes = super::super::routes();
        let routes: BTreeSet<_> = routes.table().iter().map(|route| route.path).collect();
        assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), routes);
        for (path, item) in paths {
            let uri = path.replace(['{', '}'], "");
            let request = Request::builder().method("TRACE").uri(uri).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            let allowed = response.headers()[ALLOW].to_str().unwrap();
            let allowed: BTreeSet<_> =
                allowed.split(',').map(|name| name.trim().to_owned()).collect();
            assert_eq!(described(item), allowed, "{path}");
        }
    }
}
