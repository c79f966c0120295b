//! What the command line and the environment say of users and tokens.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::domain::access::{Role, Scope, TokenName, UserName};
use crate::domain::secret::Secret;

const PASSWORD: &str = "ESPALIER_ADMIN_PASSWORD";
const PASSWORD_FILE: &str = "ESPALIER_ADMIN_PASSWORD_FILE";

/// How much work Argon2id has with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory: u32,
    /// How often it is gone through.
    pub passes: u32,
}

impl PasswordCost {
    /// As little as possible, for tests.
    pub const LOWEST: Self = Self { memory: 8, passes: 1 };
}

impl Default for PasswordCost {
    /// What OWASP advises for Argon2id.
    fn default() -> Self {
        Self { memory: 19 * 1024, passes: 2 }
    }
}

/// Reads a role.
fn role(text: &str) -> Result<Role, String> {
    let expected = || "expected administrator, editor or viewer".to_owned();
    Role::read(&text.trim().to_ascii_lowercase()).ok_or_else(expected)
}

/// Users, from the command line.
#[derive(Debug, Args)]
pub struct UserCommand {
    /// Folder for the database and the firmware
    #[arg(short = 'D', long, env = "ESPALIER_DATA", default_value = "./data", global = true)]
    pub data: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub action: UserAction,
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Add a user; the password is asked for, or read from the standard input
    Add {
        /// Their name
        name: UserName,
        /// What they may do: administrator, editor or viewer
        #[arg(long, default_value = "viewer", value_parser = role)]
        role: Role,
    },
    /// List the users
    List,
    /// Set a new password; it is asked for, or read from the standard input
    Password {
        /// Whose
        name: UserName,
    },
    /// Remove a user
    Remove {
        /// Whom
        name: UserName,
    },
}

/// Tokens, from the command line.
#[derive(Debug, Args)]
pub struct TokenCommand {
    /// Folder for the database and the firmware
    #[arg(short = 'D', long, env = "ESPALIER_DATA", default_value = "./data", global = true)]
    pub data: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub action: TokenAction,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenAction {
    /// Make a token and print it: the only time that it can be seen
    Add {
        /// What it is for
        name: TokenName,
        /// What it may do: read, upload:PLATFORM, publish:PLATFORM (or * for all), admin; repeatable
        #[arg(long, required = true, value_delimiter = ',')]
        scope: Vec<Scope>,
        /// For how many days; without end where this is missing
        #[arg(long)]
        days: Option<u32>,
    },
    /// List the tokens
    List,
    /// Revoke a token
    Revoke {
        /// Its number, as the list shows it
        id: i64,
    },
}

/// The password of the first administrator, out of the environment or the file that it names.
pub(super) fn admin_password(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Secret>, String> {
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    let text = match (value(PASSWORD), value(PASSWORD_FILE)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(format!("expected {PASSWORD} or {PASSWORD_FILE}, not both"));
        }
        (Some(text), None) => {
            text.into_string().map_err(|_| format!("{PASSWORD} is not UTF-8 text"))?
        }
        (None, Some(file)) => {
            let read = std::fs::read_to_string(&file);
            let file = file.to_string_lossy().into_owned();
            read.map_err(|error| format!("{PASSWORD_FILE}: {file} cannot be read: {error}"))?
        }
    };
    Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::{Command, CommandLine};

    #[test]
    fn the_first_password_comes_from_the_environment_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "apple trellis rain\n").unwrap();
        let read = |text: Option<&str>, path: Option<&std::path::Path>| {
            admin_password(|name| match name {
                PASSWORD => text.map(OsString::from),
                _ => path.map(|path| path.as_os_str().to_owned()),
            })
        };
        let secret = Some(Secret::new("apple trellis rain"));
        assert_eq!(read(Some("apple trellis rain"), None), Ok(secret.clone()));
        assert_eq!(read(None, Some(&file)), Ok(secret));
        assert_eq!(read(None, None), Ok(None));
        assert_eq!(read(Some(""), None), Ok(None), "as docker-compose leaves it");
        assert!(read(Some("x"), Some(&file)).unwrap_err().contains("not both"));
        let missing = read(None, Some(&folder.path().join("none"))).unwrap_err();
        assert!(missing.contains(PASSWORD_FILE), "{missing}");
    }

    #[test]
    fn users_and_tokens_have_commands() {
        let line = "espalier user add anna --role administrator --data /srv/espalier";
        let parsed = CommandLine::try_parse_from(line.split(' ')).unwrap();
        let Some(Command::User(command)) = parsed.command else { panic!("{parsed:?}") };
        assert_eq!(command.data, PathBuf::from("/srv/espalier"));
        assert!(matches!(command.action, UserAction::Add { role: Role::Administrator, .. }));
        let line = "espalier token add CI --scope read,upload:chase --scope publish:* --days 90";
        let parsed = CommandLine::try_parse_from(line.split(' ')).unwrap();
        let Some(Command::Token(command)) = parsed.command else { panic!("{parsed:?}") };
        let TokenAction::Add { scope, days, .. } = command.action else { panic!() };
        assert_eq!((scope.len(), days), (3, Some(90)));
        for line in
            ["espalier user add a/b", "espalier token add CI --scope all", "espalier token add CI"]
        {
            assert!(CommandLine::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
