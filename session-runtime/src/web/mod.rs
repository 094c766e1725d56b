//! Where sessions meet HTTP. `tower` carries a session through a request, `extract` takes it out, `view` a part of it,
//! `axum` hands both to handlers; another framework is one more file. `cookies` are the application's own.

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

/// What a session layer leaves in a request's extensions, in front of what the layers around it left.
#[derive(Clone)]
pub(crate) struct InRequest {
    /// Of which struct its sessions are.
    kind: TypeId,
    pub(crate) request: Arc<Request>,
    /// What was asked for, as the layer saw it: a router may shorten the path on the way to the handler.
    pub(crate) target: Option<PathAndQuery>,
    /// The path below which the application is, if the layer was told.
    pub(crate) mounted_at: Option<Arc<str>>,
    /// What the layer around this one left.
    outer: Option<Arc<Self>>,
}

impl InRequest {
    /// What the innermost layer of `S` sessions left.
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

    /// Does something to the request of each layer.
    pub(crate) fn each(extensions: &Extensions, action: impl Fn(&Request)) {
        let mut around = extensions.get::<Self>();
        while let Some(layer) = around {
            action(&layer.request);
            around = layer.outer.as_deref();
        }
    }

    /// Leaves a request of `S` sessions.
    pub(crate) fn leave<S: 'static>(
        extensions: &mut Extensions,
        request: Arc<Request>,
        target: Option<PathAndQuery>,
        mounted_at: Option<Arc<str>>,
    ) {
        let outer = extensions.remove::<Self>().map(Arc::new);
        extensions.insert(Self { kind: TypeId::of::<S>(), request, target, mounted_at, outer });
    }

    /// The engine of another kind of session that a layer around reads the same cookie for (SECURITY S54).
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
