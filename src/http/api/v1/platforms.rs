//! Platforms.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::devices::Pin;
use super::secrets::{SecretsView, read_proof};
use crate::app::{App, PlatformChange};
use crate::domain::platform::{Admission, GzipPolicy};
use crate::domain::policy::Rule;
use crate::domain::proof::ProofKind;
use crate::domain::release::Published;
use crate::http::api::codes;
use crate::http::api::describe::{Created, Done, Example, MISSING, Operation, Refusal, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Given, Time, Word};
use crate::store::PlatformSummary;

/// A kind of device, named as the sketch names itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Platform")]
pub(super) struct PlatformView {
    /// Its name; compared without case.
    #[schemars(example = &"chase")]
    name: String,
    /// What a person wrote about it.
    description: String,
    /// Which devices get its releases: only approved ones, or any that asks (it is approved at its
    /// first contact).
    admission: Word<Admission>,
    /// Whether its ESP8266 devices get compressed images: where that is known to be safe, never, or
    /// always unless it is known to be harmful.
    gzip: Word<GzipPolicy>,
    /// The lowest version that is ever offered.
    floor: Option<String>,
    /// What its devices show besides their MAC address: nothing, one secret that they share, or
    /// each a secret of its own.
    proof: Word<ProofKind>,
    /// Whether a device without the secret is refused with 401. Before that the secret is looked
    /// at, and nobody is refused.
    proof_demanded: bool,
    secret: Option<SecretsView>,
    /// Its approved devices that showed a right secret last.
    proven: u64,
    /// When its newest release is offered to a device that runs another one: only where it is
    /// newer, or where it differs in any way.
    rule: Word<Rule>,
    /// The release that all its devices get, and no other; null: none.
    pinned: Option<Newest>,
    /// Hours in which nothing is offered, by the server’s time zone.
    #[schemars(example = &"22:00-06:00")]
    quiet_hours: Option<String>,
    /// When it was created.
    created_at: Time,
    /// Its approved devices.
    devices: u64,
    /// Devices that wait for approval and asked for it.
    pending: u64,
    /// Its releases; drafts are not counted.
    releases: u64,
    /// Its newest stable release.
    newest: Option<Newest>,
    /// Its newest release for beta devices only, where that is above the newest stable one.
    beta: Option<Newest>,
}

/// The release that its devices get.
#[derive(Debug, Serialize, JsonSchema)]
struct Newest {
    /// The number of the release.
    id: i64,
    /// Its version.
    version: String,
}

impl From<&Arc<Published>> for Newest {
    fn from(release: &Arc<Published>) -> Self {
        Self { id: release.id, version: release.version.to_string() }
    }
}

