//! The pages that a visitor gets instead of the handler's response.

use axum_core::body::Body;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use super::SessionRefusal;
use crate::error::Error;

/// A short answer in place of the handler's. Visitors see the sentence, so it says nothing about how the program is made (F12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) sentence: &'static str,
    refusal: SessionRefusal,
    /// For the developer: only `Debug` shows it.
    detail: Option<String>,
}

impl Page {
    pub(crate) const fn new(status: StatusCode, sentence: &'static str, refusal: SessionRefusal) -> Self {
        Self { status, sentence, refusal, detail: None }
    }

    /// The store did not answer a load. The visitor is not at fault and is not signed out (SECURITY S47).
    pub(crate) const fn not_loaded() -> Self {
        let sentence =
            "The session store is not answering, so this request was not carried out. Please try again shortly.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence, SessionRefusal::StoreDown)
    }

    /// The store did not answer a commit. It may have stored the write, and only the answer was lost.
    pub(crate) const fn not_stored() -> Self {
        let sentence = "The session store is not answering, so this request may not have been carried out. Please try again shortly.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence, SessionRefusal::StoreDown)
    }

    /// A change was dropped.
    pub(crate) const fn conflict() -> Self {
        let sentence = "Your session changed while this request was under way (a sign-in, or another tab), so it was not carried out. Please reload and try again.";
        Self::new(StatusCode::CONFLICT, sentence, SessionRefusal::Changed)
    }

    /// A view refuses the visitor. A status that the view chose says everything: 404 does not even hint that signing in would
    /// help.
    pub(crate) fn refused(status: StatusCode) -> Self {
        let sentence = match status {
            StatusCode::UNAUTHORIZED | StatusCode::SEE_OTHER => {
                "This page is for signed-in visitors, and may ask for a recent sign-in. Please sign in and try again."
            }
            status => status.canonical_reason().unwrap_or("Refused"),
        };
        Self::new(status, sentence, SessionRefusal::View)
    }

    /// A view requires a fresh sign-in, but the user acts as another.
    pub(crate) fn impersonated() -> Self {
        let sentence = "This page needs you to sign in again, but you are acting as another user. Please stop acting as them first.";
        Self::new(StatusCode::FORBIDDEN, sentence, SessionRefusal::View)
    }

    /// A user cannot act as another.
    pub(crate) fn not_impersonated() -> Self {
        let sentence = "You cannot act as this user now. If you are acting as another user, please stop that first.";
        Self::new(StatusCode::CONFLICT, sentence, SessionRefusal::ImpersonationRefused)
    }

    /// The user already has as many sessions as allowed.
    pub(crate) const fn full() -> Self {
        let sentence = "You are signed in on as many devices as allowed, so this sign-in was refused. Please sign out on one of them first.";
        Self::new(StatusCode::CONFLICT, sentence, SessionRefusal::SignInRefused)
    }

    /// The session or cookie would exceed a limit.
    pub(crate) const fn too_large() -> Self {
        let sentence = "This is more than can be kept for you, so this request was not carried out.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, sentence, SessionRefusal::TooLarge)
    }

    /// The program has a mistake. `detail` is for its developer; visitors do not see it.
    pub(crate) fn broken(detail: impl Into<String>) -> Self {
        let sentence = "Something went wrong on this site. The server's log says more.";
        let page = Self::new(StatusCode::INTERNAL_SERVER_ERROR, sentence, SessionRefusal::Broken);
        Self { detail: Some(detail.into()), ..page }
    }

    /// Returns the page for an error of a commit, or for one that a handler returned.
    pub(crate) fn of(error: &Error) -> Self {
        if error.is_gone() || error.is_moved() || error.is_conflict() {
            Self::conflict()
        } else if error.is_full() {
            Self::full()
        } else if error.is_impersonation_refused() {
            Self::not_impersonated()
        } else if error.is_unavailable() {
            Self::not_stored()
        } else if error.is_too_large() {
            Self::too_large()
        } else {
            Self::broken(error.to_string())
        }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        headers
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let headers = self.headers();
        let mut response = Response::new(Body::from(self.sentence));
        (*response.status_mut(), *response.headers_mut()) = (self.status, headers);
        response.extensions_mut().insert(self.refusal);
        response
    }
}
