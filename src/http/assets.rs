//! The embedded files of the pages: style sheet, scripts, icons.
//!
//! A file's address carries its content hash, so browsers may keep it for ever and still see a new
//! one at once.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::domain::access::Need;
use crate::http::access::{Face, Routes};

/// One embedded file.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    body: &'static [u8],
    url: String,
}

macro_rules! assets {
    ($($name:literal as $content_type:literal,)*) => {
        [$(Asset::new($name, $content_type, include_bytes!(concat!("../../static/", $name))),)*]
    };
}

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    assets![
        "app.css" as "text/css; charset=utf-8",
        "app.js" as "text/javascript; charset=utf-8",
        "upload.js" as "text/javascript; charset=utf-8",
        "icons.svg" as "image/svg+xml",
        "favicon.svg" as "image/svg+xml",
    ]
});

impl Asset {
    fn new(name: &'static str, content_type: &'static str, body: &'static [u8]) -> Self {
        let digest = Sha256::digest(body);
        let hash = digest.iter().take(8).fold(String::new(), |mut text, byte| {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let (stem, extension) = name.split_once('.').unwrap_or((name, "bin"));
        Self { name, content_type, body, url: format!("/static/{stem}.{hash}.{extension}") }
    }

    fn answer(&self, cache: &'static str) -> Response {
        let headers = [(CONTENT_TYPE, self.content_type), (CACHE_CONTROL, cache)];
        (headers, self.body).into_response()
    }
}

/// The address of an embedded file, `/static/<stem>.<hash>.<extension>`.
#[must_use]
pub fn url(name: &str) -> &'static str {
    ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.url.as_str())
}

/// The routes of the embedded files.
#[must_use]
pub fn routes() -> Routes {
    Routes::new(Face::Program).get("/static/{file}", Need::Public, file).get(
        "/favicon.ico",
        Need::Public,
        favicon,
    )
}

async fn file(Path(file): Path<String>) -> Response {
    let asset = ASSETS.iter().find(|asset| asset.url.strip_prefix("/static/") == Some(&file));
    asset.map_or_else(
        || (StatusCode::NOT_FOUND, "There is no such file.\n").into_response(),
        |asset| asset.answer("public, max-age=31536000, immutable"),
    )
}

/// Browsers ask for `/favicon.ico` on pages that are not ours, such as a downloaded text.
async fn favicon() -> Response {
    let icon = ASSETS.iter().find(|asset| asset.name == "favicon.svg");
    icon.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |icon| icon.answer("public, max-age=86400"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_an_address_with_its_hash() {
        for asset in ASSETS.iter() {
            let url = url(asset.name);
            let (stem, extension) = asset.name.split_once('.').unwrap();
            assert!(url.starts_with(&format!("/static/{stem}.")), "{url}");
            assert!(url.ends_with(extension), "{url}");
            assert_eq!(url.len(), "/static/.".len() + asset.name.len() + 16, "{url}");
        }
        assert_eq!(url("nothing.css"), "");
    }

    #[tokio::test]
    async fn a_stale_address_is_not_found() {
        let answer = file(Path("app.0000000000000000.css".to_owned())).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let current = url("app.css").strip_prefix("/static/").unwrap().to_owned();
        let answer = file(Path(current)).await;
        assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
    }
}
