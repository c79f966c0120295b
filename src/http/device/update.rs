//! `/update`, and any other path that an updater asks for.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::RANGE;
use axum::http::{Method, Response};

use super::report::{self, Caller};
use super::{respond, secret};
use crate::app::{App, Poll, Wanted};
use crate::http::wire::Connection;

/// Answers a check-in.
pub(super) async fn answer(State(app): State<App>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::POST | Method::HEAD) {
        return respond::error(405, "Error: Use GET or POST.");
    }
    let Some(report) = report::read(&request) else {
        let caller = Caller::of(&request);
        let text = "asked for an update without a readable MAC address (x-ESP8266-STA-MAC or \
                    x-ESP32-STA-MAC); a browser or curl cannot be a device.";
        app.refuse_unknown(caller.address, "no_mac", text);
        return respond::error(400, "Error: Invalid parameters.");
    };
    let Caller { address, host } = Caller::of(&request);
    let only_looks = request.method() == Method::HEAD;
    let range = request.headers().contains_key(RANGE);
    let (wanted, chip) = (Wanted::Newest, report::chip(&request));
    let secret = secret::shown(&request);
    let poll = Poll { report, wanted, chip, only_looks, range, secret, address, host };
    let answer = app.answer_poll(poll).await;
    respond::draw(&app, answer, request.extensions().get::<Connection>())
}
