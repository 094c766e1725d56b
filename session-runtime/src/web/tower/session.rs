//! [`SessionLayer`] as a tower layer: commits before the response's head is sent.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum_core::{BoxError, body::Body};
use bytes::Bytes;
use http::{
    Request, Response,
    header::{CONTENT_TYPE, SET_COOKIE},
};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    session::Schema,
    web::{Answer, Commit, Page, SessionLayer, Visit},
};

impl<S: Schema, Inner> Layer<Inner> for SessionLayer<S> {
    type Service = SessionService<S, Inner>;

    fn layer(&self, inner: Inner) -> Self::Service {
        SessionService { layer: self.clone(), inner }
    }
}

/// A service whose handlers can use the [`Session`](struct@crate::Session) of their request.
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
pub struct SessionService<S: Schema, Inner> {
    layer: SessionLayer<S>,
    inner: Inner,
}

impl<S: Schema, Inner: Clone> Clone for SessionService<S, Inner> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), inner: self.inner.clone() }
    }
}

impl<S: Schema, Inner: fmt::Debug> fmt::Debug for SessionService<S, Inner> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").field("layer", &self.layer).field("inner", &self.inner).finish()
    }
}

impl<S, Inner, ReqBody, ResBody> Service<Request<ReqBody>> for SessionService<S, Inner>
where
    S: Schema,
    Inner: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Inner::Error;
    type Future = SessionFuture<Inner::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut http: Request<ReqBody>) -> Self::Future {
        let mut visit: Visit = http.extensions_mut().remove().unwrap_or_default();
        match self.layer.begin(&http, &mut visit) {
            Ok(commit) => {
                http.extensions_mut().insert(visit);
                SessionFuture { state: State::Handling { inner: self.inner.call(http) }, commit: Some(commit) }
            }
            Err(page) => SessionFuture { state: State::Answered { response: Some(page.into_http()) }, commit: None },
        }
    }
}

type Storing = Pin<Box<dyn Future<Output = Answer> + Send>>;

pin_project! {
    /// The future of [`SessionService`]: runs the handler, then the commit.
    pub struct SessionFuture<F> {
        #[pin]
        state: State<F>,
        // `None` once the commit has begun, or if the handler does not run.
        commit: Option<Commit>,
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
        Committing { response: Option<Response<Body>>, storing: Storing },
        /// Nothing is left to wait for.
        Answered { response: Option<Response<Body>> },
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
                    // Drops the inner future first: a timeout inside it may still hold a handler that it gave up, and that
                    // handler may hold session handles.
                    this.state.set(State::Answered { response: None });
                    let Some(commit) = this.commit.take() else { return Poll::Ready(Ok(response)) };
                    let response = with_own_page(response, &commit);
                    if let Some(answer) = commit.finish_at_once() {
                        return Poll::Ready(Ok(finish(response, answer)));
                    }
                    let changes = response.extensions().get().copied();
                    let storing: Storing = Box::pin(commit.store(response.status().as_u16(), changes));
                    this.state.set(State::Committing { response: Some(response), storing });
                }
                StateProj::Answered { response } => {
                    return Poll::Ready(Ok(response.take().unwrap_or_else(|| Response::new(Body::empty()))));
                }
                StateProj::Committing { response, storing } => {
                    let answer = ready!(storing.as_mut().poll(cx));
                    let response = response.take().unwrap_or_else(|| Response::new(Body::empty()));
                    return Poll::Ready(Ok(finish(response, answer)));
                }
            }
        }
    }
}

/// If a view or an error of ours made the response, replaces the text with the application's own.
fn with_own_page(response: Response<Body>, commit: &Commit) -> Response<Body> {
    let Some(page) = commit.own_page(response.extensions().get()) else { return response };
    let (mut parts, _) = response.into_parts();
    Page::removes().iter().for_each(|name| drop(parts.headers.remove(name)));
    parts.headers.insert(CONTENT_TYPE, page.content_type());
    let body = Body::from(page.body().to_owned());
    parts.extensions.insert(page);
    Response::from_parts(parts, body)
}

/// Turns the handler's response into the one that is sent.
fn finish(response: Response<Body>, mut answer: Answer) -> Response<Body> {
    let mut response = match answer.page() {
        None => response,
        Some(page) => {
            let mut instead = page.into_http();
            for line in response.headers().get_all(SET_COOKIE) {
                instead.headers_mut().append(SET_COOKIE, line.clone());
            }
            instead
        }
    };
    answer.write(response.headers_mut());
    response
}
