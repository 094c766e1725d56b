//! [`CookieStore`]: keeps each session in its visitor's cookie, without a store.

use std::{fmt, sync::Arc, time::SystemTime};

use super::{DynStore, Store};
use crate::{clock::Timestamp, cookie::Form};

/// Keeps each session as a whole in its visitor's cookie, and nothing on the server.
///
/// It is for small sessions: browsers accept at most 4096 bytes for a cookie, its name included. If a session outgrows that, the
/// request is answered 413, and the error ([`Error::is_too_large`](crate::Error::is_too_large)) lists the session's fields by
/// size. The visitor keeps the previous cookie.
///
/// * **Encrypted** (the default, [`CookieStore::encrypted`]): only this server can read the cookie. It is encrypted by
///   XChaCha20-Poly1305, with a key that is derived for this purpose, and bound to application, kind and cookie name.
/// * **Signed** ([`CookieStore::signed`]): scripts and visitors can read the cookie, as with Flask's sessions, but not change
///   it.
///
/// # What it cannot do
///
/// Only the visitor has the session. So the server cannot list sessions, and a request cannot end the session of another
/// visitor; only [`CookieStore::issued_after`] ends those of all visitors. If two requests change the session concurrently, the
/// last response replaces the whole session. A struct that relies on more does not compile: `identity` has to be `unlisted`,
/// and `atomic` and `counter` fields are refused.
///
/// Above all, **a sign-out only removes the cookie**. A copy of the cookie, from a shared computer or a stolen backup, stays
/// signed in until the session's deadline (OWASP ASVS 7.4.1). Keep `idle` and `absolute` short, or add a store for revocations
/// ([`CookieStore::revocations`]).
///
/// ```
/// use session_runtime::{CookieStore, KeyRing, Session, Sessions};
///
/// #[derive(Session)]
/// #[session(idle = 30d, absolute = 90d, persistent)]
/// struct Preferences {
///     theme: String,
///     font_size: u8,
/// }
///
/// let sessions = Sessions::<Preferences>::builder()
///     .store(CookieStore::encrypted())
///     .keys(KeyRing::generate())
///     .build()?;
/// # Ok::<(), session_runtime::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a store does nothing until sessions are built on it"]
pub struct CookieStore {
    pub(crate) form: Form,
    pub(crate) chunks: u8,
    pub(crate) revoked: Option<Arc<dyn DynStore>>,
    pub(crate) issued_after: Timestamp,
}

impl CookieStore {
    const fn new(form: Form) -> Self {
        Self { form, chunks: 1, revoked: None, issued_after: Timestamp::from_millis(0) }
    }

    pub(crate) fn is_signed(&self) -> bool {
        self.form == Form::Signed
    }

    /// Encrypts the sessions: only this server can read them.
    ///
    /// ```
    /// # use session_runtime::CookieStore;
    /// let store = CookieStore::encrypted();
    /// ```
    pub const fn encrypted() -> Self {
        Self::new(Form::Encrypted)
    }

    /// Signs the sessions: visitors can read them, but only this server can change them. They are JSON with a signature, like
    /// Flask's sessions.
    ///
    /// Scripts can read the cookie only with `http_only = false`. They decode the part before the dot from base64url, and parse
    /// its UTF-8 text as JSON: an object whose member `fields` holds the fields by their stored names. The cookie is about twice
    /// as long as with [`CookieStore::encrypted`].
    ///
    /// Sessions with `secret` fields are refused at start. A field that JSON cannot represent is refused when it is written:
    /// bytes, a map with keys that are not text, or a number that is not finite.
    ///
    /// ```
    /// # use session_runtime::CookieStore;
    /// let store = CookieStore::signed();
    /// ```
    pub const fn signed() -> Self {
        Self::new(Form::Signed)
    }

    /// Splits a session that is too large for one cookie over several: up to this many, from 1 to 4. Default: 1.
    ///
    /// The second cookie has the name of the first, followed by `-2`, and so on. Every request then carries all of them, and many
    /// servers refuse requests with headers of 8 KiB and more. So a store is better than several cookies.
    ///
    /// ```
    /// # use session_runtime::CookieStore;
    /// let store = CookieStore::encrypted().split(2);
    /// ```
    pub const fn split(mut self, chunks: u8) -> Self {
        self.chunks = chunks;
        self
    }

    /// Records in `store` each session that a sign-out, `destroy` or `clear` ends, and each session that is renewed, for
    /// example by a sign-in or by `remember`. The earlier cookies of such a session then open nothing, even if someone copied
    /// them (SECURITY S21, OWASP ASVS 7.4.1). A session that a guest destroys is not recorded: a copy of its cookie signs in
    /// no user.
    ///
    /// An entry takes a few bytes, and stays until the cookie would have expired. A request that opens its session loads the
    /// session's entry, and loads it again if it writes the session. If the store cannot answer, the request is handled as if
    /// a store of sessions were down. With such a store, a cookie that is older than 400 days opens nothing.
    ///
    /// Any store will do, even one that holds other sessions. But a `MemoryStore` forgets its entries when the server stops,
    /// and other servers do not see them. It never evicts an entry: if entries fill it, a sign-out is answered 503. A caller
    /// that lists a store with [`Store::scan`] also gets the entries.
    ///
    /// A visitor can still go back to an older state of a session that has not ended: an older cookie, such as one from before a
    /// voucher was used, is as valid as the newest. Only a renewal ends the older cookies.
    ///
    /// ```
    /// # use session_runtime::{CookieStore, MemoryStore};
    /// let store = CookieStore::encrypted().revocations(MemoryStore::new());
    /// ```
    pub fn revocations<T: Store>(mut self, store: T) -> Self {
        self.revoked = Some(Arc::new(store));
        self
    }

    /// Refuses all sessions that were last written before `moment`. After a break-in, this signs out every user without new
    /// keys. Default: no session is refused before its deadlines.
    ///
    /// ```
    /// # use session_runtime::CookieStore;
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// let store = CookieStore::encrypted().issued_after(UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    /// ```
    pub fn issued_after(mut self, moment: SystemTime) -> Self {
        self.issued_after = moment.into();
        self
    }
}

impl Default for CookieStore {
    /// Returns [`CookieStore::encrypted`].
    fn default() -> Self {
        Self::encrypted()
    }
}

impl fmt::Debug for CookieStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieStore")
            .field("form", &self.form)
            .field("chunks", &self.chunks)
            .field("revocations", &self.revoked.is_some())
            .finish_non_exhaustive()
    }
}
