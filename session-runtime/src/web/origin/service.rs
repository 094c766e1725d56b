//! The service that refuses requests.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum_core::{BoxError, body::Body};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{HOST, ORIGIN, REFERER, UPGRADE},
};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    refusal::OriginRefusal,
    rule::{Facts, Rules, is_safe},
};
use crate::web::{SessionRefusal, page::Page};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Makes the response to a refused request. [`RefusalPage`] implements it, and so do functions from an [`OriginRefusal`] to a
/// response, for [`SameOriginLayer::refuse_with`](super::SameOriginLayer::refuse_with).
///
/// ```
/// # use session_runtime::{OriginRefusal, RefusalResponse};
/// fn takes(response: impl RefusalResponse) {}
/// takes(|refusal: &OriginRefusal| http::Response::new(refusal.to_string().into()));
/// ```
pub trait RefusalResponse {
    /// Returns the response to a refused request.
    ///
    /// ```
    /// # use session_runtime::{OriginRefusal, RefusalPage, RefusalResponse};
    /// # fn show(refusal: &OriginRefusal) {
    /// let response: http::Response<axum::body::Body> = RefusalPage.respond(refusal);
    /// # }
    /// ```
    fn respond(&self, refusal: &OriginRefusal) -> Response<Body>;
}

/// The default response: 403, with a sentence as plain text.
///
/// ```
/// # use session_runtime::{RefusalPage, SameOriginLayer};
/// let layer: SameOriginLayer<(), RefusalPage> = SameOriginLayer::new();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RefusalPage;

impl RefusalResponse for RefusalPage {
    fn respond(&self, refusal: &OriginRefusal) -> Response<Body> {
        Page::new(StatusCode::FORBIDDEN, refusal.sentence(), SessionRefusal::OtherSite).into_response()
    }
}

impl<F> RefusalResponse for F
where
    F: Fn(&OriginRefusal) -> Response<Body>,
{
    fn respond(&self, refusal: &OriginRefusal) -> Response<Body> {
        self(refusal)
    }
}

/// A service that refuses forged requests from other sites. Made by [`SameOriginLayer`](super::SameOriginLayer).
///
/// ```
/// # use session_runtime::{SameOrigin, SameOriginLayer};
/// use tower::Layer;
///
/// # fn show<Inner>(inner: Inner) {
/// let service: SameOrigin<Inner> = SameOriginLayer::new().layer(inner);
/// # }
/// ```
#[derive(Clone)]
pub struct SameOrigin<Inner, R = RefusalPage> {
    pub(super) rules: Arc<Rules>,
    pub(super) refusal: R,
    pub(super) inner: Inner,
}

impl<Inner, R> SameOrigin<Inner, R> {
    fn check<B>(&self, request: &Request<B>) -> Result<(), OriginRefusal> {
        let headers = request.headers();
        if is_safe(request.method().as_str(), headers.get_all(UPGRADE).iter().map(HeaderValue::as_bytes)) {
            return Ok(());
        }
        let value = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
        let authority = request.uri().authority().map(|authority| authority.as_str());
        let host = authority.or_else(|| headers.get(HOST)?.to_str().ok());
        let facts = Facts { site: value(&SEC_FETCH_SITE), origin: value(&ORIGIN), referer: value(&REFERER), host };
        let checked = self.rules.check(&facts);
        if let Err(refusal) = &checked {
            refusal.log(request.method().as_str());
        }
        checked
    }
}

impl<Inner: fmt::Debug, R> fmt::Debug for SameOrigin<Inner, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameOrigin").field("rules", &self.rules).field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<Inner, R, ReqBody, ResBody> Service<Request<ReqBody>> for SameOrigin<Inner, R>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RefusalResponse,
    ResBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Inner::Error;
    type Future = SameOriginFuture<Inner::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match self.check(&request) {
            Ok(()) => State::Passed { inner: self.inner.call(request) },
            Err(refusal) => {
                let mut response = self.refusal.respond(&refusal);
                response.extensions_mut().insert(refusal);
                State::Refused { response: Some(response) }
            }
        };
        SameOriginFuture { state }
    }
}

pin_project! {
    /// The future of [`SameOrigin`].
    pub struct SameOriginFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Passed { #[pin] inner: F },
        Refused { response: Option<Response<Body>> },
    }
}

impl<F> fmt::Debug for SameOriginFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SameOriginFuture")
    }
}

impl<F, B, E> Future for SameOriginFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passed { inner } => Poll::Ready(ready!(inner.poll(cx)).map(|response| response.map(Body::new))),
            // The future was polled again after it returned `Ready`.
            StateProj::Refused { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
        }
    }
}
