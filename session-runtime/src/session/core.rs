//! [`Core`]: what a session can do as a whole, whatever its fields.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::{Identified, Schema};
use crate::{
    clock::Timestamp,
    engine::{Ops, Request, Snapshot, Step},
    error::{Error, Kind},
    event::Event,
    fields::{State, Visitor},
    key::Key,
    schema::{Stays, from_bytes},
};

/// What a session can do as a whole. Reached through [`Session`](super::Session), and through the generated `…Fields`
/// type in an application's own verbs.
///
/// ```
/// use session_runtime::Session;
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
///     roles: Vec<String>,
/// }
///
/// impl ShopFields {
///     fn promote(&mut self, role: &str) {
///         self.roles_mut().push(role.to_owned());
///         self.renew();
///     }
/// }
/// ```
pub struct Core<S: Schema> {
    #[doc(hidden)]
    pub __slots: S::Slots,
    #[doc(hidden)]
    pub __state: State,
}

impl<S: Schema> Core<S> {
    /// Gives the session a new id at the end of the request; the old one opens nothing from then on. A request that
    /// loaded the session before and commits after is refused (OWASP Session Management Cheat Sheet, "Renew the Session
    /// ID After Any Privilege Level Change"). For `log_in` and `log_out` this happens by itself.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.renew();
    /// # }
    /// ```
    pub fn renew(&mut self) {
        self.__state.steps.push(Step::Renew);
    }

    /// Ends the session: all fields return to their defaults, the record is deleted, the cookie is removed. What is
    /// written afterwards belongs to a new session.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.destroy();
    /// assert_eq!(session.visits(), 0);
    /// # }
    /// ```
    pub fn destroy(&mut self) {
        self.forget(Stays::None);
        self.__state.steps.push(Step::End);
    }

    /// The same as [`Core::destroy`], under the name that Flask's users know.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.clear();
    /// # }
    /// ```
    pub fn clear(&mut self) {
        self.destroy();
    }

    /// Stores what changed now, rather than before the response leaves.
    ///
    /// A handler needs this only where it must know that the session is stored before it goes on, or where the handle
    /// outlives the response: a stream, a web socket, a spawned task.
    ///
    /// # Errors
    /// [`Error::is_gone`] if the session has ended, [`Error::is_moved`] if a sign-in or sign-out elsewhere renewed it,
    /// [`Error::is_conflict`] if others kept winning the race, [`Error::is_unavailable`] if the store is down (the
    /// changes then wait for the response). After the response has left, a change that needs a new cookie (a new
    /// session, a renewal) is refused.
    ///
    /// ```
    /// # use session_runtime::{Error, Session};
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # async fn handler(mut session: Session<Shop>) -> Result<(), Error> {
    /// *session.visits_mut() += 1;
    /// session.save().await?;
    /// # Ok(()) }
    /// ```
    pub async fn save(&mut self) -> Result<(), Error> {
        let failed = self.__state.check_failed();
        self.fold();
        let Some(request) = self.__state.request().cloned() else { return Err(Error::new(Kind::Detached)) };
        let saved = match request.save().await {
            Ok(()) => failed,
            Err(error) => Err(error),
        };
        if saved.is_ok() {
            self.__state.failed = None;
        }
        self.see(&request, saved.as_ref().err());
        saved
    }

    /// Loads the session again, as other requests have left it by now, for a handle that outlives its response: a stream, a
    /// web socket, a spawned task. What this handle changed and has not saved stays on top.
    ///
    /// It moves no deadline. A stream that is to keep its session alive calls [`Core::save`] from time to time, which does.
    ///
    /// # Errors
    /// [`Error::is_gone`] if the session has ended, [`Error::is_moved`] if a sign-in or sign-out elsewhere renewed it: the
    /// handle shows a guest from then on. [`Error::is_unavailable`] if the store is down: it shows what it showed before.
    ///
    /// ```
    /// # use session_runtime::{Error, Session};
    /// # #[derive(Session)] struct Shop { #[session(rotates)] roles: Vec<String> }
    /// # async fn send(text: &str) {}
    /// /// Tells a visitor what is new, for as long as they may see it.
    /// async fn stream(mut session: Session<Shop>) -> Result<(), Error> {
    ///     let mut every = tokio::time::interval(std::time::Duration::from_secs(30));
    ///     loop {
    ///         every.tick().await;
    ///         session.reload().await?;
    ///         if !session.roles().iter().any(|role| role == "editor") {
    ///             return Ok(());
    ///         }
    ///         send("news").await;
    ///     }
    /// }
    /// ```
    pub async fn reload(&mut self) -> Result<(), Error> {
        // One that was made for a test is all there is.
        let Some(request) = self.__state.request().cloned() else { return Ok(()) };
        let reloaded = request.reload().await;
        self.see(&request, reloaded.as_ref().err());
        reloaded
    }

