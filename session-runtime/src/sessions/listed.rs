//! [`ListedSession`]: reads a session that is not the request's own.

use std::{fmt, ops::Deref, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use super::SessionHandle;
use crate::{
    engine::{Engine, Listing, Snapshot},
    fields::{Origin, State},
    key::Key,
    schema::from_bytes,
    session::{Core, Identified, Schema},
};

/// One session of a list ([`Sessions::of`](super::Sessions::of), [`Sessions::all`](super::Sessions::all)), as it was when it was
/// listed. It has the same readers as a [`Session`](struct@crate::Session),
/// including `created_at`, `expires_at` and `authenticated_at`.
///
/// To tell a user's devices apart, give the session a field such as the browser's name, and set it at sign-in. The `secret`
/// and `skip` fields of a listed session show their defaults.
///
/// ```
/// use session_runtime::{Error, Session, Sessions};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
///     /// The `User-Agent` that signed in.
///     browser: String,
/// }
///
/// async fn devices(session: Session<Shop>, sessions: &Sessions<Shop>) -> Result<Vec<String>, Error> {
///     let Some(user) = session.user_id() else { return Ok(Vec::new()) };
///     let line = |device: session_runtime::ListedSession<Shop>| match device.is_current(&session) {
///         true => format!("{}, this one", device.browser()),
///         false => format!("{}, since {:?}", device.browser(), device.created_at()),
///     };
///     Ok(sessions.of(&user).list().await?.into_iter().map(line).collect())
/// }
/// ```
pub struct ListedSession<S: Schema> {
    fields: S::Fields,
    key: Key,
    seen_at: SystemTime,
    acts_as: Option<Arc<[u8]>>,
}

impl<S: Schema> ListedSession<S> {
    pub(super) fn new(engine: &Arc<Engine>, Listing { key, record, acts_as }: Listing) -> Self {
        let seen_at = record.seen_at.into();
        let mut snapshot = Snapshot { record: Some(engine.as_of_today(record)), ..Snapshot::default() };
        if S::SPEC.fields.iter().any(|meta| meta.secret) {
            snapshot.retain(S::SPEC.fields, |meta| !meta.secret);
        }
        let state = State { origin: Origin::Listed { engine: Arc::clone(engine), key }, snapshot, ..State::default() };
        Self { fields: Core { __slots: S::Slots::default(), __state: state }.into(), key, seen_at, acts_as }
    }

    /// Returns the session's handle: a name that forms may show, and that [`SessionsOf::revoke`](super::SessionsOf::revoke) and
    /// [`Sessions::revoke`](super::Sessions::revoke) take.
    ///
    /// ```
    /// # use session_runtime::{ListedSession, Session};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// fn form(device: &ListedSession<Shop>) -> String {
    ///     format!(r#"<input type="hidden" name="id" value="{}">"#, device.handle())
    /// }
    /// ```
    #[must_use]
    pub fn handle(&self) -> SessionHandle {
        SessionHandle::of(&self.key)
    }

    /// Returns when a request last wrote the session. The visitor's last request may be later by up to `touch` (a minute, by
    /// default), since a request that only reads the session does not write more often than that.
    ///
    /// ```
    /// # use session_runtime::{ListedSession, Session};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// fn is_forgotten(device: &ListedSession<Shop>) -> bool {
    ///     device.last_seen().elapsed().is_ok_and(|ago| ago.as_secs() > 7 * 86_400)
    /// }
    /// ```
    #[must_use]
    pub fn last_seen(&self) -> SystemTime {
        self.seen_at
    }

    /// Returns the user as whom this session's user acts ([`impersonate`](crate::Identity::impersonate)); `None` if they act as
    /// no one. [`SessionsOf::end_impersonations`](super::SessionsOf::end_impersonations) ends the impersonation.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// for device in sessions.of(&7).list().await? {
    ///     println!("{}: acts as {:?}", device.handle(), device.acts_as());
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn acts_as(&self) -> Option<S::User>
    where
        S: Identified<User: DeserializeOwned>,
    {
        let user = from_bytes(self.acts_as.as_deref()?);
        user.inspect_err(
            |error| warn_limited!(%error, "the user as whom another acts cannot be read; `acts_as` shows no user"),
        )
        .ok()
    }

    /// Returns whether this is the session of `session`, which belongs to the current request.
    ///
    /// ```
    /// # use session_runtime::{ListedSession, Session};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// fn mark(device: &ListedSession<Shop>, session: &Session<Shop>) -> &'static str {
    ///     if device.is_current(session) { "this device" } else { "another device" }
    /// }
    /// ```
    #[must_use]
    pub fn is_current(&self, session: &Core<S>) -> bool {
        session.key() == Some(self.key)
    }
}

impl<S: Schema> Deref for ListedSession<S> {
    type Target = S::Fields;

    fn deref(&self) -> &S::Fields {
        &self.fields
    }
}

impl<S: Schema> fmt::Debug for ListedSession<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListedSession")
            .field("of", &S::SPEC.name)
            .field("handle", &self.handle())
            .finish_non_exhaustive()
    }
}
