//! One key of the ring, and the keys derived from it: one per purpose, by HKDF-SHA256 (RFC 5869).
//!
//! The key itself is not kept: extraction turns it into a state that can only derive keys. That state is wiped on drop.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{clock::Timestamp, error::Error};

/// Four derived bytes in a cookie that name the key that signed it. Not secret.
pub(crate) type KeyId = [u8; 4];

/// The purpose of a derived key. Each purpose is a constant here, and its key is independent of the others'.
#[derive(Clone, Copy)]
pub(crate) struct Purpose {
    pub(crate) name: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) version: &'static str,
}

impl Purpose {
    /// Signs session tokens.
    pub(crate) const TOKEN: Self = Self::v1("token", "hmac-sha256");
    /// Seals the values of `secret` fields.
    pub(crate) const SECRET: Self = Self::v1("secret", "xchacha20poly1305");
    /// Seals whole sessions into cookies.
    pub(crate) const SESSION: Self = Self::v1("session", "xchacha20poly1305");
    /// Signs whole sessions that scripts can read.
    pub(crate) const SESSION_TEXT: Self = Self::v1("session-text", "hmac-sha256");
    /// Signs the application's own cookies.
    pub(crate) const SIGNED_COOKIE: Self = Self::v1("signed-cookie", "hmac-sha256");
    /// Seals the application's own cookies.
    pub(crate) const PRIVATE_COOKIE: Self = Self::v1("private-cookie", "xchacha20poly1305");
    /// Names sessions and users in logs and events.
    pub(crate) const FINGERPRINT: Self = Self::v1("fingerprint", "hmac-sha256");
    /// Derives the id of the key.
    const KEY_ID: Self = Self::v1("key-id", "hkdf-sha256");

    const fn v1(name: &'static str, algorithm: &'static str) -> Self {
        Self { name, algorithm, version: "v1" }
    }
}

/// A key of the ring.
#[derive(Clone)]
pub(crate) struct MasterKey {
    state: Hkdf<Sha256>,
    id: KeyId,
    end: Timestamp,
}

impl MasterKey {
    /// Creates a key from its bytes, which the caller has checked. The key opens values until `end`.
    pub(super) fn new(bytes: &[u8], end: Timestamp) -> Result<Self, Error> {
        let (mut extracted, state) = Hkdf::<Sha256>::extract(None, bytes);
        extracted.as_mut_slice().zeroize();
        let mut key = Self { state, id: KeyId::default(), end };
        key.id = *key.derive(Purpose::KEY_ID)?;
        Ok(key)
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the moment from which the key opens nothing; [`Timestamp::NEVER`] if it has no end.
    pub(crate) const fn end(&self) -> Timestamp {
        self.end
    }

    /// Derives the key for `purpose`.
    ///
    /// # Errors
    /// If `N` is more than the 8,160 bytes that HKDF-SHA256 can derive.
    pub(crate) fn derive<const N: usize>(&self, purpose: Purpose) -> Result<Zeroizing<[u8; N]>, Error> {
        let info = framed(&["session", purpose.name, purpose.algorithm, purpose.version]);
        let mut key = Zeroizing::new([0; N]);
        self.state
            .expand(&info, &mut *key)
            .map_err(|error| Error::setup("the key asked for is too long").because(error))?;
        Ok(key)
    }

    /// Returns an HMAC-SHA256 under the key for `purpose`. Clones of it need no key set-up.
    pub(crate) fn mac(&self, purpose: Purpose) -> Result<Hmac<Sha256>, Error> {
        // 64 bytes are one block of SHA-256. HMAC uses a key of this length unchanged.
        let key = self.derive::<64>(purpose)?;
        Ok(Hmac::new((&*key).into()))
    }
}

/// Joins parts, each after its length, so that different lists never give the same bytes (SECURITY S41).
pub(crate) fn framed(parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}
