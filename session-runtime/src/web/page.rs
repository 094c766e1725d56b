//! The sentences that a visitor or a developer gets instead of a response.

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
};

/// A short answer in the handler's stead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) sentence: String,
}

impl Page {
    /// The store did not answer a load: not the visitor's fault, and it signs no visitor out (SECURITY S47).
    pub(crate) fn not_loaded() -> Self {
        let sentence =
            "The session store is not answering, so this request was not carried out. Please try again shortly.";
        Self { status: StatusCode::SERVICE_UNAVAILABLE, sentence: sentence.to_owned() }
    }

    /// The store did not answer a commit: the write may have happened, and the answer got lost.
    pub(crate) fn not_stored() -> Self {
        let sentence = "The session store is not answering, so this request may not have been carried out. Please try again shortly.";
        Self { status: StatusCode::SERVICE_UNAVAILABLE, sentence: sentence.to_owned() }
    }

    /// A change was dropped.
    pub(crate) fn conflict() -> Self {
        let sentence = "Your session changed while this request was under way (a sign-in, or another tab), so it was not carried out. Please reload and try again.";
        Self { status: StatusCode::CONFLICT, sentence: sentence.to_owned() }
    }

    /// A view is not for this visitor, or not as things stand. A status that was chosen says all: 404 means that there is
    /// nothing, not even something to sign in for.
    pub(crate) fn refused(status: StatusCode) -> Self {
        let sentence = match status {
            StatusCode::UNAUTHORIZED | StatusCode::SEE_OTHER => {
                "This page is for signed-in visitors, and may ask for a recent sign-in. Please sign in and try again."
            }
            status => status.canonical_reason().unwrap_or("Refused"),
        };
        Self { status, sentence: sentence.to_owned() }
    }

    /// The user has as many sessions as allowed.
    pub(crate) fn full() -> Self {
        let sentence = "You are signed in on as many devices as allowed, so this sign-in was refused. Please sign out on one of them first.";
        Self { status: StatusCode::CONFLICT, sentence: sentence.to_owned() }
    }

    /// Something is wrong with the program.
    pub(crate) fn broken(sentence: String) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, sentence }
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

    /// The page over any body type: with its sentence where we know how to make one, else empty.
    pub(crate) fn into_response<B: Default + 'static>(self) -> Response<B> {
        let mut body = B::default();
        let filled = self.fill(&mut body);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers();
        if !filled {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        response
    }

    fn fill<B: 'static>(&self, body: &mut B) -> bool {
        use std::any::Any;

        let body: &mut dyn Any = body;
        match body.downcast_mut::<axum_core::body::Body>() {
            Some(body) => {
                *body = axum_core::body::Body::from(self.sentence.clone());
                true
            }
            None => false,
        }
    }
}
