//! The cookies of one request: those that the browser sent, and those that are sent with the response.

use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use http::{HeaderMap, HeaderValue};

use crate::{
    cookie::{opened, plain_value},
    error::{Error, Kind},
    web::headers::{set_cookie, vary_by_cookie},
};

/// The state that the layer and all `Cookies` of a request share.
#[derive(Default)]
pub(super) struct Jar {
    /// The request's `Cookie` headers. Unset until a handler asks for `Cookies`.
    came: OnceLock<Box<[Box<[u8]>]>>,
    read: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// At most one for each name.
    written: Vec<Written>,
    /// The names of session cookies.
    reserved: Vec<Box<str>>,
    left: bool,
}

struct Written {
    name: Box<str>,
    /// The value as it is encoded in the header; `None` if the cookie is removed.
    value: Option<String>,
    line: HeaderValue,
}

impl Jar {
    pub(super) fn came_with<'a>(&self, headers: impl Iterator<Item = &'a [u8]>) {
        self.came.get_or_init(|| headers.map(Into::into).collect());
    }

    pub(super) fn plain(&self, name: &str) -> Option<String> {
        match self.written(name) {
            Some(value) => plain_value([pair(name, &value?).as_bytes()], name),
            None => plain_value(self.headers(), name),
        }
    }

    pub(super) fn opened(&self, name: &str, open: impl Fn(&[u8]) -> Option<String>) -> Option<String> {
        match self.written(name) {
            Some(value) => open(value?.as_bytes()),
            None => opened(self.headers(), name, open),
        }
    }

    /// Returns the value that this request wrote under a name, encoded as the browser would send it back; `Some(None)` if this
    /// request removed the cookie.
    fn written(&self, name: &str) -> Option<Option<String>> {
        self.read.store(true, Ordering::Relaxed);
        self.lock().written.iter().find(|written| *written.name == *name).map(|written| written.value.clone())
    }

    fn headers(&self) -> impl Iterator<Item = &[u8]> {
        self.came.get().into_iter().flatten().map(|header| &**header)
    }

    /// Adds `line` to the response, in place of an earlier line of that name.
    pub(super) fn write(&self, name: &str, value: Option<String>, line: &str) -> Result<(), Error> {
        // Name, value and attributes were checked, so this conversion succeeds.
        let line = HeaderValue::try_from(line).map_err(|error| {
            Error::new(Kind::Cookie("the cookie would break its header; check its name and attributes".into()))
                .because(error)
        })?;
        let mut state = self.lock();
        if state.left {
            return Err(Error::new(Kind::TooLate { wanted: "a cookie was to be set or removed" }));
        }
        if state.is_reserved(name) {
            let sentence = format!(
                "the cookie `{name}` is a session's, and only the session writes it; choose another name for this one"
            );
            return Err(Error::new(Kind::Cookie(sentence)));
        }
        state.written.retain(|written| *written.name != *name);
        state.written.push(Written { name: name.into(), value, line });
        Ok(())
    }

    pub(super) fn reserve(&self, name: &str) {
        let mut state = self.lock();
        if !state.is_reserved(name) {
            state.reserved.push(name.into());
        }
    }

    /// Returns whether no handler read or wrote a cookie.
    pub(super) fn is_untouched(&self) -> bool {
        !self.read.load(Ordering::Relaxed) && self.lock().written.is_empty()
    }

    /// Moves the cookies into a response. Later writes are errors.
    pub(super) fn leave(&self, failed: bool, headers: &mut HeaderMap) {
        let state = {
            let mut state = self.lock();
            let left = State { left: true, ..State::default() };
            std::mem::replace(&mut *state, left)
        };
        if self.read.load(Ordering::Relaxed) {
            vary_by_cookie(headers);
        }
        for Written { name, value, line } in &state.written {
            if state.is_reserved(name) {
                error_limited!(cookie = %name, "a cookie was set under the name of a session's cookie, before the session was known; it was dropped");
            } else if value.is_none() || !failed {
                set_cookie(headers, name, line.clone());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_reserved(&self, name: &str) -> bool {
        self.reserved.iter().any(|reserved| **reserved == *name)
    }
}

fn pair(name: &str, value: &str) -> String {
    [name, "=", value].concat()
}
