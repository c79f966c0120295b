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
    let connection = request.extensions().get::<Connection>().cloned();
    match poll(&app, &request, connection.as_ref()) {
        Ok(poll) => check_in(app, poll, connection).await,
        Err(refusal) => refusal,
    }
}

/// What a request asks for; the answer where it does not say who asks.
#[expect(clippy::result_large_err, reason = "it is the answer, and it is moved once")]
pub(super) fn poll<B>(
    app: &App,
    request: &Request<B>,
    connection: Option<&Connection>,
) -> Result<Poll, Response<Body>> {
    let Caller { address, host } = Caller::on(connection, request.headers());
    let Some(report) = report::read(request) else {
        let text = "asked for an update without a readable MAC address (x-ESP8266-STA-MAC or \
                    x-ESP32-STA-MAC); a browser or curl cannot be a device.";
        app.refuse_unknown(address, "no_mac", text);
        return Err(respond::error(400, "Error: Invalid parameters."));
    };
    let only_looks = request.method() == Method::HEAD;
    let range = request.headers().contains_key(RANGE);
    let (wanted, chip) = (Wanted::Newest, report::chip(request));
    let secret = secret::shown(request);
    Ok(Poll { report, wanted, chip, only_looks, range, secret, address, host })
}

/// The answer to what was asked for.
pub(super) async fn check_in(
    app: App,
    poll: Poll,
    connection: Option<Connection>,
) -> Response<Body> {
    let answer = app.answer_poll(poll).await;
    respond::draw(&app, answer, connection.as_ref())
}
