//! Serves sessions to web frameworks. This crate has adapters for some frameworks, each behind a feature. The items of this
//! module are for authors of adapters for other frameworks.
//!
//! An adapter is a middleware that does four things for each request:
//!
//! 1. It describes the request: [`RequestHead`].
//! 2. It calls [`SessionLayer::begin`](crate::SessionLayer::begin) with a [`Visit`], and stores the visit with the request.
//! 3. It runs the handler. Arguments of handlers come from the visit: [`Session::of_visit`](crate::Session::of_visit),
//!    [`View::of_visit`](crate::View::of_visit), [`Cookies::of_visit`](crate::Cookies::of_visit).
//! 4. Before the head of the response is sent, it calls [`Commit::finish`], replaces the response with [`Answer::page`] if
//!    there is one, and lets [`Answer::write`] add the headers.
//!
//! An adapter also has to ensure the following:
//!
//! - Each request has its own [`Visit`]. If all requests of a connection shared one, visitors would get each other's sessions.
//! - [`RequestHead::authority`] comes from the request's target, never from a header that a client may choose, such as
//!   `X-Forwarded-Host`. [`RequestHead::method`] is the method by which the request is routed.
//! - Handlers drop their sessions before `finish`. If a session is held for longer, for example in the request's extensions,
//!   its changes are not stored before the response.
//! - If a page replaces a response, the response's `Set-Cookie` headers stay.
//!
//! The other middlewares begin with [`CookiesLayer::begin`](crate::CookiesLayer::begin),
//! [`SameOriginLayer::check`](crate::SameOriginLayer::check) and, to guard routes with a view,
//! [`View::of_visit`](crate::View::of_visit).
//!
//! ```
//! use http::{Request, Response, header::SET_COOKIE};
//! use session_runtime::{Session, SessionLayer, web::{Page, Visit}};
//!
//! #[derive(Session)]
//! struct Shop {
//!     #[session(counter)]
//!     visits: u64,
//! }
//!
//! /// Serves a request without any framework, such as with hyper alone.
//! async fn serve<B>(layer: &SessionLayer<Shop>, request: Request<B>) -> Response<String> {
//!     let mut visit = Visit::default();
//!     let commit = match layer.begin(&request, &mut visit) {
//!         Ok(commit) => commit,
//!         Err(page) => return to_response(page),
//!     };
//!     let mut response = match Session::<Shop>::of_visit(Some(&visit), &request).await {
//!         Ok(session) => handle(session).await,
//!         Err(rejection) => {
//!             let page = rejection.into_page();
//!             to_response(commit.own_page(Some(&page)).unwrap_or(page))
//!         }
//!     };
//!     let mut answer = commit.finish(response.status().as_u16(), None).await;
//!     if let Some(page) = answer.page() {
//!         let replaced = std::mem::replace(&mut response, to_response(page));
//!         for line in replaced.headers().get_all(SET_COOKIE) {
//!             response.headers_mut().append(SET_COOKIE, line.clone());
//!         }
//!     }
//!     answer.write(response.headers_mut());
//!     response
//! }
//!
//! async fn handle(mut session: Session<Shop>) -> Response<String> {
//!     session.visits_mut().add(1);
//!     Response::new(format!("visit {}", session.visits()))
//! }
//!
//! fn to_response(page: Page) -> Response<String> {
//!     let (status, headers) = (page.status(), page.headers());
//!     let mut response = Response::new(page.into_body().into_owned());
//!     (*response.status_mut(), *response.headers_mut()) = (status, headers);
//!     response
//! }
//! ```

#[cfg(feature = "actix")]
mod actix;
#[cfg(any(feature = "actix", feature = "poem", feature = "salvo", feature = "rocket"))]
mod around;
#[cfg(feature = "axum")]
mod axum;
mod changes;
mod commit;
mod cookies;
mod extract;
mod guard;
mod head;
mod headers;
mod layer;
mod origin;
mod page;
mod passive;
#[cfg(feature = "poem")]
mod poem;
mod refusal;
#[cfg(feature = "rocket")]
mod rocket;
#[cfg(feature = "salvo")]
mod salvo;
#[cfg(feature = "tower")]
mod tower;
mod view;
mod visit;

#[cfg(feature = "rocket")]
#[doc(no_inline)]
pub use self::rocket::WithChanges;
#[cfg(feature = "tower")]
#[doc(no_inline)]
pub use self::tower::{CookiesFuture, CookiesService, SameOrigin, SessionFuture, SessionService, ViewService};
#[doc(no_inline)]
pub use self::{
    changes::Changes,
    cookies::{Cookies, CookiesLayer, CookiesRejection, ProtectedCookies},
    extract::SessionRejection,
    guard::ViewLayer,
    layer::SessionLayer,
    origin::{OriginReason, OriginRefusal, SameOriginLayer},
    passive::Passive,
    refusal::SessionRefusal,
    view::ViewRejection,
};
pub use self::{
    commit::{Answer, Commit},
    cookies::CookiesCommit,
    head::RequestHead,
    page::Page,
    visit::Visit,
};
