//! Sessions: how a browser is known again.

use super::{Accounts, Error, USE_WRITTEN, lock};
use crate::domain::Timestamp;
use crate::domain::access::PasswordError;
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::secret::Secret;
use crate::store::{Oldest, Session, User};

/// Seconds without use after which a session is over.
const IDLE: i64 = 7 * 86_400;
/// Seconds after which it is over in any case.
const LONGEST: i64 = 30 * 86_400;

/// Wrong passwords after which a session ends in which somebody was asked for their own.
const GUESSES: u32 = 5;

/// The earliest moments of a session that is not over.
pub(super) const fn oldest(now: Timestamp) -> Oldest {
    Oldest { created_at: now - LONGEST, last_used: now - IDLE }
}

impl Accounts {
    /// The session of this secret, unless it is over; notes that it is used.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn session(&self, secret: &Secret, from: &str) -> Result<Option<Session>, Error> {
        let now = self.now();
        let session = self.0.store.session(secret.fingerprint(), oldest(now)).await?;
        if let Some(session) = &session
            && now - session.last_used >= USE_WRITTEN
        {
            lock(&self.0.uses).sessions.insert(session.id, (now, from.to_owned()));
        }
        Ok(session)
    }

    /// The sessions of a user, the one used last first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn sessions(&self, user: i64) -> Result<Vec<Session>, Error> {
        Ok(self.0.store.sessions(user, oldest(self.now())).await?)
    }

    /// Makes sure that whoever uses a session also knows its user's password. Otherwise the
    /// session could be stolen: that is written down, and after five times the session ends.
    ///
    /// # Errors
    /// [`PasswordError::Wrong`]; [`Error::SessionEnded`] after too many.
    pub async fn confirm(
        &self,
        session: &Session,
        password: &Secret,
        actor: &Actor,
    ) -> Result<User, Error> {
        let user = self.0.store.user(session.user_id).await?.ok_or(Error::NotFound("user"))?;
        // Counted before it is looked at: many may come at the same time.
        let wrong = {
            let mut guesses = lock(&self.0.guesses);
            let wrong = guesses.entry(session.hash).or_default();
            *wrong += 1;
            *wrong
        };
        if wrong > GUESSES {
            return Err(Error::SessionEnded);
        }
        match self.0.hasher.check(Some(&user.password), password, true).await {
            Ok(true) => {
                lock(&self.0.guesses).remove(&session.hash);
                return Ok(user);
            }
            Ok(false) => {}
            Err(error) => {
                if let Some(wrong) = lock(&self.0.guesses).get_mut(&session.hash) {
                    *wrong = wrong.saturating_sub(1);
                }
                return Err(error);
            }
        }
        let name = user.name.as_str();
        let text = format!("{name} was asked for their password and typed a wrong one.");
        let event = Event::new(self.now(), Kind::SignInFailed, text).by(actor).concerning(name);
        self.record(event.does("typed a wrong password when asked for their own")).await?;
        if wrong < GUESSES {
            return Err(PasswordError::Wrong.into());
        }
        // The count stays for those who are under way; whoever has the session has it no more.
        self.0.store.end_session(session.hash).await?;
        let text = format!("A session of {name} was ended after {GUESSES} wrong passwords.");
        let event = Event::new(self.now(), Kind::SignedOut, text).by(Actor::machine());
        let deed = format!("ended a session of {name} after {GUESSES} wrong passwords");
        self.record(event.does(deed).concerning(name)).await?;
        Err(Error::SessionEnded)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn sign_out(&self, session: &Session, actor: &Actor) -> Result<(), Error> {
        if self.0.store.end_session(session.hash).await? {
            let text = format!("{} signed out.", session.user);
            let event = Event::new(self.now(), Kind::SignedOut, text).by(actor);
            self.record(event.does("signed out").concerning(session.user.as_str())).await?;
        }
        Ok(())
    }

    /// Ends all sessions of the session's user, this one too.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn sign_out_everywhere(&self, session: &Session, actor: &Actor) -> Result<(), Error> {
        let ended = self.0.store.end_sessions(session.user_id).await?;
        let text = format!("{} signed out everywhere ({ended} sessions).", session.user);
        let sessions = if ended == 1 { "session" } else { "sessions" };
        let deed = format!("signed out everywhere ({ended} {sessions})");
        let event = Event::new(self.now(), Kind::SignedOut, text).by(actor);
        self.record(event.does(deed).concerning(session.user.as_str())).await
    }

    /// Ends another session of the session's user.
    ///
    /// # Errors
    /// [`Error::NotFound`] where they have no such session.
    pub async fn revoke_session(
        &self,
        session: &Session,
        id: i64,
        actor: &Actor,
    ) -> Result<(), Error> {
        if !self.0.store.revoke_session(session.user_id, id).await? {
            return Err(Error::NotFound("session"));
        }
        let text = format!("{} ended another session.", session.user);
        let event = Event::new(self.now(), Kind::SignedOut, text).by(actor);
        let deed = "ended another of their sessions";
        self.record(event.does(deed).concerning(session.user.as_str())).await
    }
}
