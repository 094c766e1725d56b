//! The rejection of a request that came through no cookies layer.

use std::fmt;

use crate::web::page::Page;

/// Why a handler did not get its [`Cookies`](super::Cookies): the layer is missing (500). `Display` shows a sentence that is
/// safe for visitors; the log and `Debug` say what to change.
///
/// ```
/// # use session_runtime::{Cookies, CookiesRejection};
/// async fn home(cookies: Result<Cookies, CookiesRejection>) -> String {
///     match cookies {
///         Ok(cookies) => cookies.get("theme").unwrap_or_default(),
///         Err(rejection) => rejection.to_string(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CookiesRejection(Page);

impl CookiesRejection {
    pub(super) fn no_layer() -> Self {
        let sentence = "this route has no cookies: put `CookiesLayer::new()` around the route: with `.layer(…)` after the \
                        route in axum, `.wrap(…)` in actix-web, `.with(…)` in poem, `.hoop(…)` in salvo, `.attach(…)` in rocket";
        error_limited!("{sentence}");
        Self(Page::broken(sentence))
    }

    /// Returns 500.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::CookiesRejection) {
    /// assert_eq!(rejection.status(), 500);
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        self.0.status()
    }

    /// Returns the page that answers this rejection.
    ///
    /// ```
    /// # fn show(rejection: session_runtime::CookiesRejection) {
    /// assert_eq!(rejection.into_page().status(), 500);
    /// # }
    /// ```
    #[must_use]
    pub fn into_page(self) -> Page {
        self.0
    }
}

impl fmt::Display for CookiesRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.body())
    }
}

impl std::error::Error for CookiesRejection {}
