//! [`Key`]: the name of a value in a store. [`Scope`]: keeps kinds of sessions and applications apart.

use std::{
    cmp::Ordering,
    fmt,
    hash::{BuildHasherDefault, Hash, Hasher},
};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};

use crate::{
    error::Error,
    id::{Selector, hex, random},
    keys::framed,
};

/// The name of one value. A store outside this process sees only [`Key::digest`], from which no cookie can be rebuilt
/// (SECURITY S2).
///
/// ```
/// use session_runtime::store::Key;
///
/// let key = Key::from_digest([7; 16]);
/// assert_eq!(key.digest(), [7; 16]);
/// assert_eq!(key.hex(), "07070707070707070707070707070707");
/// ```
#[derive(Clone, Copy)]
pub struct Key(Named);

#[derive(Clone, Copy)]
enum Named {
    /// An id that this process knows. It is hashed only when it leaves the process.
    Id([u8; 16]),
    Digest([u8; 16]),
}

impl Key {
    /// Returns a new random key, under which no store has a value.
    ///
    /// # Errors
    /// If the operating system provides no random bytes.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_ne!(Key::random()?, Key::random()?);
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    pub fn random() -> Result<Self, Error> {
        random().map(|id| Self(Named::Id(id)))
    }

    /// Returns the key with this digest, for a store that lists its values.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// let key = Key::random()?;
    /// assert_eq!(Key::from_digest(key.digest()), key);
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    #[must_use]
    pub const fn from_digest(digest: [u8; 16]) -> Self {
        Self(Named::Digest(digest))
    }

    /// Returns the name of the value in a store outside this process: 128 bits that look random.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_eq!(Key::from_digest([1; 16]).digest(), [1; 16]);
    /// ```
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        match self.0 {
            Named::Id(id) => cut(Sha256::new().chain_update(b"session/key/1").chain_update(id)),
            Named::Digest(digest) => digest,
        }
    }

    /// Returns [`Key::digest`] in lower-case hexadecimal: 32 characters, fit for a file name or a key.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_eq!(Key::from_digest([0xab; 16]).hex(), "ab".repeat(16));
    /// ```
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.digest())
    }

    /// Returns whether the key is known by its digest only, as are all keys that came from a store outside this process.
    pub(crate) const fn is_digest(&self) -> bool {
        matches!(self.0, Named::Digest(_))
    }

    /// Returns [`Key::digest`] in base64url without padding: 22 characters, fit for the name of a key on a server.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_eq!(Key::from_digest([0xfb; 16]).base64url(), "-_v7-_v7-_v7-_v7-_v7-w");
    /// ```
    #[must_use]
    pub fn base64url(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.digest())
    }

    /// Returns sixteen bytes that name the value within this process, without hashing. They differ between a key and the key that
    /// [`Key::from_digest`] makes from its digest.
    pub(crate) const fn local(&self) -> &[u8; 16] {
        match &self.0 {
            Named::Id(id) | Named::Digest(id) => id,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Named::Id(one), Named::Id(other)) => one == other,
            _ => self.digest() == other.digest(),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest().hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// One kind of session of one application. Two scopes share nothing: not the cookies that open their sessions, not the
/// keys in a store, not the lists of users (SECURITY S6, S54).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The hash of the application and the kind.
    pub(crate) hash: [u8; 32],
}

impl Scope {
    pub(crate) fn new(app: &str, kind: &str) -> Self {
        Self { hash: Sha256::digest(framed(&["session/scope/1", app, kind])).into() }
    }

    /// Returns the scope's id in the header of each of its values.
    ///
    /// The id tells apart the few scopes that share a store, so four bytes suffice. The keys of a scope depend on the whole hash.
    pub(crate) fn id(self) -> u32 {
        let [a, b, c, d, ..] = self.hash;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Returns the key of a session.
    pub(crate) fn session(self, selector: Selector) -> Key {
        self.local(selector, 0)
    }

    /// Returns the key of a session's revocation.
    pub(crate) fn revocation(self, selector: Selector) -> Key {
        self.local(selector, 16)
    }

    /// Returns the key of a user's list. It does not hide the identity: anyone who guesses the identity can compute the key.
    pub(crate) fn list(self, identity: &[u8]) -> Key {
        Key(Named::Digest(cut(Sha256::new()
            .chain_update(b"session/list/1")
            .chain_update(self.hash)
            .chain_update(identity))))
    }

    /// Returns the key of the list of sessions whose `index` field has a value. Like the key of a user's list, it does not hide
    /// the value.
    pub(crate) fn index(self, field: &str, value: &[u8]) -> Key {
        Key(Named::Digest(cut(Sha256::new()
            .chain_update(b"session/index/1")
            .chain_update(self.hash)
            .chain_update((field.len() as u64).to_be_bytes())
            .chain_update(field)
            .chain_update(value))))
    }

    /// Returns the key of the marker, which holds the ids of the application's keys.
    pub(crate) fn marker(self) -> Key {
        Key(Named::Digest(cut(Sha256::new().chain_update(b"session/marker/1").chain_update(self.hash))))
    }

    /// Masks a selector with the scope. Only the server draws selectors, which have 128 random bits (64 for a session in a
    /// cookie), so the result is unique.
    fn local(self, selector: Selector, half: usize) -> Key {
        let mut id = selector.0;
        id.iter_mut().zip(self.hash.iter().skip(half)).for_each(|(to, mask)| *to ^= mask);
        Key(Named::Id(id))
    }
}

fn cut(hash: Sha256) -> [u8; 16] {
    let hash = hash.finalize();
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash[..16]);
    digest
}

/// A key, compared by its bytes within this process.
#[derive(Clone, Copy)]
pub(crate) struct Local(pub(crate) Key);

impl PartialEq for Local {
    fn eq(&self, other: &Self) -> bool {
        self.0.local() == other.0.local()
    }
}

impl Eq for Local {}

impl PartialOrd for Local {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Local {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.local().cmp(other.0.local())
    }
}

impl Hash for Local {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.local());
    }
}

/// The hasher of [`Local`] keys.
pub(crate) type ByLocal = BuildHasherDefault<RandomAlready>;

/// Keys are random or hashes, so their first bytes serve as their hash.
#[derive(Default)]
pub(crate) struct RandomAlready(u64);

impl Hasher for RandomAlready {
    fn write(&mut self, key: &[u8]) {
        if let Some(first) = key.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S6, S54, F1, F2: another kind or another application shares no key, however the names are joined.
    #[test]
    fn scopes_share_no_keys() {
        let scopes = [("shop", "Shop"), ("shop", "Staff"), ("forum", "Shop"), ("shopS", "hop")];
        let scopes = scopes.map(|(app, kind)| Scope::new(app, kind));
        let selector = Selector([1; 16]);
        let mut seen = std::collections::HashSet::new();
        for scope in scopes {
            for key in [
                scope.session(selector),
                scope.revocation(selector),
                scope.list(b"\x07"),
                scope.index("a", b"\x07"),
                scope.index("", b"a\x07"),
                scope.marker(),
            ] {
                assert!(seen.insert(key));
            }
        }
    }
}
