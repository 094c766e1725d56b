//! [`SessionLimit`]: how many sessions a user may have at once.

/// How many sessions one user may have at once, and how a sign-in beyond that limit is handled (OWASP ASVS 7.1.2). Default:
/// [`SessionLimit::EndOldest`] of 100. A sign-in beyond this default also ends the 20 next-oldest sessions.
///
/// A plain number converts to [`SessionLimit::EndOldest`].
///
/// ```
/// use session_runtime::{Session, SessionLimit, Sessions};
///
/// #[derive(Session)]
/// #[session(max_per_user = 5)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
/// }
///
/// let builder = Sessions::<Shop>::builder().max_per_user(SessionLimit::Refuse(3));
/// assert_eq!(SessionLimit::from(3), SessionLimit::EndOldest(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLimit {
    /// The limit. A sign-in beyond it ends the session with the earliest sign-in.
    EndOldest(u32),
    /// The limit. A sign-in beyond it is answered with a 409 that gives the reason.
    Refuse(u32),
}

impl SessionLimit {
    pub(crate) const fn most(self) -> usize {
        let (Self::EndOldest(most) | Self::Refuse(most)) = self;
        most as usize
    }
}

impl From<u32> for SessionLimit {
    fn from(most: u32) -> Self {
        Self::EndOldest(most)
    }
}
