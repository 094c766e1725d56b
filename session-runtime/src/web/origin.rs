//! Requests forged from other sites: who asks is told by the browser, in headers that no page can set.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum_core::{BoxError, body::Body};
use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{HOST, ORIGIN, REFERER},
    uri::{Authority, Uri},
};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::page::Page;

/// Refuses requests that change something and come from another site: 403 (SECURITY S36, OWASP CSRF Cheat Sheet, "Fetch
/// Metadata").
///
/// GET, HEAD and OPTIONS pass, since they change nothing. Others pass if the browser says that they come from the same
/// origin or from no page at all (`Sec-Fetch-Site`), or, for browsers that do not say, if `Origin` or else `Referer` names
/// this very host. A request that says nothing of its origin is refused: it comes from no browser, or from one that
/// hides. `SameSite` cookies are the second line of defence, not the first: they do not tell one subdomain from another.
///
/// ```
/// use axum::{Router, routing::post};
/// use session_runtime::SameOriginLayer;
///
/// let app: Router = Router::new().route("/buy", post(async || "bought")).layer(SameOriginLayer::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SameOriginLayer {
    silent: bool,
}

impl SameOriginLayer {
    /// A layer that refuses all that does not come from here.
    ///
    /// ```
    /// # use session_runtime::SameOriginLayer;
    /// let layer = SameOriginLayer::new();
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { silent: false }
    }

    /// Lets requests pass that have neither `Sec-Fetch-Site` nor `Origin` nor `Referer`: scripts and programs, which carry
    /// no visitor's cookies unless they were given them. Every browser since 2020 sends at least one with a POST.
    ///
    /// ```
    /// # use session_runtime::SameOriginLayer;
    /// let layer = SameOriginLayer::new().allow_programs();
    /// ```
    #[must_use]
    pub const fn allow_programs(self) -> Self {
        Self { silent: true }
    }

    fn passes<B>(self, request: &Request<B>) -> bool {
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return true;
        }
        let headers = request.headers();
        if let Some(site) = headers.get("sec-fetch-site") {
            return matches!(site.as_bytes(), b"same-origin" | b"none");
        }
        match (headers.get(ORIGIN), headers.get(REFERER)) {
            (Some(origin), _) => origin.to_str().is_ok_and(|origin| names(origin, request.uri(), headers)),
            (None, Some(page)) => page.to_str().is_ok_and(|page| names(page, request.uri(), headers)),
            (None, None) => self.silent,
        }
    }
}

/// Whether the page at `url` is of the host that the request is for, the port included. The scheme is not compared: behind
/// a proxy that ends TLS the server does not know its own.
fn names(url: &str, target: &Uri, headers: &HeaderMap) -> bool {
    let Some(from) = url.parse::<Uri>().ok().and_then(|url| Some((url.scheme()?.clone(), url.authority()?.clone())))
    else {
        return false;
    };
    let header = || headers.get(HOST)?.to_str().ok()?.parse::<Authority>().ok();
    let Some(host) = target.authority().cloned().or_else(header) else { return false };
    let (scheme, from) = from;
    let port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return false,
    };
    // Browsers leave the scheme's own port out on both sides, but proxies may not.
    let own = |authority: &Authority| authority.port_u16().unwrap_or(port);
    from.host().eq_ignore_ascii_case(host.host()) && own(&from) == own(&host)
}

impl<Inner> Layer<Inner> for SameOriginLayer {
    type Service = SameOrigin<Inner>;

    fn layer(&self, inner: Inner) -> SameOrigin<Inner> {
        SameOrigin { layer: *self, inner }
    }
}

/// A service that other sites cannot make do things. Made by [`SameOriginLayer`].
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

impl<Inner, ReqBody, ResBody> Service<Request<ReqBody>> for SameOrigin<Inner>
where
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Inner::Error;
    type Future = SameOriginFuture<Inner::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.layer.passes(&request) {
            true => SameOriginFuture { inner: Some(self.inner.call(request)) },
            false => SameOriginFuture { inner: None },
        }
    }
}

pin_project! {
    /// The future of [`SameOrigin`].
    #[derive(Debug)]
    pub struct SameOriginFuture<F> {
        #[pin]
        inner: Option<F>,
    }
}

impl<F, B, E> Future for SameOriginFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().inner.as_pin_mut() {
            Some(inner) => Poll::Ready(ready!(inner.poll(cx)).map(|response| response.map(Body::new))),
            None => {
                tracing::debug!(target: "session_runtime", "a request from another site was refused");
                Poll::Ready(Ok(refusal().into_response()))
            }
        }
    }
}

fn refusal() -> Page {
    let sentence =
        "This request came from another site, so it was not carried out. Please use the page of this site itself.";
    Page { status: StatusCode::FORBIDDEN, sentence: sentence.to_owned() }
}
