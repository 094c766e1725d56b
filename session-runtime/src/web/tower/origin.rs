//! [`SameOriginLayer`] as a tower layer.

use std::task::{Context, Poll};

use axum_core::{BoxError, body::Body};
use bytes::Bytes;
use futures_util::future::{Either, MapOk, Ready, TryFutureExt as _, ready};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::web::SameOriginLayer;

impl<Inner> Layer<Inner> for SameOriginLayer {
    type Service = SameOrigin<Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        SameOrigin { layer: self.clone(), inner }
    }
}

/// A service that refuses forged requests from other sites. Made by [`SameOriginLayer`].
///
/// ```
/// # use session_runtime::{SameOrigin, SameOriginLayer};
/// use tower::Layer;
///
/// # fn show<Inner>(inner: Inner) {
/// let service: SameOrigin<Inner> = SameOriginLayer::new().layer(inner);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SameOrigin<Inner> {
    layer: SameOriginLayer,
    inner: Inner,
}

/// The response of the inner service, or a refusal.
type Answered<F, B, E> = Either<MapOk<F, fn(Response<B>) -> Response<Body>>, Ready<Result<Response<Body>, E>>>;

impl<Inner, ReqBody, ResBody> Service<Request<ReqBody>> for SameOrigin<Inner>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Inner::Error;
    type Future = Answered<Inner::Future, ResBody, Inner::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.layer.check(&request) {
            Ok(()) => Either::Left(self.inner.call(request).map_ok(|response| response.map(Body::new))),
            Err(page) => Either::Right(ready(Ok(page.into_http()))),
        }
    }
}
