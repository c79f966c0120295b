//! The frame around every page: theme, flash, menu; and how a page or an error is answered.

use std::convert::Infallible;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::header::{HOST, REFERER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::error::PageError;
use crate::app::App;
use crate::domain::Timestamp;
use crate::domain::access::{Need, Principal};
use crate::domain::device::Approval;
use crate::domain::secret::Secret;
pub use crate::http::access::Actor;
use crate::http::access::{Identity, read_cookie as cookie};
use crate::http::view::filters::Moment;
use crate::http::wire::Connection;

pub(super) const FLASH_COOKIE: &str = "espalier_flash";
const THEME_COOKIE: &str = "espalier_theme";

/// Which colours a visitor wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// All of them, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The word in the form, the cookie and `data-theme`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The name of its icon.
    #[must_use]
    pub const fn icon(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "sun",
            Self::Dark => "moon",
        }
    }

    /// What it does, for the switch.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::System => "Colours of the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// Reads the word; anything else follows the system.
    #[must_use]
    pub fn read(word: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.word() == word).unwrap_or_default()
    }

    /// The cookie that keeps the choice for a year.
    #[must_use]
    pub fn cookie(self) -> String {
        let word = self.word();
        format!("{THEME_COOKIE}={word}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")
    }
}

/// How a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It worked.
    Good,
    /// It worked in part, or wants attention.
    Warn,
    /// It did not work.
    Bad,
}

impl Tone {
    /// The class in the style sheet, and the letter in the cookie.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// The name of its icon.
    #[must_use]
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Good => "check",
            Self::Warn | Self::Bad => "alert",
        }
    }
}

/// A message for the next page: what happened, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

impl Flash {
    /// It worked.
    pub fn good(text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, text: text.into() }
    }

    /// It worked in part.
    pub fn warn(text: impl Into<String>) -> Self {
        Self { tone: Tone::Warn, text: text.into() }
    }

    /// It did not work.
    pub fn bad(text: impl Into<String>) -> Self {
        Self { tone: Tone::Bad, text: text.into() }
    }

    /// Sends the visitor to a page that shows the message.
    #[must_use]
    pub fn go(self, to: &str) -> Response {
        let mut response = Redirect::to(to).into_response();
        // Browsers keep cookies of 4 KiB; a character may need nine bytes.
        let text: String = self.text.chars().take(400).collect();
        let text = utf8_percent_encode(&text, NON_ALPHANUMERIC);
        let tone = self.tone.word();
        let cookie =
            format!("{FLASH_COOKIE}={tone}.{text}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    fn read(value: &str) -> Option<Self> {
        let (tone, text) = value.split_once('.')?;
        let tone =
            [Tone::Good, Tone::Warn, Tone::Bad].into_iter().find(|known| known.word() == tone)?;
        let text = percent_decode_str(text).decode_utf8().ok()?.into_owned();
        Some(Self { tone, text })
    }
}

/// What every page needs besides its own content.
#[derive(Debug, Clone)]
pub struct Page {
    /// The colours the visitor chose.
    pub theme: Theme,
    /// The message of the change that led here.
    pub flash: Option<Flash>,
    /// The path of the page, for the menu.
    pub path: String,
    /// The `Host` the visitor used.
    pub host: Option<String>,
    /// Whether the visitor's browser speaks TLS.
    pub secure: bool,
    /// Now, for "3 min ago".
    pub now: Timestamp,
    /// The zone in which times are shown.
    pub zone: TimeZone,
    /// How many devices wait for a word.
    pub pending: u64,
    /// How many rollouts wait for a person's decision.
    pub undecided: u64,
    /// Who looks at the page.
    pub principal: Principal,
    /// What its forms carry.
    pub csrf: Secret,
}

impl Page {
    /// The frame of a request, without what only the database knows.
    #[must_use]
    pub fn of(parts: &Parts, now: Timestamp, zone: TimeZone) -> Self {
        let theme = cookie(&parts.headers, THEME_COOKIE).map(Theme::read).unwrap_or_default();
        let flash = cookie(&parts.headers, FLASH_COOKIE).and_then(Flash::read);
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let path = parts.uri.path().to_owned();
        let connection = parts.extensions.get::<Connection>();
        let secure = connection.is_some_and(|connection| connection.peer().secure);
        let identity = Identity::of(&parts.extensions);
        let csrf = identity.csrf.unwrap_or_else(|| Secret::new(""));
        let principal = identity.principal;
        Self {
            theme,
            flash,
            path,
            host,
            secure,
            now,
            zone,
            pending: 0,
            undecided: 0,
            principal,
            csrf,
        }
    }

