//! Users: who may sign in. They are managed on the pages and the command line.

use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::time;
use crate::store::User;

/// A user, as they are shown.
#[derive(Debug, Serialize)]
pub(super) struct UserView {
    name: String,
    role: &'static str,
    one_time_codes: bool,
    created_at: String,
    signed_in: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name.to_string(),
            role: user.role.word(),
            one_time_codes: user.totp.is_some(),
            created_at: time::text(user.created_at),
            signed_in: user.signed_in.map(time::text),
        }
    }
}

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
