//! [`Core`]: the operations on a session as a whole, whatever fields it has.

use std::time::{Duration, SystemTime};

use super::Schema;
use crate::{
    engine::Step,
    error::{Error, Kind},
    fields::{NamedDestroy, NamedRenew, Never as _, State, refused},
    schema::Stays,
};

/// The operations on a session as a whole. They are available on [`Session`](super::Session), and in an application's own
/// methods on the generated `…Fields` type.
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
    /// Gives the session a new id at the end of the request; the old id opens nothing from then on. A request that loaded the
    /// session before the renewal and commits after it is refused (OWASP Session Management Cheat Sheet, "Renew the Session ID
    /// After Any Privilege Level Change"). `log_in` and `log_out` renew the id by themselves.
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

    /// Ends the session: all fields return to their defaults, the record is deleted, the cookie is removed. Later writes belong
    /// to a new session.
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

    /// Ends the session, as [`Core::destroy`] does. Flask users know this name.
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

    /// Stores the changes now, instead of waiting until the handler has returned.
    ///
    /// A handler needs this only if it must know that the session is stored before it continues, or if the handle outlives the
    /// response, as in a stream, a web socket or a spawned task.
    ///
    /// # Errors
    /// [`Error::is_gone`] if the session has ended, [`Error::is_moved`] if a sign-in, a sign-out or `renew` elsewhere replaced
    /// its id, [`Error::is_conflict`] if other requests kept changing the session, [`Error::is_unavailable`] if the store is
    /// down (the changes then wait for the response). After the response has been sent, changes that need a new cookie (a new
    /// session, a renewal) are refused.
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

    /// Loads the session again, with the changes of other requests. This is for a handle that outlives its response: in a stream,
    /// a web socket or a spawned task. The handle keeps its own unsaved changes.
    ///
    /// This moves no deadline. To wait for the end of the session, use [`Core::ended`], which can also keep the session alive.
    ///
    /// # Errors
    /// [`Error::is_gone`] if the session has ended, [`Error::is_moved`] if a sign-in, a sign-out or `renew` elsewhere replaced
    /// its id: the handle shows a guest from then on. [`Error::is_unavailable`] if the store is down: the handle still shows the
    /// session as before.
    ///
    /// ```
    /// # use session_runtime::{Error, Session};
    /// # #[derive(Session)] struct Shop { #[session(rotates)] roles: Vec<String> }
    /// # async fn send(text: &str) {}
    /// /// Sends news to a visitor, for as long as they may see it.
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
        // A handle made for a test has nothing to load.
        let Some(request) = self.__state.request().cloned() else { return Ok(()) };
        let reloaded = request.reload().await;
        self.see(&request, reloaded.as_ref().err());
        reloaded
    }

    /// Reloads the session, and returns whether it still belongs to this visitor. Returns `false` once a log-out, a revocation
    /// or a timeout has ended it, or a sign-in, a sign-out, `renew` or a change of a `rotates` field elsewhere has replaced its
    /// id. A session that was never stored is live, since nothing can end it. Like [`Core::reload`], this moves no deadline.
    ///
    /// # Errors
    /// [`Error::is_unavailable`] if the store is down.
    ///
    /// ```
    /// # use session_runtime::{Error, Session};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// /// Sends a report that took an hour to make, unless the visitor has logged out meanwhile.
    /// async fn deliver(mut session: Session<Shop>, report: String) -> Result<(), Error> {
    ///     if session.is_live().await? {
    ///         println!("to {:?}: {report}", session.user_id());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn is_live(&mut self) -> Result<bool, Error> {
        match self.reload().await {
            Ok(()) => Ok(true),
            Err(error) if error.lost().is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns whether the session is not stored yet.
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

    /// Returns when the session was first stored, or the current time if it is not stored yet.
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

    /// Returns when the session ends if the visitor stays away: the earlier of its idle and absolute deadlines. To show the time
    /// that is left, use [`Core::expires_in`]: it uses the clock of the sessions, which a test can stop.
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

    /// Returns how long the session lasts if the visitor stays away, by the clock of the sessions: the time until
    /// [`expires_at`](Core::expires_at).
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { visits: u64 }
    /// # fn handler(session: Session<Shop>) {
    /// println!("this page signs you out in {} s", session.expires_in().as_secs());
    /// # }
    /// ```
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.__state.expires_at().since(self.__state.now())
    }

    /// Keeps this session for the `remember` lifetime (default 30 days) instead of `idle` and `absolute`, with a cookie that
    /// outlives the browser; `false` returns to the ordinary lifetimes. Later writes do not change this. It has no effect while
    /// a user acts as another, nor in the request that starts the impersonation. It does not extend a session beyond
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

    /// Returns a short public name for logs: a keyed hash, which does not reveal the cookie. `None` for a session that is not
    /// stored, such as that of a guest for whom no handler has stored anything. A new session has its id, and so its name, once
    /// it is stored: after [`save`](Core::save), and in its events.
    ///
    /// The name stays the same when the session gets a new id. It changes when the first key of the ring changes, so a log that
    /// spans a rotation of keys has two names for a session. For a session that is kept in its visitor's cookie, and can be
    /// revoked, it changes with every new id.
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
}

// For each of these names, the compiler says which method to call instead.
refused! {
    <S: Schema> Core<S>: NamedRenew { cycle_id(); regenerate(); }
    <S: Schema> Core<S>: NamedDestroy { flush(); invalidate(); purge(); }
}
