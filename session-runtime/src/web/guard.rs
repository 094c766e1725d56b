//! [`ViewLayer`]: guards a whole router in one line.

use std::{fmt, marker::PhantomData};

use crate::view::{View, Viewed};

impl<V: Viewed> View<V> {
    /// Returns a layer that admits only the visitors that this view admits. Other visitors get the view's answer, such as a
    /// redirect, and no handler runs. Handlers within the layer can take the view as an argument, but need not.
    ///
    /// Put it inside the session layer. With axum, add it to the router's own routes (`route_layer`), so that an unknown path
    /// stays a 404. The layer also refuses requests without cookies, such as CORS preflights: put the CORS layer around it.
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

/// A layer that admits only visitors whom the view `V` admits. Made by [`View::layer`].
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
