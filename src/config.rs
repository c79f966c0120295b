//! The command line and the environment, parsed once into typed values.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

mod exposure;
mod people;
mod transport;

use crate::domain::secret::Secret;

pub use exposure::{FrameAncestors, HostNames};
pub use people::{PasswordCost, TokenAction, TokenCommand, UserAction, UserCommand};
pub use transport::{Networks, TlsMode, Transport};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "espalier",
    version,
    about = "A self-hosted over-the-air update server for ESP8266 and ESP32 devices",
    args_conflicts_with_subcommands = true
)]
pub struct CommandLine {
    /// What to do; without a word: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

impl CommandLine {
    /// Reads the command line and the environment.
    ///
    /// # Errors
    /// Where something is wrong: says what was expected, and names the variable where the value
    /// came from the environment. Asking for help or the version is an error of this kind too.
    pub fn read<I, T>(arguments: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let parsed = Self::try_parse_from(&arguments);
        let mut line = parsed.map_err(|error| name_variable(error, &arguments))?;
        let password = people::admin_password(|name| std::env::var_os(name));
        let wrong = |text| Self::command().error(ErrorKind::ValueValidation, text);
        line.serving().admin_password = password.map_err(wrong)?;
        Ok(line)
    }

    /// How to serve, wherever it was written.
    fn serving(&mut self) -> &mut Serve {
        match &mut self.command {
            Some(Command::Serve(serve)) => serve,
            _ => &mut self.serve,
        }
    }
}

/// Adds the name of the variable that a wrong value came from.
fn name_variable(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let long = wrong.trim_start_matches('-').split(' ').next().unwrap_or_default();
    let command = CommandLine::command();
    let found = command.get_arguments().find(|argument| argument.get_long() == Some(long));
    let Some((argument, variable)) = found.and_then(|found| Some((found, found.get_env()?))) else {
        return error;
    };
    let short = argument.get_short().map(|short| format!("-{short}"));
    let typed = arguments.iter().filter_map(|text| text.to_str()).any(|text| {
        text.starts_with(&format!("--{long}"))
            || short.as_ref().is_some_and(|short| text.starts_with(short.as_str()))
    });
    if typed || std::env::var_os(variable).is_none() {
        return error;
    }
    let (variable, kind) = (variable.to_string_lossy().into_owned(), error.kind());
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    CommandLine::command().error(kind, format!("{text} (from the environment variable {variable})"))
}

/// Reads a port.
fn port(text: &str) -> Result<u16, String> {
    let port = text.trim().parse().ok();
    port.ok_or_else(|| "expected a port number from 0 to 65535".to_owned())
}

/// Reads an address to listen on.
fn address(text: &str) -> Result<IpAddr, String> {
    match text.trim() {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        "" => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        text => text
            .parse()
            .map_err(|_| "expected an IP address like 0.0.0.0 or 192.168.1.10".to_owned()),
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve devices and pages (the default)
    Serve(Box<Serve>),
    /// Ask a running server whether it is well; exit code 0 means yes
    Healthcheck(Healthcheck),
    /// Manage those who may sign in, also while the server runs
    User(UserCommand),
    /// Manage the API tokens of programs, also while the server runs
    Token(TokenCommand),
}

/// How to ask a running server.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// The port to ask on; of several, the first
    #[arg(short, long, env = "ESPALIER_PORT", value_delimiter = ',', default_value = "8000", value_parser = port)]
    pub port: Vec<u16>,
    /// The address to ask; an unspecified one means this machine
    #[arg(short, long, env = "ESPALIER_BIND", default_value = "127.0.0.1", value_parser = address)]
    pub bind: IpAddr,
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Port to listen on; repeatable, so that sketches of older servers find theirs
    #[arg(short, long, env = "ESPALIER_PORT", value_delimiter = ',', default_value = "8000", value_parser = port)]
    pub port: Vec<u16>,
    /// Address to listen on
    #[arg(short, long, env = "ESPALIER_BIND", default_value = "0.0.0.0", value_parser = address)]
    pub bind: IpAddr,
    /// Folder for the database and the firmware
    #[arg(short = 'D', long, env = "ESPALIER_DATA", default_value = "./data")]
    pub data: PathBuf,
    /// An extra folder of .bin files to offer in the AutoConnect catalog
    #[arg(short = 'd', long, env = "ESPALIER_CATALOG")]
    pub catalog: Option<PathBuf>,
    /// How much to log: debug, info, warning, error, critical, or tracing directives
    #[arg(short, long, env = "ESPALIER_LOG", default_value = "info")]
    pub log: LogLevel,
    /// How to write the log
    #[arg(long, env = "ESPALIER_LOG_FORMAT", default_value = "text", ignore_case = true)]
    pub log_format: LogFormat,
    /// Largest image that may be uploaded, like 32MiB
    #[arg(long, env = "ESPALIER_MAX_UPLOAD", default_value = "32MiB")]
    pub max_upload: ByteSize,
    /// How much memory to use for whole images, like 64MiB
    #[arg(long, env = "ESPALIER_IMAGE_CACHE", default_value = "64MiB")]
    pub image_cache: ByteSize,
    /// The address that devices use, like `http://192.168.1.10:8000`
    #[arg(long, env = "ESPALIER_PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,
    /// Time zone of the catalog's dates and of the pages, like Europe/Berlin
    #[arg(long, env = "ESPALIER_TZ")]
    pub tz: Option<TimeZone>,
    /// Who may change things: those who sign in (password), or anyone who reaches the server (none)
    #[arg(long, env = "ESPALIER_AUTH", default_value = "password", ignore_case = true)]
    pub auth: Auth,
    /// How it is reached.
    #[command(flatten)]
    pub transport: Transport,
    /// The password of the first administrator, `admin`: `ESPALIER_ADMIN_PASSWORD` or the file
    /// that `ESPALIER_ADMIN_PASSWORD_FILE` names. No flag: it would show in the list of processes.
    #[arg(skip)]
    pub admin_password: Option<Secret>,
    /// How much work a password's hash is; only tests want less.
    #[arg(skip)]
    pub password_cost: PasswordCost,
}

/// Who may change things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// Those who sign in, or have a token.
    Password,
    /// Anyone who reaches the server: for a trusted network.
    None,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A level in Python's or tracing's words, or tracing directives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel(String);

impl LogLevel {
    /// As directives for the tracing filter.
    #[must_use]
    pub fn directives(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = match text.trim().to_ascii_lowercase().as_str() {
            "notset" | "trace" => "trace",
            "debug" => "debug",
            "info" => "info",
            "warning" | "warn" => "warn",
            "error" | "critical" | "fatal" => "error",
            "off" => "off",
            _ => {
                let directives = text.trim();
                let valid = directives.contains(['=', ','])
                    && tracing_subscriber::filter::EnvFilter::try_new(directives).is_ok();
                return if valid {
                    Ok(Self(directives.to_owned()))
                } else {
                    Err("expected DEBUG, INFO, WARNING, ERROR or CRITICAL in any case, or \
                         tracing directives like espalier=debug,sqlx=warn"
                        .to_owned())
                };
            }
        };
        Ok(Self(level.to_owned()))
    }
}

/// A number of bytes, written plainly or with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    /// Reads `33554432`, `32MiB`, `32 MB`, `32M`, `512k`: units are powers of 1024.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            _ => return Err("expected a size like 32MiB, 512KiB or a number of bytes".to_owned()),
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| "expected a size like 32MiB or a number of bytes".to_owned())
    }
}

