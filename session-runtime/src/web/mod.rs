//! Connects sessions with HTTP. `tower` carries a session through a request, `extract` gets it out, `view` gets a part of it,
//! and `axum` passes both to handlers. Another framework would need one more file. `cookies` are the application's own cookies.

#[cfg(feature = "axum")]
mod axum;
mod changes;
mod cookies;
mod extract;
mod facts;
mod guard;
mod headers;
mod origin;
mod page;
mod passive;
mod refusal;
mod tower;
mod view;

use std::{any::TypeId, sync::Arc};

use http::{Extensions, uri::PathAndQuery};

pub use self::changes::Changes;
pub use self::cookies::{Cookies, CookiesFuture, CookiesLayer, CookiesRejection, CookiesService, ProtectedCookies};
pub use self::extract::SessionRejection;
pub use self::guard::{ViewLayer, ViewService};
pub use self::origin::{
    OriginReason, OriginRefusal, RefusalPage, RefusalResponse, SameOrigin, SameOriginFuture, SameOriginLayer,
};
pub use self::passive::Passive;
pub use self::refusal::SessionRefusal;
pub use self::tower::{SessionFuture, SessionLayer, SessionService};
pub use self::view::ViewRejection;
use crate::engine::{Engine, Request};

/// The entry of a session layer in a request's extensions. It is a linked list: the innermost layer comes first.
#[derive(Clone)]
pub(crate) struct InRequest {
    /// The session struct.
    kind: TypeId,
    pub(crate) request: Arc<Request>,
    /// The request's target as the layer saw it: a router may shorten the path on the way to the handler.
    pub(crate) target: Option<PathAndQuery>,
    /// The path that the application is mounted at, if the layer was given one.
    pub(crate) mounted_at: Option<Arc<str>>,
    /// The entry of the layer around this one.
    outer: Option<Arc<Self>>,
}

impl InRequest {
    /// Returns the entry of the innermost layer of `S` sessions.
    pub(crate) fn find<S: 'static>(extensions: &Extensions) -> Option<&Self> {
        let mut innermost = extensions.get::<Self>();
        while let Some(layer) = innermost {
            if layer.kind == TypeId::of::<S>() {
                return Some(layer);
            }
            innermost = layer.outer.as_deref();
        }
        None
    }

    /// Calls `action` with the request of each layer.
    pub(crate) fn each(extensions: &Extensions, action: impl Fn(&Request)) {
        let mut around = extensions.get::<Self>();
        while let Some(layer) = around {
            action(&layer.request);
            around = layer.outer.as_deref();
        }
    }

    /// Adds an entry for `S` sessions.
    pub(crate) fn leave<S: 'static>(
        extensions: &mut Extensions,
        request: Arc<Request>,
        target: Option<PathAndQuery>,
        mounted_at: Option<Arc<str>>,
    ) {
        let outer = extensions.remove::<Self>().map(Arc::new);
        extensions.insert(Self { kind: TypeId::of::<S>(), request, target, mounted_at, outer });
    }

    /// Returns the engine of an outer layer that reads the same cookie for another kind of session (SECURITY S54).
    pub(crate) fn colliding<'a>(extensions: &'a Extensions, engine: &Engine) -> Option<&'a Engine> {
        let mut around = extensions.get::<Self>();
        while let Some(layer) = around {
            let other = layer.request.engine();
            if other.scope != engine.scope
                && other.cookie.name == engine.cookie.name
                && other.cookie.path == engine.cookie.path
            {
                return Some(other);
            }
            around = layer.outer.as_deref();
        }
        None
    }
}
