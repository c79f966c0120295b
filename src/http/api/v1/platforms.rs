//! Platforms.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::devices::Pin;
use super::secrets::{SecretsView, read_proof};
use crate::app::{App, PlatformChange};
use crate::domain::platform::{Admission, GzipPolicy};
use crate::domain::policy::Rule;
use crate::domain::proof::ProofKind;
use crate::domain::release::Published;
use crate::http::api::extract::{Actor, Body, Segment, present};
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::time;
use crate::store::PlatformSummary;

/// A platform, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct PlatformView {
    name: String,
    description: String,
    admission: &'static str,
    gzip: &'static str,
    floor: Option<String>,
    proof: &'static str,
    proof_demanded: bool,
    secret: Option<SecretsView>,
    proven: u64,
    rule: &'static str,
    pinned: Option<Newest>,
    quiet_hours: Option<String>,
    created_at: String,
    devices: u64,
    pending: u64,
    releases: u64,
    newest: Option<Newest>,
    beta: Option<Newest>,
}

/// A release that its devices get.
#[derive(Debug, Serialize)]
struct Newest {
    id: i64,
    version: String,
}

impl From<&Arc<Published>> for Newest {
    fn from(release: &Arc<Published>) -> Self {
        Self { id: release.id, version: release.version.to_string() }
    }
}

impl PlatformView {
    fn of(app: &App, summary: PlatformSummary) -> Self {
        let PlatformSummary { platform, devices, pending, releases } = summary;
        let shelf = app.shelf();
        let entry = shelf.platform_by_id(platform.id);
        let asks = platform.proof.kind != ProofKind::None;
        let count = entry.filter(|_| asks).map(|entry| app.proof_count(entry));
        let pinned = |id| shelf.images().find(|release| release.id == id);
        Self {
            newest: entry.and_then(|entry| entry.newest()).map(Newest::from),
            beta: entry.and_then(|entry| entry.newest_beta()).map(Newest::from),
            rule: platform.rule.word(),
            pinned: platform.pinned.and_then(pinned).map(Newest::from),
            quiet_hours: platform.quiet.map(|quiet| quiet.to_string()),
            name: platform.name.to_string(),
            description: platform.description,
            admission: platform.admission.word(),
            gzip: platform.gzip.word(),
            floor: platform.floor.map(|floor| floor.to_string()),
            proof: platform.proof.kind.word(),
            proof_demanded: platform.proof.demanded,
            secret: entry.and_then(|entry| SecretsView::of(&entry.secrets)),
            proven: count.map_or(0, |count| count.proven()),
            created_at: time::text(platform.created_at),
            devices,
            pending,
            releases,
        }
    }

    /// The platform of this name, in any case.
    async fn find(app: &App, name: &str) -> Result<Self, Problem> {
        let mut all = app.store().platform_summaries().await?.into_iter();
        let found = all.find(|entry| entry.platform.name.as_str().eq_ignore_ascii_case(name));
        found.map(|found| Self::of(app, found)).ok_or_else(|| Problem::not_found("platform"))
    }
}

/// `GET /api/v1/platforms`
pub(super) async fn list(
    State(app): State<App>,
    list: List<Everything>,
) -> Result<Page<PlatformView>, Problem> {
    let after: Option<String> = list.paging.after()?;
    let mut all = app.store().platform_summaries().await?;
    if let Some(after) = after {
        all.retain(|entry| entry.platform.name.key() > after);
    }
    let page = list.paging.page(all, |entry| entry.platform.name.key());
    Ok(page.map(|summary| PlatformView::of(&app, summary)))
}

/// A platform that is to be created.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct NewPlatform {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default, deserialize_with = "present")]
    admission: Option<String>,
}

/// `POST /api/v1/platforms`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(new): Body<NewPlatform>,
) -> Result<Response, Problem> {
    let admission = new.admission.as_deref().map(read_admission).transpose()?.unwrap_or_default();
    let platform = app.create_platform(&new.name, &new.description, admission, &actor).await?;
    let location = format!("/api/v1/platforms/{}", platform.name);
    let (devices, pending, releases) = (0, 0, 0);
    let view = PlatformView::of(&app, PlatformSummary { platform, devices, pending, releases });
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(view)).into_response())
}

fn read_admission(word: &str) -> Result<Admission, Problem> {
    Admission::read(word).ok_or_else(|| Problem::value("admission", word, "“approved” or “any”"))
}

fn read_gzip(word: &str) -> Result<GzipPolicy, Problem> {
    GzipPolicy::read(word).ok_or_else(|| Problem::value("gzip", word, "“auto”, “off” or “always”"))
}

fn read_rule(word: &str) -> Result<Rule, Problem> {
    let expected = "“newer” or “different”; to give every device exactly one release, set “pinned”";
    Rule::read(word).ok_or_else(|| Problem::value("rule", word, expected))
}

/// `GET /api/v1/platforms/{name}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(name): Segment<String>,
) -> Result<Json<PlatformView>, Problem> {
    Ok(Json(PlatformView::find(&app, &name).await?))
}

/// What is to be different about a platform.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct Change {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    description: Option<String>,
    #[serde(default, deserialize_with = "present")]
    admission: Option<String>,
    #[serde(default, deserialize_with = "present")]
    gzip: Option<String>,
    #[serde(default, deserialize_with = "present")]
    floor: Option<String>,
    #[serde(default, deserialize_with = "present")]
    proof: Option<String>,
    #[serde(default, deserialize_with = "present")]
    proof_demanded: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    rule: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pinned: Option<Pin>,
    #[serde(default, deserialize_with = "present")]
    quiet_hours: Option<String>,
}

/// `PATCH /api/v1/platforms/{name}`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
    Body(change): Body<Change>,
) -> Result<Json<PlatformView>, Problem> {
    let Change { name: new_name, description, admission, gzip, floor, .. } = change;
    let Change { rule, pinned, quiet_hours: quiet, proof, proof_demanded, .. } = change;
    let admission = admission.as_deref().map(read_admission).transpose()?;
    let gzip = gzip.as_deref().map(read_gzip).transpose()?;
    let rule = rule.as_deref().map(read_rule).transpose()?;
    let proof = proof.as_deref().map(read_proof).transpose()?;
    let pinned = pinned.map(|pin| pin.release(&app, Some(&name))).transpose()?;
    let change = PlatformChange {
        name: new_name,
        description,
        admission,
        gzip,
        floor,
        rule,
        pinned,
        quiet,
        proof,
        proof_demanded,
    };
    let platform = app.change_platform(&name, &change, &actor).await?;
    Ok(Json(PlatformView::find(&app, platform.name.as_str()).await?))
}

/// `DELETE /api/v1/platforms/{name}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
) -> Result<StatusCode, Problem> {
    app.delete_platform(&name, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
