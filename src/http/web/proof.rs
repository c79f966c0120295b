//! What the devices of a platform have to show besides their MAC address.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::address::Address;
use super::confirm::{Confirm, Part};
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use super::secret_lines::{Fresh, Wished, unkept};
use crate::app::{App, PlatformChange, ProofCount, ShelfPlatform};
use crate::domain::device::Device;
use crate::domain::device_secret::Secrets;
use crate::domain::platform::Platform;
use crate::domain::proof::{ProofKind, ProofStanding};
use crate::http::view::filters;

#[derive(Debug, Template)]
#[template(path = "platforms/proof.html")]
struct Show {
    page: Page,
    platform: Platform,
    secrets: Secrets,
    /// Where the form for a new secret is sent.
    action: String,
    count: ProofCount,
    /// Some of those that do not use the newest secret.
    others: Vec<Other>,
    fresh: Option<Fresh>,
    error: String,
}

/// A device, and how it stands to the secret.
#[derive(Debug)]
struct Other {
    device: Device,
    standing: ProofStanding,
}

impl Show {
    fn is(&self, kind: &str) -> bool {
        self.platform.proof.kind.word() == kind
    }

    /// How many devices stand how, each in a few words.
    fn sums(&self) -> Vec<String> {
        let sum = |standing: ProofStanding, words: &str| {
            let count = self.count.of(standing);
            (count > 0).then(|| format!("{} {words}", filters::thousands(&count)))
        };
        let sums = [
            sum(ProofStanding::Old, "with the old one"),
            sum(ProofStanding::Wrong, "with a wrong one"),
            sum(ProofStanding::Missing, "without it"),
            sum(ProofStanding::Unknown, "not seen since"),
            sum(ProofStanding::NoSecret, "for which none was made"),
        ];
        sums.into_iter().flatten().collect()
    }

    /// For how many devices somebody came without what they show.
    fn doubted(&self) -> String {
        filters::count(&self.count.doubted, "device", "devices")
    }

    fn share(&self) -> String {
        share(self.count.of(ProofStanding::Newest), &self.count)
    }
}

/// “7 of 9 devices”.
fn share(some: u64, count: &ProofCount) -> String {
    let all = filters::count(&count.devices, "device", "devices");
    format!("{} of {all}", filters::thousands(&some))
}

fn find(app: &App, name: &str) -> Result<std::sync::Arc<ShelfPlatform>, PageError> {
    app.shelf().platform(name).cloned().ok_or_else(|| PageError::not_found("platform"))
}

async fn page(
    app: &App,
    page: Page,
    name: &str,
    fresh: Option<Fresh>,
    error: String,
) -> Result<Show, PageError> {
    let entry = find(app, name)?;
    let count = app.proof_count(&entry);
    let mut others = Vec::new();
    for (mac, standing) in &count.others {
        if let Some(device) = app.store().device(*mac).await? {
            others.push(Other { device, standing: *standing });
        }
    }
    let (platform, secrets) = (entry.platform.clone(), entry.secrets);
    let action = format!("/platforms/{}/secret", platform.name);
    Ok(Show { page, platform, secrets, action, count, others, fresh, error })
}

/// `GET /platforms/{name}/proof`
pub(super) async fn show(
    State(app): State<App>,
    frame: Page,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    Ok(View(page(&app, frame, &name, None, String::new()).await?).into_response())
}

/// What the form sends: what devices show, or whether that is demanded.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    proof: Option<String>,
    demanded: Option<String>,
}

