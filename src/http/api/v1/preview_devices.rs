//! The dry run, device by device: a list in pages, of which each is as things stand when it is asked
//! for.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::foreseen::DeviceView;
use super::preview::{
    BAD_VALUE, OPEN, PlatformWish, ReleaseWish, STATES, VALUE, of_platform, of_release,
};
use super::rollouts::WishView;
use crate::app::{App, PreviewPart, Supposed};
use crate::domain::mac::MacAddr;
use crate::domain::policy::{Channel, Rule};
use crate::domain::update::Prospect;
use crate::http::api::describe::{MISSING, Operation};
use crate::http::api::extract::{Body, Segment};
use crate::http::api::page::{List, Page, Paging};
use crate::http::api::problem::Problem;
use crate::http::api::words::Word;

/// Devices of a page at most: every page looks at the whole platform.
const HIGHEST: u32 = 10_000;

/// Which devices a list shows, where what is supposed is in the body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only devices that have this to expect.
    #[schemars(with = "Option<Word<Prospect>>")]
    prospect: Option<String>,
}

/// The same with what is supposed of a release; `rollout` is its JSON as text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseFilter {
    /// Only devices that have this to expect.
    #[schemars(with = "Option<Word<Prospect>>")]
    prospect: Option<String>,
    /// What is supposed of it.
    #[schemars(extend("enum" = STATES, "default" = "published"))]
    state: Option<String>,
    /// Whom it is for.
    #[schemars(with = "Option<Word<Channel>>")]
    channel: Option<String>,
    /// Draft: its platform.
    platform: Option<String>,
    /// Draft: its version.
    version: Option<String>,
    /// How it reaches its devices: `RolloutWish` as JSON.
    rollout: Option<String>,
}

/// The same with what is supposed of a platform.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformFilter {
    /// Only devices that have this to expect.
    #[schemars(with = "Option<Word<Prospect>>")]
    prospect: Option<String>,
    /// Another rule.
    #[schemars(with = "Option<Word<Rule>>")]
    rule: Option<String>,
    /// Another lowest version; empty: none.
    floor: Option<String>,
    /// Pinned to this release; 0: to none.
    pinned: Option<i64>,
}

/// What the answers to all four have in common.
const MORE: &str = "Each device of the platform, by address, with what it would get: decided by the \
                    function that answers devices. Nothing is changed. A page is as things stand \
                    when it is asked for.";
/// The same of those that take the wish as a body.
const MORE_BY: &str = "Each device of the platform, by address, with what it would get: decided by \
                       the function that answers devices. Nothing is changed. A page is as things \
                       stand when it is asked for. The wish is sent with each page; its own \
                       `limit` means nothing here.";
/// What is answered.
const GIVEN: &str = "Devices by address, each with what it has to expect.";

pub(super) const RELEASE_ASKED: Operation =
    Operation::new("releases", "previewReleaseDevices", "List what each device would get")
        .more(MORE)
        .gives(GIVEN)
        .refuses(&[MISSING, OPEN, VALUE]);

/// `GET /api/v1/releases/{id}/preview/devices`
pub(super) async fn release_asked(
    State(app): State<App>,
    Segment(id): Segment<i64>,
    List { filter, paging }: List<ReleaseFilter, HIGHEST>,
) -> Result<Page<DeviceView>, Problem> {
    let ReleaseFilter { prospect, state, channel, platform, version, rollout } = filter;
    let plan = rollout.as_deref().map(WishView::parse).transpose()?;
    let wish = ReleaseWish { state, channel, platform, version, rollout: None, limit: None };
    let about = of_release(&app, id, wish, plan).await?;
    page(&app, about, prospect, paging).await
}

pub(super) const RELEASE: Operation = Operation::new(
    "releases",
    "previewReleaseDevicesBy",
    "List what each device would get, by a wish in JSON",
)
.more(MORE_BY)
.takes(r#"{"rollout": {"stages": "10%"}}"#)
.gives(GIVEN)
.refuses(&[MISSING, OPEN, VALUE]);

/// `POST /api/v1/releases/{id}/preview/devices`
pub(super) async fn release(
    State(app): State<App>,
    Segment(id): Segment<i64>,
    List { filter, paging }: List<Filter, HIGHEST>,
    Body(mut wish): Body<ReleaseWish>,
) -> Result<Page<DeviceView>, Problem> {
    let plan = wish.plan()?;
    let about = of_release(&app, id, wish, plan).await?;
    page(&app, about, filter.prospect, paging).await
}

pub(super) const PLATFORM_ASKED: Operation = Operation::new(
    "platforms",
    "previewPlatformDevices",
    "List what each device of a platform would get",
)
.more(MORE)
.gives(GIVEN)
.refuses(&[MISSING, BAD_VALUE]);

/// `GET /api/v1/platforms/{name}/preview/devices`
pub(super) async fn platform_asked(
    State(app): State<App>,
    Segment(name): Segment<String>,
    List { filter, paging }: List<PlatformFilter, HIGHEST>,
) -> Result<Page<DeviceView>, Problem> {
    let PlatformFilter { prospect, rule, floor, pinned } = filter;
    let wish = PlatformWish { rule, floor, pinned, limit: None };
    let about = of_platform(&app, &name, wish)?;
    page(&app, about, prospect, paging).await
}

pub(super) const PLATFORM: Operation = Operation::new(
    "platforms",
    "previewPlatformDevicesBy",
    "List what each device of a platform would get, by a wish in JSON",
)
.more(MORE_BY)
.takes(r#"{"rule": "different"}"#)
.gives(GIVEN)
.refuses(&[MISSING, BAD_VALUE]);

/// `POST /api/v1/platforms/{name}/preview/devices`
pub(super) async fn platform(
    State(app): State<App>,
    Segment(name): Segment<String>,
    List { filter, paging }: List<Filter, HIGHEST>,
    Body(wish): Body<PlatformWish>,
) -> Result<Page<DeviceView>, Problem> {
    let about = of_platform(&app, &name, wish)?;
    page(&app, about, filter.prospect, paging).await
}

async fn page(
    app: &App,
    (platform_id, supposed): (i64, Supposed),
    prospect: Option<String>,
    paging: Paging,
) -> Result<Page<DeviceView>, Problem> {
    let read = |word: String| {
        let unknown = || Problem::query(format!("prospect is “{word}”, which there is not."));
        Prospect::read(&word).ok_or_else(unknown)
    };
    let part = PreviewPart {
        prospect: prospect.map(read).transpose()?,
        after: paging.after::<MacAddr>()?,
        limit: usize::try_from(paging.rows()).unwrap_or(usize::MAX),
    };
    let devices = app.preview_devices(platform_id, &supposed, part).await?;
    let page = paging.page(devices, |device| device.mac.hex());
    Ok(page.map(|device| DeviceView::of(&device)))
}
