//! What names a session and proves it: selector, verifier, and the digests that a store may see.
//!
//! A *selector* says where the record is, a *verifier* proves that the visitor may open it. Stores outside this
//! process see neither: they get a [`Key`], whose only public form is a digest, and keep the verifier's [`Digest`].
//! So a leaked store opens no session (rack CVE-2019-16782), and nothing is looked up by a secret.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Kind};

/// Fills `bytes` from the operating system's generator, the only source of randomness here (SECURITY S1).
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|source| Error::new(Kind::Random).because(source))?;
    Ok(bytes)
}

/// 128 random bits that say where a record is. No proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Selector(pub(crate) [u8; 16]);

impl Selector {
    pub(crate) fn random() -> Result<Self, Error> {
        random().map(Self)
    }

    pub(crate) const fn key(self) -> Key {
        Key(Named::Selector(self))
    }
}

/// 256 random bits that prove a session is the visitor's. Compared only through its [`Digest`].
#[derive(Clone, Zeroize)]
#[zeroize(drop)]
pub(crate) struct Verifier(pub(crate) [u8; 32]);

impl Verifier {
    pub(crate) fn random() -> Result<Self, Error> {
        random().map(Self)
    }

    /// Where there is nothing to prove: the session itself is in the cookie.
    pub(crate) const fn none() -> Self {
        Self([0; 32])
    }
}

/// What names and proves a new session, in one call of the operating system.
pub(crate) fn draw() -> Result<(Selector, Verifier), Error> {
    let drawn = Zeroizing::new(random::<48>()?);
    let (mut selector, mut verifier) = (Selector([0; 16]), Verifier([0; 32]));
    selector.0.copy_from_slice(&drawn[..16]);
    verifier.0.copy_from_slice(&drawn[16..]);
    Ok((selector, verifier))
}

/// Makes the digests of one application's verifiers.
///
/// SHA-256 over domain, application, selector and verifier, cut to 128 bits. It takes no key, since the verifier is random
/// and a key would tie every record to the ring. Domain and application fill the first block and are hashed once.
#[derive(Clone)]
pub(crate) struct Digester(Sha256);

impl Digester {
    pub(crate) fn new(app: &str) -> Self {
        let app = Sha256::digest(app);
        let mut block = [0; 64];
        block[..18].copy_from_slice(b"session/verifier/1");
        block[32..].copy_from_slice(&app);
        Self(Sha256::new_with_prefix(block))
    }

    pub(crate) fn digest(&self, selector: Selector, verifier: &Verifier) -> Digest {
        let hash = self.0.clone().chain_update(selector.0).chain_update(verifier.0).finalize();
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash[..16]);
        Digest(digest)
    }
}