/// `POST /platforms/{name}/proof`
pub(super) async fn save(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    let here = format!("/platforms/{}/proof", find(&app, &name)?.platform.name);
    let change = PlatformChange {
        proof: sent.proof.as_deref().and_then(ProofKind::read),
        proof_demanded: sent.demanded.as_deref().map(|word| word == "yes"),
        ..PlatformChange::default()
    };
    let platform = match app.change_platform(&name, &change, &actor).await {
        Ok(platform) => platform,
        Err(error) if error.is_internal() => return Err(error.into()),
        Err(error) => return Ok(Flash::bad(sentence(&error.to_string())).go(&here)),
    };
    let text = match (platform.proof.kind, platform.proof.demanded) {
        (ProofKind::None, _) => "No secret is needed any more; the MAC address is all.",
        (ProofKind::Shared | ProofKind::PerDevice, true) => {
            "From now on a device without the secret gets nothing."
        }
        (ProofKind::Shared | ProofKind::PerDevice, false) => {
            "The secret is looked at from now on. Nobody is refused without it yet."
        }
    };
    Ok(Flash::good(text).go(&here))
}

#[derive(Debug, Template)]
#[template(path = "platforms/demand.html")]
struct Demand {
    page: Page,
    platform: Platform,
    count: ProofCount,
    /// How many would not be.
    share: String,
    /// Who would be refused, by name, and why.
    refused: Vec<Other>,
    /// Whether there are more of them.
    more: bool,
}

/// `GET /platforms/{name}/proof/demand`
pub(super) async fn confirm_demand(
    State(app): State<App>,
    frame: Page,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let Show { page, platform, count, others, .. } =
        page(&app, frame, &name, None, String::new()).await?;
    let proven = count.proven();
    let refused: Vec<_> = others.into_iter().filter(|other| !other.standing.is_proven()).collect();
    let named = u64::try_from(refused.len()).unwrap_or(u64::MAX);
    let more = count.devices.saturating_sub(proven) > named;
    let share = share(proven, &count);
    Ok(View(Demand { page, platform, count, share, refused, more }).into_response())
}

/// `POST /platforms/{name}/secret`
pub(super) async fn make(
    State(app): State<App>,
    Actor(actor): Actor,
    frame: Page,
    Path(name): Path<String>,
    Form(wished): Form<Wished>,
) -> Result<Response, PageError> {
    match app.make_platform_secret(&name, wished.typed(), &actor).await {
        Ok(secret) => {
            let fresh = Fresh::new(secret, &Address::of(&app, &frame), &name);
            let show = page(&app, frame, &name, Some(fresh), String::new()).await?;
            Ok(unkept(View(show).into_response()))
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(error) => {
            let text = sentence(&error.to_string());
            let show = page(&app, frame, &name, None, text).await?;
            Ok((status(&error), View(show)).into_response())
        }
    }
}

/// `GET /platforms/{name}/secret/old`
pub(super) async fn confirm_end(
    State(app): State<App>,
    frame: Page,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let Show { page, platform, count, others, .. } =
        page(&app, frame, &name, None, String::new()).await?;
    let (back, old) = (format!("/platforms/{}/proof", platform.name), ProofStanding::Old);
    let mut consequences: Vec<String> = others
        .iter()
        .filter(|other| other.standing == old)
        .map(|other| format!("{} uses it still, and is refused then", other.device.title()))
        .collect();
    let named = u64::try_from(consequences.len()).unwrap_or(u64::MAX);
    let more = count.of(old).saturating_sub(named);
    if more > 0 {
        let more = filters::count(&more, "device", "devices");
        consequences.push(format!("{more} more, likewise"));
    }
    let unknown = count.of(ProofStanding::Unknown);
    if unknown > 0 {
        let unknown = filters::count(&unknown, "device", "devices");
        consequences.push(format!("{unknown} not seen since then, which may have it too"));
    }
    if consequences.is_empty() {
        consequences.push("No device was seen with it last".to_owned());
    }
    let confirm = Confirm {
        page,
        title: format!("End the old secret of {}?", platform.name),
        consequences,
        remains: "The new secret stays as it is.",
        action: format!("/platforms/{}/secret/old", platform.name),
        button: "End the old one now",
        back,
    };
    Ok(confirm.show(&part))
}

/// `POST /platforms/{name}/secret/old`
pub(super) async fn end(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    app.end_old_platform_secret(&name, &actor).await?;
    Ok(Flash::good("The old secret has ended.").go(&format!("/platforms/{name}/proof")))
}
