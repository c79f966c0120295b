//! Users: who may sign in. They are managed on the pages and the command line.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::domain::access::Role;
use crate::http::api::describe::{Example, Operation};
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Time, Word};
use crate::store::User;

/// A person with an account.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(super) struct UserView {
    /// Their name.
    name: String,
    /// What they may do.
    role: Word<Role>,
    /// Whether signing in asks for a code too.
    one_time_codes: bool,
    /// When the account was made.
    created_at: Time,
    /// When they signed in last.
    signed_in: Option<Time>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name.to_string(),
            role: Word(user.role),
            one_time_codes: user.totp.is_some(),
            created_at: Time(user.created_at),
            signed_in: user.signed_in.map(Time),
        }
    }
}

impl Example for UserView {
    fn example() -> Self {
        Self {
            name: "anna".to_owned(),
            role: Word(Role::Administrator),
            one_time_codes: true,
            created_at: Time::EXAMPLE,
            signed_in: Some(Time::EXAMPLE),
        }
    }
}

pub(super) const LIST: Operation = Operation::new("users", "listUsers", "List the users")
    .more("They are managed on the pages and the command line.")
    .gives("Users, by name.");

/// `GET /api/v1/users`
pub(super) async fn list(
    State(app): State<App>,
    list: List<Everything>,
) -> Result<Page<UserView>, Problem> {
    let after: Option<String> = list.paging.after()?;
    let mut all = app.accounts().store().users().await?;
    if let Some(after) = after {
        all.retain(|user| user.name.key() > after);
    }
    Ok(list.paging.page(all, |user| user.name.key()).map(UserView::from))
}
