//! The session as JSON, for scripts.

use std::time::Duration;

use serde::Serialize;
use session_runtime::Session;

use super::session::{Line, Shop, Theme};

#[derive(Serialize)]
pub(crate) struct Api {
    user: Option<String>,
    theme: Theme,
    visits: u64,
    cart: Vec<Line>,
    notice: Option<String>,
    /// After this many seconds without another request, the session ends.
    expires_in: u64,
}

impl Api {
    /// Reads the session, and removes its notice, which is shown only once.
    pub(crate) fn of(session: &mut Session<Shop>) -> Self {
        Self {
            notice: session.notice_mut().take(),
            user: session.user().map(str::to_owned),
            theme: session.theme(),
            visits: session.visits(),
            cart: session.cart().to_vec(),
            expires_in: (session.expires_in() + Duration::from_millis(999)).as_secs(),
        }
    }
}
