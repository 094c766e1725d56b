//! The tower layer: gives each request a jar, and sends what is in it with the response.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{Cookies, InRequest, jar::Jar};
use crate::{clock::Clock, cookie::Protector, error::Error, keys::KeyRing};

/// Serves [`Cookies`] to the routes within it.
///
/// It stands beside the layer of sessions, in either order, and a session's cookie goes first: where the session is known,
/// setting a cookie of that name is an error. From outside, added last, it also sees that a session could not be stored, and
/// drops what was set. A layer within another one shares its cookies, and has keys of its own.
///
/// ```
/// use axum::{Router, routing::get};
/// use session_runtime::{Cookies, CookiesLayer};
///
/// async fn home(cookies: Cookies) -> String {
///     cookies.get("theme").unwrap_or_default()
/// }
///
/// let app: Router = Router::new().route("/", get(home)).layer(CookiesLayer::new());
/// ```
#[derive(Clone, Default)]
pub struct CookiesLayer {
    options: Arc<Options>,
}

/// The same for all requests of a layer.
#[derive(Clone, Default)]
pub(super) struct Options {
    pub(super) app: String,
    pub(super) protector: Option<Arc<Protector>>,
    pub(super) clock: Clock,
}

impl CookiesLayer {
    /// A layer for plain cookies.
    ///
    /// ```
    /// # use session_runtime::CookiesLayer;
    /// let layer = CookiesLayer::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys for signed and private cookies, which may be those of the sessions: what is derived from them serves one
    /// purpose each. When they change, what an older key wrote still reads, see [`KeyRing`].
    ///
    /// # Errors
    /// If the ring is empty, since [`KeyRing::generate`] got no random bytes.
    ///
    /// ```
    /// # use session_runtime::{CookiesLayer, KeyRing};
    /// let keys = KeyRing::generate();
    /// let layer = CookiesLayer::new().keys(&keys)?;
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    pub fn keys(self, keys: &KeyRing) -> Result<Self, Error> {
        let protector = Some(Arc::new(Protector::new(keys)?));
        Ok(self.with(|options| options.protector = protector))
    }

    /// A name that keeps applications apart which share keys: a signed or private cookie of one opens nothing in another.
    /// Empty by default.
    ///
    /// ```
    /// # use session_runtime::CookiesLayer;
    /// let layer = CookiesLayer::new().app("shop-staging");
    /// ```
    #[must_use]
    pub fn app(self, app: impl Into<String>) -> Self {
        self.with(|options| options.app = app.into())
    }

    /// The clock that ends signed and private values; the system's by default, one to turn in tests.
    ///
    /// ```
    /// # use session_runtime::{Clock, CookiesLayer};
    /// let clock = Clock::stopped();
    /// let layer = CookiesLayer::new().clock(clock.clone());
    /// ```
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        self.with(|options| options.clock = clock)
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl fmt::Debug for CookiesLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { app, protector, clock } = &*self.options;
        let keys = protector.is_some();
        f.debug_struct("CookiesLayer").field("app", app).field("keys", &keys).field("clock", clock).finish()
    }
}

impl<Inner> Layer<Inner> for CookiesLayer {
    type Service = CookiesService<Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        CookiesService { layer: self.clone(), inner }
    }
}

/// A service whose requests have cookies.
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
        let options = Arc::clone(&self.layer.options);
        let outer = request.extensions().get().map(|InRequest(cookies)| Arc::clone(&cookies.jar));
        // The outer layer sends them.
        let sends = outer.is_none();
        let jar = outer.unwrap_or_default();
        request.extensions_mut().insert(InRequest(Cookies { jar: Arc::clone(&jar), options }));
        CookiesFuture { inner: self.inner.call(request), jar: sends.then_some(jar) }
    }
}

pin_project! {
    /// The future of [`CookiesService`]: first the handler, then its cookies.
    pub struct CookiesFuture<F> {
        #[pin]
        inner: F,
        jar: Option<Arc<Jar>>,
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
        if let Some(jar) = this.jar {
            jar.leave(response.status().is_server_error(), response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}
