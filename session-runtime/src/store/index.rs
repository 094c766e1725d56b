//! Which sessions are whose: what a store must answer so that a user's sessions can be listed, ended and limited.

use std::{fmt, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{Answer, DynStore, Key, Store, StoreError};
use crate::{clock::Timestamp, id::hex};

/// How long the entry of a session that is not there yet stands: one minute.
///
/// A sign-in enters its session first and stores it then, so an entry without a session may be one that is about to
/// come. Past this it counts as left behind, and vanishes.
pub const ENTRY_GRACE: Duration = Duration::from_secs(60);

/// When an entry says that it came whose sign-in is called off: the beginning of time, so that it vanishes unless its
/// session is there all the same.
pub const ENTRY_CALLED_OFF: Timestamp = Timestamp::from_millis(0);

/// A store that knows which sessions are whose.
///
/// The entries of a user are always a superset of the user's live sessions. Both sides see to that:
///
/// * **Who signs a session in** enters it, then applies the change, then looks whether the entry still stands. If it
///   has left or was called off, the user's sessions were ended meanwhile, and the record is deleted.
/// * **Who ends sessions** deletes their records, and only then takes their entries out. A session that is not the
///   user's may be about to come: it is called off by entering it at [`ENTRY_CALLED_OFF`], and then deleted if it has
///   become the user's before. So an interruption of either never leaves a live session unlisted.
///
/// What goes the other way round, an entry whose session is gone (deleted, expired, signed out, signed in as another,
/// or never stored within [`ENTRY_GRACE`]), vanishes by itself: at the latest when [`Store::delete_expired`] has run.
/// Until then it may be listed, so whoever counts or shows sessions loads them. Each call is atomic for its user, and
/// what one process did shows to all others at once.
///
/// ```
/// use session_runtime::{Timestamp, store::{ENTRY_CALLED_OFF, Key, Store, StoreError, User, UserEntry, UserIndex}};
///
/// /// Ends all sessions of `user`.
/// async fn end_all(store: &impl UserIndex, user: &User, now: Timestamp) -> Result<(), StoreError> {
///     for UserEntry { key, .. } in store.entries(user).await? {
///         if !end(store, user, &key, now).await? {
///             store.enter(user, &key, ENTRY_CALLED_OFF).await?;
///             // And if it came before that.
///             end(store, user, &key, now).await?;
///         }
///     }
///     Ok(())
/// }
///
/// /// Ends one session, if it is the user's.
/// async fn end(store: &impl UserIndex, user: &User, key: &Key, now: Timestamp) -> Result<bool, StoreError> {
///     let record = store.load(key, now).await?;
///     if record.is_none_or(|record| record.user.as_deref() != Some(user.as_bytes())) {
///         return Ok(false);
///     }
///     store.delete(key).await?;
///     store.leave(user, &[*key]).await?;
///     Ok(true)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the store `{Self}` cannot list or end the sessions of a user: it lacks `UserIndex`",
    label = "this store does not know which sessions are whose",
    note = "choose a store that does, such as `RedisStore`, `SqlStore`, `FileStore` or `MemoryStore`, or implement \
            `session_runtime::store::UserIndex` for this one",
    note = "where nobody will ask for the sessions of a user, write `#[session(identity, unlisted)]`"
)]
pub trait UserIndex: Store {
    /// Enters `key` among the sessions of `user`, as the newest. Entering what is there already moves it to the end, and
    /// its [`ENTRY_GRACE`] starts anew, from `now`, however long ago that is.
    ///
    /// # Errors
    /// [`StoreError`] if the entry may be missing. Nobody may be signed in then.
    fn enter(&self, user: &User, key: &Key, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The entries of `user`, oldest first; none of an unknown user. There may be some whose session is gone.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    fn entries(&self, user: &User) -> impl Future<Output = Result<Vec<UserEntry>, StoreError>> + Send;

    /// Takes the entries of these sessions out, all at once. Their records stay. What is not there is fine.
    ///
    /// # Errors
    /// [`StoreError`] if the entries may still be there.
    fn leave(&self, user: &User, keys: &[Key]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// One of a user's entries.
///
/// ```
/// # use session_runtime::{Timestamp, store::{ENTRY_GRACE, Key, UserEntry}};
/// let entry = UserEntry { key: Key::from_digest([1; 16]), at: Timestamp::from_millis(0) };
/// let may_be_about_to_come = !(entry.at + ENTRY_GRACE).passed(Timestamp::from_millis(59_999));
/// assert!(may_be_about_to_come);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserEntry {
    /// Which session.
    pub key: Key,
    /// When it was last entered.
    pub at: Timestamp,
}

/// Whose sessions: bytes of any value and any length, which are opaque to a store.
///
/// The engine makes them: the kind of session, and then the encoded identity. So two kinds of sessions may share a
/// store, and nobody is taken for the user of the other kind who is called the same.
///
/// ```
/// # use session_runtime::store::User;
/// let user = User::new(*b"ada");
/// assert_eq!(user.as_bytes(), b"ada");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct User(Box<[u8]>);

impl User {
    /// The user with these bytes: what [`Record::user`](super::Record::user) has.
    ///
    /// ```
    /// # use session_runtime::store::User;
    /// assert!(User::new(vec![1, 2]) == User::new([1, 2]));
    /// ```
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    ///
    /// ```
    /// # use session_runtime::store::User;
    /// assert_eq!(User::new([7]).as_bytes(), [7]);
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Box<[u8]> {
        self.0
    }

    /// A name for this user of a fixed length: SHA-256 of a label and the bytes, cut to 128 bits. Who can guess the bytes
    /// can compute it, so it hides nothing.
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

/// [`UserIndex`] behind a pointer, so that no session type names its store.
pub(crate) trait DynUserIndex: DynStore {
    fn enter<'a>(&'a self, user: &'a User, key: &'a Key, now: Timestamp) -> Answer<'a, ()>;
    fn entries<'a>(&'a self, user: &'a User) -> Answer<'a, Vec<UserEntry>>;
    fn leave<'a>(&'a self, user: &'a User, keys: &'a [Key]) -> Answer<'a, ()>;
}

impl<S: UserIndex> DynUserIndex for S {
    fn enter<'a>(&'a self, user: &'a User, key: &'a Key, now: Timestamp) -> Answer<'a, ()> {
        Box::pin(UserIndex::enter(self, user, key, now))
    }

    fn entries<'a>(&'a self, user: &'a User) -> Answer<'a, Vec<UserEntry>> {
        Box::pin(UserIndex::entries(self, user))
    }

    fn leave<'a>(&'a self, user: &'a User, keys: &'a [Key]) -> Answer<'a, ()> {
        Box::pin(UserIndex::leave(self, user, keys))
    }
}
