//! The pages that ask before a release is gone back to or withdrawn, and say whom that
//! touches.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::error::PageError;
use super::page::{Actor, Flash, Page, View};
use super::releases::find;
use crate::app::{App, Forecast, ReleaseChange, Supposed, Touch, Touched, Wishes};
use crate::domain::release::{Release, ReleaseState};
use crate::domain::version::FirmwareVersion;
use crate::http::view::filters;

/// The page that asks.
#[derive(Debug, Template)]
#[template(path = "touched.html")]
pub(super) struct Asks {
    pub(super) page: Page,
    /// The question, in a line.
    pub(super) title: String,
    /// What is behind it, in a sentence or two.
    pub(super) lead: String,
    /// What can be chosen; where it is only one thing, that is done.
    pub(super) choices: Vec<Choice>,
    /// Where the form is sent.
    pub(super) action: String,
    /// What the form sends besides.
    pub(super) hidden: Vec<(&'static str, String)>,
    /// What the button says.
    pub(super) button: &'static str,
    /// Where "Keep it" leads.
    pub(super) back: String,
}

/// One of the things that can be chosen, with whom it touches.
#[derive(Debug)]
pub(super) struct Choice {
    /// What the form sends; empty: nothing.
    value: &'static str,
    label: &'static str,
    pub(super) lines: Vec<Line>,
    others: u64,
    lower: bool,
    /// Whether it is chosen already.
    chosen: bool,
}

/// Devices to which the same happens, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) names: String,
    pub(super) lower: bool,
}

impl Choice {
    pub(super) fn new(value: &'static str, label: &'static str, touched: &Touched) -> Self {
        let lines = touched.groups.iter().map(Line::new).collect();
        let (others, lower) = (touched.others, touched.goes_backwards());
        Self { value, label, lines, others, lower, chosen: false }
    }
}

impl Line {
    /// What one device gets.
    pub(super) fn of_device(forecast: &Forecast) -> Self {
        let reported = forecast.version.as_deref().map(FirmwareVersion::read);
        let lower = forecast.gets().zip(reported).is_some_and(|(gets, runs)| runs > *gets);
        Self { text: forecast.text(), names: String::new(), lower }
    }

    fn new(touch: &Touch) -> Self {
        let one = touch.devices == 1;
        let devices = filters::count(&touch.devices, "device", "devices");
        let runs = match &touch.runs {
            Some(version) if one => format!(" that runs {version}"),
            Some(version) => format!(" that run {version}"),
            None => " of which no version is known".to_owned(),
        };
        let get = if one { "gets" } else { "get" };
        let text = match &touch.gets {
            Some(version) => format!("{devices}{runs} {get} {version}"),
            None => format!("{devices}{runs} {get} nothing. {}", touch.why),
        };
        let more = touch.devices.saturating_sub(touch.names.len() as u64);
        let mut names = touch.names.join(", ");
        if more > 0 {
            names = format!("{names}, and {}", filters::count(&more, "other", "others"));
        }
        Self { text, names, lower: touch.lower }
    }
}

async fn published(app: &App, id: i64) -> Result<(Release, i64), PageError> {
    let release = find(app, id).await?;
    match (release.state, release.platform_id) {
        (ReleaseState::Published, Some(platform_id)) => Ok((release, platform_id)),
        _ => Err(crate::app::Error::State("the release is not published").into()),
    }
}

/// `GET /releases/{id}/back`
pub(super) async fn confirm_back(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
) -> Result<Response, PageError> {
    let (release, platform_id) = published(&app, id).await?;
    let above = app.above(&release);
    let supposed = Supposed::Recalled(above.iter().map(|own| own.id).collect());
    let touched = app.touched(platform_id, &supposed).await?;
    let versions: Vec<_> = above.iter().map(|own| own.version.to_string()).collect();
    let lead = match versions.as_slice() {
        [] => "No higher release is published: it is what devices get already.".to_owned(),
        versions => format!(
            "{} {} recalled: nobody gets {} any more, and devices that run {} get the release \
             below instead, though its version is lower.",
            versions.join(", "),
            if versions.len() == 1 { "is" } else { "are" },
            if versions.len() == 1 { "it" } else { "them" },
            if versions.len() == 1 { "it" } else { "one of them" },
        ),
    };
    let asks = Asks {
        title: format!("Go back to {}?", release.title()),
        lead,
        choices: vec![Choice::new("", "", &touched)],
        action: format!("/releases/{id}/back"),
        hidden: Vec::new(),
        button: "Go back to it",
        back: format!("/releases/{id}"),
        page,
    };
    Ok(View(asks).into_response())
}

