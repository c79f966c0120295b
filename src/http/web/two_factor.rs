//! One-time codes: switched on with a phone, and off with the password.

use askama::Template;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::account::{ended, own};
use super::error::{PageError, sentence, status};
use super::page::{Flash, Page, View};
use crate::app::{App, Error};
use crate::domain::secret::Secret;
use crate::domain::totp::Key;
use crate::http::access::Visitor;
use crate::http::view::qr::QrImage;

#[derive(Debug, Template)]
#[template(path = "codes.html")]
struct CodesPage {
    page: Page,
    error: String,
    /// Whether they are switched on already.
    on: bool,
    key: Secret,
    image: Option<QrImage>,
    /// Shown once, right after they were made.
    recovery_codes: Vec<Secret>,
}

impl CodesPage {
    fn offer(page: Page, key: &Key, error: String) -> Self {
        let name = page.user().map(|(name, _)| name.to_owned()).unwrap_or_default();
        let image = QrImage::of(&key.uri(&name));
        let key = Secret::new(key.text());
        Self { page, error, on: false, key, image, recovery_codes: Vec::new() }
    }

    fn on(page: Page, error: String, recovery_codes: Vec<Secret>) -> Self {
        Self { page, error, on: true, key: Secret::new(""), image: None, recovery_codes }
    }

    /// The key in groups, for those who type it.
    fn grouped(&self) -> String {
        let letters: Vec<char> = self.key.expose().chars().collect();
        letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")
    }
}

/// `GET /account/codes`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let user = app.accounts().store().user(own(&visitor)?.user_id).await?;
    if user.is_some_and(|user| user.totp.is_some()) {
        return Ok(View(CodesPage::on(page, String::new(), Vec::new())).into_response());
    }
    let key = app.accounts().new_totp_key()?;
    Ok(View(CodesPage::offer(page, &key, String::new())).into_response())
}

/// What the form to switch them on sends.
#[derive(Deserialize)]
pub(super) struct On {
    key: String,
    code: String,
    password: String,
}

/// `POST /account/codes`
pub(super) async fn enrol(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
    Form(sent): Form<On>,
) -> Result<Response, PageError> {
    let key = match Key::read(&sent.key) {
        Some(key) => key,
        None => app.accounts().new_totp_key()?,
    };
    let (session, password) = (own(&visitor)?, Secret::new(sent.password));
    match app.accounts().enrol(session, &password, &key, &sent.code, &visitor.actor()).await {
        Ok(enrolment) => {
            let page = CodesPage::on(page, String::new(), enrolment.recovery_codes);
            Ok(View(page).into_response())
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(Error::SessionEnded) => Ok(ended(&visitor)),
        Err(error) => {
            let text = sentence(&error.to_string());
            Ok((status(&error), View(CodesPage::offer(page, &key, text))).into_response())
        }
    }
}

/// What the form to switch them off sends.
#[derive(Deserialize)]
pub(super) struct Off {
    password: String,
}

/// `POST /account/codes/off`
pub(super) async fn disenrol(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
    Form(sent): Form<Off>,
) -> Result<Response, PageError> {
    let (session, password) = (own(&visitor)?, Secret::new(sent.password));
    match app.accounts().disenrol(session, &password, &visitor.actor()).await {
        Ok(()) => Ok(Flash::good("One-time codes are switched off.").go("/account")),
        Err(error) if error.is_internal() => Err(error.into()),
        Err(Error::SessionEnded) => Ok(ended(&visitor)),
        Err(error) => {
            let text = sentence(&error.to_string());
            Ok((status(&error), View(CodesPage::on(page, text, Vec::new()))).into_response())
        }
    }
}
