//! [`ViewLayer`]: guards a whole router in one line.

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

use crate::view::{View, Viewed};

impl<V: Viewed> View<V> {
    /// Returns a layer that admits only the visitors that this view admits. Other visitors get the view's response, such as a
    /// redirect, and no handler runs. Handlers within the layer can take the view as well, but need not.
    ///
    /// Put it inside the session layer. With axum, add it to the router's own routes (`route_layer`), so that an unknown path
    /// stays a 404. It also refuses requests without cookies, such as CORS preflights: put the CORS layer outside of it.
    ///
    /// ```
    /// use axum::{Router, routing::{get, post}};
    /// use session_runtime::{Session, Sessions, View, view};
    ///
    /// #[derive(Session)]
    /// struct Shop {
    ///     #[session(identity)]
    ///     user_id: Option<u64>,
    ///     #[session(rotates)]
    ///     staff: Option<String>,
    /// }
    ///
    /// /// Admits only members of staff.
    /// #[view(Shop, or_redirect = "/login")]
    /// struct Staff {
    ///     user_id: u64,
    ///     staff: String,
    /// }
    ///
    /// fn serve(sessions: &Sessions<Shop>) -> Router {
    ///     let admin = Router::new()
    ///         .route("/orders", get(async || "all orders"))
    ///         .route("/refund", post(async || "refunded"))
    ///         .route_layer(View::<Staff>::layer());
    ///     Router::new()
    ///         .route("/", get(async || "welcome"))
    ///         .nest("/admin", admin)
    ///         .layer(sessions.layer().same_origin())
    /// }
    /// ```
    #[must_use]
    pub fn layer() -> ViewLayer<V> {
        ViewLayer { view: PhantomData }
    }
}

/// A layer that admits only requests with a view. Made by [`View::layer`].
///
/// ```
/// # use session_runtime::{Session, View, ViewLayer, view};
/// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
/// # #[view(Shop)] struct SignedIn { user_id: u64 }
/// let layer: ViewLayer<SignedIn> = View::<SignedIn>::layer();
/// ```
pub struct ViewLayer<V> {
    view: PhantomData<fn() -> V>,
}

impl<V> Clone for ViewLayer<V> {
    fn clone(&self) -> Self {
        Self { view: PhantomData }
    }
}

impl<V> fmt::Debug for ViewLayer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewLayer<{}>", std::any::type_name::<V>())
    }
}

impl<V, Inner> Layer<Inner> for ViewLayer<V> {
    type Service = ViewService<V, Inner>;

    fn layer(&self, inner: Inner) -> ViewService<V, Inner> {
        ViewService { inner, view: PhantomData }
    }
}

/// A service that admits only requests with a view.
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
                Some(rejection) => Ok(rejection.into_http()),
            }
        })
    }
}
