//! [`Changes`]: whether a session stores the changes of the handler.

/// Whether the session stores the handler's changes. A handler puts it into the extensions of its response.
///
/// Without it, a response of status 408, 499 or 5xx counts as failed: the handler's changes are dropped, except those that end or
/// renew a session (`destroy`, `log_out`, `stop_impersonating`, `renew`). So if a timeout layer drops a handler and answers 408,
/// no other changes of that handler are stored. Anything `save` or `update` has already stored stays stored.
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
/// // Stores the count although the response is an error.
/// async fn pay(mut session: Session<Shop>) -> impl IntoResponse {
///     session.failures_mut().add(1);
///     (StatusCode::BAD_GATEWAY, axum::Extension(Changes::Keep), "The bank does not answer.")
/// }
/// # let _ = pay;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Stores the changes, whatever the status.
    Keep,
    /// Drops the changes, whatever the status, except those that end or renew a session.
    Drop,
}

impl Changes {
    /// Returns the default for a response's status.
    pub(super) fn by_status(status: u16) -> Self {
        const CLIENT_CLOSED_REQUEST: u16 = 499;
        match status {
            408 | CLIENT_CLOSED_REQUEST | 500.. => Self::Drop,
            _ => Self::Keep,
        }
    }
}
