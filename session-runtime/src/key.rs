//! [`Key`]: the name of a value in a store. [`Scope`]: keeps kinds of sessions and applications apart.

use std::{
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

/// The name of one value: 128 bits that look random. They are a hash, from which no cookie can be rebuilt (SECURITY S2).
///
/// ```
/// use session_runtime::store::Key;
///
/// let key = Key::from_digest([7; 16]);
/// assert_eq!(key.digest(), [7; 16]);
/// assert_eq!(key.hex(), "07070707070707070707070707070707");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; 16]);

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
        random().map(Self)
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
        Self(digest)
    }

    /// Returns the key's 16 bytes.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_eq!(Key::from_digest([1; 16]).digest(), [1; 16]);
    /// ```
    #[must_use]
    pub const fn digest(&self) -> [u8; 16] {
        self.0
    }

    /// Returns [`Key::digest`] in lower-case hexadecimal: 32 characters, fit for a file name or a key.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_eq!(Key::from_digest([0xab; 16]).hex(), "ab".repeat(16));
    /// ```
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Returns [`Key::digest`] in base64url without padding: 22 characters, fit for the name of a key on a server.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_eq!(Key::from_digest([0xfb; 16]).base64url(), "-_v7-_v7-_v7-_v7-_v7-w");
    /// ```
    #[must_use]
    pub fn base64url(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
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
        self.key("session/key/1", &[&selector.0])
    }

    /// Returns the key of a session's revocation.
    pub(crate) fn revocation(self, selector: Selector) -> Key {
        self.key("session/revocation/1", &[&selector.0])
    }

    /// Returns the key of a user's list. It does not hide the identity: anyone who guesses the identity can compute the key.
    pub(crate) fn list(self, identity: &[u8]) -> Key {
        self.key("session/list/1", &[identity])
    }

    /// Returns the key of the list of sessions whose `index` field has a value. Like the key of a user's list, it does not hide
    /// the value.
    pub(crate) fn index(self, field: &str, value: &[u8]) -> Key {
        self.key("session/index/1", &[&(field.len() as u64).to_be_bytes(), field.as_bytes(), value])
    }

    /// Returns the key of the marker, which holds the ids of the application's keys.
    pub(crate) fn marker(self) -> Key {
        self.key("session/marker/1", &[])
    }

    /// Returns the key of a value of this scope. `class` is the kind of value, and `name` distinguishes it from others of that
    /// kind.
    fn key(self, class: &str, name: &[&[u8]]) -> Key {
        // This uses only half of the scope's hash, so that the input for a session's key fits in one block of the hash function.
        let hash = Sha256::new().chain_update(class).chain_update(&self.hash[..16]);
        let hash = name.iter().fold(hash, |hash, part| hash.chain_update(part)).finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        Key(key)
    }
}

/// The hasher of tables whose names are [`Key`]s.
pub(crate) type ByKey = BuildHasherDefault<RandomAlready>;

/// Keys look random, so their first bytes serve as their hash.
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
