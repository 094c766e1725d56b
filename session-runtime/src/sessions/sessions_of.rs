//! [`SessionsOf`]: lists all sessions of one user, or with one value of an `index` field, and ends them.

use std::{borrow::Borrow, fmt, marker::PhantomData, sync::Arc};

use serde::Serialize;

use super::{ListedSession, SessionHandle, Sessions};
use crate::{
    engine::{Criterion, Engine, Snapshot},
    error::{Error, Kind},
    fields::{Origin, State},
    record::Owner,
    schema::{Policy, to_bytes},
    session::{Core, Listed, Schema},
};

impl<S: Schema> Sessions<S> {
    /// Returns access to the sessions in which `user` is signed in, on every device and every server that shares the store.
    ///
    /// Takes a reference to the identity or to its borrowed form, such as `sessions.of("ada")` if the identity is a `String`.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// let devices = sessions.of(&7).count().await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of<Q>(&self, user: &Q) -> SessionsOf<S>
    where
        S: Listed,
        S::User: Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        let identity = S::SPEC.fields.iter().find(|meta| meta.policy == Policy::Identity);
        let field = identity.map_or("identity", |meta| meta.name);
        SessionsOf::found_by(&self.engine, field, user, |user| Criterion::User(user.into()))
    }
}

/// The sessions of one user, made by [`Sessions::of`], or those with one value of a field, made by `Sessions::by_x` if the field
/// `x` is an `index`.
///
/// Every store keeps a list of each user's sessions, separate for each kind and application. The list contains every session
/// that a cookie opens: a sign-in adds the session before it sets the cookie.
///
/// # Sessions by another field
///
/// With `#[session(index)]` on an `Option` or a `Vec`, sessions are found by that field too, including guests' sessions. The
/// methods below then concern the sessions that have the value, wherever their documentation says "the user's".
///
/// ```
/// use session_runtime::{Error, Session, Sessions};
///
/// #[derive(Session)]
/// struct Office {
///     #[session(identity)]
///     user: Option<String>,
///     #[session(index)]
///     tenant: Option<u64>,
///     #[session(index)]
///     groups: Vec<String>,
/// }
///
/// /// A tenant has left. Ends the sessions of its users.
/// async fn closed(sessions: &Sessions<Office>, tenant: u64) -> Result<u64, Error> {
///     sessions.by_tenant(&tenant).revoke_all().await
/// }
///
/// /// Returns the number of sessions with this group.
/// async fn members(sessions: &Sessions<Office>, group: &str) -> Result<usize, Error> {
///     sessions.by_groups(group).count().await
/// }
/// ```
///
/// - **The value in the session counts**, not the one in your database. If a user moves to another tenant, set the field, for
///   example with `sessions.of(&user).update(…)`.
/// - **The list contains every session that has the value**: a change of the field adds the session to the list first, and stores
///   the session second. If the list cannot be stored, the change is not stored either, and the answer is 503.
/// - **A new `index` on a field** finds a live session from its next write on. A visitor's request writes at the latest when
///   [`touch`](crate::SessionsBuilder::touch) has passed, so active sessions are listed within about a minute. Sessions whose
///   visitors stay away are not: until the longest `absolute` or `remember` has passed, `revoke_all` can leave them live, and
///   still succeed. To end those too, go through [`Sessions::all`], compare the field, and call [`Sessions::revoke`].
/// - **A change costs up to one load and one swap for each value of the session's `index` fields**, and so does a renewal of the
///   session's id. One list contains all sessions with the same value: about 22 bytes for each session. Each new session writes
///   the whole list, so keep the number of sessions with one value below about ten thousand. No option limits that number, as
///   `max_per_user` does for users. A measurement with lists of 1,000, 10,000 and 50,000 sessions: a new session took 0.3, 1.4
///   and 5.6 ms on Redis, and 0.3, 1.5 and 11.5 ms in SQLite; `revoke_all` took 0.03, 0.3 and 1.6 s on Redis, and 0.1, 1 and 9 s
///   in SQLite. Sign-ins with one value are stored one after another.
/// - **A field that grants rights** needs `rotates` too, as everywhere: `#[session(index, rotates)]`.
/// - A value takes at most 1,024 bytes of MessagePack, and a `Vec` has at most 64 items. More is [`Error::is_too_large`]. A
///   search by a longer value is not an error: it finds at most sessions that had the value before the field was an `index`.
///
/// # Ending sessions
///
/// When one of these methods ends a session, the session ends immediately on every server: a request in progress can no longer
/// change it, and the next request with its cookie is anonymous. The session of a concurrent sign-in ends too, unless the
/// sign-in added it to the list after the method had read the list. "Check the sign-in" in
/// [`guide::security`](crate::guide::security) closes that gap.
///
/// If a method fails, some of the sessions may still be live. A list that is damaged, or was written by a newer version of this
/// crate, is an error, and does not count as empty.
///
/// ```
/// use session_runtime::{Error, Session, Sessions};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
/// }
///
/// /// After a change of password: renews the id here, and ends all other sessions (OWASP ASVS 7.4.3).
/// async fn password_changed(mut session: Session<Shop>, sessions: &Sessions<Shop>) -> Result<(), Error> {
///     let Some(user) = session.user_id() else { return Ok(()) };
///     session.renew();
///     sessions.of(&user).revoke_others(&session).await?;
///     Ok(())
/// }
/// ```
pub struct SessionsOf<S> {
    engine: Arc<Engine>,
    criterion: Result<Criterion<'static>, Unencodable>,
    kind: PhantomData<fn() -> S>,
}

