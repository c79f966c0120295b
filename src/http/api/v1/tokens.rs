//! API tokens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::app::{App, Error, TokenWish};
use crate::domain::access::Scopes;
use crate::http::api::extract::{Actor, Body, Segment, present};
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::time;
use crate::store::Token;

/// A token, as it is shown: never with its secret.
#[derive(Debug, Serialize)]
pub(super) struct TokenView {
    id: i64,
    name: String,
    hint: String,
    scopes: Vec<String>,
    created_at: String,
    created_by: String,
    expires_at: Option<String>,
    last_used: Option<String>,
    address: Option<String>,
}

/// A token that was just made, with its secret, this once.
#[derive(Serialize)]
struct MadeView {
    #[serde(flatten)]
    view: TokenView,
    token: String,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name.to_string(),
            hint: token.hint,
            scopes: token.scopes.iter().map(ToString::to_string).collect(),
            created_at: time::text(token.created_at),
            created_by: token.created_by,
            expires_at: token.expires_at.map(time::text),
            last_used: token.last_used.map(time::text),
            address: token.address,
        }
    }
}

/// `GET /api/v1/tokens`
pub(super) async fn list(
    State(app): State<App>,
    list: List<Everything>,
) -> Result<Page<TokenView>, Problem> {
    let before: Option<i64> = list.paging.after()?;
    let mut all = app.accounts().store().tokens().await?;
    if let Some(before) = before {
        all.retain(|token| token.id < before);
    }
    Ok(list.paging.page(all, |token| token.id.to_string()).map(TokenView::from))
}

/// A token that is to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct NewToken {
    name: String,
    scopes: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    days: Option<u32>,
}

/// `POST /api/v1/tokens`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(new): Body<NewToken>,
) -> Result<Response, Problem> {
    let scopes = Scopes::read(new.scopes.iter().map(String::as_str)).map_err(Error::from)?;
    let name = new.name.parse().map_err(Error::from)?;
    let wish = TokenWish { name, scopes, days: new.days };
    let (token, secret) = app.accounts().create_token(wish, &actor).await?;
    let location = format!("/api/v1/tokens/{}", token.id);
    let made = MadeView { view: token.into(), token: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(made)).into_response())
}

/// `DELETE /api/v1/tokens/{id}`
pub(super) async fn revoke(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(id): Segment<i64>,
) -> Result<StatusCode, Problem> {
    app.accounts().revoke_token(id, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
