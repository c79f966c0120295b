//! What answers the requests of a port.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use hyper::body::Incoming;
use tower::Service;

use super::Connection;

/// Answers the most frequent kind of requests past the router, which costs as much as the whole
/// answer; any other request is handed back.
pub type Shortcut = dyn Fn(
        Request<Incoming>,
        Connection,
    ) -> Result<BoxFuture<'static, Response>, (Request<Incoming>, Connection)>
    + Send
    + Sync;

/// What answers the requests of a port; cheap to clone.
#[derive(Clone)]
pub struct Site {
    router: Router,
    shortcut: Option<Arc<Shortcut>>,
}

impl Site {
    /// A site with a shortcut. It must answer as the router would.
    #[must_use]
    pub fn new(router: Router, shortcut: Arc<Shortcut>) -> Self {
        Self { shortcut: Some(shortcut), ..router.into() }
    }

    pub(super) fn answer(
        &self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        let routed = match &self.shortcut {
            Some(shortcut) => shortcut(request, connection),
            None => Err((request, connection)),
        };
        match routed {
            Ok(answer) => Either::Left(answer.map(Ok)),
            Err((mut request, connection)) => {
                request.extensions_mut().insert(connection);
                Either::Right(self.router.clone().call(request))
            }
        }
    }
}

impl From<Router> for Site {
    fn from(router: Router) -> Self {
        Self { router: router.with_state(()), shortcut: None }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("router", &self.router).finish_non_exhaustive()
    }
}
