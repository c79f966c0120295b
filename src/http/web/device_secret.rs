//! The secret of one device.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};

use super::address::Address;
use super::confirm::{Confirm, Part};
use super::device::find;
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use super::secret_lines::{Fresh, Wished, unkept};
use crate::app::{App, DeviceProof};
use crate::domain::device::Device;
use crate::domain::proof::ProofKind;

#[derive(Debug, Template)]
#[template(path = "devices/secret.html")]
struct Show {
    page: Page,
    device: Device,
    proof: DeviceProof,
    /// Where the form for a new secret is sent.
    action: String,
    fresh: Option<Fresh>,
    error: String,
}

impl Show {
    /// Whether its platform looks at secrets of single devices.
    fn is_used(&self) -> bool {
        self.proof.kind == ProofKind::PerDevice
    }
}

async fn page(
    app: &App,
    page: Page,
    mac: &str,
    fresh: Option<Fresh>,
    error: String,
) -> Result<Show, PageError> {
    let device = find(app, mac).await?;
    let proof = app.device_proof(device.mac).ok_or_else(|| PageError::not_found("device"))?;
    let action = format!("/devices/{}/secret", device.mac.hex());
    Ok(Show { page, device, proof, action, fresh, error })
}

/// `GET /devices/{mac}/secret`
pub(super) async fn show(
    State(app): State<App>,
    frame: Page,
    Path(mac): Path<String>,
) -> Result<Response, PageError> {
    Ok(View(page(&app, frame, &mac, None, String::new()).await?).into_response())
}

/// `POST /devices/{mac}/secret`
pub(super) async fn make(
    State(app): State<App>,
    Actor(actor): Actor,
    frame: Page,
    Path(mac): Path<String>,
    Form(wished): Form<Wished>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    match app.make_device_secret(device.mac, wished.typed(), &actor).await {
        Ok(secret) => {
            let asked = device.report.as_ref().and_then(|report| report.dev.as_deref());
            let platform = device.platform.as_deref().or(asked).unwrap_or("your-platform");
            let fresh = Fresh::new(secret, &Address::of(&app, &frame), platform);
            let show = page(&app, frame, &mac, Some(fresh), String::new()).await?;
            Ok(unkept(View(show).into_response()))
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(error) => {
            let text = sentence(&error.to_string());
            let show = page(&app, frame, &mac, None, text).await?;
            Ok((status(&error), View(show)).into_response())
        }
    }
}

/// `GET /devices/{mac}/secret/old`
pub(super) async fn confirm_end(
    State(app): State<App>,
    page: Page,
    Path(mac): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    let confirm = Confirm {
        page,
        title: format!("End the old secret of {}?", device.title()),
        consequences: vec![
            "If the device does not have the new one yet, it is refused then".to_owned(),
        ],
        remains: "The new secret stays as it is.",
        action: format!("/devices/{}/secret/old", device.mac.hex()),
        button: "End the old one now",
        back: format!("/devices/{}/secret", device.mac.hex()),
    };
    Ok(confirm.show(&part))
}

/// `POST /devices/{mac}/secret/old`
pub(super) async fn end(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(mac): Path<String>,
) -> Result<Response, PageError> {
    let device = find(&app, &mac).await?;
    app.end_old_device_secret(device.mac, &actor).await?;
    let here = format!("/devices/{}/secret", device.mac.hex());
    Ok(Flash::good("The old secret has ended.").go(&here))
}
