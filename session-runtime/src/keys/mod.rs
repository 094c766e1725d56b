//! The keys behind every cookie: where they come from, how they are rotated, and which of them signs.
//!
//! `text` parses keys, `weak` rejects guessable ones, and `file` keeps one in a file. `master` derives a separate key for each
//! purpose, and `derived` finds it by key id. `sign` and `seal` sign and encrypt values with derived keys.

mod derived;
mod file;
mod master;
pub(crate) mod seal;
pub(crate) mod sign;
mod text;
mod weak;

use std::{fmt, path::Path, str::FromStr, sync::Arc, time::SystemTime};

use zeroize::Zeroizing;

use self::text::{Flaw, KeySource};
pub(crate) use self::{
    derived::Derived,
    master::{KeyId, MasterKey, Purpose, framed},
    text::MAKE,
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::{hex, random},
};

/// The keys of an application, the newest first. The newest signs and encrypts. The others only verify and decrypt, so that
/// visitors keep their sessions while keys change.
///
/// Clones share the keys. `Debug` shows key ids, which every cookie carries anyway, but never a key. The keys are wiped from
/// memory when the last clone is dropped.
///
/// **Rotation**: put the new key first and keep the old one after it, ideally with its last day: `NEW, OLD@2027-01-31`. The next
/// write of a session replaces its cookie under the old key with one under the new key, and encrypts its `secret` fields again. A
/// visitor who only reads causes such a write once in [`touch`](crate::SessionsBuilder::touch). Removing a key ends the sessions
/// whose cookies only it could open, and `secret` fields that only it could open return to their defaults.
///
/// **Several servers**: a server without the new key cannot read a cookie that another server signed with it, and shows the
/// visitor as a guest. So deploy twice: first `OLD, NEW` to every server, so that all can read both, and then `NEW, OLD`.
///
/// **As text**, keys are separated by commas, blanks or new lines. Each is hexadecimal or base64 (either alphabet, padded or not)
/// of at least 32 random bytes: `openssl rand -hex 32`. Keys that are short, repetitive, sequential or made of words are rejected
/// at start-up.
///
/// ```
/// # use session_runtime::KeyRing;
/// let keys = KeyRing::generate();
/// assert!(format!("{keys:?}").starts_with("KeyRing { current: "));
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<[MasterKey]>);

impl KeyRing {
    /// Reads the keys in an environment variable.
    ///
    /// # Errors
    /// If the variable is not set or is empty, or a key in it is malformed, guessable or listed twice. The message says which
    /// key, and how to make a good one.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// let error = KeyRing::from_env("NO_SUCH_KEYS").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the variable NO_SUCH_KEYS is not set; set it to a key made with `openssl rand -hex 32`",
    /// );
    /// ```
    pub fn from_env(variable: &str) -> Result<Self, Error> {
        let place = KeySource::Variable(variable);
        let Some(value) = std::env::var_os(variable) else {
            return Err(Error::setup(format!(
                "the variable {variable} is not set; set it to a key made with `{}`",
                text::MAKE
            )));
        };
        let value = Zeroizing::new(value.into_string().map_err(|_| text::not_text(place))?);
        Self::from_keys(text::parse(&value, place)?, place)
    }

    /// Parses the keys in the value of an environment variable.
    pub(crate) fn from_variable(variable: &str, value: &str) -> Result<Self, Error> {
        let place = KeySource::Variable(variable);
        Self::from_keys(text::parse(value, place)?, place)
    }

    /// Parses the keys in the value of a setting.
    pub(crate) fn from_setting(key: &str, value: &str) -> Result<Self, Error> {
        let place = KeySource::Setting(key);
        Self::from_keys(text::parse(value, place)?, place)
    }

