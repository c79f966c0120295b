//! Settings that a person may change while the server runs, and the colours of this browser.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, Theme, View, inside};
use crate::app::{App, Error, PendingAnswer, Settings, read_spacing, spacing_text};
use crate::domain::tally::Patience;
use crate::http::Exposure;
use crate::http::view::filters;

/// Zones that the field proposes; it takes every name of the IANA database.
const ZONES: [&str; 16] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/Warsaw",
    "Europe/Helsinki",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
];

#[derive(Debug, Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    page: Page,
    error: String,
    public_url: String,
    public_url_fixed: bool,
    time_zone: String,
    time_zone_fixed: bool,
    retention_days: String,
    audit_days: String,
    pending_limit: String,
    attempt_limit: String,
    aborted_limit: String,
    retry_minutes: String,
    quiet: bool,
    facts: Vec<(&'static str, String)>,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    public_url: String,
    time_zone: String,
    retention_days: String,
    audit_days: String,
    pending_answer: String,
    pending_limit: String,
    attempt_limit: String,
    aborted_limit: String,
    retry_minutes: String,
}

impl Sent {
    fn of(settings: &Settings) -> Self {
        Self {
            public_url: settings.public_url.as_ref().map(ToString::to_string).unwrap_or_default(),
            time_zone: settings.time_zone.name().to_owned(),
            retention_days: settings.retention_days.to_string(),
            audit_days: settings.audit_days.to_string(),
            pending_answer: settings.pending_answer.word().to_owned(),
            pending_limit: settings.pending_limit.to_string(),
            attempt_limit: settings.patience.limit.to_string(),
            aborted_limit: settings.patience.aborted.to_string(),
            retry_minutes: spacing_text(&settings.patience.spacing),
        }
    }

    fn settings(&self) -> Result<Settings, String> {
        let number = |text: &str, what: &str| {
            text.trim().parse().map_err(|_| format!("{what} is “{text}”; expected a number."))
        };
        let url = self.public_url.trim();
        let public_url = (!url.is_empty()).then(|| url.parse()).transpose();
        Ok(Settings {
            retention_days: number(&self.retention_days, "“Keep events for”")?,
            audit_days: number(&self.audit_days, "“Keep the audit log for”")?,
            pending_limit: number(&self.pending_limit, "“Keep at most”")?,
            public_url: public_url.map_err(|error| format!("Public address: {error}."))?,
            time_zone: self
                .time_zone
                .trim()
                .parse()
                .map_err(|error| format!("Time zone: {error}."))?,
            pending_answer: PendingAnswer::read(&self.pending_answer).unwrap_or_default(),
            patience: Patience {
                limit: number(&self.attempt_limit, "“Hold after”")?,
                aborted: number(&self.aborted_limit, "“Rest after”")?,
                spacing: read_spacing(&self.retry_minutes)
                    .map_err(|error| sentence(&error.to_string()))?,
            },
        })
    }

    fn page(self, app: &App, shown: &Exposure, page: Page, error: String) -> SettingsPage {
        let limits = app.limits();
        let folder = limits.catalog.as_ref().map(|folder| folder.display().to_string());
        let mut facts = vec![
            ("Largest upload", filters::limit(&limits.max_upload)),
            ("Catalog folder", folder.unwrap_or_else(|| "none".to_owned())),
            ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        if let Some(prints) = shown.tls.as_ref().map(|tls| tls.fingerprints()) {
            facts.push(("Certificate, SHA-1 (setFingerprint)", prints.sha1()));
            facts.push(("Certificate, SHA-256", prints.sha256()));
        }
        SettingsPage {
            public_url_fixed: limits.public_url.is_some(),
            time_zone_fixed: limits.time_zone.is_some(),
            quiet: self.pending_answer == PendingAnswer::Quiet.word(),
            public_url: self.public_url,
            time_zone: self.time_zone,
            retention_days: self.retention_days,
            audit_days: self.audit_days,
            pending_limit: self.pending_limit,
            attempt_limit: self.attempt_limit,
            aborted_limit: self.aborted_limit,
            retry_minutes: self.retry_minutes,
            page,
            error,
            facts,
        }
    }
}

/// `GET /settings`
pub(super) async fn show(
    State(app): State<App>,
    Extension(shown): Extension<Exposure>,
    page: Page,
) -> Response {
    let sent = Sent::of(&app.settings());
    View(sent.page(&app, &shown, page, String::new())).into_response()
}

/// `POST /settings`
pub(super) async fn save(
    State(app): State<App>,
    Actor(actor): Actor,
    Extension(shown): Extension<Exposure>,
    page: Page,
    Form(sent): Form<Sent>,
) -> Response {
    let wrong = match sent.settings() {
        Err(text) => (status(&Error::NoFile), text),
        Ok(settings) => match app.save_settings(settings, &actor).await {
            Ok(()) => return Flash::good("The settings were saved.").go("/settings"),
            Err(error) if error.is_internal() => return PageError::from(error).into_response(),
            Err(error) => (status(&error), sentence(&error.to_string())),
        },
    };
    let (status, text) = wrong;
    (status, View(sent.page(&app, &shown, page, text))).into_response()
}

/// Which colours a visitor wants, and where they were.
#[derive(Debug, Deserialize)]
pub(super) struct Colours {
    theme: String,
    #[serde(default)]
    back: String,
}

/// `POST /settings/theme`
pub(super) async fn theme(Form(colours): Form<Colours>) -> Response {
    let back = inside(&colours.back).unwrap_or_else(|| "/".to_owned());
    let cookie = Theme::read(&colours.theme).cookie();
    (AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(&back)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_reads_back_what_it_shows() {
        let shown = Sent::of(&Settings::default());
        assert_eq!(shown.settings().unwrap(), Settings::default());
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_field() {
        let broken = |change: fn(&mut Sent)| {
            let mut sent = Sent::of(&Settings::default());
            change(&mut sent);
            sent.settings().unwrap_err()
        };
        assert!(broken(|sent| sent.public_url = "pi.lan".to_owned()).contains("Public address"));
        assert!(broken(|sent| sent.time_zone = "Mars".to_owned()).contains("Time zone"));
        assert!(broken(|sent| sent.retention_days = "x".to_owned()).contains("Keep events"));
    }
}
