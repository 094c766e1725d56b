//! The names and proofs of sessions: selector, verifier, and the digests that a store may see.
//!
//! A *selector* says where a session's record is, and a *verifier* proves that the visitor may open the session. Stores outside
//! this process see neither: they get a [`Key`](crate::key::Key), whose only public form is a digest, and keep the verifier's
//! [`Digest`]. So a leaked store opens no session (rack CVE-2019-16782), and no look-up uses a secret.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    error::{Error, Kind},
    key::Scope,
};

/// Fills `bytes` from the operating system's generator, the only source of randomness here (SECURITY S1).
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|source| Error::new(Kind::Random).because(source))?;
    Ok(bytes)
}

/// Random bits that say where a session's record is: 128 bits, or 64 for a session in a cookie. They do not give access to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Selector(pub(crate) [u8; 16]);

#[cfg(any(test, feature = "testing"))]
impl Selector {
    pub(crate) fn random() -> Result<Self, Error> {
        random().map(Self)
    }
}

#[cfg(any(test, feature = "testing"))]
impl Verifier {
    pub(crate) fn random() -> Result<Self, Error> {
        random().map(Self)
    }
}

/// 256 random bits that prove that a session is the visitor's. Compared only through its [`Digest`].
#[derive(Clone, Zeroize)]
#[zeroize(drop)]
pub(crate) struct Verifier(pub(crate) [u8; 32]);

/// Draws the selector and verifier of a new session, with one call of the operating system.
pub(crate) fn draw() -> Result<(Selector, Verifier), Error> {
    let drawn = Zeroizing::new(random::<48>()?);
    let (mut selector, mut verifier) = (Selector([0; 16]), Verifier([0; 32]));
    selector.0.copy_from_slice(&drawn[..16]);
    verifier.0.copy_from_slice(&drawn[16..]);
    Ok((selector, verifier))
}

/// Makes the digests of the verifiers of one scope.
///
/// A digest is SHA-256 over domain, scope, selector and verifier, cut to 128 bits. It is not keyed, since the verifier is random
/// and a key would tie every record to the ring. Domain and scope fill the first block and are hashed once.
#[derive(Clone)]
pub(crate) struct Digester(Sha256);

impl Digester {
    pub(crate) fn new(scope: &Scope) -> Self {
        let mut block = [0; 64];
        block[..18].copy_from_slice(b"session/verifier/2");
        block[32..].copy_from_slice(&scope.hash);
        Self(Sha256::new_with_prefix(block))
    }

    pub(crate) fn digest(&self, selector: Selector, verifier: &Verifier) -> Digest {
        let hash = self.0.clone().chain_update(selector.0).chain_update(verifier.0).finalize();
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash[..16]);
        Digest(digest)
    }
}

/// A session's verifier as a store keeps it: enough to check a verifier, not enough to make one. Comparison takes the same
/// time wherever two digests differ.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 16]);

impl Digest {
    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
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
        u128::from_ne_bytes(self.0).ct_eq(&u128::from_ne_bytes(other.0)).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Marks one commit, so that its write is recognised if the store's answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonce(pub(crate) u64);

impl Nonce {
    /// Returns a nonce that differs from all others of this process and, except by chance, from those of other processes.
    pub(crate) fn next() -> Self {
        static START: OnceLock<u64> = OnceLock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // The nonce is not a secret: it only has to be unique. Without random bytes, the process id is better than nothing.
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

    // S44: a verifier can be compared only through its digest, in constant time. If `Verifier` were `PartialEq`, the call of
    // `compared` would be ambiguous and would not compile.
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
        let digester = Digester::new(&Scope::new("shop", "Shop"));
        for bit in 0..256 {
            let mut other = verifier.clone();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(digester.digest(selector, &other) != digester.digest(selector, &verifier), "bit {bit}");
        }
        assert!(digester.digest(selector, &verifier.clone()) == digester.digest(selector, &verifier));
    }

    // S2, S6: a digest is valid for one application and one session, and contains no part of its inputs.
    #[test]
    fn a_digest_reveals_no_part_of_its_verifier() {
        let (selector, verifier) = (Selector([1; 16]), Verifier(std::array::from_fn(|at| at as u8)));
        let digest = Digester::new(&Scope::new("shop", "Shop")).digest(selector, &verifier);
        assert!(digest != Digester::new(&Scope::new("forum", "Shop")).digest(selector, &verifier));
        assert!(digest != Digester::new(&Scope::new("shop", "Shop")).digest(Selector([2; 16]), &verifier));
        for part in digest.as_bytes().windows(4) {
            assert!(!verifier.0.windows(4).any(|window| window == part));
        }
    }

    // S49: a type that wipes itself has code that runs when it is dropped.
    #[test]
    fn secrets_are_wiped_when_dropped() {
        assert!(std::mem::needs_drop::<Verifier>());
        assert!(std::mem::needs_drop::<crate::keys::MasterKey>());
        let mut verifier = Verifier([7; 32]);
        verifier.zeroize();
        assert_eq!(verifier.0, [0; 32]);
    }
}
