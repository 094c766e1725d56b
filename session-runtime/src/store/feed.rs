//! [`Feed`]: takes a store's messages about sessions that ended.

use std::{fmt, sync::Arc};

use super::Key;

/// Takes the messages of a store that can tell which values were replaced ([`Store::listen`](super::Store::listen)). After
/// each message, the engine loads the value from the store, so a message may be wrong, late or repeated. Cloning is cheap.
///
/// ```
/// use session_runtime::store::{Feed, Key};
///
/// let feed = Feed::new(|key| println!("{} ended, perhaps", key.hex()));
/// feed.wrote(&Key::from_digest([7; 16]));
/// ```
#[derive(Clone)]
pub struct Feed {
    wrote: Arc<dyn Fn(&Key) + Send + Sync>,
    connected: Arc<dyn Fn() + Send + Sync>,
}

impl Feed {
    /// Returns a feed that calls `hear` for each message. For tests of a store.
    pub fn new(hear: impl Fn(&Key) + Send + Sync + 'static) -> Self {
        Self { wrote: Arc::new(hear), connected: Arc::new(|| {}) }
    }

    /// Returns the same feed, which also calls `connected` when messages begin to arrive.
    pub(crate) fn on_connected(self, connected: impl Fn() + Send + Sync + 'static) -> Self {
        Self { connected: Arc::new(connected), ..self }
    }

    /// Says that messages arrive from now on. A store calls this each time it has connected to its server, because messages may
    /// have been lost before: the engine then loads all watched sessions once.
    ///
    /// ```
    /// # use session_runtime::store::{Feed, Key};
    /// # let feed = Feed::new(|_: &Key| {});
    /// feed.connected();
    /// ```
    pub fn connected(&self) {
        (self.connected)();
    }

    /// Says that a process made a critical write ([`Value::is_critical`](super::Value::is_critical)) to this key, or removed its
    /// value. Does not block.
    pub fn wrote(&self, key: &Key) {
        (self.wrote)(key);
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed(..)")
    }
}