/// `POST /releases/{id}/back`
pub(super) async fn back(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
) -> Result<Response, PageError> {
    let release = find(&app, id).await?;
    let recalled = app.go_back(id, &actor).await?.len() as u64;
    let recalled = filters::count(&recalled, "higher release was", "higher releases were");
    let text = format!("Back to {}: {recalled} recalled.", release.title());
    Ok(Flash::good(text).go(&format!("/releases/{id}")))
}

/// What is chosen already on the page that asks.
#[derive(Debug, Deserialize)]
pub(super) struct Preset {
    recall: Option<String>,
}

/// That a release cannot be gone back from, as there is none before it.
pub(super) fn nothing_before(release: &Release) -> String {
    let version = release.version.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("There is no release before {version} to give: upload or publish it first.")
}

/// `GET /releases/{id}/withdraw`
pub(super) async fn confirm_withdraw(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(preset): Query<Preset>,
) -> Result<Response, PageError> {
    let (release, platform_id) = published(&app, id).await?;
    let withdrawn = app.touched(platform_id, &Supposed::Withdrawn(id)).await?;
    let mut keeps = Choice::new("no", "Withdraw it; devices that run it keep it", &withdrawn);
    let mut lead =
        "It is kept, and nobody is offered it any more. You can publish it again.".to_owned();
    let choices = if app.has_before(&release) {
        let recalled = app.touched(platform_id, &Supposed::Recalled(vec![id])).await?;
        let recall = "Withdraw it, and give those who took it the release before";
        let mut recalls = Choice::new("yes", recall, &recalled);
        recalls.chosen = preset.recall.as_deref() == Some("yes");
        keeps.chosen = !recalls.chosen;
        vec![keeps, recalls]
    } else {
        keeps.chosen = true;
        lead = format!("{lead} {}", nothing_before(&release));
        vec![keeps]
    };
    let asks = Asks {
        title: format!("Withdraw {}?", release.title()),
        lead,
        choices,
        action: format!("/releases/{id}/withdraw"),
        hidden: Vec::new(),
        button: "Withdraw",
        back: format!("/releases/{id}"),
        page,
    };
    Ok(View(asks).into_response())
}

/// Whether devices that run the release get the one before it.
#[derive(Debug, Deserialize)]
pub(super) struct Withdrawal {
    #[serde(default)]
    choice: String,
}

/// `POST /releases/{id}/withdraw`
pub(super) async fn withdraw(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
    Form(sent): Form<Withdrawal>,
) -> Result<Response, PageError> {
    let (release, text) = if sent.choice == "yes" {
        let text = "is recalled; devices that run it get the release before it.";
        (app.recall(id, &actor).await?, text)
    } else {
        let change =
            ReleaseChange { state: Some(ReleaseState::Withdrawn), wishes: Wishes::default() };
        let text = "is withdrawn; nobody gets it any more.";
        (app.change_release(id, &change, &actor).await?, text)
    };
    Ok(Flash::good(format!("{} {text}", release.title())).go(&format!("/releases/{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_told_by_name_and_number() {
        let names = vec!["Attic".to_owned(), "Hall".to_owned()];
        let runs = Some("v1.2.0".to_owned());
        let gets = Some(FirmwareVersion::read("v1.1.0"));
        let touch = Touch::of(runs, gets, 5, names);
        let line = Line::new(&touch);
        assert_eq!(line.text, "5 devices that run v1.2.0 get v1.1.0");
        assert_eq!(line.names, "Attic, Hall, and 3 others");
        assert!(line.lower);
        let line = Line::new(&Touch::of(None, None, 1, vec!["Attic".to_owned()]));
        assert_eq!(line.text, "1 device of which no version is known gets nothing. It waits.");
        assert_eq!((line.names.as_str(), line.lower), ("Attic", false));
    }
}