/// The value cannot be encoded, so no session can be found by it.
struct Unencodable {
    field: &'static str,
    cause: Arc<rmp_serde::encode::Error>,
}

impl<S: Schema> SessionsOf<S> {
    /// Returns access to the sessions that are found by a value of `field`.
    pub(super) fn found_by<Q: Serialize + ?Sized>(
        engine: &Arc<Engine>,
        field: &'static str,
        value: &Q,
        criterion: impl FnOnce(Vec<u8>) -> Criterion<'static>,
    ) -> Self {
        let encoded = to_bytes(value).map_err(|cause| Unencodable { field, cause: Arc::new(cause) });
        Self { engine: Arc::clone(engine), criterion: encoded.map(criterion), kind: PhantomData }
    }

    /// Returns each live session, the earliest sign-in first. Loads the list, and each session on it.
    ///
    /// Sessions in which another user acts as this one are left out, since they are not this user's devices: see
    /// [`SessionsOf::impersonations`]. A session in which this user acts as another is listed with this user's own fields, and
    /// [`ListedSession::acts_as`] returns the other user.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64>, device: String }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// for session in sessions.of(&7).list().await? {
    ///     println!("{}: {}, last seen {:?}", session.handle(), session.device(), session.last_seen());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list(&self) -> Result<Vec<ListedSession<S>>, Error> {
        let sessions = self.engine.sessions_of(self.criterion()?, Owner::Own).await?;
        Ok(sessions.into_iter().map(|listing| ListedSession::new(&self.engine, listing)).collect())
    }

    /// Returns each session in which another user acts as this one, the earliest first. Show them to the user, or use them in
    /// audits. [`Core::impersonator`] returns the acting user, and [`SessionsOf::revoke`] ends only the impersonation.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// for session in sessions.of(&7).impersonations().await? {
    ///     println!("{:?} acts as you until {:?}", session.impersonator(), session.impersonation_ends_at());
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn impersonations(&self) -> Result<Vec<ListedSession<S>>, Error> {
        let sessions = self.engine.sessions_of(self.criterion()?, Owner::Impersonator).await?;
        Ok(sessions.into_iter().map(|listing| ListedSession::new(&self.engine, listing)).collect())
    }

    /// Returns the name of the user in events: a keyed hash, which does not reveal the identity without the key. For a value of an
    /// `index` field, it returns a hash that occurs in no event. The name is the same for all of the user's sessions, until the
    /// first key of the ring changes.
    ///
    /// # Errors
    /// If the identity cannot be encoded.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// println!("audit: user 7 is {} in the log", sessions.of(&7).fingerprint()?);
    /// # Ok(()) }
    /// ```
    pub fn fingerprint(&self) -> Result<String, Error> {
        Ok(self.engine.fingerprint_of(self.criterion()?))
    }

    /// Returns the number of live sessions. Loads each of them, as [`SessionsOf::list`] does.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// let devices = sessions.of(&7).count().await?;
    /// # Ok(()) }
    /// ```
    pub async fn count(&self) -> Result<usize, Error> {
        Ok(self.engine.sessions_of(self.criterion()?, Owner::Own).await?.len())
    }

    /// Edits each live session, from a job or from another visitor's request, and returns how many sessions changed. `change`
    /// gets each session as a handler does. If another request changes a session meanwhile, `change` runs again for it, so it
    /// must not have side effects.
    ///
    /// Requests in progress are neither refused nor undone: their changes and the edit are merged field by field, by policy.
    /// The next request sees the edit. An edit is not activity: it moves neither the idle deadline nor `last_seen`.
    ///
    /// **If an edited field is `rotates`**, the visitor's rights have changed. Open streams of the session end, with
    /// [`SessionEnd::Superseded`](crate::SessionEnd::Superseded) ([`Core::ended`](crate::Core::ended)), so that their pages can
    /// connect again. A request in progress that writes the session is answered 409, unless it only signs out. The session's id
    /// stays, since this call has no response that could set a new cookie.
    ///
    /// A request that has read the former rights goes on with them until it returns. So where a right is used, such as in the
    /// transaction that moves money, check it in the data that grants it.
    ///
    /// If the user acts as another in a session, the edit changes the user's own session, which is set aside. Sessions in
    /// which others act as this user are not edited. A concurrent sign-in may miss the edit. So first make the same change in
    /// the data that sign-ins read, and let each sign-in read that data again after `save`: see "Check the sign-in" in
    /// [`guide::security`](crate::guide::security).
    ///
    /// # Errors
    /// The first error, if a session could not be edited. The other sessions are edited nevertheless. A second call edits
    /// those again, which is safe for fields that are set, but not for counters. [`Error::is_unavailable`] if the store is
    /// down, [`Error::is_conflict`] if other requests kept changing a session, [`Error::is_too_large`] as in `save`. It is
    /// also an error if `change` signs in or out, renews, remembers or ends a session. `change` cannot change an `atomic`
    /// field, since `update` of such a field only works in a request.
    ///
    /// ```
    /// use session_runtime::{Error, Session, Sessions};
    ///
    /// #[derive(Session)]
    /// struct Shop {
    ///     #[session(identity)]
    ///     user_id: Option<u64>,
    ///     #[session(rotates)]
    ///     roles: Vec<String>,
    /// }
    ///
    /// /// An administrator has changed a user's roles in the database.
    /// async fn roles_changed(sessions: &Sessions<Shop>, user: u64, roles: &[String]) -> Result<u64, Error> {
    ///     sessions.of(&user).update(|session| session.roles_mut().set(roles.to_vec())).await
    /// }
    /// ```
    pub async fn update(&self, mut change: impl FnMut(&mut S::Fields)) -> Result<u64, Error> {
        let engine = &self.engine;
        let edit = |key, record| {
            let origin = Origin::Listed { engine: Arc::clone(engine), key };
            let snapshot = Snapshot { record: Some(record), ..Snapshot::default() };
            let state = State { origin, snapshot, ..State::default() };
            let mut fields = S::Fields::from(Core { __slots: S::Slots::default(), __state: state });
            change(&mut fields);
            fields.take_ops()
        };
        engine.edit_sessions_of(self.criterion()?, edit).await
    }

    /// Ends one session. Returns `false` if the session belongs to another user, or has already ended. If another user acts as
    /// this one in the session, only the impersonation ends, and the acting user returns to their own session.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down; the session may then still be live.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, SessionHandle, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # async fn show(sessions: Sessions<Shop>, handle: SessionHandle) -> Result<(), Error> {
    /// let ended = sessions.of(&7).revoke(handle).await?;
    /// # Ok(()) }
    /// ```
    pub async fn revoke(&self, session: SessionHandle) -> Result<bool, Error> {
        let ended = self.engine.end_sessions_of(self.criterion()?, |key| session.names(key)).await?;
        Ok(ended > 0)
    }

    /// Ends all of the user's sessions except `current`, and returns how many ended. If `current` is not stored, all of them
    /// end. Impersonations of the user end too, as in [`SessionsOf::revoke_all`].
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down; some may then have ended.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # async fn show(sessions: Sessions<Shop>, session: Session<Shop>) -> Result<(), Error> {
    /// let ended = sessions.of(&7).revoke_others(&session).await?;
    /// # Ok(()) }
    /// ```
    pub async fn revoke_others(&self, current: &Core<S>) -> Result<u64, Error> {
        let current = current.key();
        self.engine.end_sessions_of(self.criterion()?, |key| current.as_ref() != Some(key)).await
    }

    /// Ends all of the user's sessions, and returns how many ended: the user is logged out everywhere.
    ///
    /// If another user acts as this one, the impersonation ends and counts as one, and the acting user returns to their own
    /// session. If this user acts as another, that session ends as a whole.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down; some may then have ended.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # async fn show(sessions: Sessions<Shop>) -> Result<(), Error> {
    /// let ended = sessions.of(&7).revoke_all().await?;
    /// # Ok(()) }
    /// ```
    pub async fn revoke_all(&self) -> Result<u64, Error> {
        self.engine.end_sessions_of(self.criterion()?, |_| true).await
    }

    /// Ends all impersonations in which this user acts as another, and returns how many ended. The user stays signed in, and their
    /// own sessions continue. Call it after you have taken away the user's right to act as others.
    ///
    /// A request in progress can start an impersonation after this call has read the list. To close that gap, read the right again
    /// after [`save`](Core::save) in the handler that calls `impersonate`, and call `stop_impersonating` if the user no longer has
    /// the right.
    ///
    /// # Errors
    /// The first error, if an impersonation could not be ended. The others end nevertheless. [`Error::is_unavailable`] if the
    /// store is down.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64>, #[session(rotates)] is_admin: bool }
    /// async fn no_longer_admin(sessions: &Sessions<Shop>, user: u64) -> Result<(), Error> {
    ///     // The database has the change already.
    ///     sessions.of(&user).update(|session| session.is_admin_mut().set(false)).await?;
    ///     sessions.of(&user).end_impersonations().await?;
    ///     Ok(())
    /// }
    /// ```
    pub async fn end_impersonations(&self) -> Result<u64, Error> {
        self.engine.end_impersonations_by(self.criterion()?).await
    }

    fn criterion(&self) -> Result<&Criterion<'static>, Error> {
        self.criterion
            .as_ref()
            .map_err(|Unencodable { field, cause }| Error::new(Kind::Encode { field }).because(Arc::clone(cause)))
    }
}

impl<S> fmt::Debug for SessionsOf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsOf").field("of", &self.engine.name).finish_non_exhaustive()
    }
}
