//! How a sketch is pointed at this server: snippets with its own address, and a line that waits
//! for the first device.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::address::Address;
use super::error::PageError;
use super::page::{Page, View};
use super::platforms::names;
use super::snippets::{Snippet, snippets};
use crate::app::App;
use crate::domain::device::{Approval, Device};
use crate::domain::names::PlatformName;
use crate::store::{DeviceFilter, DeviceSort};

/// For how many seconds a check-in turns the line green.
const JUST_NOW: i64 = 120;
/// Stands in the snippets until a platform is chosen.
const PLACEHOLDER: &str = "your-platform";

#[derive(Debug, Template)]
#[template(path = "connect.html", blocks = ["live"])]
struct Connect {
    page: Page,
    address: Address,
    platforms: Vec<String>,
    platform: String,
    snippets: Vec<Snippet>,
    latest: Option<Device>,
    /// Whether that check-in is so recent that it turns the line green.
    fresh: bool,
}

impl Connect {
    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }

    /// Whether a platform is chosen already.
    fn is_settled(&self) -> bool {
        self.platforms.iter().any(|name| self.is_platform(name))
    }
}

fn is_pending(device: &Device) -> bool {
    device.approval == Approval::Pending
}

/// Which platform the snippets are for, and which part of the page is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    platform: Option<String>,
    fragment: Option<String>,
}

/// `GET /connect`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    Query(choice): Query<Choice>,
) -> Result<Response, PageError> {
    let platforms = names(&app);
    let chosen = choice.platform.and_then(|name| name.parse::<PlatformName>().ok());
    let platform = match (chosen, platforms.as_slice()) {
        (Some(name), _) => name.to_string(),
        (None, [only]) => only.clone(),
        (None, []) => "chase".to_owned(),
        (None, _) => String::new(),
    };
    let address = Address::of(&app, &page);
    let latest = latest(&app).await?;
    let seen = latest.as_ref().and_then(|device| device.last_seen);
    let connect = Connect {
        snippets: snippets(&address, if platform.is_empty() { PLACEHOLDER } else { &platform }),
        fresh: seen.is_some_and(|seen| page.now - seen <= JUST_NOW),
        latest,
        page,
        address,
        platforms,
        platform,
    };
    if choice.fragment.as_deref() == Some("live") {
        return Ok(View(connect.as_live()).into_response());
    }
    Ok(View(connect).into_response())
}

/// The device that asked last.
async fn latest(app: &App) -> Result<Option<Device>, PageError> {
    let filter = DeviceFilter { sort: DeviceSort::Seen, limit: 1, ..DeviceFilter::default() };
    let latest = app.store().devices(&filter).await?.into_iter().next();
    Ok(latest.filter(|device| device.last_seen.is_some()))
}
