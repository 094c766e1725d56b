//! [`Commit`] and [`Answer`]: the end of a request. The handler's changes are stored, and the outcome decides on the response.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

use super::{
    Changes, Page,
    headers::{keep_private, set_cookie, vary_by_cookie},
    page::Pages,
};
use crate::{
    engine::{CookieChange, Outcome, Request},
    error::Error,
};

/// The commit of a request whose handler is still running. If it is dropped before [`Commit::finish`] has returned, the
/// request counts as cancelled, and its changes are dropped.
#[must_use = "without `finish`, the handler's changes are dropped"]
pub struct Commit {
    /// `None` if a layer around this one commits.
    request: Option<Arc<Request>>,
    /// Whether the request's method is safe. If it is, a lost change does not replace the response.
    safe: bool,
    pages: Option<Pages>,
}

impl Commit {
    pub(super) fn new(request: Arc<Request>, safe: bool, pages: Option<Pages>) -> Self {
        Self { request: Some(request), safe, pages }
    }

    pub(super) fn within_another(pages: Option<Pages>) -> Self {
        Self { request: None, safe: true, pages }
    }

    /// Stores the handler's changes, and returns what to change in the handler's response. Call it after the handler has dropped
    /// its sessions, and before the response's head is sent.
    ///
    /// `status` is the status of the handler's response, and `changes` is the [`Changes`] in the extensions of that response, if
    /// there is one.
    pub async fn finish(self, status: u16, changes: Option<Changes>) -> Answer {
        match self.finish_at_once() {
            Some(answer) => answer,
            // Boxed because most requests store nothing: otherwise every middleware's future would reserve room for it.
            None => Box::pin(self.store(status, changes)).await,
        }
    }

    /// Returns the answer if there is nothing to store.
    pub(super) fn finish_at_once(&self) -> Option<Answer> {
        let request = self.request.as_ref().filter(|request| request.was_asked());
        let Some(request) = request else {
            self.request.iter().for_each(|request| request.left());
            return Some(Answer::default());
        };
        let answer = || Answer { request: Some(Arc::clone(request)), ..Answer::default() };
        request.leave_idle().then(answer)
    }

    /// Stores the changes.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` reserves room for each argument twice")]
    pub(super) fn store(self, status: u16, changes: Option<Changes>) -> impl Future<Output = Answer> + Send {
        async move {
            let Some(request) = &self.request else { return Answer::default() };
            let failed = changes.unwrap_or_else(|| Changes::by_status(status)) == Changes::Drop;
            let (outcome, cookie) = request.leave(failed).await;
            if let Err(error) = &outcome {
                log(error);
            }
            // A failed handler's response stays, even if the log-out that the handler made runs into a conflict.
            let page = page(&outcome, self.safe || failed).map(|page| page.replaced(self.pages.as_ref()));
            Answer { request: Some(Arc::clone(request)), page, cookie }
        }
    }

    /// Returns the application's own page, if the application replaces the text of `made`. `made` is the page that a view or an
    /// error of this crate made within the layer; a response with extensions has that page in its extensions. If this returns a
    /// page, replace the response's text and `Content-Type`, and remove the headers that [`Page::removes`] lists.
    pub fn own_page(&self, made: Option<&Page>) -> Option<Page> {
        let (pages, made) = (self.pages.as_ref()?, made?);
        let own = made.clone().replaced(Some(pages));
        (own != *made).then_some(own)
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        self.request.iter().for_each(|request| request.cancel());
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").field("safe", &self.safe).finish_non_exhaustive()
    }
}

/// The changes to the handler's response. First replace the response if there is a [`page`](Self::page), then call
/// [`write`](Self::write) with the headers of the response that is sent.
#[derive(Default)]
#[must_use = "without `write`, the visitor does not get the session's cookie"]
pub struct Answer {
    /// `None`: no handler asked for the session, or a layer around this one commits.
    request: Option<Arc<Request>>,
    page: Option<Page>,
    cookie: Option<CookieChange>,
}

impl Answer {
    /// Takes the page that replaces the handler's response. Keep the `Set-Cookie` headers of the replaced response: a session
    /// of another kind may just have renewed its id, and only these headers carry the new id.
    pub fn page(&mut self) -> Option<Page> {
        self.page.take()
    }

    /// Writes the session's headers: `Set-Cookie`, `Vary` and `Cache-Control`. The method reads no other headers, so an
    /// adapter for a framework with other header types can copy these three into `headers` and back.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Some(request) = &self.request else { return };
        vary_by_cookie(headers);
        if let Some(cookie) = &self.cookie {
            request.write_cookies(cookie, |name, line| match HeaderValue::try_from(line) {
                Ok(line) => set_cookie(headers, name, line),
                Err(error) => error_limited!(%error, "the session cookie is not a valid header value"),
            });
            for line in request.former_removals() {
                if let Ok(line) = HeaderValue::try_from(line) {
                    headers.append(SET_COOKIE, line);
                }
            }
        }
        keep_private(headers);
    }

    /// Returns whether [`Self::write`] writes nothing.
    pub fn is_untouched(&self) -> bool {
        self.request.is_none()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("page", &self.page).finish_non_exhaustive()
    }
}

/// Returns the page that replaces the response, for each outcome of a commit: the table in `docs/behaviours.md`.
fn page(outcome: &Result<Outcome, Error>, keeps_response: bool) -> Option<Page> {
    match outcome {
        Ok(Outcome::Applied | Outcome::Gone) => None,
        Ok(Outcome::Moved | Outcome::Conflict) if keeps_response => None,
        Ok(Outcome::Moved | Outcome::Conflict) => Some(Page::conflict()),
        Ok(Outcome::Refused) => Some(Page::full()),
        Err(error) => Some(Page::of(error)),
    }
}

fn log(error: &Error) {
    if error.is_unavailable() {
        error_limited!(
            error = error as &dyn std::error::Error,
            "a session could not be stored: the store did not answer"
        );
    } else if error.is_too_large() && !error.is_mistake() {
        warn_limited!(error = error as &dyn std::error::Error, "a session could not be stored: it would be too large");
    } else {
        error_limited!(error = error as &dyn std::error::Error, "a session could not be stored");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::error::Kind;

    /// Each row has an outcome, and the page's status for a safe method and for other methods.
    #[test]
    fn each_outcome_has_its_documented_page() {
        let error = |kind| Err(Error::new(kind));
        for (outcome, safe, other) in [
            (Ok(Outcome::Applied), None, None),
            (Ok(Outcome::Gone), None, None),
            (Ok(Outcome::Moved), None, Some(409)),
            (Ok(Outcome::Conflict), None, Some(409)),
            (Ok(Outcome::Refused), Some(409), Some(409)),
            (error(Kind::Unavailable), Some(503), Some(503)),
            (error(Kind::Unknown), Some(503), Some(503)),
            (error(Kind::FieldTooLong { field: "name", length: 2, most: 1 }), Some(413), Some(413)),
            (error(Kind::Unbounded { field: "name", bytes: 2, most: 1 }), Some(500), Some(500)),
            (error(Kind::TooLong), Some(500), Some(500)),
        ] {
            let status = |keeps| page(&outcome, keeps).map(|page| page.status().as_u16());
            assert_eq!((status(true), status(false)), (safe, other), "{outcome:?}");
        }
    }
}
