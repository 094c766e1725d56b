//! The session token, the value of the cookie: who signed it, which session it names, and the proof.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | id of the key that signed |
//! | 16 | selector |
//! | 32 | verifier |
//! | 16 | MAC |
//!
//! in base64url without padding: 92 characters that leave no bit over, so each token has one spelling. The MAC covers
//! purpose, application and cookie name too, each behind its length: a value moved to another cookie, application or
//! version opens nothing (SECURITY S40; `cookie`'s `SignedJar` leaves the name out).
//!
//! HMAC-SHA256 is cut to 128 bits, the least that RFC 2104 section 5 advises. A forger has nothing to try it on but this
//! server, one guess in 2^128 a request, and would still have to guess a verifier of 256 bits.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::base64::{self, BYTES, LENGTH};
use crate::{
    clock::Timestamp,
    error::Error,
    id::{Selector, Verifier, hex},
    key::Key,
    keys::{Derived, KeyRing, MasterKey, Purpose, framed},
};

const VERSION: u8 = 1;
const SIGNED: usize = 1 + 4 + 16 + 32;
const _: () = assert!(BYTES == SIGNED + 16);

/// Makes and opens the tokens of one cookie.
pub(crate) struct Signer {
    keys: Derived<SigningKey>,
    fingerprints: Fingerprints,
}

/// Names sessions in logs.
#[derive(Clone)]
pub(crate) struct Fingerprints(Hmac<Sha256>);

impl Fingerprints {
    /// A short name. It stays for the session's life, and without the key says nothing of its id.
    pub(crate) fn name(&self, key: &Key) -> String {
        hex(&self.0.clone().chain_update(key.digest()).finalize().into_bytes()[..6])
    }
}

/// What a genuine token says.
pub(crate) struct Opened {
    pub(crate) selector: Selector,
    pub(crate) verifier: Verifier,
    /// Whether the current key signed it; else it is to be signed again (B9).
    pub(crate) current: bool,
}

impl Signer {
    /// A signer for the cookie `name` of the application `app`.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing, app: &str, name: &str) -> Result<Self, Error> {
        let (current, _) = ring.keys()?;
        Ok(Self {
            keys: Derived::new(ring, |key| SigningKey::new(key, app, name))?,
            fingerprints: Fingerprints(current.mac(Purpose::FINGERPRINT)?),
        })
    }

    /// The token that names and proves a session.
    pub(crate) fn sign(&self, selector: Selector, verifier: &Verifier) -> String {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let (id, key) = self.keys.current();
        let (signed, mac) = bytes.split_at_mut(SIGNED);
        signed[0] = VERSION;
        signed[1..5].copy_from_slice(id);
        signed[5..21].copy_from_slice(&selector.0);
        signed[21..].copy_from_slice(&verifier.0);
        mac.copy_from_slice(&key.mac(signed));
        base64::encode(&bytes)
    }

    /// What a token says, if it is one of ours. Neither allocates nor, for a value of another length, computes.
    pub(crate) fn open(&self, value: &[u8], now: Timestamp) -> Option<Opened> {
        let value: &[u8; LENGTH] = value.try_into().ok()?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        if !base64::decode(value, &mut bytes) {
            return None;
        }
        let (signed, mac) = bytes.split_last_chunk()?;
        let (&[version], body) = signed.split_first_chunk()?;
        let (id, body) = body.split_first_chunk::<4>()?;
        let (selector, verifier) = body.split_first_chunk::<16>()?;
        let (key, current) = self.keys.find(id, now)?;
        let is_genuine = u128::from_ne_bytes(key.mac(signed)).ct_eq(&u128::from_ne_bytes(*mac));
        if version != VERSION || !bool::from(is_genuine) {
            return None;
        }
        let (selector, verifier) = (Selector(*selector), Verifier(*verifier.first_chunk()?));
        Some(Opened { selector, verifier, current })
    }

    /// The ids of the ring's keys.
    pub(crate) fn key_ids(&self) -> Vec<[u8; 4]> {
        self.keys.ids().collect()
    }

    pub(crate) const fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }
}

/// A key of the ring, bound to one cookie of one application.
///
/// HMAC after everything that is the same for all tokens of the cookie.
struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    fn new(key: &MasterKey, app: &str, name: &str) -> Result<Self, Error> {
        let mut context = framed(&[Purpose::TOKEN.name, app, name]);
        // To a whole number of SHA-256 blocks: what is left for a token then fits in one.
        context.resize(context.len().next_multiple_of(64), 0);
        Ok(Self(key.mac(Purpose::TOKEN)?.chain_update(context)))
    }

    fn mac(&self, signed: &[u8]) -> [u8; 16] {
        let hash = self.0.clone().chain_update(signed).finalize().into_bytes();
        let mut mac = [0; 16];
        mac.copy_from_slice(&hash[..16]);
        mac
    }
}

#[cfg(test)]
mod tests;