    /// Reads the keys in a file. In the file, `#` begins a comment. The call waits for the disk, so make it at start-up.
    ///
    /// The file must belong to root or to this process's user, and other users must not be able to write to it. The same applies
    /// to symbolic links to it. Files that Docker and Kubernetes mount meet these conditions. The log has a warning if all users
    /// of the machine can read the file, or if another user can replace it in its folder.
    ///
    /// # Errors
    /// If there is no such file, it is not a regular file, it cannot be read, another user can change it, or a key in it is
    /// malformed, guessable or listed twice.
    ///
    /// ```no_run
    /// # use session_runtime::KeyRing;
    /// let keys = KeyRing::open("/run/secrets/session-keys")?;
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_file(path, &file::read(path)?)
    }

    /// Reads the keys in a file, as [`KeyRing::open`] does, but creates the file if there is none. The new file holds one random
    /// key, and only its owner can read it. The log then says that the file was created.
    ///
    /// Processes that start at the same time agree on one key. Use this for development, or for one server with a persistent
    /// disk. Several servers would each create a different key, and if the disk is lost, so is the key.
    ///
    /// # Errors
    /// As [`KeyRing::open`], or if the file cannot be created.
    ///
    /// ```no_run
    /// # use session_runtime::KeyRing;
    /// let keys = KeyRing::open_or_create("/var/lib/shop/session-keys")?;
    /// # Ok::<(), session_runtime::Error>(())
    /// ```
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_file(path, &file::read_or_create(path)?)
    }

    fn from_file(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let place = KeySource::File(path);
        let written = std::str::from_utf8(bytes).map_err(|_| text::not_text(place))?;
        Self::from_keys(text::parse(written, place)?, place)
    }

    /// Creates a ring of one key: at least 32 random bytes, used as they are.
    ///
    /// # Errors
    /// If there are fewer bytes, or they are obviously not random. Text is rejected too, so decode it first.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// assert!(KeyRing::from_bytes(&[0; 32]).is_err());
    /// assert!(KeyRing::from_bytes(b"not a random key, only many words").is_err());
    /// ```
    pub fn from_bytes(key: &[u8]) -> Result<Self, Error> {
        let place = KeySource::Argument;
        text::check_bytes(key).map_err(|flaw| flaw.at(place, 0))?;
        Self::from_keys(vec![MasterKey::new(key, Timestamp::NEVER)?], place)
    }

    /// Creates a ring of one new random key, for tests: sessions signed with it end with the process.
    ///
    /// This function cannot fail. If the operating system gives no random bytes, the ring is empty, and anything built with it
    /// returns an error instead of signing with a poor key.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// let (a, b) = (KeyRing::generate(), KeyRing::generate());
    /// assert_ne!(format!("{a:?}"), format!("{b:?}"));
    /// ```
    #[must_use]
    pub fn generate() -> Self {
        let fresh = || MasterKey::new(&*Zeroizing::new(random::<32>()?), Timestamp::NEVER);
        Self(fresh().into_iter().collect())
    }

    /// Adds a key that verifies and decrypts but never signs or encrypts, such as the previous key.
    ///
    /// # Errors
    /// As [`KeyRing::from_bytes`], or if the ring has this key already.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// # fn keys(new: &[u8], old: &[u8]) -> Result<KeyRing, session_runtime::Error> {
    /// KeyRing::from_bytes(new)?.with_previous(old)
    /// # }
    /// ```
    pub fn with_previous(self, key: &[u8]) -> Result<Self, Error> {
        self.and(key, Timestamp::NEVER)
    }

    /// Adds a key that never signs or encrypts, and that verifies and decrypts only until `end`.
    ///
    /// # Errors
    /// As [`KeyRing::with_previous`]. An `end` in the past is not an error: such a key opens nothing.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// # use std::time::{Duration, SystemTime};
    /// # fn keys(new: &[u8], old: &[u8]) -> Result<KeyRing, session_runtime::Error> {
    /// let in_a_month = SystemTime::now() + Duration::from_secs(30 * 24 * 3600);
    /// KeyRing::from_bytes(new)?.with_previous_until(old, in_a_month)
    /// # }
    /// ```
    pub fn with_previous_until(self, key: &[u8], end: SystemTime) -> Result<Self, Error> {
        self.and(key, end.into())
    }

    /// Returns the current key, and the previous ones.
    ///
    /// # Errors
    /// If the ring is empty because [`KeyRing::generate`] got no random bytes.
    pub(crate) fn keys(&self) -> Result<(&MasterKey, &[MasterKey]), Error> {
        self.0.split_first().ok_or_else(|| Error::new(Kind::Random))
    }

    fn and(self, key: &[u8], end: Timestamp) -> Result<Self, Error> {
        self.keys()?;
        let place = KeySource::Argument;
        text::check_bytes(key).map_err(|flaw| flaw.at(place, self.0.len()))?;
        let mut keys = self.0.to_vec();
        keys.push(MasterKey::new(key, end)?);
        Self::from_keys(keys, place)
    }

    /// Creates a ring. All constructors that take keys call this: it checks that no two keys have the same id.
    fn from_keys(keys: Vec<MasterKey>, place: KeySource<'_>) -> Result<Self, Error> {
        for (at, key) in keys.iter().enumerate() {
            if let Some(first) = keys[..at].iter().position(|earlier| earlier.id() == key.id()) {
                return Err(Flaw::Twice { first }.at(place, at));
            }
        }
        Ok(Self(keys.into()))
    }
}

impl FromStr for KeyRing {
    type Err = Error;

    /// Parses keys as text, in the form that [`KeyRing`] describes. This is for keys from a secret manager, or from an
    /// application's own settings.
    ///
    /// # Errors
    /// If there is no key, or a key is malformed, guessable or listed twice. The message says which key, and does not repeat it.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// let error = "changeme".parse::<KeyRing>().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the 1st key of the text looks like words or a placeholder, so it can be guessed; make a good one with \
    ///      `openssl rand -hex 32`",
    /// );
    /// ```
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_keys(text::parse(text, KeySource::Text)?, KeySource::Text)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ids = self.0.iter().map(|key| hex(&key.id()));
        let current = ids.next().unwrap_or_default();
        f.debug_struct("KeyRing").field("current", &current).field("previous", &ids.collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests;
