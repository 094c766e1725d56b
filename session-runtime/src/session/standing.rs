//! Tells how the visitor is signed in: since when, how recently the user proved who they are, and whether another user acts as
//! them.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use super::{Core, Identified, Schema};
use crate::{clock::Timestamp, schema::from_bytes};

impl<S: Schema> Core<S> {
    /// Returns when the user last proved who they are, by a sign-in or [`reauthenticate`](crate::Identity::reauthenticate). If
    /// that was in this request, returns the current time. `None` for a guest, for a user who was signed in without being
    /// asked ([`SignIn::stale`](crate::SignIn::stale)), and while another user acts as this one.
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

    /// Returns when the user signed in to this session. If that was in this request, returns the current time. A later
    /// [`reauthenticate`](crate::Identity::reauthenticate) does not change it. While another user acts as this one, returns
    /// when the impersonation began.
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

    /// Returns whether the user proved who they are less than `limit` ago, which is what views with `fresh` check. Always
    /// `false` while another user acts as this one.
    ///
    /// [`reauthenticate`](crate::Identity::reauthenticate) makes the session fresh, and gives it a new id. A request with a
    /// former id is not fresh.
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
        // A time in the future, after a clock was set back, counts as recent.
        let is_young = |at: Timestamp| self.__state.now() < at + limit;
        self.__state.standing().authenticated_at.is_some_and(is_young)
            && (self.__state.changed_user()
                || !self.__state.request().is_some_and(|request| request.came_with_older_id()))
    }

    /// Returns the user who acts as the signed-in user ([`impersonate`](crate::Identity::impersonate)); `None` if no user acts
    /// as another, and, with a warning in the log, if the stored identity cannot be read. To check that no user acts as another,
    /// use [`impersonation_ends_at`](Self::impersonation_ends_at). A view can have a field of this name.
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

    /// Returns when the impersonation ends by itself; `None` if no user acts as another.
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
}
