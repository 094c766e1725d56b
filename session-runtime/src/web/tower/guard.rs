//! [`ViewLayer`] as a tower layer.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use axum_core::{BoxError, body::Body};
use bytes::Bytes;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    view::{View, Viewed},
    web::ViewLayer,
};

impl<V, Inner> Layer<Inner> for ViewLayer<V> {
    type Service = ViewService<V, Inner>;

    fn layer(&self, inner: Inner) -> ViewService<V, Inner> {
        ViewService { inner, view: PhantomData }
    }
}

/// A service that admits only visitors whom the view `V` admits.
///
/// ```
/// # use session_runtime::{Session, View, ViewService, view};
/// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
/// # #[view(Shop)] struct SignedIn { user_id: u64 }
/// # fn show<Inner>(inner: Inner) {
/// use tower::Layer;
///
/// let service: ViewService<SignedIn, Inner> = View::<SignedIn>::layer().layer(inner);
/// # }
/// ```
pub struct ViewService<V, Inner> {
    inner: Inner,
    view: PhantomData<fn() -> V>,
}

impl<V, Inner: Clone> Clone for ViewService<V, Inner> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), view: PhantomData }
    }
}

impl<V, Inner: fmt::Debug> fmt::Debug for ViewService<V, Inner> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<V, Inner, ReqBody, ResBody> Service<Request<ReqBody>> for ViewService<V, Inner>
where
    V: Viewed,
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    Inner::Future: Send,
    ReqBody: Send + 'static,
    ResBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Inner::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Inner::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // Calls the service that was polled until ready, not its clone.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let (parts, body) = request.into_parts();
        Box::pin(async move {
            let refused = View::<V>::from_parts(&parts).await.err();
            match refused {
                None => Ok(inner.call(Request::from_parts(parts, body)).await?.map(Body::new)),
                Some(rejection) => Ok(rejection.into_page().into_http()),
            }
        })
    }
}
