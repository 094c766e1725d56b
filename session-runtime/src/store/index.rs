//! Which sessions are whose: what a store must answer so that a user's sessions can be listed, ended and limited.

use std::{fmt, num::NonZero, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{Answer, DynStore, Key, Store, StoreError};
use crate::{clock::Timestamp, id::hex};

/// How long the entry of a session that is not there yet stands: one minute.
///
/// A sign-in enters its session first and stores it then, so an entry without a session may be one that is about to
/// come. Past this it counts as left behind, and vanishes.
pub const ENTRY_GRACE: Duration = Duration::from_secs(60);

/// A store that knows which sessions are whose.
///
/// The entries of a user are always a superset of the user's live sessions: whoever signs a session in enters it first,
/// then applies the change, then looks whether the entry still stands, and else deletes the record. So whoever takes
/// entries out and deletes their records misses none.
///
/// What goes the other way round, an entry whose session is gone (deleted, expired, signed out, signed in as another,
/// or never stored within [`ENTRY_GRACE`]), vanishes by itself: at the latest when [`Store::delete_expired`] has run.
/// Until then it never takes up room that [`UserIndex::enter`] looks for. Each call is atomic for its user, and what one
/// process did shows to all others at once.
///
/// ```
/// use session_runtime::store::{Key, Leaving, Store, StoreError, User, UserIndex};
///
/// /// Ends all sessions of `user`.
/// async fn end_all(store: &impl UserIndex, user: &User) -> Result<(), StoreError> {
///     // Deleted before they leave, so that nothing is missed the next time if this is interrupted.
///     for key in store.entries(user).await? {
///         store.delete(&key).await?;
///     }
///     // And those that came meanwhile.
///     for key in store.leave(user, Leaving::All).await? {
///         store.delete(&key).await?;
///     }
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot list or end the sessions of a user: it lacks `UserIndex`",
    label = "this store does not know which sessions are whose",
    note = "choose a store that does, such as `FileStore` or `MemoryStore`, or implement \
            `session_runtime::store::UserIndex` for this one"
)]
pub trait UserIndex: Store {
    /// Enters `key` among the sessions of `user`, as the newest. Entering what is there already moves it to the end, and
    /// needs no room.
    ///
    /// # Errors
    /// [`StoreError`] if the entry may be missing. Nobody may be signed in then.
    fn enter(
        &self,
        user: &User,
        key: &Key,
        room: Room,
        now: Timestamp,
    ) -> impl Future<Output = Result<Entered, StoreError>> + Send;

    /// The entries of `user`, oldest first; none of an unknown user. There may be some whose session is gone.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    fn entries(&self, user: &User) -> impl Future<Output = Result<Vec<Key>, StoreError>> + Send;

    /// Takes entries out, all at once, and returns those that were there, oldest first. Their records stay.
    ///
    /// # Errors
    /// [`StoreError`] if the entries may still be there.
    fn leave(&self, user: &User, which: Leaving<'_>) -> impl Future<Output = Result<Vec<Key>, StoreError>> + Send;
}

/// Whose sessions: an identity as a session stores it, of any bytes and any length.
///
/// ```
/// # use session_runtime::store::User;
/// let user = User::new(*b"ada");
/// assert_eq!(user.as_bytes(), b"ada");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct User(Box<[u8]>);

impl User {
    /// The user whose encoded identity this is: what [`Record::user`](super::Record::user) has.
    ///
    /// ```
    /// # use session_runtime::store::User;
    /// assert!(User::new(vec![1, 2]) == User::new([1, 2]));
    /// ```
    #[must_use]
    pub fn new(identity: impl Into<Box<[u8]>>) -> Self {
        Self(identity.into())
    }

    /// The encoded identity.
    ///
    /// ```
    /// # use session_runtime::store::User;
    /// assert_eq!(User::new([7]).as_bytes(), [7]);
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A name for this user of a fixed length: SHA-256 of a label and the identity, cut to 128 bits. Who can guess the
    /// identity can compute it, so it hides nothing.
    ///
    /// ```
    /// # use session_runtime::store::User;
    /// assert_ne!(User::new(*b"ada").digest(), User::new(*b"bob").digest());
    /// ```
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let hash = Sha256::new().chain_update(b"session/user/1").chain_update(&self.0).finalize();
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash[..16]);
        digest
    }

    /// [`User::digest`] in lower-case hexadecimal: 32 characters, fit for a file name or a key.
    ///
    /// ```
    /// # use session_runtime::store::User;
    /// assert_eq!(User::new(*b"ada").hex().len(), 32);
    /// ```
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.digest())
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(..)")
    }
}

/// How many sessions the user may have, and what to do about one too many.
///
/// ```
/// # use std::num::NonZero;
/// # use session_runtime::store::Room;
/// let three = NonZero::new(3).expect("not zero");
/// let refuse = Room::AtMost(three);
/// let log_out_elsewhere = Room::MakeRoom(three);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// As many as there are.
    Any,
    /// No more than this many: one too many is not entered.
    AtMost(NonZero<u32>),
    /// No more than this many: the oldest others leave for the new one.
    MakeRoom(NonZero<u32>),
}

impl Room {
    /// How many of the `others` are in the way of one more, or of one that `is_there` already.
    #[cfg(any(feature = "file", feature = "memory"))]
    pub(crate) fn surplus(self, others: usize, is_there: bool) -> usize {
        match self {
            Self::Any => 0,
            Self::AtMost(_) if is_there => 0,
            Self::AtMost(most) | Self::MakeRoom(most) => (others + 1).saturating_sub(most.get() as usize),
        }
    }
}

/// What became of an entry.
///
/// ```
/// # use session_runtime::store::Entered;
/// let alone = Entered::Entered { left: Vec::new() };
/// assert_ne!(alone, Entered::Full);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is there.
    Entered {
        /// The entries that left to make room, oldest first. Their records are to be deleted.
        left: Vec<Key>,
    },
    /// It is not, since there are as many others as [`Room::AtMost`] allows.
    Full,
}

/// Which entries of a user to take out.
///
/// ```
/// # use session_runtime::store::{Key, Leaving};
/// let key = Key::from_digest([1; 16]);
/// let others = Leaving::AllBut(&key);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving<'a> {
    /// All.
    All,
    /// All but this one.
    AllBut(&'a Key),
    /// This one.
    One(&'a Key),
}

/// [`UserIndex`] behind a pointer, so that no session type names its store.
#[allow(dead_code, reason = "for whoever keeps a store with an index")]
pub(crate) trait DynUserIndex: DynStore {
    fn enter<'a>(&'a self, user: &'a User, key: &'a Key, room: Room, now: Timestamp) -> Answer<'a, Entered>;
    fn entries<'a>(&'a self, user: &'a User) -> Answer<'a, Vec<Key>>;
    fn leave<'a>(&'a self, user: &'a User, which: Leaving<'a>) -> Answer<'a, Vec<Key>>;
}

impl<S: UserIndex> DynUserIndex for S {
    fn enter<'a>(&'a self, user: &'a User, key: &'a Key, room: Room, now: Timestamp) -> Answer<'a, Entered> {
        Box::pin(UserIndex::enter(self, user, key, room, now))
    }

    fn entries<'a>(&'a self, user: &'a User) -> Answer<'a, Vec<Key>> {
        Box::pin(UserIndex::entries(self, user))
    }

    fn leave<'a>(&'a self, user: &'a User, which: Leaving<'a>) -> Answer<'a, Vec<Key>> {
        Box::pin(UserIndex::leave(self, user, which))
    }
}
