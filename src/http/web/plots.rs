//! The plots of the first page: versions in the field, how releases do, bytes per day.

use super::error::PageError;
use super::page::Page;
use super::platforms::{self, names};
use super::reached::{self, Portion, part_of};
use crate::app::{App, ShelfPlatform};
use crate::domain::release::ReleaseState;
use crate::domain::version::FirmwareVersion;
use crate::http::view::charts::{Bars, Stack};
use crate::http::view::days::{self, DAYS, Field};
use crate::store::{ReleaseFilter, VersionCount};

/// Releases that the first page compares.
const RELEASES: usize = 5;
/// Published releases that are looked at for that.
const LOOKED_AT: u32 = 12;
/// Platforms whose devices are counted on the first page.
const PLATFORMS: usize = 8;

/// The versions that the devices of another platform run today.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) platform: String,
    pub(super) newest: Option<String>,
    pub(super) stack: Stack,
    devices: u64,
}

/// A release, as it is compared.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) href: String,
    pub(super) title: String,
    pub(super) published_at: Option<i64>,
    pub(super) portions: Vec<Portion>,
    pub(super) success: String,
    pub(super) to_confirm: String,
    /// How many devices need a person.
    pub(super) needs_you: u64,
    /// Where those are listed.
    pub(super) needs_href: String,
}

/// The plots of the first page.
#[derive(Debug)]
pub(super) struct Plots {
    /// The platform whose versions are drawn; empty where there is none.
    pub(super) platform: String,
    /// All platforms.
    pub(super) platforms: Vec<String>,
    pub(super) field: Field,
    pub(super) releases: Vec<Done>,
    pub(super) bytes: Bars,
    pub(super) fleets: Vec<Fleet>,
    /// How many platforms are not in `fleets`.
    pub(super) more_fleets: u64,
}

impl Plots {
    /// Reads them; `wanted` names the platform whose versions are drawn.
    pub(super) async fn of(app: &App, page: &Page, wanted: &str) -> Result<Self, PageError> {
        let counts = app.store().versions_in_field().await?;
        let today = app.day(page.now);
        let sent = app.store().transfer_days(today - DAYS + 1).await?;
        let sent: Vec<_> = sent.iter().map(|day| (day.day, day.bytes, day.downloads)).collect();
        let mut fleets = fleets(app, &counts);
        let shelf = app.shelf();
        let most = fleets.first().map(|fleet| fleet.platform.as_str()).unwrap_or_default();
        let chosen = shelf.platform(wanted).or_else(|| shelf.platform(most));
        let (platform, field) = match chosen {
            Some(entry) => {
                let newest = entry.newest().map(|newest| &newest.version);
                let id = entry.platform.id;
                let days = field_days(app, id, today, &counts).await?;
                let is_newest = |name: &str| newest == Some(&FirmwareVersion::read(name));
                (entry.platform.name.to_string(), days::field(&days, today, is_newest))
            }
            None => (String::new(), Field::default()),
        };
        fleets.retain(|fleet| fleet.platform != platform);
        let more_fleets = fleets.len().saturating_sub(PLATFORMS) as u64;
        fleets.truncate(PLATFORMS);
        Ok(Self {
            platform,
            platforms: names(app),
            field,
            releases: releases(app).await?,
            bytes: days::bytes_per_day(&sent, today),
            fleets,
            more_fleets,
        })
    }
}

/// The counted days of a platform, and today as it is right now.
async fn field_days(
    app: &App,
    platform_id: i64,
    today: i64,
    now: &[VersionCount],
) -> Result<Vec<(i64, String, u64)>, PageError> {
    let counted = app.store().field_days(platform_id, today - DAYS + 1).await?;
    let earlier = counted.into_iter().filter(|day| day.day < today);
    let earlier = earlier.map(|day| (day.day, day.version, day.devices));
    let now = now.iter().filter(|count| count.platform_id == platform_id);
    let now = now.map(|count| (today, count.version.clone().unwrap_or_default(), count.devices));
    Ok(earlier.chain(now).collect())
}

/// All platforms, the one with most devices first.
fn fleets(app: &App, counts: &[VersionCount]) -> Vec<Fleet> {
    let shelf = app.shelf();
    let fleet = |entry: &std::sync::Arc<ShelfPlatform>| {
        let newest = entry.newest();
        let stack =
            platforms::stack_of(counts, entry.platform.id, newest.map(|newest| &newest.version));
        Fleet {
            platform: entry.platform.name.to_string(),
            newest: newest.map(|newest| newest.version.to_string()),
            devices: stack.total,
            stack,
        }
    };
    let mut fleets: Vec<Fleet> = shelf.platforms().into_iter().map(fleet).collect();
    fleets.sort_by_key(|fleet| std::cmp::Reverse(fleet.devices));
    fleets
}

/// The releases that were uploaded last and reached devices.
async fn releases(app: &App) -> Result<Vec<Done>, PageError> {
    let filter = ReleaseFilter {
        state: Some(ReleaseState::Published),
        limit: Some(LOOKED_AT),
        ..ReleaseFilter::default()
    };
    let mut all = Vec::new();
    for release in app.store().releases(&filter).await? {
        let stats = app.release_stats(release.id, part_of(&release)).await?;
        if stats.progress.total() == 0 {
            continue;
        }
        let href = format!("/releases/{}", release.id);
        let portions = reached::portions(&stats.progress, &href, None);
        all.push(Done {
            title: release.title(),
            published_at: release.published_at,
            success: reached::success(&stats),
            to_confirm: stats.to_confirm.as_ref().map(reached::time_to_confirm).unwrap_or_default(),
            needs_you: stats.progress.needs_you,
            needs_href: format!("{href}?stand=needs_you#devices"),
            portions,
            href,
        });
        if all.len() == RELEASES {
            break;
        }
    }
    Ok(all)
}
