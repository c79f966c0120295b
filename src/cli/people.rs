//! Users and tokens from the command line. The database may be open in a running server: that
//! one reads users and tokens anew for every request, so that a change holds at once.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use crate::app::{Accounts, TokenWish};
use crate::clock::SystemClock;
use crate::config::{PasswordCost, TokenAction, TokenCommand, UserAction, UserCommand};
use crate::domain::Timestamp;
use crate::domain::access::Scopes;
use crate::domain::actor::Actor;
use crate::domain::secret::Secret;
use crate::machine::private_folder;
use crate::store::Store;

/// Carries out `espalier user …`.
pub(super) fn users(command: UserCommand) -> Result<(), String> {
    with_accounts(&command.data, async |accounts| user(accounts, command.action).await)
}

/// Carries out `espalier token …`.
pub(super) fn tokens(command: TokenCommand) -> Result<(), String> {
    with_accounts(&command.data, async |accounts| token(accounts, command.action).await)
}

async fn user(accounts: &Accounts, action: UserAction) -> Result<(), String> {
    let failed = |error: crate::app::Error| error.to_string();
    let actor = Actor::command_line();
    match action {
        UserAction::Add { name, role } => {
            let password = password()?;
            let added = accounts.create_user(name.as_str(), role, &password, &actor).await;
            let user = added.map_err(failed)?;
            say(&format!("{} was added as {}.", user.name, role.word()))
        }
        UserAction::List => {
            let users = accounts.store().users().await.map_err(|error| failed(error.into()))?;
            for user in users {
                let codes = if user.totp.is_some() { ", with one-time codes" } else { "" };
                let seen = user.signed_in.map_or_else(|| "never".to_owned(), moment);
                say(&format!("{}\t{}{codes}\tsigned in: {seen}", user.name, user.role.word()))?;
            }
            Ok(())
        }
        UserAction::Password { name } => {
            let user = accounts.user(name.as_str()).await.map_err(failed)?;
            let password = password()?;
            accounts.reset_password(&user, &password, &actor).await.map_err(failed)?;
            say(&format!("{} has a new password, and is signed out everywhere.", user.name))
        }
        UserAction::Remove { name } => {
            let user = accounts.user(name.as_str()).await.map_err(failed)?;
            accounts.remove_user(&user, &actor).await.map_err(failed)?;
            say(&format!("{} was removed.", user.name))
        }
    }
}

async fn token(accounts: &Accounts, action: TokenAction) -> Result<(), String> {
    let failed = |error: crate::app::Error| error.to_string();
    let actor = Actor::command_line();
    match action {
        TokenAction::Add { name, scope, days } => {
            let texts: Vec<String> = scope.iter().map(ToString::to_string).collect();
            let scopes = Scopes::read(texts.iter().map(String::as_str));
            let scopes = scopes.map_err(|error| error.to_string())?;
            let wish = TokenWish { name, scopes, days };
            let (_, secret) = accounts.create_token(wish, &actor).await.map_err(failed)?;
            // Alone on its line, so that a script can take it.
            say(secret.expose())
        }
        TokenAction::List => {
            let tokens = accounts.store().tokens().await.map_err(|error| failed(error.into()))?;
            for token in tokens {
                let ends = token.expires_at.map_or_else(|| "never".to_owned(), moment);
                let (id, name, hint) = (token.id, token.name, token.hint);
                say(&format!("{id}\t{name}\t{hint}…\t{}\tends: {ends}", token.scopes))?;
            }
            Ok(())
        }
        TokenAction::Revoke { id } => {
            accounts.revoke_token(id, &actor).await.map_err(failed)?;
            say("The token was revoked.")
        }
    }
}

/// Opens the data folder, also beside a running server, and does something with its accounts.
fn with_accounts(
    data: &Path,
    work: impl AsyncFnOnce(&Accounts) -> Result<(), String>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let (store, _lock) = open(data).await?;
        let clock = Arc::new(SystemClock);
        let accounts = Accounts::new(store.clone(), clock, PasswordCost::default());
        let done = work(&accounts).await;
        store.close().await;
        done
    })
}

async fn open(data: &Path) -> Result<(Store, Option<File>), String> {
    let shown = data.display();
    let failed = |error: io::Error| {
        format!("the data folder {shown} (--data, ESPALIER_DATA) cannot be used: {error}")
    };
    private_folder(data).map_err(failed)?;
    let lock = data.join("espalier.lock");
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(lock);
    let (file, database) = (file.map_err(failed)?, data.join("espalier.db"));
    match file.try_lock() {
        Ok(()) => {
            let store = Store::open(&database).await;
            let wrong = |error| format!("the database in {shown} cannot be opened: {error}");
            Ok((store.map_err(wrong)?, Some(file)))
        }
        Err(TryLockError::WouldBlock) => {
            let store = Store::open_beside(&database).await;
            let wrong = |error| {
                format!(
                    "the database in {shown} cannot be used beside the server that runs on it: \
                     {error}. Is it of another version? Stop it first"
                )
            };
            Ok((store.map_err(wrong)?, None))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Asks for a password twice, or reads it from a pipe.
fn password() -> Result<Secret, String> {
    let failed = |error: io::Error| format!("the password cannot be read: {error}");
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(failed)?;
        return Ok(Secret::new(line.trim_end_matches(['\r', '\n'])));
    }
    let first = rpassword::prompt_password("Password: ").map_err(failed)?;
    let again = rpassword::prompt_password("Once more: ").map_err(failed)?;
    if first == again {
        Ok(Secret::new(first))
    } else {
        Err("the two passwords are not the same".to_owned())
    }
}

fn say(line: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{line}").map_err(|error| format!("cannot write: {error}"))
}

fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
