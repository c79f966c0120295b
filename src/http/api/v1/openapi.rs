//! The description of the API.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Written by hand; tests hold it and the program together.
const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`
pub(super) async fn show() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use axum::http::header::ALLOW;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::app::{App, Limits};
    use crate::blobs::Blobs;
    use crate::clock::FakeClock;
    use crate::domain::chip::Chip;
    use crate::domain::event::Kind;
    use crate::domain::release::Question;
    use crate::http::api;
    use crate::store::Store;

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
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
        let router = api::router().with_state(app);

        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let routes: BTreeSet<_> = super::super::routes().map(|(path, _)| path).into();
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
