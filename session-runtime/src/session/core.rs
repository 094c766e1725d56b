//! [`Core`]: what a session can do as a whole, whatever its fields.

use std::time::{Duration, SystemTime};

use super::Schema;
use crate::{
    engine::{Request, Step},
    error::{Error, Kind},
    event::Event,
    fields::{State, Visitor},
    key::Key,
    schema::Stays,
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

    /// When the visitor last signed in; the present if that was in this request.
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
        self.__state.authenticated_at().map(Into::into)
    }

    /// Keeps this session for the `remember` lifetime (default 30 days) instead of `idle` and `absolute`, with a cookie
    /// that outlives the browser; `false` returns to the ordinary lifetimes. Later writes leave it as it is.
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

    /// Whether the sign-in is younger than `limit`. One of the future, by a clock that was set back, is young.
    pub(crate) fn is_fresh(&self, limit: Duration) -> bool {
        self.__state.authenticated_at().is_some_and(|signed_in| self.__state.now() < signed_in + limit)
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

    /// Hands what this handle changed to the request.
    pub(super) fn fold(&mut self) {
        let Self { __slots, __state } = self;
        let Some(request) = __state.request().cloned() else { return };
        let mut edited = 0;
        S::visit(__slots, &mut Visitor(&mut |_, slot| edited += usize::from(slot.is_edited())));
        if edited == 0 && __state.steps.is_empty() {
            return;
        }
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
        let mut steps = std::mem::take(&mut __state.steps);
        steps.extend(failure.map(Step::Failed));
        if !(steps.is_empty() && ops.is_empty()) {
            let dropped = request.fold(__state.snapshot.era, steps, ops);
            if dropped {
                __state.emit(&Event::Moved);
            }
        }
    }
}
