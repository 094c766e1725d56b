//! The tower layers, and our pages as responses.

mod cookies;
mod guard;
mod origin;
mod session;

use axum_core::body::Body;
use http::Response;

pub use self::{
    cookies::{CookiesFuture, CookiesService},
    guard::ViewService,
    origin::SameOrigin,
    session::{SessionFuture, SessionService},
};
use super::{CookiesRejection, Page, SessionRejection, ViewRejection};

impl Page {
    /// Returns the page as a response of tower services.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::SessionRejection) {
    /// let response: http::Response<axum::body::Body> = rejection.into_page().into_http();
    /// # }
    /// ```
    #[must_use]
    pub fn into_http(self) -> Response<Body> {
        let (status, headers, refusal) = (self.status(), self.headers(), self.refusal());
        let mut response = Response::new(Body::from(self.body().to_owned()));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        response.extensions_mut().insert(refusal);
        if let Some(forged) = self.forged() {
            response.extensions_mut().insert(forged.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

macro_rules! into_http {
    ($($rejection:ident),*) => {$(
        impl $rejection {
            /// Returns the response to this rejection.
            ///
            /// ```
            #[doc = concat!("# fn show(rejection: session_runtime::", stringify!($rejection), ") {")]
            /// let response: http::Response<axum::body::Body> = rejection.into_http();
            /// # }
            /// ```
            #[must_use]
            pub fn into_http(self) -> Response<Body> {
                self.into_page().into_http()
            }
        }
    )*};
}

into_http!(SessionRejection, ViewRejection, CookiesRejection);
