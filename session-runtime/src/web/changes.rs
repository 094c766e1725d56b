//! [`Changes`]: whether a response stores what its handler changed.

use http::{Response, StatusCode};

/// Whether the session stores what the handler changed, put into the extensions of its response.
///
/// Without it, a response of status 408, 499 or 5xx counts as failed: what its handler changed is dropped, except what ends or
/// renews a session (`destroy`, `log_out`, `renew`). A timeout layer that drops a handler and answers 408 therefore stores
/// nothing of it. What `save` or `update` has already stored stays stored.
///
/// ```
/// use axum::{http::StatusCode, response::IntoResponse};
/// use session_runtime::{Changes, Session};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(counter)]
///     failures: u32,
/// }
///
/// // The count is to be stored though the response is an error.
/// async fn pay(mut session: Session<Shop>) -> impl IntoResponse {
///     session.failures_mut().add(1);
///     (StatusCode::BAD_GATEWAY, axum::Extension(Changes::Keep), "The bank does not answer.")
/// }
/// # let _ = pay;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Stores them, whatever the status.
    Keep,
    /// Drops them, whatever the status, except what ends or renews a session.
    Drop,
}

impl Changes {
    /// What becomes of the changes behind a response.
    pub(super) fn behind<B>(response: &Response<B>) -> Self {
        const CLIENT_CLOSED_REQUEST: u16 = 499;
        let status = response.status();
        let failed = status.is_server_error()
            || status == StatusCode::REQUEST_TIMEOUT
            || status.as_u16() == CLIENT_CLOSED_REQUEST;
        let usual = if failed { Self::Drop } else { Self::Keep };
        response.extensions().get().copied().unwrap_or(usual)
    }
}
