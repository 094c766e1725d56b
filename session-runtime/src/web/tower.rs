//! The tower layer: puts a request's session where handlers find it, and commits before the response's head is sent.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum_core::{BoxError, body::Body};
use bytes::Bytes;
use http::{HeaderValue, Method, Request as HttpRequest, Response, header::SET_COOKIE};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Changes, InRequest, SameOriginLayer,
    cookies::reserve,
    headers::{keep_private, set_cookie, vary_by_cookie},
    page::Page,
};
use crate::{
    engine::{CookieChange, Outcome, Request},
    error::Error,
    session::Schema,
    sessions::Sessions,
    view::local_path,
};

impl<S: Schema> Sessions<S> {
    /// Returns the layer that serves these sessions to the routes within it.
    ///
    /// A response that depends on a session gets `Vary: Cookie`, and `Cache-Control: private` unless the handler sets one. If a
    /// layer of yours adds `no-store` only to responses without `Cache-Control`, put it inside this one.
    ///
    /// A route that does not use its session costs nothing. The response's head waits for the store. The layer turns every body
    /// into axum's type, since it may replace the response with a page; bodies of that type stay as they are.
    /// become axum's, since a page of this layer may take their place; axum's stay as they are.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>) -> axum::Router {
    /// use axum::{Router, routing::get};
    ///
    /// async fn home(session: Session<Shop>) -> String {
    ///     session.theme().to_owned()
    /// }
    ///
    /// Router::new().route("/", get(home)).layer(sessions.layer())
    /// # }
    /// ```
    #[must_use]
    pub fn layer(&self) -> SessionLayer<S> {
        SessionLayer { sessions: self.clone(), mounted_at: None }
    }
}

/// Serves sessions to the service that it wraps. Made by [`Sessions::layer`].
///
/// ```
/// # use session_runtime::{Session, SessionLayer, Sessions};
/// # #[derive(Session)] struct Shop { theme: String }
/// # fn show(sessions: Sessions<Shop>) {
/// let layer: SessionLayer<Shop> = sessions.layer();
/// # }
/// ```
pub struct SessionLayer<S> {
    sessions: Sessions<S>,
    mounted_at: Option<Arc<str>>,
}

impl<S> SessionLayer<S> {
    /// Says that the application is mounted at this path of its site, such as `/app`. The layer may not see the path: axum's
    /// `nest` removes it, and so do some proxies. Redirects of views (`or_redirect`, `stale_redirect`) and their `next` then
    /// get the path as a prefix: `or_redirect = "/login"` leads to `/app/login`.
    ///
    /// # Errors
    /// [`Error::is_setup`] if `path` is not a path such as `/app`.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>, shop: axum::Router) -> Result<axum::Router, Error> {
    /// let shop = shop.layer(sessions.layer().mounted_at("/app")?);
    /// Ok(axum::Router::new().nest("/app", shop))
    /// # }
    /// ```
    pub fn mounted_at(self, path: &str) -> Result<Self, Error> {
        let prefix = path.strip_suffix('/').unwrap_or(path);
        let is_wrong =
            |prefix: &str| local_path(prefix).is_none() || prefix.contains(['?', '#', '%']) || prefix.contains("//");
        if path.contains("//") || !prefix.is_empty() && is_wrong(prefix) {
            let sentence =
                format!("`{path}` is not a path that an application can be mounted at; write one such as `/app`");
            return Err(Error::setup(sentence));
        }
        let mounted_at = (!prefix.is_empty()).then(|| prefix.into());
        Ok(Self { mounted_at, ..self })
    }

    /// Wraps this layer in one that refuses forged requests from other sites (CSRF, SECURITY S36): see [`SameOriginLayer`] for
    /// its rules and options.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>, router: axum::Router) -> axum::Router {
    /// router.layer(sessions.layer().same_origin())
    /// # }
    /// # fn more(sessions: Sessions<Shop>, router: axum::Router) -> Result<axum::Router, session_runtime::Error> {
    /// // With a front end on another origin, and programs that send no origin:
    /// # Ok(
    /// router.layer(sessions.layer().same_origin().trust("https://app.example.com")?.allow_programs())
    /// # )
    /// # }
    /// ```
    #[must_use]
    pub fn same_origin(self) -> SameOriginLayer<Self> {
        SameOriginLayer::around(self)
    }
}