impl Example for PlatformView {
    fn example() -> Self {
        let newest = |id, version: &str| Some(Newest { id, version: version.to_owned() });
        Self {
            name: "chase".to_owned(),
            description: "Lights that chase each other.".to_owned(),
            admission: Word(Admission::Approved),
            gzip: Word(GzipPolicy::Auto),
            floor: Some("v1.0.0".to_owned()),
            proof: Word(ProofKind::Shared),
            proof_demanded: false,
            secret: Some(SecretsView::example()),
            proven: 3,
            rule: Word(Rule::Newer),
            pinned: None,
            quiet_hours: Some("22:00-06:00".to_owned()),
            created_at: Time::EXAMPLE,
            devices: 4,
            pending: 1,
            releases: 2,
            newest: newest(7, "v1.2.0"),
            beta: newest(9, "v1.3.0-beta.1"),
        }
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
            rule: Word(platform.rule),
            pinned: platform.pinned.and_then(pinned).map(Newest::from),
            quiet_hours: platform.quiet.map(|quiet| quiet.to_string()),
            name: platform.name.to_string(),
            description: platform.description,
            admission: Word(platform.admission),
            gzip: Word(platform.gzip),
            floor: platform.floor.map(|floor| floor.to_string()),
            proof: Word(platform.proof.kind),
            proof_demanded: platform.proof.demanded,
            secret: entry.and_then(|entry| SecretsView::of(&entry.secrets)),
            proven: count.map_or(0, |count| count.proven()),
            created_at: Time(platform.created_at),
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

/// A value that cannot be used.
const VALUE: Refusal = when("A value cannot be used", &[codes::INVALID_NAME, codes::INVALID_VALUE]);

pub(super) const LIST: Operation =
    Operation::new("platforms", "listPlatforms", "List the platforms").gives("Platforms, by name.");

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
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct NewPlatform {
    /// Letters A–Z, digits and . _ + -, at most 40; not a word of the server’s own addresses.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$"))]
    name: String,
    /// Anything about it.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    description: String,
    /// Which devices get its releases: only approved ones, or any that asks (it is approved at its
    /// first contact).
    #[serde(default)]
    #[schemars(with = "Word<Admission>", extend("default" = Admission::default().word()))]
    admission: Given<String>,
}

pub(super) const CREATE: Operation =
    Operation::new("platforms", "createPlatform", "Create a platform")
        .takes(r#"{"name": "chase", "description": "Lights that chase each other."}"#)
        .gives("Created.")
        .refuses(&[when("There is one of this name", &[codes::PLATFORM_EXISTS]), VALUE]);

/// `POST /api/v1/platforms`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(new): Body<NewPlatform>,
) -> Result<Created<PlatformView>, Problem> {
    let admission = new.admission.0.as_deref().map(read_admission).transpose()?.unwrap_or_default();
    let platform = app.create_platform(&new.name, &new.description, admission, &actor).await?;
    let location = format!("/api/v1/platforms/{}", platform.name);
    let (devices, pending, releases) = (0, 0, 0);
    let body = PlatformView::of(&app, PlatformSummary { platform, devices, pending, releases });
    Ok(Created { location, body })
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

pub(super) const SHOW: Operation = Operation::new("platforms", "showPlatform", "Show a platform")
    .gives("The platform.")
    .refuses(&[MISSING]);

/// `GET /api/v1/platforms/{name}`
pub(super) async fn show(
    State(app): State<App>,
    Segment(name): Segment<String>,
) -> Result<Json<PlatformView>, Problem> {
    Ok(Json(PlatformView::find(&app, &name).await?))
}

/// What is to be different; what is missing stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
#[schemars(rename = "PlatformChange")]
pub(super) struct Change {
    /// Its new name. Sketches that ask for the old one are refused from now on.
    #[serde(default)]
    name: Given<String>,
    /// Anything about it.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    description: Given<String>,
    /// Which devices get its releases: only approved ones, or any that asks (it is approved at its
    /// first contact).
    #[serde(default)]
    #[schemars(with = "Word<Admission>")]
    admission: Given<String>,
    /// Whether its ESP8266 devices get compressed images: where that is known to be safe, never, or
    /// always unless it is known to be harmful (a compressed image is written without the
    /// correction of its flash mode).
    #[serde(default)]
    #[schemars(with = "Word<GzipPolicy>")]
    gzip: Given<String>,
    /// The lowest version that is ever offered; empty: none.
    #[serde(default)]
    #[schemars(example = &"v1.2.0")]
    floor: Given<String>,
    /// What its devices show besides their MAC address: nothing, one secret that they share, or
    /// each a secret of its own.
    #[serde(default)]
    #[schemars(with = "Word<ProofKind>")]
    proof: Given<String>,
    /// Whether a device without the secret is refused with 401. A new kind of proof begins without
    /// that, unless both are sent.
    #[serde(default)]
    proof_demanded: Given<bool>,
    /// When its newest release is offered to a device that runs another one: only where it is
    /// newer, or where it differs in any way.
    #[serde(default)]
    #[schemars(with = "Word<Rule>")]
    rule: Given<String>,
    /// The published release, by its version or number, that all its devices get, and no other;
    /// null: none.
    #[serde(default)]
    #[schemars(example = &"v1.1.0", example = 7, example = ())]
    pinned: Given<Pin>,
    /// Hours in which nothing is offered, by the server’s time zone; empty: none.
    #[serde(default)]
    #[schemars(example = &"22:00-06:00")]
    quiet_hours: Given<String>,
}

pub(super) const CHANGE: Operation = Operation::new(
    "platforms",
    "changePlatform",
    "Rename or describe a platform, open it to any device, or set its rules",
)
.takes(r#"{"rule": "newer", "floor": "v1.0.0", "quiet_hours": "22:00-06:00"}"#)
.gives("As it is now.")
.refuses(&[
    MISSING,
    when("There is another one of the new name", &[codes::PLATFORM_EXISTS]),
    when(
        "It cannot be pinned to this release, which is none of its published ones; or proof is to \
         be demanded before there is a secret",
        &[codes::WRONG_STATE],
    ),
    VALUE,
]);

/// `PATCH /api/v1/platforms/{name}`
pub(super) async fn change(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
    Body(change): Body<Change>,
) -> Result<Json<PlatformView>, Problem> {
    let change = PlatformChange {
        name: change.name.0,
        description: change.description.0,
        admission: change.admission.0.as_deref().map(read_admission).transpose()?,
        gzip: change.gzip.0.as_deref().map(read_gzip).transpose()?,
        floor: change.floor.0,
        rule: change.rule.0.as_deref().map(read_rule).transpose()?,
        pinned: change.pinned.0.map(|pin| pin.release(&app, Some(&name))).transpose()?,
        quiet: change.quiet_hours.0,
        proof: change.proof.0.as_deref().map(read_proof).transpose()?,
        proof_demanded: change.proof_demanded.0,
    };
    let platform = app.change_platform(&name, &change, &actor).await?;
    Ok(Json(PlatformView::find(&app, platform.name.as_str()).await?))
}

pub(super) const DELETE: Operation =
    Operation::new("platforms", "deletePlatform", "Delete a platform with its releases")
        .more("Its devices become pending ones; their names and histories are kept.")
        .refuses(&[MISSING]);

/// `DELETE /api/v1/platforms/{name}`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
) -> Result<Done, Problem> {
    app.delete_platform(&name, &actor).await?;
    Ok(Done)
}
