//! [`Session`], the handle that a handler holds, and [`Core`], its part that no field name can hide.

mod core;
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
    identity::{Identity, identity},
    schema::{Identified, Listed, Schema},
    sign_in::SignIn,
};
use crate::{
    engine::Request,
    fields::{Origin, State},
};

/// A visitor's session, typed by the struct `S` that derives it.
///
/// Fields are read by `x()` and changed through `x_mut()`. A handle is a copy: it decodes a field when it is first read,
/// notes what changes, and folds that into the request when it is dropped; the layer stores it before the response
/// leaves. Two handles in one request behave like two concurrent requests: per field, by policy.
///
/// Read into a `let` before you write what depends on it: a changing handle borrows the session.
///
/// `Option<Session<S>>` is an argument too: `None` where no session layer is around the route.
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
    /// A handle into `request`, which has been opened.
    pub(crate) fn of(request: &Arc<Request>) -> Self {
        let (origin, snapshot) = (Origin::Request(Arc::clone(request)), request.snapshot());
        let state = State { origin, snapshot, ..State::default() };
        Self { fields: Core { __slots: S::Slots::default(), __state: state }.into() }
    }

    /// A handle of no request: a new session, and what `change` makes of it.
    #[cfg(feature = "testing")]
    pub(crate) fn detached(change: impl FnOnce(&mut S)) -> Self {
        let mut value = S::join(S::Slots::default(), &State::default());
        change(&mut value);
        Self { fields: Core { __slots: value.split(), __state: State::default() }.into() }
    }

    /// The values as this handle sees them.
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
        // What a handler did before it panicked is half of what it meant to.
        if !std::thread::panicking() {
            core.fold();
        }
        if let Some(request) = core.__state.request() {
            request.handle_dropped();
        }
    }
}

impl<S: Schema> fmt::Debug for Session<S> {
    /// Names the session by its fingerprint; shows no id and no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core: &Core<S> = &self.fields;
        f.debug_struct("Session")
            .field("of", &S::SPEC.name)
            .field("fingerprint", &core.fingerprint().as_deref().unwrap_or("not stored"))
            .finish_non_exhaustive()
    }
}
