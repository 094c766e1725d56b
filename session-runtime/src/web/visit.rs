//! [`Visit`]: the sessions and cookies of one request.

use std::{any::TypeId, sync::Arc};

use http::uri::PathAndQuery;

use super::Cookies;
use crate::engine::{Engine, Request};

/// The sessions and cookies of one request. An adapter stores it among the request's extensions (or the framework's
/// equivalent), so that the handlers' arguments find it there.
#[derive(Clone, Default)]
pub struct Visit {
    /// The innermost session layer.
    innermost: Option<Entry>,
    pub(super) cookies: Option<Cookies>,
}

/// The entry of a session layer. The entries form a linked list, the innermost layer's first.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The session struct.
    kind: TypeId,
    pub(crate) request: Arc<Request>,
    /// The request's target as the layer saw it. (A router may shorten the path before the handler sees it.)
    pub(crate) target: Option<PathAndQuery>,
    /// The path that the application is mounted at, if the layer was given one.
    pub(crate) mounted_at: Option<Arc<str>>,
    /// The entry of the layer around this one.
    outer: Option<Arc<Self>>,
}

impl Visit {
    /// Returns the entry of the innermost layer of `S` sessions.
    pub(crate) fn find<S: 'static>(&self) -> Option<&Entry> {
        self.entries().find(|entry| entry.kind == TypeId::of::<S>())
    }

    /// Returns the entries, the innermost first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        std::iter::successors(self.innermost.as_ref(), |entry| entry.outer.as_deref())
    }

    /// Adds an entry for `S` sessions.
    pub(super) fn enter<S: 'static>(
        &mut self,
        request: Arc<Request>,
        target: Option<PathAndQuery>,
        mounted_at: Option<Arc<str>>,
    ) {
        let outer = self.innermost.take().map(Arc::new);
        self.innermost = Some(Entry { kind: TypeId::of::<S>(), request, target, mounted_at, outer });
    }

    /// Returns the engine of an outer layer that reads the same cookie for another kind of session (SECURITY S54).
    pub(super) fn colliding<'a>(&'a self, engine: &Engine) -> Option<&'a Engine> {
        self.entries().map(|entry| entry.request.engine()).find(|other| {
            other.scope != engine.scope
                && other.cookie.name == engine.cookie.name
                && other.cookie.path == engine.cookie.path
        })
    }

    /// Reserves the names of a session's cookies, so that the application cannot set cookies of its own under them.
    pub(super) fn reserve(&self, request: &Request) {
        if let Some(cookies) = &self.cookies {
            request.cookie_names().for_each(|name| cookies.reserve(name));
        }
    }
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit").finish_non_exhaustive()
    }
}
