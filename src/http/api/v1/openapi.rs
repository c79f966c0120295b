//! The description of the API.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::domain::access::{Need, Where};

/// What is written by hand; tests hold it and the program together.
const WRITTEN: &str = include_str!("openapi.json");

static DOCUMENT: LazyLock<(Value, String)> = LazyLock::new(|| {
    let mut document = serde_json::from_str(WRITTEN).unwrap_or_default();
    add_access(&mut document);
    add_actions(&mut document);
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    (document, text)
});

/// The whole description: what is written by hand, and who may use what, as the routes say it.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT.0
}

/// `GET /api/v1/openapi.json`
pub(super) async fn show() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.1.as_str())
}

/// Adds to each operation what it needs of the one who asks, and how it refuses.
fn add_access(document: &mut Value) {
    for route in super::routes().table() {
        let method = route.method.as_ref().map(|method| method.as_str().to_ascii_lowercase());
        let operation = &mut document["paths"][route.path][method.unwrap_or_default()];
        if !operation.is_object() {
            continue;
        }
        if route.need == Need::Public {
            operation["security"] = json!([]);
            continue;
        }
        let (scope, role) = (route.need.scope(Where::Somewhere), route.need.role().word());
        operation["x-scope"] = json!(scope);
        operation["x-role"] = json!(role);
        operation["security"] = json!([{"token": []}, {"session": []}]);
        let responses = &mut operation["responses"];
        responses["401"] = json!({"$ref": "#/components/responses/Unauthorized"});
        responses["403"] = json!({"$ref": "#/components/responses/Forbidden"});
    }
}

/// Adds the words of the changes that the audit log tells of.
fn add_actions(document: &mut Value) {
    let actions = json!(super::audit::actions());
    for pointer in
        ["/components/schemas/AuditEntry/properties/action", "/components/parameters/action/schema"]
    {
        if let Some(schema) = document.pointer_mut(pointer) {
            schema["enum"] = actions.clone();
        }
    }
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
    use crate::domain::actor::ActorKind;
    use crate::domain::chip::Chip;
    use crate::domain::event::Kind;
    use crate::domain::release::Question;
    use crate::http::api;
    use crate::store::Store;

    #[test]
    fn what_is_written_is_json() {
        serde_json::from_str::<Value>(WRITTEN).unwrap();
    }

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

    #[test]
    fn the_words_of_the_domain_are_described() {
        let document = document();
        let words = |pointer: &str| -> Vec<String> {
            let words = document.pointer(&format!("/components/schemas/{pointer}/enum")).unwrap();
            serde_json::from_value(words.clone()).unwrap()
        };
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words("Event/properties/kind"), kinds);
        let actions = words("AuditEntry/properties/action");
        assert!(actions.contains(&"approved".to_owned()), "{actions:?}");
        assert!(!actions.contains(&"offered".to_owned()), "devices’ doings are events");
        let actors: Vec<_> = ActorKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words("AuditEntry/properties/actor_kind"), actors);
        let chips: Vec<_> = Chip::ALL.iter().map(|chip| chip.name()).collect();
        assert_eq!(words("Chip"), chips);
        assert_eq!(words("KnownChip/properties/name"), chips);
        let acceptable: Vec<_> = Question::acceptable_codes().collect();
        assert_eq!(words("AcceptCode"), acceptable);
        let asked = words("Question/properties/code");
        let problems = words("Problem/properties/code");
        for code in &asked {
            assert!(problems.contains(code), "{code}");
        }
        assert!(acceptable.iter().all(|code| asked.iter().any(|asked| asked == code)));
    }
}
