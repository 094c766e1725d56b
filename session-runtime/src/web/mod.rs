//! Where sessions meet HTTP. `tower` carries a session through a request, `extract` takes it out, `view` a part of it,
//! `axum` hands both to handlers; another framework is one more file. `cookies` are the application's own.

#[cfg(feature = "axum")]
mod axum;
mod changes;
mod cookies;
mod extract;
mod headers;
mod origin;
mod page;
mod tower;
mod view;

use std::{marker::PhantomData, sync::Arc};

use http::uri::PathAndQuery;

pub use self::changes::Changes;
pub use self::cookies::{Cookies, CookiesFuture, CookiesLayer, CookiesRejection, CookiesService, ProtectedCookies};
pub use self::extract::SessionRejection;
pub use self::origin::{SameOrigin, SameOriginFuture, SameOriginLayer};
pub use self::tower::{SessionFuture, SessionLayer, SessionService};
pub use self::view::ViewRejection;
use crate::engine::Request;

/// What the layer leaves in a request's extensions: one for each kind of session.
pub(crate) struct InRequest<S> {
    pub(crate) request: Arc<Request>,
    /// What was asked for, as the layer saw it: a router may shorten the path on the way to the handler.
    pub(crate) target: Option<PathAndQuery>,
    kind: PhantomData<fn() -> S>,
}

impl<S> InRequest<S> {
    pub(crate) fn new(request: Arc<Request>, target: Option<PathAndQuery>) -> Self {
        Self { request, target, kind: PhantomData }
    }
}

impl<S> Clone for InRequest<S> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.request), self.target.clone())
    }
}
