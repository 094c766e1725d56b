//! The tower layer. It gives each request a jar, and sends the jar's cookies with the response.

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
/// It can stand inside or outside the session layer. A session's cookie takes precedence: setting a cookie of that name is an
/// error once the session is known. If this layer is the outer one (added last), it also sees when a session could not be
/// stored, and then drops the cookies that the handler set. A cookies layer within another one shares its cookies, but has keys
/// of its own.
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

/// Options that all requests of a layer share.
#[derive(Clone, Default)]
pub(super) struct Options {
    pub(super) app: String,
    pub(super) protector: Option<Arc<Protector>>,
    pub(super) clock: Clock,
}

impl CookiesLayer {
    /// Creates a layer for plain cookies.
    ///
    /// ```
    /// # use session_runtime::CookiesLayer;
    /// let layer = CookiesLayer::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the keys for signed and private cookies. They may be the sessions' keys, since each purpose derives its own. After
    /// a change of keys, cookies that an older key of the ring wrote stay readable; see [`KeyRing`].
    ///
    /// # Errors
    /// If the ring is empty because [`KeyRing::generate`] got no random bytes.
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

    /// Sets a name that separates applications with the same keys: a signed or private cookie of one application is not valid
    /// in another. Empty by default.
    ///
    /// ```
    /// # use session_runtime::CookiesLayer;
    /// let layer = CookiesLayer::new().app("shop-staging");
    /// ```
    #[must_use]
    pub fn app(self, app: impl Into<String>) -> Self {
        self.with(|options| options.app = app.into())
    }

    /// Sets the clock by which signed and private values expire. Default: the system's. Tests can pass one that they turn.
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
        // The outer layer sends the cookies.
        let sends = outer.is_none();
        let jar = outer.unwrap_or_default();
        request.extensions_mut().insert(InRequest(Cookies { jar: Arc::clone(&jar), options }));
        CookiesFuture { inner: self.inner.call(request), jar: sends.then_some(jar) }
    }
}

pin_project! {
    /// The future of [`CookiesService`]: runs the handler, then adds its cookies.
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