    /// Reloads the session, and returns whether it is still this visitor's: `false` once it has ended, by a log-out, a
    /// revocation or its timeouts, or once a sign-in or sign-out elsewhere has renewed it. One that was never stored is live:
    /// nothing can end it. As [`Core::reload`], it moves no deadline.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down.
    ///
    /// ```
    /// # use session_runtime::{Error, Session};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # struct Socket;
    /// # impl Socket { async fn recv(&mut self) -> Option<String> { None } async fn send(&mut self, text: String) {} }
    /// /// Ends at most half a minute after the log-out.
    /// async fn chat(mut socket: Socket, mut session: Session<Shop>) -> Result<(), Error> {
    ///     let mut every = tokio::time::interval(std::time::Duration::from_secs(30));
    ///     loop {
    ///         tokio::select! {
    ///             _ = every.tick() => if !session.is_live().await? { return Ok(()) },
    ///             message = socket.recv() => match message {
    ///                 Some(text) => socket.send(text).await,
    ///                 None => return Ok(()),
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn is_live(&mut self) -> Result<bool, Error> {
        match self.reload().await {
            Ok(()) => Ok(true),
            Err(error) if error.lost().is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sees the session as the request has it by now, after a write that met this error if it failed. What was read before is
    /// read again: other requests may have changed it. If the session is lost, all that this handle did goes too.
    pub(crate) fn see(&mut self, request: &Request, error: Option<&Error>) {
        let lost = error.and_then(Error::lost);
        self.__state.snapshot = request.snapshot();
        self.__state.failed = lost.or(self.__state.failed);
        S::visit(
            &mut self.__slots,
            &mut Visitor(&mut |_, slot| {
                if lost.is_some() || !slot.is_edited() {
                    slot.reset();
                }
            }),
        );
    }

    /// Whether the session is not stored yet.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(session: Session<Shop>) {
    /// if session.is_new() { println!("welcome") }
    /// # }
    /// ```
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.__state.snapshot.record.is_none()
    }

    /// When the session was first stored; the present for one that is not.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(session: Session<Shop>) {
    /// let age = session.created_at().elapsed();
    /// # }
    /// ```
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.__state.snapshot.record.as_ref().map_or_else(|| self.__state.now(), |record| record.created_at).into()
    }

