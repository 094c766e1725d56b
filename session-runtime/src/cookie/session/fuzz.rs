//! Lets a fuzzer open, read and write sessions in cookies.

use std::time::Duration;

use super::{Form, How, Payload, SessionCookie, binary, json};
use crate::{
    clock::Timestamp,
    error::Error,
    keys::KeyRing,
    record::{Entry, Fields, Proof},
    schema::{Field, Meta, to_bytes},
};

const FIELDS: &[Meta] = &[
    Field::<String>::plain("theme").meta,
    Field::<Vec<u32>>::plain("cart").meta,
    Field::<Option<String>>::plain("user").identity().meta,
];

impl SessionCookie {
    /// Returns both forms, each with the cookie value of a session.
    pub(crate) fn for_fuzzing(
        keys: &KeyRing,
        app: &str,
        cookie: &str,
        now: Timestamp,
    ) -> Result<Vec<(Self, String)>, Error> {
        let sealed = |form| {
            let session = Self::new(form, 1, keys, app, cookie, "Shop", FIELDS)?;
            let mut fields = Fields::default();
            fields.push(Entry { name: "theme", value: b"\xa4dark", expires: now + Duration::from_secs(60) });
            let payload = Payload {
                name: [7; super::NAME],
                created_at: now,
                seen_at: now,
                idle_until: now + Duration::from_secs(1800),
                ends_at: now + Duration::from_secs(43_200),
                remembered: false,
                signed_in: to_bytes("ada").ok().map(|user| (now, user.into())),
                proof: Proof::AtSignIn,
                is_capped: false,
                fields,
            };
            let value = session.seal(&payload.into_carried(FIELDS.last()), now)?;
            Ok((session, value))
        };
        [Form::Encrypted, Form::Signed].into_iter().map(sealed).collect()
    }

    /// Returns whether a cookie's value is valid.
    pub(crate) fn opens(&self, value: &[u8], now: Timestamp) -> bool {
        self.open(value, now).is_some()
    }

    /// Reads bytes as if they had been verified, since a key may have leaked. Panics if a session that was read and written
    /// cannot be read again.
    pub(crate) fn reads(&self, bytes: &[u8], now: Timestamp) {
        let read = |bytes: &[u8]| match &self.how {
            How::Encrypted { names, .. } => binary::read(bytes, names),
            How::Signed(_) => json::read(bytes),
        };
        let Some(payload) = read(bytes) else { return };
        let carried = payload.into_carried(self.identity);
        let written = match &self.how {
            How::Encrypted { names, .. } => binary::write(&carried, names, now),
            How::Signed(_) => match json::write(&carried, now) {
                Ok(json) => json,
                Err(_) => return,
            },
        };
        assert!(read(&written).is_some(), "the session in {bytes:?} cannot be read again after it was written");
    }
}
