//! The dry run, device by device: a list in pages, of which each is as things stand when it is asked
//! for.

use axum::extract::State;
use serde::Deserialize;

use super::preview::{DeviceView, PlatformWish, ReleaseWish, of_platform, of_release};
use super::rollouts::WishView;
use crate::app::{App, PreviewPart, Supposed};
use crate::domain::mac::MacAddr;
use crate::domain::update::Prospect;
use crate::http::api::extract::{Body, Segment};
use crate::http::api::page::{List, Page, Paging};
use crate::http::api::problem::Problem;

/// Devices of a page at most: every page looks at the whole platform.
const HIGHEST: u32 = 10_000;

/// Which devices a list shows, where what is supposed is in the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    prospect: Option<String>,
}

/// The same with what is supposed of a release; `rollout` is its JSON as text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseFilter {
    prospect: Option<String>,
    state: Option<String>,
    channel: Option<String>,
    platform: Option<String>,
    version: Option<String>,
    rollout: Option<String>,
}

/// The same with what is supposed of a platform.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformFilter {
    prospect: Option<String>,
    rule: Option<String>,
    floor: Option<String>,
    pinned: Option<i64>,
}

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