impl<S> Clone for SessionLayer<S> {
    fn clone(&self) -> Self {
        Self { sessions: self.sessions.clone(), mounted_at: self.mounted_at.clone() }
    }
}

impl<S> fmt::Debug for SessionLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionLayer").field(&self.sessions).finish()
    }
}

impl<S, Inner> Layer<Inner> for SessionLayer<S> {
    type Service = SessionService<S, Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        SessionService { sessions: self.sessions.clone(), mounted_at: self.mounted_at.clone(), inner }
    }
}

/// A service whose requests have sessions.
///
/// ```
/// # use session_runtime::{Session, SessionService, Sessions};
/// # #[derive(Session)] struct Shop { theme: String }
/// # fn show<Inner>(sessions: Sessions<Shop>, inner: Inner) {
/// use tower::Layer;
///
/// let service: SessionService<Shop, Inner> = sessions.layer().layer(inner);
/// # }
/// ```
pub struct SessionService<S, Inner> {
    sessions: Sessions<S>,
    mounted_at: Option<Arc<str>>,
    inner: Inner,
}

impl<S, Inner: Clone> Clone for SessionService<S, Inner> {
    fn clone(&self) -> Self {
        Self { sessions: self.sessions.clone(), mounted_at: self.mounted_at.clone(), inner: self.inner.clone() }
    }
}

impl<S, Inner: fmt::Debug> fmt::Debug for SessionService<S, Inner> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").field("sessions", &self.sessions).field("inner", &self.inner).finish()
    }
}

impl<S, Inner, ReqBody, ResBody> Service<HttpRequest<ReqBody>> for SessionService<S, Inner>
where
    S: Schema,
    Inner: Service<HttpRequest<ReqBody>, Response = Response<ResBody>>,
    ResBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Inner::Error;
    type Future = SessionFuture<Inner::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut http: HttpRequest<ReqBody>) -> Self::Future {
        // An outer layer already serves these sessions. A second commit would set a second cookie, and lose the first.
        if InRequest::find::<S>(http.extensions()).is_some_and(|outer| outer.request.is_of(&self.sessions.engine)) {
            return SessionFuture::new(self.inner.call(http), None, false);
        }
        if let Some(other) = InRequest::colliding(http.extensions(), &self.sessions.engine) {
            self.sessions.engine.report_collision(other);
            let page = Page::broken("two kinds of sessions have the same cookie");
            return SessionFuture::answered(page.into_response());
        }
        let request = Arc::new(self.sessions.request(*http.method() != Method::HEAD));
        reserve(http.extensions(), request.cookie_names());
        let target = http.uri().path_and_query().cloned();
        InRequest::leave::<S>(http.extensions_mut(), Arc::clone(&request), target, self.mounted_at.clone());
        let safe = matches!(*http.method(), Method::GET | Method::HEAD);
        SessionFuture::new(self.inner.call(http), Some(Guard { request }), safe)
    }
}

type Committed = (Result<Outcome, Error>, Option<CookieChange>);
type Commit = Pin<Box<dyn Future<Output = Committed> + Send>>;

pin_project! {
    /// The future of [`SessionService`]: runs the handler, then the commit.
    pub struct SessionFuture<F> {
        #[pin]
        state: State<F>,
        guard: Option<Guard>,
        safe: bool,
    }
}

impl<F> SessionFuture<F> {
    /// `guard` is `None` if another layer commits the session.
    fn new(inner: F, guard: Option<Guard>, safe: bool) -> Self {
        Self { state: State::Handling { inner }, guard, safe }
    }

