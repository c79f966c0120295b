//! What somebody who has signed in may do for themselves: password, sessions, signing out.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::error::{PageError, sentence, status};
use super::page::{Flash, Page, View};
use crate::app::{App, Error};
use crate::domain::access::PasswordError;
use crate::domain::secret::Secret;
use crate::http::access::Visitor;
use crate::store::Session;

#[derive(Debug, Template)]
#[template(path = "account.html")]
struct Account {
    page: Page,
    error: String,
    sessions: Vec<Session>,
    /// The number of the session that looks at the page.
    current: i64,
    has_codes: bool,
    recovery_codes: i64,
}

impl Account {
    async fn of(
        app: &App,
        page: Page,
        session: &Session,
        error: String,
    ) -> Result<Self, PageError> {
        let accounts = app.accounts();
        let user = accounts.store().user(session.user_id).await?;
        let user = user.ok_or_else(|| PageError::not_found("user"))?;
        Ok(Self {
            error,
            sessions: accounts.sessions(user.id).await?,
            current: session.id,
            has_codes: user.totp.is_some(),
            recovery_codes: accounts.store().recovery_codes(user.id).await?,
            page,
        })
    }
}

/// The session of the visitor; the guard has let nobody pass who has none.
pub(super) fn own(visitor: &Visitor) -> Result<&Session, PageError> {
    visitor.identity.session.as_ref().ok_or_else(|| PageError::not_found("session"))
}

/// `GET /account`
pub(super) async fn show(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
) -> Result<Response, PageError> {
    Ok(View(Account::of(&app, page, own(&visitor)?, String::new()).await?).into_response())
}

/// What the form for a new password sends.
#[derive(Deserialize)]
pub(super) struct NewPassword {
    current: String,
    password: String,
    again: String,
}

/// `POST /account/password`
pub(super) async fn change_password(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
    Form(sent): Form<NewPassword>,
) -> Result<Response, PageError> {
    let session = own(&visitor)?;
    let changed = if sent.password == sent.again {
        let (current, new) = (Secret::new(sent.current), Secret::new(sent.password));
        app.accounts().change_password(session, &current, &new, &visitor.actor()).await
    } else {
        Err(PasswordError::Differs.into())
    };
    match changed {
        Ok(()) => {
            let text = "The password was changed. Your other sessions have ended.";
            Ok(Flash::good(text).go("/account"))
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(Error::SessionEnded) => Ok(ended(&visitor)),
        Err(error) => {
            let text = sentence(&error.to_string());
            let page = Account::of(&app, page, session, text).await?;
            Ok((status(&error), View(page)).into_response())
        }
    }
}

/// Which session is to end.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    id: i64,
}

/// `POST /account/sessions`
pub(super) async fn end_session(
    State(app): State<App>,
    visitor: Visitor,
    Form(which): Form<Which>,
) -> Result<Response, PageError> {
    let session = own(&visitor)?;
    if which.id == session.id {
        return leave(app.accounts().sign_out(session, &visitor.actor()).await, &visitor);
    }
    app.accounts().revoke_session(session, which.id, &visitor.actor()).await?;
    Ok(Flash::good("That session has ended.").go("/account"))
}

/// `POST /account/sessions/all`
pub(super) async fn end_all(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    leave(app.accounts().sign_out_everywhere(own(&visitor)?, &visitor.actor()).await, &visitor)
}

/// `POST /logout`
pub(super) async fn sign_out(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    leave(app.accounts().sign_out(own(&visitor)?, &visitor.actor()).await, &visitor)
}

/// The answer to somebody whose session ended because of what they typed.
pub(super) fn ended(visitor: &Visitor) -> Response {
    let mut response = Flash::bad(sentence(&Error::SessionEnded.to_string())).go("/login");
    if let Some(cookie) = visitor.cookies.no_session() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn leave(ended: Result<(), Error>, visitor: &Visitor) -> Result<Response, PageError> {
    ended?;
    let mut response = Flash::good("You have signed out.").go("/login");
    if let Some(cookie) = visitor.cookies.no_session() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
