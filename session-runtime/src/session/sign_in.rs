//! [`SignIn`]: options of a sign-in, such as when the user proved who they are and how long the session lasts.

use std::time::SystemTime;

use crate::{engine::Terms, record::Proof};

/// How a user signs in, for [`Identity::log_in_with`](super::Identity::log_in_with).
///
/// ```
/// use session_runtime::{Session, SignIn};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
/// }
///
/// /// An identity provider signed the user in, perhaps without asking them (`prompt=none`). It reports when it last asked.
/// fn signed_in_by_provider(mut session: Session<Shop>, user: u64, auth_time: Option<std::time::SystemTime>) {
///     let sign_in = auth_time.map_or(SignIn::stale(), SignIn::authenticated_at);
///     session.user_id_mut().log_in_with(user, sign_in);
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "it signs no user in until `log_in_with` gets it"]
pub struct SignIn {
    proof: When,
    pub(super) remember: Option<bool>,
    until: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug)]
enum When {
    Now,
    At(SystemTime),
    Never,
}

impl SignIn {
    /// The user has just proved who they are, by a password or a passkey. This is what `log_in` does.
    ///
    /// ```
    /// # use session_runtime::{Session, SignIn};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.user_id_mut().log_in_with(7, SignIn::fresh().remember(true));
    /// # }
    /// ```
    pub const fn fresh() -> Self {
        Self { proof: When::Now, remember: None, until: None }
    }

    /// The user has not proved who they are: they were signed in by a cookie that remembers them, or by an identity provider that
    /// did not ask. Views with `fresh` refuse the session until [`reauthenticate`](super::Identity::reauthenticate).
    ///
    /// ```
    /// # use session_runtime::{Session, SignIn};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.user_id_mut().log_in_with(7, SignIn::stale());
    /// assert_eq!(session.authenticated_at(), None);
    /// # }
    /// ```
    pub const fn stale() -> Self {
        Self { proof: When::Never, ..Self::fresh() }
    }

    /// The user proved who they are at this time, which an identity provider reports (`auth_time` of OpenID Connect). A future
    /// time counts as the present.
    ///
    /// ```
    /// # use session_runtime::{Session, SignIn};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>, auth_time: std::time::SystemTime) {
    /// session.user_id_mut().log_in_with(7, SignIn::authenticated_at(auth_time));
    /// # }
    /// ```
    pub const fn authenticated_at(time: SystemTime) -> Self {
        Self { proof: When::At(time), ..Self::fresh() }
    }

    /// Sets whether the session lasts for the `remember` lifetime or for the ordinary ones: see
    /// [`Core::remember`](super::Core::remember). Whether the session is fresh does not depend on it.
    ///
    /// ```
    /// # use session_runtime::SignIn;
    /// let sign_in = SignIn::fresh().remember(true);
    /// ```
    pub const fn remember(self, remember: bool) -> Self {
        Self { remember: Some(remember), ..self }
    }

    /// Ends the session at this time at the latest, whatever the lifetimes and `remember` say: for example, when the user's shift
    /// ends, or their session at the identity provider. If the time has already passed, the session ends after a second. The
    /// limit holds until the next sign-in.
    ///
    /// ```
    /// # use session_runtime::SignIn;
    /// let in_an_hour = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    /// let sign_in = SignIn::fresh().until(in_an_hour);
    /// ```
    pub const fn until(self, time: SystemTime) -> Self {
        Self { until: Some(time), ..self }
    }

    /// Returns the differences from an ordinary sign-in; `None` if there are none.
    pub(super) fn terms(self) -> Option<Box<Terms>> {
        let proof = match self.proof {
            When::Now => Proof::AtSignIn,
            When::At(time) => Proof::At(time.into()),
            When::Never => Proof::Missing,
        };
        let until = self.until.map(Into::into);
        (proof != Proof::AtSignIn || until.is_some()).then(|| Terms { proof, until }.into())
    }
}

impl Default for SignIn {
    /// Returns [`SignIn::fresh`].
    fn default() -> Self {
        Self::fresh()
    }
}
