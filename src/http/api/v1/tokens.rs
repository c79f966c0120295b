//! API tokens.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::{App, Error, TokenWish};
use crate::domain::access::Scopes;
use crate::http::api::codes;
use crate::http::api::describe::{Created, Done, Example, MISSING, Operation, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::page::{Everything, List, Page};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Given, Time};
use crate::store::Token;

/// A token of a program, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub(super) struct TokenView {
    /// Its number.
    id: i64,
    /// What it is for.
    name: String,
    /// How the secret begins, to tell tokens apart.
    #[schemars(example = &"esp_3fa85f")]
    hint: String,
    /// What it may do.
    #[schemars(example = ["upload:chase", "publish:chase"])]
    scopes: Vec<String>,
    /// When it was made.
    created_at: Time,
    /// Who made it.
    created_by: String,
    /// When it ends.
    expires_at: Option<Time>,
    /// When it was used last, up to a minute late.
    last_used: Option<Time>,
    /// From where it was used last.
    address: Option<String>,
}

/// A token that was just made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadeToken")]
pub(super) struct MadeView {
    #[serde(flatten)]
    view: TokenView,
    /// The secret. It is shown this once.
    token: String,
}

impl Example for TokenView {
    fn example() -> Self {
        Self {
            id: 2,
            name: "Nightly build".to_owned(),
            hint: "esp_3fa85f".to_owned(),
            scopes: vec!["upload:chase".to_owned(), "publish:chase".to_owned()],
            created_at: Time::EXAMPLE,
            created_by: "anna".to_owned(),
            expires_at: Some(Time::EXAMPLE),
            last_used: None,
            address: None,
        }
    }
}

impl Example for MadeView {
    fn example() -> Self {
        Self { view: TokenView::example(), token: "esp_3fa85f…".to_owned() }
    }
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name.to_string(),
            hint: token.hint,
            scopes: token.scopes.iter().map(ToString::to_string).collect(),
            created_at: Time(token.created_at),
            created_by: token.created_by,
            expires_at: token.expires_at.map(Time),
            last_used: token.last_used.map(Time),
            address: token.address,
        }
    }
}

pub(super) const LIST: Operation = Operation::new("tokens", "listTokens", "List the tokens")
    .gives("Tokens, newest first, without their secrets.");

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
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct NewToken {
    /// What it is for: 1 to 60 characters.
    #[schemars(example = &"Nightly build")]
    name: String,
    /// `read`, `upload:<platform>`, `upload:*`, `publish:<platform>`, `publish:*`, `admin`.
    #[schemars(example = ["upload:chase", "publish:chase"])]
    scopes: Vec<String>,
    /// For how many days; without end where this is missing.
    #[serde(default)]
    #[schemars(range(min = 1, max = 3650))]
    days: Given<u32>,
}

pub(super) const CREATE: Operation = Operation::new("tokens", "createToken", "Make a token")
    .more(
        "The answer holds the secret. It is not kept, so this is the only time that it can be \
         seen.",
    )
    .takes(r#"{"name": "Nightly build", "scopes": ["upload:chase", "publish:chase"], "days": 365}"#)
    .gives("Made.")
    .refuses(&[when(
        "A value cannot be used",
        &[codes::INVALID_NAME, codes::INVALID_SCOPE, codes::INVALID_VALUE],
    )]);

/// `POST /api/v1/tokens`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    Body(new): Body<NewToken>,
) -> Result<Created<MadeView>, Problem> {
    let scopes = Scopes::read(new.scopes.iter().map(String::as_str)).map_err(Error::from)?;
    let name = new.name.parse().map_err(Error::from)?;
    let wish = TokenWish { name, scopes, days: new.days.0 };
    let (token, secret) = app.accounts().create_token(wish, &actor).await?;
    let location = format!("/api/v1/tokens/{}", token.id);
    let body = MadeView { view: token.into(), token: secret.expose().to_owned() };
    Ok(Created { location, body })
}

pub(super) const REVOKE: Operation = Operation::new("tokens", "revokeToken", "Revoke a token")
    .gives("Revoked; it is refused from now on.")
    .refuses(&[MISSING]);

/// `DELETE /api/v1/tokens/{id}`
pub(super) async fn revoke(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(id): Segment<i64>,
) -> Result<Done, Problem> {
    app.accounts().revoke_token(id, &actor).await?;
    Ok(Done)
}
