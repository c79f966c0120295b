//! What a token may do on the platform that a request turns out to be about.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::{Error, ReleaseChange, Wishes};
use crate::domain::access::{Need, Principal, Where, permits};
use crate::domain::release::{Release, ReleaseState};
use crate::http::access::Identity;

/// Who asks, for what only the handler can tell.
#[derive(Debug)]
pub(super) struct Granted(Principal);

impl<S: Sync> FromRequestParts<S> for Granted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Identity::of(&parts.extensions).principal))
    }
}

impl Granted {
    /// Whether a file may be uploaded as wished. A token for one platform uploads to that one
    /// where the request names none; one for several must name it.
    pub(super) fn upload(&self, wishes: &mut Wishes) -> Result<(), Error> {
        if let (Principal::Token { scopes, .. }, None) = (&self.0, &wishes.platform) {
            wishes.platform = scopes.only_upload().map(str::to_owned);
        }
        let platform = wishes.platform.as_deref();
        self.on(Need::Upload, platform)?;
        wishes.anywhere = permits(&self.0, Need::Upload, Where::On("*"));
        if wishes.publish && !wishes.dry_run {
            self.on(Need::Publish, platform)?;
        }
        Ok(())
    }

    /// Whether a release may be changed as wished, on the platform it has and the one it gets.
    pub(super) fn change(&self, release: &Release, change: &ReleaseChange) -> Result<(), Error> {
        let wished = change.wishes.platform.as_deref();
        if let Some(platform) = release.platform.as_deref() {
            self.on(Need::Publish, Some(platform))?;
        }
        let draft = release.state == ReleaseState::Draft && release.platform.is_none();
        if wished.is_some() || draft { self.on(Need::Publish, wished) } else { Ok(()) }
    }

    /// Whether it may see which devices there are.
    pub(super) fn views(&self) -> bool {
        self.0.may(Need::View)
    }

    fn on(&self, need: Need, platform: Option<&str>) -> Result<(), Error> {
        // No platform is called so: only a scope for all of them covers it.
        let place = Where::On(platform.unwrap_or("*"));
        if permits(&self.0, need, place) {
            Ok(())
        } else {
            Err(Error::Forbidden(need.scope(place)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &str) -> Granted {
        let scopes = scopes.parse().unwrap();
        Granted(Principal::Token { id: 1, name: "ci".to_owned(), scopes })
    }

    fn wishes(platform: Option<&str>, publish: bool) -> Wishes {
        Wishes { platform: platform.map(str::to_owned), publish, ..Wishes::default() }
    }

    #[test]
    fn an_upload_stays_within_the_scopes() {
        for (scopes, platform, publish, lacks) in [
            ("upload:chase", Some("Chase"), false, None),
            ("upload:chase", Some("other"), false, Some("upload:other")),
            ("upload:chase", Some("chase"), true, Some("publish:chase")),
            ("upload:chase publish:chase", Some("chase"), true, None),
            ("upload:chase publish:chase", None, true, None),
            ("upload:a upload:b", None, false, Some("upload:*")),
            ("upload:* publish:a", None, true, Some("publish:*")),
            ("upload:*", None, false, None),
            ("admin", None, true, None),
        ] {
            let told = token(scopes).upload(&mut wishes(platform, publish)).err();
            let told = told.map(|error| match error {
                Error::Forbidden(scope) => scope,
                other => panic!("{other:?}"),
            });
            assert_eq!(told.as_deref(), lacks, "{scopes} {platform:?} {publish}");
        }
    }

    #[test]
    fn a_lone_platform_is_filled_in() {
        let mut wishes = wishes(None, false);
        token("read upload:chase").upload(&mut wishes).unwrap();
        assert_eq!(wishes.platform.as_deref(), Some("chase"));
    }
}
