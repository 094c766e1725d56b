//! The values of signed and private cookies: text with its time of writing and its lifetime, signed or sealed (`keys/sign.rs`
//! and `keys/seal.rs` have the formats), in base64url without padding.
//!
//! | bytes | |
//! |---|---|
//! | 8 | time of writing, in milliseconds since the Unix epoch, little-endian |
//! | 8 | lifetime in milliseconds, little-endian |
//! | n | the text, in UTF-8 |
//!
//! Each value is bound to its purpose, the application and the cookie's name (SECURITY S40). The server's clock decides when it
//! expires (S42), even if the browser keeps the cookie longer.

use std::time::Duration;

use super::{
    base64::{decoded, encoded},
    rules::LARGEST_PAIR,
    writer::LONGEST,
};
use crate::{
    clock::Timestamp,
    error::Error,
    keys::{KeyRing, Purpose, seal::Sealer, sign::Signer},
};

/// How a value is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Signed,
    Private,
}

/// Makes and opens the values of signed and private cookies.
pub(crate) struct Protector {
    signer: Signer,
    sealer: Sealer,
}

/// The cookie that a value belongs to. The value opens only in that cookie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookiePlace<'a> {
    pub(crate) app: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> CookiePlace<'a> {
    const fn parts(self) -> [&'a [u8]; 2] {
        [self.app.as_bytes(), self.name.as_bytes()]
    }
}

impl Protector {
    /// Creates a protector with the keys of a ring.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing) -> Result<Self, Error> {
        // The sealer's own application is empty, because the application's name may be set after the keys: each value's place
        // includes it.
        let sealer = Sealer::new(ring, Purpose::PRIVATE_COOKIE, "")?;
        Ok(Self { signer: Signer::new(ring, Purpose::SIGNED_COOKIE)?, sealer })
    }

    /// Returns the cookie value for `text`. It is valid for `max_age`; without one, for 400 days, the longest that browsers keep
    /// cookies.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub(crate) fn write(
        &self,
        protection: Protection,
        place: CookiePlace<'_>,
        text: &str,
        now: Timestamp,
        max_age: Option<Duration>,
    ) -> Result<String, Error> {
        let lifetime = Timestamp::from_millis(0) + max_age.unwrap_or(LONGEST).min(LONGEST);
        let dated = [&now.as_millis().to_le_bytes(), &lifetime.as_millis().to_le_bytes(), text.as_bytes()].concat();
        let bytes = match protection {
            Protection::Signed => self.signer.sign(&dated, &place.parts()),
            Protection::Private => self.sealer.seal(&dated, &place.parts())?,
        };
        Ok(encoded(&bytes))
    }

    /// Returns the text of a value, if one of our keys made it for this cookie and it has not expired.
    pub(crate) fn read(
        &self,
        protection: Protection,
        place: CookiePlace<'_>,
        value: &[u8],
        now: Timestamp,
    ) -> Option<String> {
        // `PlainCookie::check_size` lets no longer value be sent (SECURITY S34).
        if value.len() > LARGEST_PAIR {
            return None;
        }
        let bytes = decoded(value)?;
        match protection {
            Protection::Signed => in_time(self.signer.open(&bytes, &place.parts(), now)?.value, now),
            Protection::Private => in_time(&self.sealer.open(&bytes, &place.parts(), now)?.value, now),
        }
    }
}

fn in_time(dated: &[u8], now: Timestamp) -> Option<String> {
    let (written, rest) = dated.split_first_chunk()?;
    let (lifetime, text) = rest.split_first_chunk()?;
    let (written, lifetime) = (u64::from_le_bytes(*written), u64::from_le_bytes(*lifetime));
    let end = Timestamp::from_millis(written) + Duration::from_millis(lifetime);
    (!end.passed(now)).then(|| String::from_utf8(text.to_vec()).ok())?
}

#[cfg(test)]
mod tests;