    /// Creates a future that returns `response` without calling the inner service.
    fn answered(response: Response<Body>) -> Self {
        Self { state: State::Answered { response: Some(response) }, guard: None, safe: true }
    }
}

impl<F> fmt::Debug for SessionFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionFuture")
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Handling { #[pin] inner: F },
        Committing { response: Option<Response<Body>>, commit: Commit },
        /// Nothing is left to wait for.
        Answered { response: Option<Response<Body>> },
    }
}

/// Cancels the request on drop, when nothing waits for it any more.
struct Guard {
    request: Arc<Request>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.request.cancel();
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Handling { inner } => {
                    let response = ready!(inner.poll(cx))?.map(Body::new);
                    // Drops the inner future first: a timeout inside it may still hold a handler that it gave up, and the
                    // handler its handles.
                    this.state.set(State::Answered { response: None });
                    let Some(Guard { request }) = this.guard else { return Poll::Ready(Ok(response)) };
                    if !request.was_asked() {
                        request.left();
                        return Poll::Ready(Ok(response));
                    }
                    if request.leave_idle() {
                        let nothing = (Ok(Outcome::Applied), None);
                        return Poll::Ready(Ok(finish(request, *this.safe, response, nothing)));
                    }
                    let failed = Changes::behind(&response) == Changes::Drop;
                    let request = Arc::clone(request);
                    let commit: Commit = Box::pin(async move { request.leave(failed).await });
                    // The answer of a failed handler stays, even if its log-out meets a conflict.
                    *this.safe |= failed;
                    this.state.set(State::Committing { response: Some(response), commit });
                }
                StateProj::Answered { response } => {
                    return Poll::Ready(Ok(response.take().unwrap_or_else(|| Response::new(Body::empty()))));
                }
                StateProj::Committing { response, commit } => {
                    let committed = ready!(commit.as_mut().poll(cx));
                    let response = response.take().unwrap_or_else(|| Response::new(Body::empty()));
                    let Some(Guard { request }) = this.guard else { return Poll::Ready(Ok(response)) };
                    return Poll::Ready(Ok(finish(request, *this.safe, response, committed)));
                }
            }
        }
    }
}

/// Returns the response for a commit's outcome: the table in `docs/behaviours.md`.
fn finish(request: &Request, safe: bool, response: Response<Body>, (outcome, cookie): Committed) -> Response<Body> {
    let mut response = match outcome {
        Ok(Outcome::Applied | Outcome::Gone) => response,
        Ok(Outcome::Moved | Outcome::Conflict) if safe => response,
        Ok(Outcome::Moved | Outcome::Conflict) => instead(&response, Page::conflict()),
        Ok(Outcome::Refused) => instead(&response, Page::full()),
        Err(error) => instead(&response, page_for(&error)),
    };
    vary_by_cookie(response.headers_mut());
    if let Some(cookie) = cookie {
        request.write_cookies(&cookie, |name, line| match HeaderValue::try_from(line) {
            Ok(line) => set_cookie(response.headers_mut(), name, line),
            Err(error) => error_limited!(%error, "the session cookie is not a valid header value"),
        });
        for line in request.former_removals() {
            if let Ok(line) = HeaderValue::try_from(line) {
                response.headers_mut().append(SET_COOKIE, line);
            }
        }
    }
    keep_private(response.headers_mut());
    response
}

/// Replaces a response by a page, and keeps its cookies: another kind of session may just have renewed its id, and only this
/// response has it.
fn instead(replaced: &Response<Body>, page: Page) -> Response<Body> {
    let mut response: Response<Body> = page.into_response();
    for line in replaced.headers().get_all(SET_COOKIE) {
        response.headers_mut().append(SET_COOKIE, line.clone());
    }
    response
}

fn page_for(error: &Error) -> Page {
    if error.is_unavailable() {
        error_limited!(
            error = error as &dyn std::error::Error,
            "a session could not be stored: the store did not answer"
        );
    } else {
        error_limited!(error = error as &dyn std::error::Error, "a session could not be stored");
    }
    Page::of(error)
}
