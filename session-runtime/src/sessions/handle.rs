//! [`SessionHandle`]: a name for a session that is safe to show.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{id::hex, key::Key};

/// Names a session: for a page that lists a user's sessions, and for a form that ends one of them.
///
/// It is not a credential: it does not reveal the cookie, and [`SessionsOf::revoke`](super::SessionsOf::revoke) accepts
/// only handles of the user's own sessions (SECURITY S8). [`Sessions::revoke`](super::Sessions::revoke), which is for
/// administrators, accepts the handle of any session. A handle stays the same for the life of the session. As text it is 32
/// hexadecimal digits.
///
/// ```
/// use session_runtime::SessionHandle;
///
/// let handle: SessionHandle = "00112233445566778899aabbccddeeff".parse()?;
/// assert_eq!(handle.to_string(), "00112233445566778899aabbccddeeff");
/// assert!("no handle".parse::<SessionHandle>().is_err());
/// # Ok::<(), session_runtime::NoHandle>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHandle([u8; 16]);

impl SessionHandle {
    pub(super) fn of(key: &Key) -> Self {
        Self(key.digest())
    }

    pub(super) fn key(self) -> Key {
        Key::from_digest(self.0)
    }

    pub(super) fn names(self, key: &Key) -> bool {
        key.digest() == self.0
    }
}

impl fmt::Display for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionHandle({self})")
    }
}

impl FromStr for SessionHandle {
    type Err = NoHandle;

    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let digits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(|number| Self(number.to_be_bytes())).ok_or(NoHandle(()))
    }
}

impl Serialize for SessionHandle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionHandle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The error for text that is not a [`SessionHandle`].
///
/// ```
/// # use session_runtime::SessionHandle;
/// let error = "7".parse::<SessionHandle>().unwrap_err();
/// assert_eq!(error.to_string(), "a session's handle is 32 hexadecimal digits, as `SessionHandle` shows it");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session's handle is 32 hexadecimal digits, as `SessionHandle` shows it")]
pub struct NoHandle(());
