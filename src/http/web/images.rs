//! The images of a release: listed, downloaded, removed.

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part as Fragment};
use super::error::PageError;
use super::page::{Actor, Flash, Page};
use super::query::QueryString;
use super::releases::find;
use crate::app::{App, FileWish, Reach};
use crate::domain::release::{Image, Part, Published, Release, ReleaseState};
use crate::http::view::filters;

/// Names of the flash modes, by byte 2 of an image's header.
const MODES: [&str; 4] = ["QIO", "QOUT", "DIO", "DOUT"];

/// An image of a release, as it is shown.
#[derive(Debug)]
pub(super) struct ImageRow {
    pub(super) image: Image,
    /// What it is: "Application for ESP32-C3", "File system".
    pub(super) title: String,
    /// What its compressed form saves, or where that stands; empty where there is none.
    pub(super) compressed: String,
    /// What it was built for: "4 MiB of flash memory, mode DIO"; empty where that is not known.
    pub(super) flash: String,
    /// How many devices get it now; `None` where the release is offered to nobody.
    pub(super) devices: Option<u64>,
}

impl ImageRow {
    /// All images of a release. `waiting`: the numbers of those that are being compressed.
    pub(super) fn all(release: &Release, waiting: &[i64], reach: Option<&Reach>) -> Vec<Self> {
        let row = |image: &Image| Self {
            compressed: compressed(image, waiting),
            flash: flash(image),
            devices: reach.map(|reach| reach.of(image.id)),
            title: title(image),
            image: image.clone(),
        };
        release.images().map(row).collect()
    }
}

fn title(image: &Image) -> String {
    match image.part {
        Part::Application => format!("Application for {}", image.chip),
        Part::FileSystem if image.is_for_any_chip() => "File system".to_owned(),
        Part::FileSystem => format!("File system for {}", image.chip),
    }
}

fn compressed(image: &Image, waiting: &[i64]) -> String {
    let Some(packed) = &image.packed else {
        let waits = waiting.contains(&image.id);
        return if waits { "being compressed…".to_owned() } else { String::new() };
    };
    let saved = filters::percent(image.size.saturating_sub(packed.size), image.size);
    let size = filters::bytes(&packed.size);
    let made = if packed.uploaded { ", as uploaded" } else { "" };
    let signed = if packed.signed { ", signed" } else { "" };
    format!("{size}, {saved} % saved{made}{signed}")
}

fn flash(image: &Image) -> String {
    let size = image.flash_size.map(|size| format!("{} of flash memory", filters::limit(&size)));
    let mode = image.flash_mode.and_then(|mode| MODES.get(usize::from(mode)));
    let parts = [size, mode.map(|mode| format!("mode {mode}"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The numbers of the images that are being compressed.
pub(super) async fn waiting(app: &App) -> Result<Vec<i64>, PageError> {
    let waiting = app.store().images_to_pack().await?;
    Ok(waiting.into_iter().map(|wanted| wanted.image_id).collect())
}

/// Where another image for the same version is uploaded.
pub(super) fn another(release: &Release) -> String {
    let mut address = QueryString::new("/releases/new");
    address.add("platform", release.platform.as_deref().unwrap_or_default());
    let version = release.version.as_ref().map(ToString::to_string);
    address.add("version", version.as_deref().unwrap_or_default());
    address.finish()
}

/// Which file of a release is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    image: Option<i64>,
    #[serde(default)]
    packed: String,
}

/// `GET /releases/{id}/download`
pub(super) async fn download(
    State(app): State<App>,
    Path(id): Path<i64>,
    Query(which): Query<Which>,
) -> Result<Response, PageError> {
    let packed = matches!(which.packed.as_str(), "1" | "true" | "yes");
    let (release, image, bytes) =
        app.release_file(id, FileWish { image: which.image, packed }).await?;
    let gz = if packed { ".gz" } else { "" };
    let disposition = format!("attachment; filename=\"{}{gz}\"", file_name(release, image));
    let kind = if packed { "application/gzip" } else { "application/octet-stream" };
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}

/// The name of the file, as devices know it.
fn file_name(release: Release, image: Image) -> String {
    let has_others = !release.others.is_empty();
    match (release.platform_id, release.platform, release.version) {
        (Some(platform_id), Some(platform), Some(version)) => {
            let published_at = release.published_at.unwrap_or(release.created_at);
            let id = release.id;
            let (channel, recalled) = (release.channel, release.recalled);
            Published {
                id,
                platform_id,
                version,
                image,
                has_others,
                published_at,
                channel,
                recalled,
            }
            .file_name(&platform)
        }
        _ => format!("draft_{}.bin", release.id),
    }
}

fn image_of(release: &Release, image_id: i64) -> Result<&Image, PageError> {
    let found = release.images().find(|image| image.id == image_id);
    found.ok_or_else(|| PageError::not_found("image"))
}

/// `GET /releases/{id}/images/{image}/delete`
pub(super) async fn confirm_delete(
    State(app): State<App>,
    page: Page,
    Path((id, image_id)): Path<(i64, i64)>,
    Query(part): Query<Fragment>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    let image = image_of(&release, image_id)?;
    let mut consequences = vec![format!("{} ({})", image.file_name, filters::bytes(&image.size))];
    if release.state == ReleaseState::Published {
        consequences.push(match image.part {
            Part::FileSystem => "Devices are not sent these files any more".to_owned(),
            Part::Application => format!(
                "Devices with that chip get an older release with an image for {}, or nothing",
                image.chip
            ),
        });
    }
    let confirm = Confirm {
        title: format!("Remove the {} of {}?", image.named(), release.title()),
        consequences,
        remains: "The release and its other images stay. Devices that run it keep it.",
        action: format!("/releases/{id}/images/{image_id}/delete"),
        button: "Remove it",
        back: format!("/releases/{id}"),
        page,
    };
    Ok(confirm.show(&part))
}

/// `POST /releases/{id}/images/{image}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Actor(actor): Actor,
    Path((id, image_id)): Path<(i64, i64)>,
) -> Result<Response, PageError> {
    let (release, image) = app.remove_image(id, image_id, &actor).await?;
    let text = format!("The {} of {} was removed.", image.named(), release.title());
    Ok(Flash::good(text).go(&format!("/releases/{id}")))
}
