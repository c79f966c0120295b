//! The first start: the first administrator is made, by whoever can read the server's log.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::error::{PageError, sentence, status};
use super::login::{enter, waiting};
use super::page::{Page, View};
use crate::app::{App, Error, SignIn};
use crate::domain::access::PasswordError;
use crate::domain::secret::Secret;
use crate::http::access::Visitor;

#[derive(Debug, Template)]
#[template(path = "setup.html")]
struct Setup {
    page: Page,
    code: String,
    name: String,
    error: String,
}

/// The code, where the link from the log holds it.
#[derive(Debug, Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    code: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Sent {
    code: String,
    name: String,
    password: String,
    again: String,
}

/// `GET /setup`
pub(super) async fn show(page: Page, visitor: Visitor, Query(link): Query<Link>) -> Response {
    if !visitor.identity.needs_setup {
        return Redirect::to("/login").into_response();
    }
    let (name, error) = ("admin".to_owned(), String::new());
    View(Setup { page, code: link.code, name, error }).into_response()
}

/// `POST /setup`
pub(super) async fn set_up(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
    Form(sent): Form<Sent>,
) -> Response {
    let Sent { code, name, password, again } = sent;
    let tried = if password == again {
        let password = Secret::new(password);
        app.accounts().set_up(&code, &name, &password, &visitor.caller).await
    } else {
        Err(PasswordError::Differs.into())
    };
    let (status, error) = match tried {
        Ok(SignIn::Done(signed_in)) => return enter(&app, &signed_in, &visitor, "/").await,
        Ok(SignIn::Wait(seconds)) => {
            let retry = [(RETRY_AFTER, HeaderValue::from(seconds))];
            let page = Setup { page, code, name, error: waiting(seconds) };
            return (StatusCode::TOO_MANY_REQUESTS, retry, View(page)).into_response();
        }
        Ok(SignIn::Code(_) | SignIn::Wrong | SignIn::Again) => {
            return Redirect::to("/login").into_response();
        }
        Err(error) if error.is_internal() => return PageError::from(error).into_response(),
        Err(error @ Error::WrongCode) => (
            status(&error),
            "The set-up code is not right. It stands in the server’s log, and is a new one after \
             every start."
                .to_owned(),
        ),
        Err(error) => (status(&error), sentence(&error.to_string())),
    };
    (status, View(Setup { page, code, name, error })).into_response()
}
