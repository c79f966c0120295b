//! Recording a release as the version that its devices say: the words, and the page that asks.

use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::page::{Actor, Flash, Page, View};
use super::query::QueryString;
use super::releases::find;
use super::touched::{Asks, Choice};
use crate::app::{App, Error, OtherName, Supposed};
use crate::domain::release::Release;
use crate::domain::version::FirmwareVersion;
use crate::http::view::filters;

/// What devices call a release, for the notice on its page and on theirs.
#[derive(Debug)]
pub(super) struct OtherNameView {
    /// The version that they say.
    pub(super) version: String,
    /// How many say so, in words: "2 devices run exactly this file, but say v1.1.0."
    pub(super) text: String,
    /// Where it is recorded; empty where another release has that version.
    pub(super) record: String,
    /// The other release.
    pub(super) taken: Option<i64>,
}

impl OtherNameView {
    fn new(release_id: i64, name: &OtherName) -> Self {
        let version = name.version.to_string();
        let mut record = QueryString::new(&format!("/releases/{release_id}/record"));
        record.add("version", &version);
        let record = name.taken.map_or_else(|| record.finish(), |_| String::new());
        Self { text: format!("{}.", says(name)), version, record, taken: name.taken }
    }

    /// What the devices of a release call it.
    pub(super) async fn all(app: &App, release: &Release) -> Result<Vec<Self>, PageError> {
        let names = app.other_names(release).await?;
        Ok(names.iter().map(|name| Self::new(release.id, name)).collect())
    }
}

/// "2 devices run exactly this file, but say v1.1.0"
fn says(name: &OtherName) -> String {
    let devices = filters::count(&(name.devices.len() as u64), "device runs", "devices run");
    let say = if name.devices.len() == 1 { "says" } else { "say" };
    format!("{devices} exactly this file, but {say} {}", name.version)
}

/// The version that a release is to be recorded as.
#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    version: String,
}

/// `GET /releases/{id}/record`
pub(super) async fn confirm(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(chosen): Query<Chosen>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    let version = FirmwareVersion::read(&chosen.version);
    let names = app.other_names(&release).await?;
    let name = names.iter().find(|name| name.version == version && name.taken.is_none());
    let (Some(name), Some(platform_id)) = (name, release.platform_id) else {
        let text = "no device that runs the file of this release says that version, or another \
                    release has it";
        return Err(Error::State(text).into());
    };
    let supposed = Supposed::Recorded { release_id: id, version: version.clone() };
    let touched = app.touched(platform_id, &supposed).await?;
    let they = if name.devices.len() == 1 { "It is" } else { "They are" };
    let asks = Asks {
        title: format!("Record {} as {version}?", release.title()),
        lead: format!(
            "{}. {they} confirmed and up to date once the release is called {version}, too. The \
             file stays the same.",
            says(name)
        ),
        choices: vec![Choice::new("", "", &touched)],
        action: format!("/releases/{id}/record"),
        hidden: vec![("version", version.to_string())],
        button: "Record it",
        back: format!("/releases/{id}"),
        page,
    };
    Ok(View(asks).into_response())
}

/// `POST /releases/{id}/record`
pub(super) async fn record(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, PageError> {
    let version = FirmwareVersion::read(&chosen.version);
    let release = app.record_as(id, &version, &actor).await?;
    let text = format!("It is {} now: what its devices say.", release.title());
    Ok(Flash::good(text).go(&format!("/releases/{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_devices_call_it_is_told_and_where_it_is_recorded() {
        let version = FirmwareVersion::read("v1.1.0");
        let devices = vec!["5C:CF:7F:00:00:01".parse().unwrap()];
        let name = OtherName { version, devices, taken: None };
        let view = OtherNameView::new(7, &name);
        assert_eq!(view.text, "1 device runs exactly this file, but says v1.1.0.");
        assert!(view.record.starts_with("/releases/7/record?version=v1"), "{}", view.record);
        let taken = OtherNameView::new(7, &OtherName { taken: Some(3), ..name });
        assert!(taken.record.is_empty());
    }
}
