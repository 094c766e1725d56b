//! The keys behind every cookie: where they come from, how they rotate, which of them signs.
//!
//! `text` reads keys as people write them, `weak` refuses those that anybody could guess, `file` keeps one in a file,
//! `master` derives from each what is used, so that no key ever serves two purposes, and `derived` finds that by key id.
//! `sign` signs with it, `seal` encrypts.

mod derived;
mod file;
mod master;
pub(crate) mod seal;
pub(crate) mod sign;
mod text;
mod weak;

use std::{fmt, path::Path, str::FromStr, sync::Arc, time::SystemTime};

use zeroize::Zeroizing;

use self::text::{Flaw, Place};
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

/// The keys of an application, the newest first: that one signs and encrypts, the others only verify and decrypt, so that visitors keep their
/// sessions while keys change.
///
/// Clones share the keys. `Debug` shows key ids, which every cookie carries anyway, and never a key; the keys are wiped
/// from memory when the last clone goes.
///
/// **Rotation**: put the new key first and keep the old one behind it, at best with the day until which it is good for,
/// `NEW, OLD@2027-01-31`. A cookie under the old key leaves under the new one with the next response, and what the old
/// key encrypted of that session (`secret` fields) is encrypted anew. Taking a key away ends what only its cookies could
/// open, and leaves `secret` fields that only it could open at their defaults.
///
/// **Written as text**, keys stand apart by commas, blanks or new lines. Each is hexadecimal or base64 (either alphabet,
/// padded or not) of at least 32 random bytes: `openssl rand -hex 32`. Short, repeated, counted-up and spoken keys are
/// refused at start.
///
/// ```
/// # use session_runtime::KeyRing;
/// let keys = KeyRing::generate();
/// assert!(format!("{keys:?}").starts_with("KeyRing { current: "));
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<[MasterKey]>);

impl KeyRing {
    /// The keys in an environment variable.
    ///
    /// # Errors
    /// If the variable is not set or empty, or a key in it is malformed, guessable or there twice. The sentence says
    /// which key, and how to make a good one.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// let error = KeyRing::from_env("NO_SUCH_KEYS").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the variable NO_SUCH_KEYS is not set; set it to a key that `openssl rand -hex 32` made",
    /// );
    /// ```
    pub fn from_env(variable: &str) -> Result<Self, Error> {
        let place = Place::Variable(variable);
        let Some(value) = std::env::var_os(variable) else {
            return Err(Error::setup(format!(
                "the variable {variable} is not set; set it to a key that `{}` made",
                text::MAKE
            )));
        };
        let value = Zeroizing::new(value.into_string().map_err(|_| text::not_text(place))?);
        Self::from_keys(text::parse(&value, place)?, place)
    }

    /// The keys in what an environment variable holds.
    pub(crate) fn from_variable(variable: &str, value: &str) -> Result<Self, Error> {
        let place = Place::Variable(variable);
        Self::from_keys(text::parse(value, place)?, place)
    }

    /// The keys under a key of a settings file.
    pub(crate) fn from_setting(key: &str, value: &str) -> Result<Self, Error> {
        let place = Place::Setting(key);
        Self::from_keys(text::parse(value, place)?, place)
    }

    /// Reads the keys in a file. In the file, `#` begins a comment. This waits for the disk, so call it at start.
    ///
    /// The file must belong to root or to this process's user, and nobody else may write to it. The same holds for symbolic
    /// links to it, so files work as Docker and Kubernetes mount them. If all users of the machine can read the file, or if
    /// another user can replace it in its folder, there is a warning.
    ///
    /// # Errors
    /// If there is no such file, it is not a regular file, it cannot be read, another user can change it, or a key in it is
    /// malformed, guessable or there twice.
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

    /// [`KeyRing::open`], after creating the file if there is none: with one random key, readable by its owner only. The log
    /// says so.
    ///
    /// Processes that start at the same time agree on one key. For development, and for one server with a disk that stays:
    /// several servers would each create a key of their own, and a disk that goes takes the key along.
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
        let place = Place::File(path);
        let written = std::str::from_utf8(bytes).map_err(|_| text::not_text(place))?;
        Self::from_keys(text::parse(written, place)?, place)
    }

    /// One key: at least 32 random bytes, as they are.
    ///
    /// # Errors
    /// If there are fewer, or they are plainly not random; text is refused too, so decode it first.
    ///
    /// ```
    /// # use session_runtime::KeyRing;
    /// assert!(KeyRing::from_bytes(&[0; 32]).is_err());
    /// assert!(KeyRing::from_bytes(b"not a random key, only many words").is_err());
    /// ```
    pub fn from_bytes(key: &[u8]) -> Result<Self, Error> {
        let place = Place::Argument;
        text::check_bytes(key).map_err(|flaw| flaw.at(place, 0))?;
        Self::from_keys(vec![MasterKey::new(key, Timestamp::NEVER)?], place)
    }

    /// A ring of one fresh key, for tests: sessions signed with it end with the process.
    ///
    /// It cannot fail here. Should the operating system give no random bytes, the ring stays empty, and whatever is
    /// built with it says so instead of signing with a poor key.
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

    /// The ring with one more key behind the others, which verifies and never signs: the key before the present one.
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

    /// [`KeyRing::with_previous`] for a key that ceases to verify and to decrypt at a moment.
    ///
    /// # Errors
    /// As [`KeyRing::with_previous`]. A moment that has passed is no error: such a key opens nothing.
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

    /// The keys, the current one apart from those before it.
    ///
    /// # Errors
    /// If the ring is empty, since [`KeyRing::generate`] got no random bytes.
    pub(crate) fn keys(&self) -> Result<(&MasterKey, &[MasterKey]), Error> {
        self.0.split_first().ok_or_else(|| Error::new(Kind::Random))
    }

    fn and(self, key: &[u8], end: Timestamp) -> Result<Self, Error> {
        self.keys()?;
        let place = Place::Argument;
        text::check_bytes(key).map_err(|flaw| flaw.at(place, self.0.len()))?;
        let mut keys = self.0.to_vec();
        keys.push(MasterKey::new(key, end)?);
        Self::from_keys(keys, place)
    }

    /// The one place where a ring comes from keys: no two may answer to one id.
    fn from_keys(keys: Vec<MasterKey>, place: Place<'_>) -> Result<Self, Error> {
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

    /// Reads keys as text, in the form that [`KeyRing`] describes. For keys from a secret manager, or from an application's
    /// own settings.
    ///
    /// # Errors
    /// If there is no key, or a key is malformed, guessable or there twice. The sentence says which key, and does not repeat
    /// it.
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
        Self::from_keys(text::parse(text, Place::Text)?, Place::Text)
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