/// What a store keeps of a session's verifier: enough to check one, not enough to make one.
///
/// Comparison takes the same time wherever two digests differ.
///
/// ```
/// # use session_runtime::store::Digest;
/// assert!(Digest::from([1; 16]) == Digest::from([1; 16]));
/// ```
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest's bytes, for a store to write.
    ///
    /// ```
    /// # use session_runtime::store::Digest;
    /// assert_eq!(Digest::from([7; 16]).as_bytes(), &[7; 16]);
    /// ```
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for Digest {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Names one record. A store sees only [`Key::digest`], from which no cookie can be rebuilt (SECURITY S2).
///
/// Two keys are equal if their digests are.
#[derive(Clone, Copy)]
pub struct Key(Named);

#[derive(Clone, Copy)]
enum Named {
    Selector(Selector),
    /// All that a store outside this process can give back.
    Digest([u8; 16]),
}

impl Key {
    /// A key that no session has yet, for tests of a store.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert!(Key::random()? != Key::random()?);
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    pub fn random() -> Result<Self, Error> {
        Selector::random().map(Selector::key)
    }

    /// The key of a selector chosen by a test, so that two processes can name one record, and a dump of the store can be
    /// searched for the selector.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert!(Key::from_selector([1; 16]) == Key::from_selector([1; 16]));
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub const fn from_selector(selector: [u8; 16]) -> Self {
        Self(Named::Selector(Selector(selector)))
    }

    /// The key of a record by its name in the store: how a store gives back the keys that it was given.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// let key = Key::random()?;
    /// assert!(Key::from_digest(key.digest()) == key);
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    #[must_use]
    pub const fn from_digest(digest: [u8; 16]) -> Self {
        Self(Named::Digest(digest))
    }

    /// The name under which a store keeps the record: 128 bits, evenly spread, safe to show.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// let key = Key::random()?;
    /// assert_eq!(key.digest(), key.digest());
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        match self.0 {
            Named::Selector(selector) => {
                let hash = Sha256::new().chain_update(b"session/selector/1").chain_update(selector.0).finalize();
                let mut digest = [0; 16];
                digest.copy_from_slice(&hash[..16]);
                digest
            }
            Named::Digest(digest) => digest,
        }
    }

    /// [`Key::digest`] in lower-case hexadecimal: 32 characters, fit for a file name or a key.
    ///
    /// ```
    /// # use session_runtime::store::Key;
    /// assert_eq!(Key::random()?.hex().len(), 32);
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.digest())
    }

    /// The selector itself, if this key was made from one: for stores within this process, where hashing it would
    /// protect nothing.
    #[cfg(feature = "memory")]
    pub(crate) const fn selector(&self) -> Option<Selector> {
        match self.0 {
            Named::Selector(selector) => Some(selector),
            Named::Digest(_) => None,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Named::Selector(one), Named::Selector(other)) => one == other,
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

/// Marks one change, so that a store recognises it when it is sent again because its answer was lost.
///
/// ```
/// # use session_runtime::store::Nonce;
/// assert!(Nonce::next() != Nonce::next());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub u64);

impl Nonce {
    /// A nonce unlike any other of this process, and unlike another process's but for chance.
    ///
    /// ```
    /// # use session_runtime::store::Nonce;
    /// let nonce = Nonce::next();
    /// ```
    #[must_use]
    pub fn next() -> Self {
        static START: OnceLock<u64> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // No secret: it only has to differ. Without random bytes the address space and the process id still do.
        let start =
            *START.get_or_init(|| random().map_or_else(|_| u64::from(std::process::id()) << 32, u64::from_le_bytes));
        Self(start.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // S44: a verifier, a token's proof, cannot be compared but through its digest, which takes the same time for all.
    // This compiles only as long as it is not `PartialEq`: else the call could mean either implementation.
    #[test]
    fn a_verifier_is_not_compared_as_bytes() {
        trait Comparable<Marker> {
            fn compared() {}
        }
        struct ByAll;
        struct ByPartialEq;
        impl<T> Comparable<ByAll> for T {}
        impl<T: PartialEq> Comparable<ByPartialEq> for T {}
        <Verifier as Comparable<_>>::compared();
        let (selector, verifier) = (Selector([1; 16]), Verifier([2; 32]));
        let digester = Digester::new("shop");
        for bit in 0..256 {
            let mut other = verifier.clone();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(digester.digest(selector, &other) != digester.digest(selector, &verifier), "bit {bit}");
        }
        assert!(digester.digest(selector, &verifier.clone()) == digester.digest(selector, &verifier));
    }

    // S2, S6: a digest is one application's, one session's, and no part of what it is made of.
    #[test]
    fn a_digest_says_nothing_of_its_verifier() {
        let (selector, verifier) = (Selector([1; 16]), Verifier(std::array::from_fn(|at| at as u8)));
        let digest = Digester::new("shop").digest(selector, &verifier);
        assert!(digest != Digester::new("forum").digest(selector, &verifier));
        assert!(digest != Digester::new("shop").digest(Selector([2; 16]), &verifier));
        for part in digest.as_bytes().windows(4) {
            assert!(!verifier.0.windows(4).any(|window| window == part));
        }
    }

    // S49: what wipes itself has something to do when it is dropped.
    #[test]
    fn secrets_are_wiped_when_dropped() {
        assert!(std::mem::needs_drop::<Verifier>());
        assert!(std::mem::needs_drop::<crate::keys::MasterKey>());
        let mut verifier = Verifier([7; 32]);
        verifier.zeroize();
        assert_eq!(verifier.0, [0; 32]);
    }
}
