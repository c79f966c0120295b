//! API tokens, for administrators.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::address::Address;
use super::confirm::{Confirm, Part};
use super::error::{PageError, sentence, status};
use super::page::{Actor, Flash, Page, View};
use super::platforms::names;
use crate::app::{App, Error, TokenWish};
use crate::domain::access::Scopes;
use crate::domain::secret::Secret;
use crate::store::Token;

/// Lifetimes that the form proposes, in days; 0 is without end.
const LIFETIMES: [(u32, &str); 5] =
    [(30, "30 days"), (90, "90 days"), (365, "a year"), (1095, "three years"), (0, "without end")];

#[derive(Debug, Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    page: Page,
    tokens: Vec<Token>,
    platforms: Vec<String>,
    sent: Sent,
    error: String,
    /// The token that was just made, and lines to try it with.
    made: Option<(Secret, Secret)>,
}

/// What the form sends.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    name: String,
    #[serde(default)]
    platform: String,
    #[serde(default)]
    read: String,
    #[serde(default)]
    upload: String,
    #[serde(default)]
    publish: String,
    #[serde(default)]
    admin: String,
    #[serde(default)]
    days: u32,
}

impl Sent {
    /// What most tokens are made for.
    fn usual() -> Self {
        let yes = || "yes".to_owned();
        Self {
            name: String::new(),
            platform: String::new(),
            read: String::new(),
            upload: yes(),
            publish: yes(),
            admin: String::new(),
            days: 365,
        }
    }

    fn wish(&self) -> Result<TokenWish, Error> {
        let platform = if self.platform.is_empty() { "*" } else { self.platform.as_str() };
        let mut scopes = Vec::new();
        for (ticked, scope) in [
            (&self.read, "read".to_owned()),
            (&self.upload, format!("upload:{platform}")),
            (&self.publish, format!("publish:{platform}")),
            (&self.admin, "admin".to_owned()),
        ] {
            if !ticked.is_empty() {
                scopes.push(scope);
            }
        }
        Ok(TokenWish {
            name: self.name.parse()?,
            scopes: Scopes::read(scopes.iter().map(String::as_str))?,
            days: (self.days > 0).then_some(self.days),
        })
    }

    fn is_platform(&self, name: &str) -> bool {
        self.platform.eq_ignore_ascii_case(name)
    }
}

async fn page(
    app: &App,
    page: Page,
    sent: Sent,
    error: String,
    made: Option<(Secret, Secret)>,
) -> Result<TokensPage, PageError> {
    let tokens = app.accounts().store().tokens().await?;
    Ok(TokensPage { page, tokens, platforms: names(app), sent, error, made })
}

/// `GET /settings/tokens`
pub(super) async fn list(State(app): State<App>, frame: Page) -> Result<Response, PageError> {
    Ok(View(page(&app, frame, Sent::usual(), String::new(), None).await?).into_response())
}

/// `POST /settings/tokens`
pub(super) async fn create(
    State(app): State<App>,
    Actor(actor): Actor,
    frame: Page,
    Form(sent): Form<Sent>,
) -> Result<Response, PageError> {
    let made = match sent.wish() {
        Ok(wish) => app.accounts().create_token(wish, &actor).await,
        Err(error) => Err(error),
    };
    match made {
        Ok((_, secret)) => {
            let base = Address::of(&app, &frame).base;
            let line = format!(
                "curl -fsS -H \"Authorization: Bearer {}\" -F file=@firmware.bin \
                 {base}/api/v1/releases",
                secret.expose()
            );
            let made = Some((secret, Secret::new(line)));
            Ok(View(page(&app, frame, Sent::usual(), String::new(), made).await?).into_response())
        }
        Err(error) if error.is_internal() => Err(error.into()),
        Err(error) => {
            let text = sentence(&error.to_string());
            Ok((status(&error), View(page(&app, frame, sent, text, None).await?)).into_response())
        }
    }
}

/// `GET /settings/tokens/{id}/revoke`
pub(super) async fn confirm_revoke(
    State(app): State<App>,
    page: Page,
    Path(id): Path<i64>,
    Query(part): Query<Part>,
) -> Result<Response, PageError> {
    let mut tokens = app.accounts().store().tokens().await?.into_iter();
    let token = tokens.find(|token| token.id == id).ok_or_else(|| PageError::not_found("token"))?;
    let confirm = Confirm {
        page,
        title: format!("Revoke the token {}?", token.name),
        consequences: vec!["Whatever uses it is refused from now on.".to_owned()],
        remains: "What was done with it stays in the event log.",
        action: format!("/settings/tokens/{id}/revoke"),
        button: "Revoke",
        back: "/settings/tokens".to_owned(),
    };
    Ok(confirm.show(&part))
}

/// `POST /settings/tokens/{id}/revoke`
pub(super) async fn revoke(
    State(app): State<App>,
    Actor(actor): Actor,
    Path(id): Path<i64>,
) -> Result<Response, PageError> {
    app.accounts().revoke_token(id, &actor).await?;
    Ok(Flash::good("The token was revoked.").go("/settings/tokens"))
}
