//! Files by their address: `/chase_1_0_2.bin`, `/chase/chase_1_0_2.bin`, and the `--catalog` folder.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::RANGE;
use axum::http::{Method, Response};
use percent_encoding::percent_decode_str;

use super::report::{self, Caller, Updater};
use super::{respond, secret};
use crate::app::{App, CatalogError, FileTarget, FolderFile, Poll, Wanted};
use crate::domain::report::Mode;
use crate::http::wire::Connection;

/// AutoConnect's words for a request that does not come from an updater.
const NOT_AN_UPDATER: &str = "The request available only from ESP8266 or ESP32 http updater.";

/// Whether a path names a firmware file.
pub(super) fn is_file(path: &str) -> bool {
    let tail = path.len().checked_sub(4).and_then(|start| path.as_bytes().get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(b".bin"))
}

/// Whether a path names a compressed firmware file: Tasmota tries one in the end, and needs to be
/// told quickly that there is none (`protocol.md` §6).
pub(super) fn is_compressed(path: &str) -> bool {
    let tail = path.len().checked_sub(3).and_then(|start| path.as_bytes().get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(b".gz"))
}

/// Answers a request for a file.
pub(super) async fn answer(State(app): State<App>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return respond::error(405, "Error: Use GET.");
    }
    let caller = Caller::of(&request);
    let Some(updater) = report::updater(request.headers()) else {
        let text = "asked for a firmware file without being an updater; a person downloads it \
                    on the release's page.";
        app.refuse_unknown(caller.address, "not_an_updater", text);
        return respond::error(403, NOT_AN_UPDATER);
    };
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    let report = report::read(&request);
    match app.file_target(&path, report.as_ref().map(|report| report.mac)).await {
        Ok(FileTarget::Folder(_)) if report::mode(request.headers(), updater) != Mode::Sketch => {
            // Everything else is written where the sketch does not belong.
            respond::error(404, "Error: No file-system image.")
        }
        Ok(FileTarget::Folder(file)) => folder_file(&app, file, updater, &caller),
        Ok(FileTarget::Release(files)) => {
            let Some(report) = report else {
                let text = "asked for a release's file without a readable MAC address.";
                app.refuse_unknown(caller.address, "no_mac", text);
                return respond::error(403, "Error: Device not whitelisted.");
            };
            let Caller { address, host } = caller;
            let only_looks = request.method() == Method::HEAD;
            let range = request.headers().contains_key(RANGE);
            let (wanted, chip) = (Wanted::File(files), report::chip(&request));
            let secret = secret::shown(&request);
            let poll = Poll { report, wanted, chip, only_looks, range, secret, address, host };
            let answer = app.answer_poll(poll).await;
            respond::draw(&app, answer, request.extensions().get::<Connection>())
        }
        Ok(FileTarget::Missing) | Err(CatalogError::NotFound) => {
            respond::error(404, "Error: No such file.")
        }
        Err(CatalogError::Traversal) => respond::error(403, "Path traversal detected"),
        Err(CatalogError::Io(error)) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "a file of the catalog folder could not be read");
            respond::error(500, "Error: The server failed.")
        }
    }
}

/// A file of the folder needs no approval and makes no attempt, but it never crosses families.
fn folder_file(app: &App, file: FolderFile, updater: Updater, caller: &Caller) -> Response<Body> {
    if file.kind.is_foreign_to(updater.0) {
        let text = "asked for a file of the catalog folder that is for the other family of chips; \
                    it would have broken the device.";
        app.refuse_unknown(caller.address, "wrong_family", text);
        return respond::error(403, "Error: This file is for another chip.");
    }
    respond::image(file.bytes, file.md5, &file.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_end_in_bin() {
        assert!(is_file("/x.bin"));
        assert!(is_file("/a/b/X.BIN"));
        assert!(!is_file("/x.bin.gz"));
        assert!(!is_file("bin"));
        assert!(!is_file("/update"));
        assert!(is_compressed("/x.bin.gz"));
        assert!(!is_compressed("gz"));
    }
}
