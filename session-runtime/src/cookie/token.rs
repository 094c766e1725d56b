//! The session token, which is the value of the cookie. It contains the id of the key that signed it, the session's selector, and
//! the verifier.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | id of the key that signed |
//! | 16 | selector |
//! | 32 | verifier |
//! | 16 | MAC |
//!
//! The token is these bytes in base64url without padding: 92 characters without spare bits, so each token has only one spelling.
//! The MAC also covers the purpose, the application and the cookie's name, each after its length. So a value that is moved to
//! another cookie, application or version does not open (SECURITY S40; `cookie`'s `SignedJar` leaves the name out).
//!
//! HMAC-SHA256 is cut to 128 bits, the least that RFC 2104 section 5 advises. A forger can test a guess only against this server.
//! Each guess succeeds with a chance of 1 in 2^128, and the forger would still need a verifier of 256 bits.

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
pub(crate) struct TokenSigner {
    keys: Derived<SigningKey>,
    fingerprints: Fingerprints,
}

/// Names sessions and users in logs and events, and computes digests of what a session is listed under.
#[derive(Clone)]
pub(crate) struct Fingerprints(Hmac<Sha256>);

impl Fingerprints {
    /// Returns a short name for what the store keeps under `key`: a session, or a user's list, which stands for the user. The
    /// name changes only when the first key of the ring changes. To a reader without the ring, it does not reveal the session's
    /// id.
    pub(crate) fn name(&self, key: &Key) -> String {
        hex(&self.0.clone().chain_update(key.digest()).finalize().into_bytes()[..6])
    }
}

impl Fingerprints {
    /// Returns a keyed digest of these parts, which each have a fixed length.
    pub(crate) fn digest<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
        let mac =
            parts.into_iter().fold(self.0.clone().chain_update(b"session/lists/1"), |mac, part| mac.chain_update(part));
        let [a, b, c, d, ..] = <[u8; 32]>::from(mac.finalize().into_bytes());
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The contents of a valid token.
pub(crate) struct Token {
    pub(crate) selector: Selector,
    pub(crate) verifier: Verifier,
    /// Whether the current key signed it. If not, the response signs it again (B9).
    pub(crate) current: bool,
}

impl TokenSigner {
    /// Creates a signer for the cookie `name` of the application `app`.
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

    /// Returns the token that names and proves a session.
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

    /// Returns the contents of a token, if it is valid. Does not allocate, and rejects a value of another length without
    /// computing anything.
    pub(crate) fn open(&self, value: &[u8], now: Timestamp) -> Option<Token> {
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
        Some(Token { selector, verifier, current })
    }

    /// Returns the ids of the ring's keys.
    pub(crate) fn key_ids(&self) -> Vec<[u8; 4]> {
        self.keys.ids().collect()
    }

    pub(crate) const fn fingerprints(&self) -> &Fingerprints {
        &self.fingerprints
    }
}

/// A key of the ring, bound to one cookie of one application.
///
/// It is the state of the HMAC after the part that all tokens of the cookie share.
struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    fn new(key: &MasterKey, app: &str, name: &str) -> Result<Self, Error> {
        let mut context = framed(&[Purpose::TOKEN.name, app, name]);
        // Pads to whole SHA-256 blocks. The 53 signed bytes of a token then fit in one more block.
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
