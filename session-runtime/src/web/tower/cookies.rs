//! [`CookiesLayer`] as a tower layer.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::web::{CookiesCommit, CookiesLayer, Visit};

impl<Inner> Layer<Inner> for CookiesLayer {
    type Service = CookiesService<Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        CookiesService { layer: self.clone(), inner }
    }
}

/// A service whose handlers can use [`Cookies`](crate::Cookies).
///
/// ```
/// # use session_runtime::{CookiesLayer, CookiesService};
/// # fn show<Inner>(inner: Inner) {
/// use tower::Layer;
///
/// let service: CookiesService<Inner> = CookiesLayer::new().layer(inner);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CookiesService<Inner> {
    layer: CookiesLayer,
    inner: Inner,
}

impl<Inner, ReqBody, ResBody> Service<Request<ReqBody>> for CookiesService<Inner>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<ResBody>;
    type Error = Inner::Error;
    type Future = CookiesFuture<Inner::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let mut visit: Visit = request.extensions_mut().remove().unwrap_or_default();
        let commit = self.layer.begin(&mut visit);
        request.extensions_mut().insert(visit);
        CookiesFuture { inner: self.inner.call(request), commit }
    }
}

pin_project! {
    /// The future of [`CookiesService`]: runs the handler, then adds its cookies.
    pub struct CookiesFuture<F> {
        #[pin]
        inner: F,
        commit: Option<CookiesCommit>,
    }
}

impl<F> fmt::Debug for CookiesFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookiesFuture")
    }
}

impl<F, B, E> Future for CookiesFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some(commit) = this.commit.take() {
            commit.finish(response.status().as_u16(), response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}
