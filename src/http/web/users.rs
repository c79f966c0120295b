//! Users, for administrators.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Confirm, Part};
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use crate::app::{App, Error};
use crate::domain::access::Role;
use crate::domain::secret::Secret;
use crate::store::User;

#[derive(Debug, Template)]
#[template(path = "users.html")]
struct UsersPage {
    page: Page,
    users: Vec<User>,
    name: String,
    role: Role,
    error: String,
}

impl UsersPage {
    fn is_self(&self, user: &User) -> bool {
        self.page.user().is_some_and(|(name, _)| name == user.name.as_str())
    }
}

async fn page(
    app: &App,
    page: Page,
    name: String,
    role: Role,
    error: String,
) -> Result<UsersPage, PageError> {
    Ok(UsersPage { page, users: app.accounts().store().users().await?, name, role, error })
}

/// `GET /settings/users`
pub(super) async fn list(State(app): State<App>, frame: Page) -> Result<Response, PageError> {
    let users = page(&app, frame, String::new(), Role::Viewer, String::new()).await?;
    Ok(View(users).into_response())
}

/// What the form for a new user sends.
#[derive(Deserialize)]
pub(super) struct NewUser {
    name: String,
    role: String,
    password: String,
}

/// `POST /settings/users`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    frame: Page,
    Form(sent): Form<NewUser>,
) -> Result<Response, PageError> {
    let NewUser { name, role, password } = sent;
    let role = Role::read(&role).unwrap_or(Role::Viewer);
    let password = Secret::new(password);
    match app.accounts().create_user(&name, role, &password, &actor).await {
        Ok(user) => {
            let text = format!("{} was added. Tell them their password.", user.name);
            Ok(Flash::good(text).go("/settings/users"))
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(error) => {
            let text = sentence(&error.to_string());
            let users = page(&app, frame, name, role, text).await?;
            Ok((status(&error), View(users)).into_response())
        }
    }
}

/// Says what became of a change to a user.
fn told(done: Result<(), Error>, good: String) -> Result<Response, PageError> {
    match done {
        Ok(()) => Ok(Flash::good(good).go("/settings/users")),
        Err(error @ (Error::LastAdministrator | Error::Password(_))) => {
            Ok(Flash::bad(sentence(&error.to_string())).go("/settings/users"))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form for a role sends.
#[derive(Debug, Deserialize)]
pub(super) struct NewRole {
    role: String,
}

/// `POST /settings/users/{name}/role`
pub(super) async fn change_role(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(name): Path<String>,
    Form(sent): Form<NewRole>,
) -> Result<Response, PageError> {
    let user = app.accounts().user(&name).await?;
    let (value, expected) = (sent.role.clone(), "administrator, editor or viewer");
    let role = Role::read(&sent.role).ok_or(Error::Value { field: "role", value, expected })?;
    let done = app.accounts().change_role(&user, role, &actor).await;
    told(done, format!("{} is now {}.", user.name, role.word()))
}

/// What the form for somebody else's new password sends.
#[derive(Deserialize)]
pub(super) struct NewPassword {
    password: String,
}

/// `POST /settings/users/{name}/password`
pub(super) async fn reset_password(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(name): Path<String>,
    Form(sent): Form<NewPassword>,
) -> Result<Response, PageError> {
    let user = app.accounts().user(&name).await?;
    let password = Secret::new(sent.password);
    let done = app.accounts().reset_password(&user, &password, &actor).await;
    told(done, format!("{} has a new password, and is signed out everywhere.", user.name))
}

/// `GET /settings/users/{name}/remove`
pub(super) async fn confirm_remove(
    State(app): State<App>,
    page: Page,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let name = app.accounts().user(&name).await?.name;
    let confirm = Confirm {
        page,
        title: format!("Remove {name}?"),
        consequences: vec!["They are signed out everywhere at once.".to_owned()],
        remains: "What they did stays in the audit log. Tokens that they made stay too.",
        action: format!("/settings/users/{name}/remove"),
        button: "Remove",
        back: "/settings/users".to_owned(),
    };
    Ok(confirm.show(&part))
}

/// `POST /settings/users/{name}/remove`
pub(super) async fn remove(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let user = app.accounts().user(&name).await?;
    let done = app.accounts().remove_user(&user, &actor).await;
    told(done, format!("{} was removed.", user.name))
}
