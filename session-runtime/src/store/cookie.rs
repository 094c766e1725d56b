//! [`CookieStore`]: no store at all. The session is in its visitor's cookie.

use std::{fmt, sync::Arc, time::SystemTime};

use super::{DynStore, Store};
use crate::{clock::Timestamp, cookie::Form};

/// Sessions that are in their visitors' cookies, whole: no server keeps anything.
///
/// For small sessions: 4096 bytes with the cookie's name are what browsers keep of one. A session that outgrows them is an
/// error before the response ([`Error::is_too_large`](crate::Error::is_too_large), a 500), which lists its fields by size;
/// the visitor keeps the cookie from before.
///
/// **Encrypted**, as [`CookieStore::encrypted`] is and as is the default, the cookie tells nobody but this server what is in
/// it: XChaCha20-Poly1305 under a key that is derived for this purpose, bound to application and cookie name. **Signed**
/// ([`CookieStore::signed`]), scripts and visitors can read it, as Flask's sessions, but not change it.
///
/// # What it cannot do
///
/// Nobody but the visitor has the session. So nothing can list sessions or end one from elsewhere, and nothing sees two
/// requests at once: the last response wins, with all fields. That is a compile error where it would be relied on: `identity`
/// has to be `unlisted`, and `atomic` and `counter` fields are refused. Above all, **log-out removes the cookie and no more**:
/// whoever kept a copy, from a shared computer or a stolen backup, is signed in with it again until its deadline (OWASP ASVS
/// 7.4.1). Keep `idle` and `absolute` short, or give it a list of what was revoked ([`CookieStore::revocations`]).
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

    /// Nobody but this server can read the sessions.
    ///
    /// ```
    /// # use session_runtime::CookieStore;
    /// let store = CookieStore::encrypted();
    /// ```
    pub const fn encrypted() -> Self {
        Self::new(Form::Encrypted)
    }

    /// Everybody can read the sessions, and nobody but this server can change them: JSON with a signature, as Flask's.
    ///
    /// For scripts to get at the cookie, it has to be `http_only = false`. `JSON.parse(atob(value.split(".")[0]))` gives an
    /// object whose `fields` has the fields by their stored names (base64url: replace `-` by `+` and `_` by `/` first). Takes
    /// about twice the bytes of [`CookieStore::encrypted`]. Sessions with `secret` fields are refused at start. A field with
    /// what JSON has not is refused where it is written: bytes, a map whose keys are no text, a number that is not finite.
    ///
    /// ```
    /// # use session_runtime::CookieStore;
    /// let store = CookieStore::signed();
    /// ```
    pub const fn signed() -> Self {
        Self::new(Form::Signed)
    }

    /// Lets a session that is too large for one cookie be in several: up to so many, from 1 to 4. Default: 1.
    ///
    /// The second is named as the first with `-2` behind it, and so on. Every request then carries all of them, and servers
    /// refuse requests whose headers are too long, many from 8 KiB on: a store is better.
    ///
    /// ```
    /// # use session_runtime::CookieStore;
    /// let store = CookieStore::encrypted().split(2);
    /// ```
    pub const fn split(mut self, chunks: u8) -> Self {
        self.chunks = chunks;
        self
    }

    /// Keeps in `store` which sessions a user has ended by log-out, `destroy` or `clear`, and which were renewed, as by a
    /// sign-in or by `remember`: their cookies open nothing from then on, wherever they were copied to (SECURITY S21, OWASP
    /// ASVS 7.4.1). The session that a guest destroys needs no entry: a copy of its cookie signs in no user.
    ///
    /// The list is small: an entry of a few bytes for each, until its cookie would have ended. Every request that asks for its
    /// session asks the list too, and each that writes asks it once more; if it cannot answer, the request is answered as if
    /// a store were down. Any store will do, also one that has other sessions. But a `MemoryStore` forgets its entries when the
    /// server stops, and another server does not see them. It never evicts an entry: a log-out that finds it full is answered
    /// 503. A caller that goes through the store with `Scan` meets the entries too. A cookie that is older than 400 days opens
    /// nothing then.
    ///
    /// A session that has not ended may still be put back to what it was: an older cookie of it, from before a voucher was
    /// used, is as good as the newest. Only `renew`, and what renews by itself, ends those before.
    ///
    /// ```
    /// # use session_runtime::{CookieStore, MemoryStore};
    /// let store = CookieStore::encrypted().revocations(MemoryStore::new());
    /// ```
    pub fn revocations<T: Store>(mut self, store: T) -> Self {
        self.revoked = Some(Arc::new(store));
        self
    }

    /// Refuses all sessions that were last written before a moment: everybody is logged out, as after a break-in, though the
    /// keys stay. Default: none is too old, within its deadlines.
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
    /// [`CookieStore::encrypted`].
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
