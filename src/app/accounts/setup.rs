//! The first administrator.

use std::sync::atomic::Ordering;

use super::throttle::Standing;
use super::{Accounts, Caller, Error, SignIn, lock, plain_code, random_code};
use crate::domain::access::{Role, UserName, check_password};
use crate::domain::actor::Actor;
use crate::domain::event::{Event, Kind};
use crate::domain::secret::Secret;
use crate::store::{NewUser, StoreError};

/// The administrator that the environment makes.
const ADMIN: &str = "admin";
/// Under this name wrong set-up codes are counted; no user can have it.
const SETUP: &str = "\0setup";

impl Accounts {
    /// Whether there is no user yet, so that the first one must be made.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn needs_setup(&self) -> Result<bool, Error> {
        if self.0.settled.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let settled = self.0.store.has_users().await?;
        self.0.settled.store(settled, Ordering::Relaxed);
        Ok(!settled)
    }

    /// Where there is no user yet: makes `admin` with this password, or else a code with which
    /// the set-up page makes the first administrator.
    ///
    /// # Errors
    /// Where the password is not good enough, or the database fails.
    pub async fn prepare(&self, password: Option<&Secret>) -> Result<(), Error> {
        if !self.needs_setup().await? {
            return Ok(());
        }
        if let Some(password) = password {
            self.create_first(ADMIN.parse()?, password, &Actor::machine()).await?;
            return Ok(());
        }
        *lock(&self.0.setup_code) = Some(random_code::<10>()?);
        Ok(())
    }

    /// The code that the set-up page asks for.
    #[must_use]
    pub fn setup_code(&self) -> Option<Secret> {
        lock(&self.0.setup_code).clone()
    }

    /// Makes the first administrator, and signs them in.
    ///
    /// # Errors
    /// [`Error::WrongCode`], or where name or password cannot be used.
    pub async fn set_up(
        &self,
        code: &str,
        name: &str,
        password: &Secret,
        caller: &Caller,
    ) -> Result<SignIn, Error> {
        let known = self.setup_code().map(|code| plain_code(code.expose()));
        // It has 80 bits: nobody guesses it, and whoever knows it never waits for those who try.
        if !known.is_some_and(|known| known.is(plain_code(code).expose())) {
            let (at, guesser) = (caller.address, Standing::Guesser);
            let wait = self.0.throttle.charge(SETUP, at, &guesser, self.now());
            return wait.map_or(Err(Error::WrongCode), |wait| Ok(SignIn::Wait(wait)));
        }
        let actor = Actor::somebody(caller.address);
        let id = self.create_first(name.parse()?, password, &actor).await?;
        let user = self.0.store.user(id).await?.ok_or(Error::NotFound("user"))?;
        Ok(SignIn::Done(self.begin(&user, caller).await?))
    }

    async fn create_first(
        &self,
        name: UserName,
        password: &Secret,
        actor: &Actor,
    ) -> Result<i64, Error> {
        check_password(password.expose(), name.as_str())?;
        let password = self.0.hasher.hash(password).await?;
        let new = NewUser { name, role: Role::Administrator, password };
        let created = self.0.store.create_user(&new, true, self.now()).await;
        let id = created.map_err(|error| match error {
            StoreError::Conflict => Error::State("there is an administrator already; sign in"),
            error => error.into(),
        })?;
        self.0.settled.store(true, Ordering::Relaxed);
        *lock(&self.0.setup_code) = None;
        let text = format!("{} was made the first administrator.", new.name);
        let event = Event::new(self.now(), Kind::UserCreated, text).by(actor);
        let deed = format!("made {} the first administrator", new.name);
        self.record(event.does(deed).concerning(new.name.as_str())).await?;
        Ok(id)
    }
}
