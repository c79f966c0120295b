//! Signing in.

use super::second_step::Ticket;
use super::throttle::Standing;
use super::{Accounts, Caller, Error, lock, random_secret};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::secret::Secret;
use crate::store::{NewSession, User};

/// Characters of a name that are looked at.
const NAME_LIMIT: usize = 80;

/// What became of an attempt to sign in.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// It worked.
    Done(SignedIn),
    /// The password was right; now the one-time code is asked for, with this ticket.
    Code(Secret),
    /// Name, password or code is wrong.
    Wrong,
    /// There were too many wrong attempts: wait for so many seconds.
    Wait(i64),
    /// The ticket is not good any more: begin again.
    Again,
}

/// What a browser keeps of having signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The secret of the session.
    pub session: Secret,
    /// What marks the browser as one in which somebody has signed in.
    pub mark: Secret,
    /// The user's name.
    pub user: String,
}

impl Accounts {
    /// Tries to sign in by name and password.
    ///
    /// # Errors
    /// Where the database fails, or the server is busy with other passwords.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &Secret,
        caller: &Caller,
    ) -> Result<SignIn, Error> {
        let key = key_of(name);
        let standing = self.standing(&key, caller).await?;
        if let Some(wait) = self.0.throttle.charge(&key, caller.address, &standing, self.now()) {
            return Ok(SignIn::Wait(wait));
        }
        let user = self.0.store.user_by_key(&key).await?;
        let (hash, friend) = (user.as_ref().map(|user| &user.password), standing.is_friend());
        let right = self.0.hasher.check(hash, password, friend).await?;
        match user {
            Some(user) if right && user.totp.is_some() => {
                let ticket = random_secret()?;
                let waiting = Ticket::new(user.id, self.now());
                waiting.keep(&mut lock(&self.0.tickets), ticket.fingerprint());
                Ok(SignIn::Code(ticket))
            }
            Some(user) if right => {
                self.0.throttle.forgive(&key, caller.address, &standing);
                Ok(SignIn::Done(self.begin(&user, caller).await?))
            }
            user => {
                self.failed(user.as_ref(), "wrong password", caller).await?;
                Ok(SignIn::Wrong)
            }
        }
    }

    /// Tries to finish a sign-in by a one-time code or a recovery code.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn sign_in_by_code(
        &self,
        ticket: &Secret,
        code: &str,
        caller: &Caller,
    ) -> Result<SignIn, Error> {
        let now = self.now();
        let Some(user) = Ticket::tear(&mut lock(&self.0.tickets), ticket.fingerprint(), now) else {
            return Ok(SignIn::Again);
        };
        let Some(user) = self.0.store.user(user).await? else { return Ok(SignIn::Again) };
        let key = user.name.key();
        let standing = self.standing(&key, caller).await?;
        if let Some(wait) = self.0.throttle.charge(&key, caller.address, &standing, now) {
            return Ok(SignIn::Wait(wait));
        }
        if !self.takes_code(&user, code).await? {
            self.failed(Some(&user), "wrong code", caller).await?;
            return Ok(SignIn::Wrong);
        }
        lock(&self.0.tickets).remove(&ticket.fingerprint());
        self.0.throttle.forgive(&key, caller.address, &standing);
        Ok(SignIn::Done(self.begin(&user, caller).await?))
    }

    /// Begins a session, always with a secret of its own.
    pub(super) async fn begin(&self, user: &User, caller: &Caller) -> Result<SignedIn, Error> {
        let session = random_secret()?;
        let mark = caller.mark.clone().map_or_else(random_secret, Ok)?;
        let new = NewSession {
            user_id: user.id,
            hash: session.fingerprint(),
            address: caller.address.to_canonical().to_string(),
            browser: caller.browser.clone(),
            marks: vec![browser_mark(&mark), address_mark(caller)],
        };
        self.0.store.begin_session(&new, self.now()).await?;
        let text = format!("{} signed in from {}, {}.", user.name, new.address, new.browser);
        let event = Event::new(self.now(), Kind::SignedIn, text);
        let actor = Actor::person(user.name.as_str(), Some(caller.address));
        let deed = format!("signed in with {}", new.browser);
        self.record(event.by(actor).does(deed).concerning(user.name.as_str())).await?;
        Ok(SignedIn { session, mark, user: user.name.to_string() })
    }

    /// Whether this user has signed in from there before.
    pub(super) async fn standing(&self, key: &str, caller: &Caller) -> Result<Standing, Error> {
        if let Some(mark) = caller.mark.as_ref().map(browser_mark)
            && self.0.store.is_acquainted(key, &mark).await?
        {
            return Ok(Standing::Acquaintance(mark));
        }
        // Whoever it was that signed in there, and whether there is a user of this name at all:
        // how long one waits must not tell.
        let mark = address_mark(caller);
        let known = self.0.store.is_known_mark(&mark).await?;
        Ok(if known { Standing::Neighbour(mark) } else { Standing::Stranger })
    }

    /// Writes down that somebody could not sign in. What was typed as a name is not repeated: it
    /// may be a password in the wrong field.
    async fn failed(&self, user: Option<&User>, why: &str, caller: &Caller) -> Result<(), Error> {
        if !self.0.failures.allows(self.now()) {
            return Ok(());
        }
        let (text, deed) = match user {
            Some(user) => (
                format!("A sign-in as {} failed: {why}.", user.name),
                format!("failed to sign in as {}: {why}", user.name),
            ),
            None => (
                "A sign-in failed: there is no such user.".to_owned(),
                "failed to sign in: there is no such user".to_owned(),
            ),
        };
        let event = Event::new(self.now(), Kind::SignInFailed, text);
        let event = event.by(Actor::somebody(caller.address)).does(deed);
        self.record(match user {
            Some(user) => event.concerning(user.name.as_str()),
            None => event,
        })
        .await
    }
}

impl Standing {
    const fn is_friend(&self) -> bool {
        matches!(self, Self::Acquaintance(_))
    }
}

/// The name as it is looked for.
fn key_of(name: &str) -> String {
    name.trim().chars().take(NAME_LIMIT).collect::<String>().to_ascii_lowercase()
}

fn browser_mark(mark: &Secret) -> String {
    format!("browser {}", mark.fingerprint())
}

fn address_mark(caller: &Caller) -> String {
    format!("address {}", caller.address.to_canonical())
}
