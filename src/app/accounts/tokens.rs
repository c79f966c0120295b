//! API tokens.

use super::{Accounts, Error, USE_WRITTEN, lock, random_secret};
use crate::domain::Timestamp;
use crate::domain::access::{Scopes, TokenName};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::secret::Secret;
use crate::store::{NewToken, Token};

/// How every token begins, so that it is recognised where it should not be.
const PREFIX: &str = "esp_";
/// Characters of the secret that are kept to tell tokens apart, prefix included.
const HINT: usize = 10;
/// Days that a token may last at most, if it ends at all.
const LONGEST: u32 = 3650;

/// A token that is wished for.
#[derive(Debug, Clone)]
pub struct TokenWish {
    /// What it is for.
    pub name: TokenName,
    /// What it may do.
    pub scopes: Scopes,
    /// For how many days; without end where this is missing.
    pub days: Option<u32>,
}

/// What a token in a request turned out to be.
#[derive(Debug, Clone)]
pub enum Bearer {
    /// A good one.
    Known(Token),
    /// One whose time is over.
    Expired,
    /// None that is known here, or not any more.
    Unknown,
}

impl Accounts {
    /// Makes a token. The secret is not kept: this is the only time it can be seen.
    ///
    /// # Errors
    /// [`Error::Value`] where its time is out of bounds.
    pub async fn create_token(
        &self,
        wish: TokenWish,
        actor: &Actor,
    ) -> Result<(Token, Secret), Error> {
        let now = self.now();
        if let Some(days) = wish.days.filter(|days| !(1..=LONGEST).contains(days)) {
            let (value, expected) = (days.to_string(), "a number from 1 to 3650");
            return Err(Error::Value { field: "lifetime in days", value, expected });
        }
        let secret = Secret::new(format!("{PREFIX}{}", random_secret()?.expose()));
        let new = NewToken {
            name: wish.name,
            hash: secret.fingerprint(),
            hint: secret.expose().chars().take(HINT).collect(),
            scopes: wish.scopes,
            created_by: actor.to_string(),
            expires_at: wish.days.map(|days| now + i64::from(days) * 86_400),
        };
        let id = self.0.store.create_token(&new, now).await?;
        let text = format!("The token {} was made: {}.", new.name, new.scopes);
        let until = wish.days.map(|days| format!(", for {days} days")).unwrap_or_default();
        let deed = format!("made the token {} ({}{until})", new.name, new.scopes);
        let event = Event::new(now, Kind::TokenCreated, text).by(actor).does(deed);
        self.record(event.concerning(new.name.to_string())).await?;
        let NewToken { name, hint, scopes, created_by, expires_at, hash: _ } = new;
        let (last_used, address) = (None, None);
        let created_at = now;
        let token = Token {
            id,
            name,
            hint,
            scopes,
            created_at,
            created_by,
            expires_at,
            last_used,
            address,
        };
        Ok((token, secret))
    }

    /// Revokes a token; its next request is refused.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_token(&self, id: i64, actor: &Actor) -> Result<(), Error> {
        let name = self.0.store.revoke_token(id).await?.ok_or(Error::NotFound("token"))?;
        let text = format!("The token {name} was revoked.");
        let event = Event::new(self.now(), Kind::TokenRevoked, text).by(actor);
        self.record(event.does(format!("revoked the token {name}")).concerning(name.clone())).await
    }

    /// What this secret is as a token; notes that it is used.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn bearer(&self, secret: &Secret, from: &str) -> Result<Bearer, Error> {
        if !secret.expose().starts_with(PREFIX) {
            return Ok(Bearer::Unknown);
        }
        let now: Timestamp = self.now();
        let Some(token) = self.0.store.token(secret.fingerprint()).await? else {
            return Ok(Bearer::Unknown);
        };
        if token.is_expired(now) {
            return Ok(Bearer::Expired);
        }
        if token.last_used.is_none_or(|last| now - last >= USE_WRITTEN) {
            lock(&self.0.uses).tokens.insert(token.id, (now, from.to_owned()));
        }
        Ok(Bearer::Known(token))
    }
}
