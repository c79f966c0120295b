//! Users: added, changed, removed.

use super::{Accounts, Error};
use crate::domain::access::{Role, UserName, check_password};
use crate::domain::actor::Actor;
use crate::domain::digest::Sha256;
use crate::domain::event::{Event, Kind};
use crate::domain::secret::Secret;
use crate::store::{Guarded, NewUser, Session, StoreError, User};

impl Accounts {
    /// The user of this name, in any case.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user(&self, name: &str) -> Result<User, Error> {
        let user = self.0.store.user_by_key(&name.trim().to_ascii_lowercase()).await?;
        user.ok_or(Error::NotFound("user"))
    }

    /// Adds a user.
    ///
    /// # Errors
    /// Where name or password cannot be used, one of this name exists, or nobody could manage
    /// users: the first one is an administrator.
    pub async fn create_user(
        &self,
        name: &str,
        role: Role,
        password: &Secret,
        actor: &Actor,
    ) -> Result<User, Error> {
        let name: UserName = name.parse()?;
        if self.0.store.user_by_key(&name.key()).await?.is_some() {
            return Err(Error::UserExists(name.to_string()));
        }
        check_password(password.expose(), name.as_str())?;
        if role != Role::Administrator && self.needs_setup().await? {
            return Err(Error::State("the first user must be an administrator"));
        }
        let password = self.0.hasher.hash(password).await?;
        let new = NewUser { name, role, password };
        let created = self.0.store.create_user(&new, false, self.now()).await;
        let id = created.map_err(|error| match error {
            StoreError::Conflict => Error::UserExists(new.name.to_string()),
            error => error.into(),
        })?;
        let text = format!("{} was added as {}.", new.name, role.word());
        let event = Event::new(self.now(), Kind::UserCreated, text).by(actor);
        let deed = format!("added the user {} as {}", new.name, role.word());
        self.record(event.does(deed).concerning(new.name.as_str())).await?;
        self.0.store.user(id).await?.ok_or(Error::NotFound("user"))
    }

    /// Gives a user another role; it holds from their next request on.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`] where nobody could manage users any more.
    pub async fn change_role(&self, user: &User, role: Role, actor: &Actor) -> Result<(), Error> {
        if user.role == role {
            return Ok(());
        }
        if self.0.store.set_role(user.id, role).await? == Guarded::Last {
            return Err(Error::LastAdministrator);
        }
        let text = format!("{} is now {}.", user.name, role.word());
        let event = Event::new(self.now(), Kind::UserEdited, text).by(actor);
        let (name, was, is) = (&user.name, user.role.word(), role.word());
        let deed = format!("changed the role of {name} from {was} to {is}");
        self.record(event.does(deed).concerning(name.as_str())).await
    }

    /// Removes a user and ends their sessions.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`] where nobody could manage users any more.
    pub async fn remove_user(&self, user: &User, actor: &Actor) -> Result<(), Error> {
        if self.0.store.delete_user(user.id).await? == Guarded::Last {
            return Err(Error::LastAdministrator);
        }
        let text = format!("{} was removed.", user.name);
        let event = Event::new(self.now(), Kind::UserRemoved, text).by(actor);
        let deed = format!("removed the user {}", user.name);
        self.record(event.does(deed).concerning(user.name.as_str())).await
    }

    /// Changes one's own password; all other sessions end.
    ///
    /// # Errors
    /// Where the current password is wrong (see [`Accounts::confirm`]), or the new one not good
    /// enough.
    pub async fn change_password(
        &self,
        session: &Session,
        current: &Secret,
        new: &Secret,
        actor: &Actor,
    ) -> Result<(), Error> {
        let user = self.confirm(session, current, actor).await?;
        self.set_password(&user, new, Some(session.hash), actor).await
    }

    /// Gives a user who has forgotten theirs a new password, switches their one-time codes off,
    /// and ends their sessions.
    ///
    /// # Errors
    /// Where the password is not good enough.
    pub async fn reset_password(
        &self,
        user: &User,
        new: &Secret,
        actor: &Actor,
    ) -> Result<(), Error> {
        self.set_password(user, new, None, actor).await?;
        if user.totp.is_some() {
            self.drop_totp(user, actor).await?;
        }
        Ok(())
    }

    async fn set_password(
        &self,
        user: &User,
        new: &Secret,
        session: Option<Sha256>,
        actor: &Actor,
    ) -> Result<(), Error> {
        check_password(new.expose(), user.name.as_str())?;
        let hash = self.0.hasher.hash(new).await?;
        self.0.store.set_password(user.id, &hash, session, self.now()).await?;
        let text = format!("The password of {} was changed; other sessions have ended.", user.name);
        let deed = if actor.name() == user.name.as_str() {
            "changed their password".to_owned()
        } else {
            format!("gave {} a new password", user.name)
        };
        let event = Event::new(self.now(), Kind::PasswordChanged, text).by(actor);
        self.record(event.does(deed).concerning(user.name.as_str())).await
    }
}
