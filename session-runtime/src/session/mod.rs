//! [`Session`]: the handle that a handler gets. [`Core`]: its operations on the session as a whole.

mod core;
mod ended;
mod identity;
mod schema;
mod sign_in;
mod standing;
mod sync;

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

pub use self::{
    core::Core,
    ended::{Ended, UntilEnded},
    identity::{Identity, identity},
    schema::{Identified, Listed, Schema},
    sign_in::SignIn,
};
use crate::{
    engine::Request,
    fields::{Origin, State},
};

/// A visitor's session, with the fields of the struct `S` that derives it.
///
/// `x()` reads a field, and `x_mut()` changes it. Each handle has its own copy of the values: it decodes a field when the
/// field is first read, and records the changes. When a handle is dropped, its changes are merged into the request's, and the
/// layer stores those before the response is sent. The changes of two handles in one request are merged like those of two
/// concurrent requests: field by field, by policy.
///
/// `x_mut()` borrows the session, so read the fields that you need into variables first.
///
/// A handler can also take `Option<Session<S>>`, which is `None` on routes without a session layer.
///
/// ```
/// use session_runtime::Session;
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(counter)]
///     visits: u64,
///     greeting: String,
/// }
///
/// async fn home(mut session: Session<Shop>) -> String {
///     session.visits_mut().add(1);
///     let visits = session.visits();
///     session.greeting_mut().set(format!("visit {visits}"));
///     session.greeting().to_owned()
/// }
/// ```
pub struct Session<S: Schema> {
    fields: S::Fields,
}

impl<S: Schema> Session<S> {
    /// Creates a handle of `request`'s session, which has been opened.
    pub(crate) fn of(request: &Arc<Request>) -> Self {
        let (origin, snapshot) = (Origin::Request(Arc::clone(request)), request.snapshot());
        let state = State { origin, snapshot, ..State::default() };
        Self { fields: Core { __slots: S::Slots::default(), __state: state }.into() }
    }

    /// Creates a handle without a request: that of a new session, changed by `change`.
    #[cfg(feature = "testing")]
    pub(crate) fn detached(change: impl FnOnce(&mut S)) -> Self {
        let mut value = S::join(S::Slots::default(), &State::default());
        change(&mut value);
        Self { fields: Core { __slots: value.split(), __state: State::default() }.into() }
    }

    /// Returns the values as this handle sees them.
    #[cfg(feature = "testing")]
    pub(crate) fn into_struct(mut self) -> S {
        let core: &mut Core<S> = &mut self.fields;
        S::join(std::mem::take(&mut core.__slots), &core.__state)
    }
}

impl<S: Schema> Deref for Session<S> {
    type Target = S::Fields;

    #[inline]
    fn deref(&self) -> &S::Fields {
        &self.fields
    }
}

impl<S: Schema> DerefMut for Session<S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut S::Fields {
        &mut self.fields
    }
}

impl<S: Schema> Drop for Session<S> {
    fn drop(&mut self) {
        let core: &mut Core<S> = &mut self.fields;
        // After a panic the changes are incomplete, so drop them.
        if !std::thread::panicking() {
            core.fold();
        }
        if let Some(request) = core.__state.request() {
            request.handle_dropped();
        }
    }
}

impl<S: Schema> fmt::Debug for Session<S> {
    /// Shows the session's fingerprint, but no id and no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core: &Core<S> = &self.fields;
        f.debug_struct("Session")
            .field("of", &S::SPEC.name)
            .field("fingerprint", &core.fingerprint().as_deref().unwrap_or("not stored"))
            .finish_non_exhaustive()
    }
}