    /// When the session ends if the visitor stays away: the earlier of its idle and absolute deadlines.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(session: Session<Shop>) {
    /// let left = session.expires_at().duration_since(std::time::SystemTime::now());
    /// # }
    /// ```
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.__state.expires_at().into()
    }

    /// When the user last proved who they are, by a sign-in or [`reauthenticate`](crate::Identity::reauthenticate); the
    /// present if that was in this request. `None` for a guest, if the user was signed in without being asked
    /// ([`SignIn::stale`](crate::SignIn::stale)), and while another user acts as this one.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(session: Session<Shop>) {
    /// let fresh = session.authenticated_at().is_some();
    /// # }
    /// ```
    #[must_use]
    pub fn authenticated_at(&self) -> Option<SystemTime> {
        self.__state.standing().authenticated_at.map(Into::into)
    }

    /// When the user signed in to this session; the present if that was in this request. A later
    /// [`reauthenticate`](crate::Identity::reauthenticate) does not move it. While another user acts as this one: since when.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(session: Session<Shop>) {
    /// let is_guest = session.signed_in_at().is_none();
    /// # }
    /// ```
    #[must_use]
    pub fn signed_in_at(&self) -> Option<SystemTime> {
        self.__state.standing().signed_in_at.map(Into::into)
    }

    /// Whether the user proved who they are less than `limit` ago, as views with `fresh` ask. Never while another user acts
    /// as this one.
    ///
    /// [`reauthenticate`](crate::Identity::reauthenticate) makes the session fresh, and gives it a new id. A request that
    /// still brings the id from before is not fresh once the browser has used the new one.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(session: Session<Shop>) {
    /// let asks_for_password = !session.is_fresh(std::time::Duration::from_secs(600));
    /// # }
    /// ```
    #[must_use]
    pub fn is_fresh(&self, limit: Duration) -> bool {
        // One of the future, by a clock that was set back, is young.
        let is_young = |at: Timestamp| self.__state.now() < at + limit;
        self.__state.standing().authenticated_at.is_some_and(is_young)
            && (self.__state.changed_user()
                || !self.__state.request().is_some_and(|request| request.came_with_older_id()))
    }

    /// The user who acts as the one who seems to be signed in ([`impersonate`](crate::Identity::impersonate)); `None` if no
    /// user does. A view can ask for it too, by a field of this name.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user: Option<String> }
    /// # fn banner(session: &Session<Shop>) -> Option<String> {
    /// let administrator = session.impersonator()?;
    /// Some(format!("{administrator}, you act as {:?}", session.user()))
    /// # }
    /// ```
    #[must_use]
    pub fn impersonator(&self) -> Option<S::User>
    where
        S: Identified<User: DeserializeOwned>,
    {
        let (by, _) = self.__state.standing().impersonator?;
        from_bytes(&by)
            .inspect_err(|error| {
                warn_limited!(%error, "the user who acts as another cannot be read; `impersonator` shows no user");
            })
            .ok()
    }

    /// When the impersonation ends by itself; `None` if no user acts as another.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user: Option<String> }
    /// # fn handler(session: Session<Shop>) {
    /// let is_impersonated = session.impersonation_ends_at().is_some();
    /// # }
    /// ```
    #[must_use]
    pub fn impersonation_ends_at(&self) -> Option<SystemTime> {
        self.__state.standing().impersonator.map(|(_, ends_at)| ends_at.into())
    }

    /// Keeps this session for the `remember` lifetime (default 30 days) instead of `idle` and `absolute`, with a cookie
    /// that outlives the browser; `false` returns to the ordinary lifetimes. Later writes leave it as it is. It has no effect
    /// while a user acts as another, nor in the request that begins that, and lengthens no session beyond
    /// [`SignIn::until`](crate::SignIn::until).
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] #[session(remember = 14d)] struct Shop { visits: u64 }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.remember(true);
    /// # }
    /// ```
    pub fn remember(&mut self, remember: bool) {
        self.__state.steps.push(Step::Remember(remember));
    }

    /// Returns a short public name for logs: a keyed hash, from which no cookie can be rebuilt. `None` for a session that is not
    /// stored, such as a guest's who left nothing: these have nothing that tells one from another.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(session: Session<Shop>) {
    /// println!("session {}", session.fingerprint().as_deref().unwrap_or("not stored"));
    /// # }
    /// ```
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        self.__state.origin.fingerprint()
    }

    /// Whether the store could not be asked, so that this shows nobody though somebody may be signed in.
    #[cfg(feature = "tower")]
    pub(crate) fn is_unknown(&self) -> bool {
        self.__state.snapshot.unknown
    }

    /// Which record this is, if it is stored.
    pub(crate) fn key(&self) -> Option<Key> {
        self.__state.origin.key()
    }

    /// Returns the fields that do not stay to their defaults.
    pub(crate) fn forget(&mut self, stays: Stays) {
        if S::SPEC.fields.iter().all(|meta| meta.stays(stays)) {
            return;
        }
        let Self { __slots, __state } = self;
        S::visit(
            __slots,
            &mut Visitor(&mut |meta, slot| {
                if !meta.stays(stays) {
                    if slot.leaves_something() {
                        __state.emit(&Event::Discarded { field: meta.name });
                    }
                    slot.reset();
                }
            }),
        );
        let snapshot = &mut self.__state.snapshot;
        match stays {
            Stays::None => (snapshot.record, snapshot.overlay) = (None, None),
            Stays::Device | Stays::Guest => snapshot.retain(S::SPEC.fields, |meta| meta.stays(stays)),
        }
    }

    /// Shows another state of the session, beneath what this handle did to fields of the device.
    pub(super) fn show(&mut self, snapshot: Snapshot) {
        self.__state.snapshot = snapshot;
        S::visit(
            &mut self.__slots,
            &mut Visitor(&mut |_, slot| {
                if !slot.is_edited() {
                    slot.reset();
                }
            }),
        );
    }

    /// Hands what this handle changed to the request.
    pub(super) fn fold(&mut self) {
        let Some(request) = self.__state.request().cloned() else { return };
        let Some((mut steps, ops, failure)) = self.take_changes() else { return };
        steps.extend(failure.map(Step::Failed));
        if !(steps.is_empty() && ops.is_empty()) {
            let dropped = request.fold(self.__state.snapshot.era, steps, ops);
            if dropped {
                self.__state.emit(&Event::Moved);
            }
        }
    }

    /// Hands out what this handle changed of its fields.
    ///
    /// # Errors
    /// If a value cannot be encoded, or if it changed more than fields.
    pub(crate) fn take_ops(&mut self) -> Result<Ops, Error> {
        match self.take_changes() {
            None => Ok(Vec::new()),
            Some((_, _, Some(failure))) => Err(failure),
            Some((steps, _, None)) if !steps.is_empty() => Err(Error::new(Kind::Elsewhere)),
            Some((_, ops, None)) => Ok(ops),
        }
    }

    /// Returns the changes of this handle, or the error of a value that could not be encoded.
    fn take_changes(&mut self) -> Option<(Vec<Step>, Ops, Option<Error>)> {
        let Self { __slots, __state } = self;
        let mut edited = 0;
        S::visit(__slots, &mut Visitor(&mut |_, slot| edited += usize::from(slot.is_edited())));
        if edited == 0 && __state.steps.is_empty() {
            return None;
        }
        let steps = std::mem::take(&mut __state.steps);
        let mut ops = Vec::with_capacity(edited);
        let mut failure = None;
        S::visit(
            __slots,
            &mut Visitor(&mut |meta, slot| {
                if slot.is_edited() {
                    match slot.take_edit(__state) {
                        Ok(Some(op)) => ops.push((meta, op)),
                        Ok(None) => {}
                        Err(error) => failure = Some(error),
                    }
                }
            }),
        );
        Some((steps, ops, failure))
    }
}
