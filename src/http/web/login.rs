//! Signing in: name and password, and for those who want it a one-time code.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::error::{PageError, sentence, status};
use super::page::{Page, View, inside};
use crate::app::{App, Error, SignIn, SignedIn};
use crate::domain::secret::Secret;
use crate::http::access::Visitor;

#[derive(Debug, Template)]
#[template(path = "login.html")]
struct Login {
    page: Page,
    name: String,
    next: String,
    /// With it, the code is asked for instead of name and password.
    ticket: Secret,
    error: String,
}

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// What the first form sends.
#[derive(Deserialize)]
pub(super) struct Sent {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// What the second form sends.
#[derive(Deserialize)]
pub(super) struct SentCode {
    ticket: String,
    code: String,
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub(super) async fn show(page: Page, visitor: Visitor, Query(next): Query<Next>) -> Response {
    if visitor.identity.needs_setup {
        return Redirect::to("/setup").into_response();
    }
    if page.is_inside() {
        return Redirect::to(&destination(&next.next)).into_response();
    }
    let (name, ticket, error) = (String::new(), Secret::new(""), String::new());
    View(Login { page, name, next: next.next, ticket, error }).into_response()
}

/// `POST /login`
pub(super) async fn sign_in(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
    Form(sent): Form<Sent>,
) -> Response {
    let Sent { name, password, next } = sent;
    let tried = app.accounts().sign_in(&name, &Secret::new(password), &visitor.caller).await;
    let form = Login { page, name, next, ticket: Secret::new(""), error: String::new() };
    form.answer(&app, tried, &visitor).await
}

/// `POST /login/code`
pub(super) async fn code(
    State(app): State<App>,
    page: Page,
    visitor: Visitor,
    Form(sent): Form<SentCode>,
) -> Response {
    let SentCode { ticket, code, next } = sent;
    let ticket = Secret::new(ticket);
    let tried = app.accounts().sign_in_by_code(&ticket, &code, &visitor.caller).await;
    let form = Login { page, name: String::new(), next, ticket, error: String::new() };
    form.answer(&app, tried, &visitor).await
}

impl Login {
    async fn answer(
        mut self,
        app: &App,
        tried: Result<SignIn, Error>,
        visitor: &Visitor,
    ) -> Response {
        let (status, text) = match tried {
            Ok(SignIn::Done(signed_in)) => {
                return enter(app, &signed_in, visitor, &destination(&self.next)).await;
            }
            Ok(SignIn::Code(ticket)) => {
                self.ticket = ticket;
                return View(self).into_response();
            }
            Ok(SignIn::Wrong) if self.ticket.expose().is_empty() => {
                (StatusCode::UNPROCESSABLE_ENTITY, "Name or password is not right.".to_owned())
            }
            Ok(SignIn::Wrong) => {
                let text = "The code is not right. It changes every 30 seconds, and each is good \
                            once.";
                (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned())
            }
            Ok(SignIn::Wait(seconds)) => return self.must_wait(seconds),
            Ok(SignIn::Again) => {
                self.ticket = Secret::new("");
                let text = "That took too long, or there were too many tries. Begin again.";
                (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned())
            }
            Err(error) if error.is_internal() => return PageError::from(error).into_response(),
            Err(error) => (status(&error), sentence(&error.to_string())),
        };
        self.error = text;
        (status, View(self)).into_response()
    }

    fn must_wait(mut self, seconds: i64) -> Response {
        self.error = waiting(seconds);
        let retry = [(RETRY_AFTER, HeaderValue::from(seconds))];
        (StatusCode::TOO_MANY_REQUESTS, retry, View(self)).into_response()
    }
}

/// The sentence for somebody who must wait.
pub(super) fn waiting(seconds: i64) -> String {
    format!(
        "There were too many wrong attempts from where you are. Try again in {seconds} s; this one \
         was not looked at. Whoever can reach the server itself can set a new password there: \
         espalier user password."
    )
}

/// Where to go on: a page of this server, and none that leads back here.
fn destination(next: &str) -> String {
    let next = inside(next).filter(|path| !path.starts_with("/login"));
    next.unwrap_or_else(|| "/".to_owned())
}

/// Lets somebody in: with a session of its own, while the one before ends.
pub(super) async fn enter(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    to: &str,
) -> Response {
    if let Some(before) = &visitor.identity.session
        && let Err(error) = app.accounts().sign_out(before, &visitor.actor()).await
    {
        return PageError::from(error).into_response();
    }
    let mut response = Redirect::to(to).into_response();
    let cookies =
        [visitor.cookies.session(&signed_in.session), visitor.cookies.mark(&signed_in.mark)];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_stays_on_this_server() {
        assert_eq!(destination("/devices?q=a"), "/devices?q=a");
        for next in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/login?next=/"]
        {
            assert_eq!(destination(next), "/", "{next}");
        }
    }
}