/// An `http://` or `https://` address without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its name or address alone, that of IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let behind = self.0.split_once("://").map_or(self.0.as_str(), |(_, behind)| behind);
        let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        }
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = text.trim().trim_end_matches('/');
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '\\');
        match host {
            Some(host) if !host.is_empty() && host.len() < 200 && host.chars().all(plain) => {
                Ok(Self(url.to_owned()))
            }
            _ => Err("expected an address like http://192.168.1.10:8000".to_owned()),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeZone(pub jiff::tz::TimeZone);

impl TimeZone {
    /// Coordinated universal time.
    #[must_use]
    pub const fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// Seconds since midnight at a moment, by the clock on the wall there.
    #[must_use]
    pub fn second_of_day(&self, at: i64) -> u32 {
        let Ok(at) = jiff::Timestamp::from_second(at) else { return 0 };
        let time = at.to_zoned(self.0.clone()).time();
        let of = |value: i8| u32::try_from(value).unwrap_or(0);
        of(time.hour()) * 3600 + of(time.minute()) * 60 + of(time.second())
    }

    /// Its name in the IANA database.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

impl FromStr for TimeZone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim();
        if name.is_empty() || name.eq_ignore_ascii_case("utc") {
            return Ok(Self::utc());
        }
        let zone = jiff::tz::TimeZone::get(name);
        zone.map(Self).map_err(|_| "expected a time zone like Europe/Berlin or UTC".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_updateserver_py_is_understood() {
        let line = "espalier --port 8080 --bind 127.0.0.1 --catalog bin --log debug";
        let parsed = CommandLine::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(parsed.serve.port, [8080]);
        assert_eq!(parsed.serve.bind.to_string(), "127.0.0.1");
        assert_eq!(parsed.serve.catalog, Some(PathBuf::from("bin")));
        assert_eq!(parsed.serve.log.directives(), "debug");
        let short = "espalier -p 8080 -p 5000 -b 127.0.0.1 -d bin -l CRITICAL";
        let parsed = CommandLine::try_parse_from(short.split(' ')).unwrap();
        assert_eq!(parsed.serve.port, [8080, 5000]);
        assert_eq!(parsed.serve.log.directives(), "error");
    }

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("1k", 1024), ("32 MiB", 32 << 20), ("64MB", 64 << 20)]
        {
            assert_eq!(text.parse::<ByteSize>().unwrap().0, bytes, "{text}");
        }
        for text in ["", "MiB", "-1", "1.5M", "99999999999G"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn levels_are_pythons_in_any_case_or_directives() {
        for (text, directives) in [
            ("DEBUG", "debug"),
            ("Warning", "warn"),
            ("critical", "error"),
            ("espalier=debug,sqlx=warn", "espalier=debug,sqlx=warn"),
        ] {
            assert_eq!(text.parse::<LogLevel>().unwrap().directives(), directives);
        }
        assert!("loud".parse::<LogLevel>().is_err());
    }

    #[test]
    fn a_public_url_has_a_scheme_and_a_host() {
        let url: PublicUrl = "http://192.168.1.10:8000/".parse().unwrap();
        assert_eq!(url.as_str(), "http://192.168.1.10:8000");
        for text in ["192.168.1.10:8000", "http://", "ftp://x", "http://a b", "http://x\"y"] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_url_knows_its_host() {
        for (url, host) in [
            ("http://192.168.1.10:8000", "192.168.1.10"),
            ("https://ota.example/base", "ota.example"),
            ("http://[fd00::1]:8000", "fd00::1"),
        ] {
            assert_eq!(url.parse::<PublicUrl>().unwrap().host(), host);
        }
    }

    #[test]
    fn zones_are_known_by_their_names() {
        assert_eq!("Europe/Berlin".parse::<TimeZone>().unwrap().name(), "Europe/Berlin");
        assert_eq!("utc".parse::<TimeZone>().unwrap().name(), "UTC");
        assert!("Middle/Earth".parse::<TimeZone>().is_err());
    }
}
