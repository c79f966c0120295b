//! One-time codes: the second step of signing in, for those who want it.

use std::collections::HashMap;

use super::{Accounts, Error, plain_code, random, random_code};
use crate::domain::Timestamp;
use crate::domain::actor::Actor;
use crate::domain::digest::Sha256;
use crate::domain::event::{Event, Kind};
use crate::domain::secret::Secret;
use crate::domain::totp::Key;
use crate::store::{Session, User};

/// Seconds that one has to type the code.
const LIFE: i64 = 300;
/// Codes that may be tried with one ticket.
const TRIES: u8 = 5;
/// Tickets that are kept at most.
const LIMIT: usize = 1000;
/// Recovery codes that are made.
const RECOVERY_CODES: usize = 10;

/// A sign-in whose password was right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    user: i64,
    made: Timestamp,
    tries: u8,
}

/// One-time codes were switched on.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Codes that are good once each, for the day on which the phone is lost. Shown once.
    pub recovery_codes: Vec<Secret>,
}

impl Ticket {
    pub(super) const fn new(user: i64, now: Timestamp) -> Self {
        Self { user, made: now, tries: 0 }
    }

    pub(super) const fn is_over(&self, now: Timestamp) -> bool {
        now - self.made > LIFE || self.tries >= TRIES
    }

    pub(super) fn keep(self, tickets: &mut HashMap<Sha256, Self>, id: Sha256) {
        let now = self.made;
        if tickets.len() >= LIMIT {
            tickets.retain(|_, ticket| !ticket.is_over(now));
        }
        if tickets.len() < LIMIT {
            tickets.insert(id, self);
        }
    }

    /// Uses up one try; answers whose ticket it is, unless it is over.
    pub(super) fn tear(
        tickets: &mut HashMap<Sha256, Self>,
        id: Sha256,
        now: Timestamp,
    ) -> Option<i64> {
        let ticket = tickets.get_mut(&id).filter(|ticket| !ticket.is_over(now))?;
        ticket.tries += 1;
        Some(ticket.user)
    }
}

impl Accounts {
    /// A key that a user may put on their phone.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn new_totp_key(&self) -> Result<Key, Error> {
        Ok(Key::new(random::<20>()?))
    }

    /// Switches one-time codes on, once the phone has shown that it makes the right ones.
    ///
    /// # Errors
    /// [`Error::WrongCode`] where it does not; where this is not the user's password, see
    /// [`Accounts::confirm`].
    pub async fn enrol(
        &self,
        session: &Session,
        password: &Secret,
        key: &Key,
        code: &str,
        actor: &Actor,
    ) -> Result<Enrolment, Error> {
        let step = key.check(code, self.now(), None).ok_or(Error::WrongCode)?;
        let user = self.confirm(session, password, actor).await?;
        let codes: Result<Vec<Secret>, Error> =
            (0..RECOVERY_CODES).map(|_| random_code::<10>()).collect();
        let recovery_codes = codes?;
        let kept: Vec<Sha256> =
            recovery_codes.iter().map(|code| plain_code(code.expose()).fingerprint()).collect();
        self.0.store.set_totp(user.id, Some((key, step)), &kept).await?;
        let text = format!("{} switched one-time codes on.", user.name);
        let event = Event::new(self.now(), Kind::TwoFactor, text).by(actor);
        let deed = "switched one-time codes on for themselves";
        self.record(event.does(deed).concerning(user.name.as_str())).await?;
        Ok(Enrolment { recovery_codes })
    }

    /// Switches one-time codes off.
    ///
    /// # Errors
    /// Where this is not the user's password, see [`Accounts::confirm`].
    pub async fn disenrol(
        &self,
        session: &Session,
        password: &Secret,
        actor: &Actor,
    ) -> Result<(), Error> {
        let user = self.confirm(session, password, actor).await?;
        self.drop_totp(&user, actor).await
    }

    /// Switches one-time codes off for somebody whose phone is lost.
    pub(super) async fn drop_totp(&self, user: &User, actor: &Actor) -> Result<(), Error> {
        self.0.store.set_totp(user.id, None, &[]).await?;
        let text = format!("One-time codes of {} were switched off.", user.name);
        let whose =
            if actor.name() == user.name.as_str() { "themselves" } else { user.name.as_str() };
        let deed = format!("switched one-time codes off for {whose}");
        let event = Event::new(self.now(), Kind::TwoFactor, text).by(actor);
        self.record(event.does(deed).concerning(user.name.as_str())).await
    }

    /// Whether this is a one-time code that is right now, or a recovery code; both are good once.
    pub(super) async fn takes_code(&self, user: &User, code: &str) -> Result<bool, Error> {
        let Some(key) = &user.totp else { return Ok(false) };
        if let Some(step) = key.check(code, self.now(), user.totp_step) {
            return Ok(self.0.store.use_step(user.id, step).await?);
        }
        let code = plain_code(code).fingerprint();
        Ok(self.0.store.use_recovery_code(user.id, code).await?)
    }
}
