//! Where sessions meet HTTP. `tower` carries a session through a request, `extract` takes it out, `axum` hands it to
//! handlers; another framework is one more file.

#[cfg(feature = "axum")]
mod axum;
mod extract;
mod headers;
mod origin;
mod page;
mod tower;

use std::{marker::PhantomData, sync::Arc};

pub use self::extract::SessionRejection;
pub use self::origin::{SameOrigin, SameOriginFuture, SameOriginLayer};
pub use self::tower::{SessionFuture, SessionLayer, SessionService};
use crate::engine::Request;

/// What the layer leaves in a request's extensions: one for each kind of session.
pub(crate) struct InRequest<S> {
    pub(crate) request: Arc<Request>,
    kind: PhantomData<fn() -> S>,
}

impl<S> InRequest<S> {
    pub(crate) fn new(request: Arc<Request>) -> Self {
        Self { request, kind: PhantomData }
    }
}

impl<S> Clone for InRequest<S> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.request))
    }
}
