//! Secrets of devices: made and ended here, shown once and never again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::app::{App, Error};
use crate::domain::device_secret::Secrets;
use crate::domain::mac::MacAddr;
use crate::domain::proof::ProofKind;
use crate::domain::secret::Secret;
use crate::http::api::extract::{Actor, Body, Segment, present};
use crate::http::api::problem::Problem;
use crate::http::api::time;

/// A secret that is to be made; what a person typed, else something random.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct NewSecret {
    #[serde(default, deserialize_with = "present")]
    secret: Option<String>,
}

/// A secret that was just made, this once.
#[derive(Serialize)]
struct Made {
    secret: String,
}

/// What is known of the secrets of a platform or device: never what they are.
#[derive(Debug, Serialize)]
pub(super) struct SecretsView {
    made_at: String,
    typed: bool,
    old_made_at: Option<String>,
}

impl SecretsView {
    /// `None` where there is none.
    pub(super) fn of(secrets: &Secrets) -> Option<Self> {
        let newest = secrets.newest?;
        Some(Self {
            made_at: time::text(newest.made_at),
            typed: newest.typed,
            old_made_at: secrets.old.map(|old| time::text(old.made_at)),
        })
    }
}

/// Reads the word of what devices show.
pub(super) fn read_proof(word: &str) -> Result<ProofKind, Problem> {
    let expected = "“none”, “shared” or “per_device”";
    ProofKind::read(word).ok_or_else(|| Problem::value("proof", word, expected))
}

fn answer(secret: &Secret) -> Response {
    let made = Made { secret: secret.expose().to_owned() };
    (StatusCode::CREATED, Json(made)).into_response()
}

fn read_mac(text: &str) -> Result<MacAddr, Problem> {
    Ok(text.parse().map_err(Error::Mac)?)
}

/// `POST /api/v1/platforms/{name}/secret`
pub(super) async fn make_for_platform(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
    Body(new): Body<NewSecret>,
) -> Result<Response, Problem> {
    let secret = app.make_platform_secret(&name, new.secret.as_deref(), &actor).await?;
    Ok(answer(&secret))
}

/// `DELETE /api/v1/platforms/{name}/secret/old`
pub(super) async fn end_for_platform(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
) -> Result<StatusCode, Problem> {
    app.end_old_platform_secret(&name, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/devices/{mac}/secret`
pub(super) async fn make_for_device(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
    Body(new): Body<NewSecret>,
) -> Result<Response, Problem> {
    let mac = read_mac(&mac)?;
    let secret = app.make_device_secret(mac, new.secret.as_deref(), &actor).await?;
    Ok(answer(&secret))
}

/// `DELETE /api/v1/devices/{mac}/secret/old`
pub(super) async fn end_for_device(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
) -> Result<StatusCode, Problem> {
    app.end_old_device_secret(read_mac(&mac)?, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
