//! [`Passive`]: a request that does not extend the idle timeout.

use http::request::Parts;

use super::Visit;

/// An argument for handlers whose requests are not activity, such as those with which an open page polls for news every minute.
/// Such a request does not move the idle deadline. If it did, an open page would keep its session alive without a user in front
/// of it (OWASP Session Management Cheat Sheet, "Idle Timeout").
///
/// It applies to the whole request and to all of the request's sessions, even if other code reads or changes them. It also
/// applies to a stream or socket that the request opens: neither its saves nor
/// [`Ended::keep_alive`](crate::Ended::keep_alive) move the idle deadline. If a stream should keep its session alive, leave
/// `Passive` out. Changes are stored as usual.
///
/// ```
/// use axum::{Json, Router, middleware::from_extractor, routing::get};
/// use session_runtime::{Passive, Session, View, view};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
/// }
///
/// #[view(Shop)]
/// struct SignedIn {
///     user_id: u64,
/// }
///
/// async fn unread(_: Passive, View(me): View<SignedIn>) -> Json<u64> {
///     Json(me.user_id % 3)
/// }
///
/// let app: Router = Router::new().route("/unread", get(unread));
/// // For all routes of a router:
/// let polled: Router = Router::new().route("/status", get(async || "fine")).route_layer(from_extractor::<Passive>());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Passive(());

impl Passive {
    /// Makes a request passive, for services without axum's extractors.
    ///
    /// ```
    /// # use session_runtime::Passive;
    /// async fn poll(request: http::Request<String>) {
    ///     let (parts, _body) = request.into_parts();
    ///     Passive::from_parts(&parts);
    /// }
    /// ```
    pub fn from_parts(parts: &Parts) -> Self {
        Self::of_visit(parts.extensions.get())
    }

    /// Makes a request passive, for the authors of adapters: see [`web`](crate::web).
    pub fn of_visit(visit: Option<&Visit>) -> Self {
        visit.into_iter().flat_map(Visit::entries).for_each(|entry| entry.request.make_passive());
        Self(())
    }
}