    /// Whether the visitor is somebody, so that the page has its menu.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.principal != Principal::Nobody
    }

    /// Whether whoever reaches the server may change everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.principal == Principal::Anyone
    }

    /// The name and role of the one who has signed in.
    #[must_use]
    pub fn user(&self) -> Option<(&str, &'static str)> {
        match &self.principal {
            Principal::User { name, role, .. } => Some((name, role.word())),
            Principal::Nobody | Principal::Anyone | Principal::Token { .. } => None,
        }
    }

    /// Whether the visitor may upload, publish and approve.
    #[must_use]
    pub fn may_edit(&self) -> bool {
        self.principal.may(Need::Edit)
    }

    /// Whether the visitor may manage users, tokens and settings.
    #[must_use]
    pub fn may_administer(&self) -> bool {
        self.principal.may(Need::Administer)
    }

    /// `aria-current` of a menu entry.
    #[must_use]
    pub fn current(&self, entry: &str) -> &'static str {
        let inside = || {
            // Groups are labels on devices.
            let groups = self.path.strip_prefix("/groups").filter(|_| entry == "/devices");
            if groups.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Some(());
            }
            let rest = self.path.strip_prefix(entry)?;
            (entry != "/" && rest.starts_with('/')).then_some(())
        };
        if self.path == entry {
            "page"
        } else if inside().is_some() && self.path != "/releases/new" {
            "true"
        } else {
            ""
        }
    }

    /// Whether the entries behind "More" hold the current page.
    #[must_use]
    pub fn is_under_more(&self) -> bool {
        ["/platforms", "/rollouts", "/events", "/audit", "/connect", "/settings", "/account"]
            .iter()
            .any(|entry| !self.current(entry).is_empty())
    }

    /// "3 min ago", with the exact time as its title.
    #[must_use]
    pub fn ago(&self, at: &Timestamp) -> Moment {
        Moment::relative(*at, self.now, &self.zone)
    }

    /// The exact time, with "3 min ago" as its title.
    #[must_use]
    pub fn at(&self, at: &Timestamp) -> Moment {
        Moment::exact(*at, self.now, &self.zone)
    }
}

impl FromRequestParts<App> for Page {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let zone = app.settings().time_zone.0.clone();
        let page = Self::of(parts, app.now(), zone);
        if !page.is_inside() {
            return Ok(page);
        }
        let counts = app.store().count_devices().await?;
        let pending = counts.iter().find(|(approval, _)| *approval == Approval::Pending);
        let pending = pending.map_or(0, |(_, count)| *count);
        Ok(Self { pending, undecided: app.shelf().undecided_rollouts(), ..page })
    }
}

/// The page of this server from which a form was sent.
#[derive(Debug, Clone)]
pub struct Back(Option<String>);

impl Back {
    /// That page, else another one.
    #[must_use]
    pub fn or(&self, other: &str) -> String {
        self.0.clone().unwrap_or_else(|| other.to_owned())
    }

    /// Reads it from the `Referer`, which is trusted only for the path.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let referer = headers.get(REFERER).and_then(|referer| referer.to_str().ok());
        let uri = referer.and_then(|referer| referer.parse::<Uri>().ok());
        Self(uri.as_ref().and_then(Uri::path_and_query).and_then(|page| inside(page.as_str())))
    }
}

/// A path of this server; `//host/…` and the like lead elsewhere. Browsers skip control characters,
/// so that `/<tab>/host` is `//host` to them.
#[must_use]
pub fn inside(path: &str) -> Option<String> {
    let odd = |c: char| c == '\\' || c.is_control();
    let own = path.starts_with('/') && !path.starts_with("//") && !path.contains(odd);
    own.then(|| path.to_owned())
}

impl<S: Sync> FromRequestParts<S> for Back {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// A template as an answer.
#[derive(Debug, Clone)]
pub struct View<T>(pub T);

impl<T: Template> IntoResponse for View<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => Html(text).into_response(),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a page was not drawn");
                (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be drawn.\n")
                    .into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use axum::http::header::COOKIE;

    use super::*;

    fn page(path: &str, cookies: &str) -> Page {
        let request = Request::builder().uri(path).header(COOKIE, cookies).body(()).unwrap();
        Page::of(&request.into_parts().0, 0, TimeZone::UTC)
    }

    #[test]
    fn a_message_survives_the_way_to_the_next_page() {
        let text = "“chase; v1.0” – 100 % = good";
        let response = Flash::warn(text).go("/platforms/chase");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        let pair = cookie.split(';').next().unwrap();
        let flash = page("/", &format!("a=b; {pair}")).flash.unwrap();
        assert_eq!((flash.tone, flash.text.as_str()), (Tone::Warn, text));
        assert!(cookie.ends_with("HttpOnly; SameSite=Lax"));
    }

    #[test]
    fn a_message_fits_into_a_cookie() {
        let response = Flash::bad("„".repeat(5_000)).go("/");
        assert!(response.headers()[SET_COOKIE].len() < 4_000);
        assert!(Flash::read("evil.%FF").is_none());
        assert!(Flash::read("evil.text").is_none());
    }

    #[test]
    fn the_menu_knows_where_the_visitor_is() {
        let page = page("/devices/5ccf7f1ca1a5", "espalier_theme=dark");
        assert_eq!(page.theme, Theme::Dark);
        assert_eq!(page.current("/devices"), "true");
        assert_eq!(page.current("/device"), "");
        assert_eq!(page.current("/"), "");
        assert!(!page.is_under_more());
        assert_eq!(self::page("/events", "").current("/events"), "page");
    }

    #[test]
    fn the_way_back_stays_on_this_server() {
        let back = |referer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REFERER, HeaderValue::try_from(referer).unwrap());
            Back::of(&headers).or("/")
        };
        assert_eq!(back("http://pi.lan:8000/inbox?a=b"), "/inbox?a=b");
        assert_eq!(back("http://evil.example//evil.example/x"), "/");
        assert_eq!(back("nonsense"), "/");
        assert_eq!(inside("/devices").as_deref(), Some("/devices"));
        for path in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/a\r\nb",
            "/\t/evil.example",
        ] {
            assert_eq!(inside(path), None, "{path:?}");
        }
    }
}
