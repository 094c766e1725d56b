//! The small values: the tombstone of an ended session, the revocation of a session in a cookie, and the ids of the keys that
//! an application signs with.

use crate::{clock::Timestamp, id::Nonce};

/// The remains of an ended session, kept for a minute: a retried call that ends the session recognises its own tombstone, and a
/// watcher of the session learns why it ended. It holds no user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// The nonce of the commit that ended the session.
    pub(crate) nonce: Nonce,
    pub(crate) reason: EndReason,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The visitor signed out, or the handler destroyed the session.
    Ended,
    /// The session was revoked, through another session of its user or by an administrator.
    Revoked,
    /// A newer sign-in of the same user exceeded the limit of sessions.
    Displaced,
    /// A request presented a verifier that was replaced long ago.
    Replayed,
    /// The session could not be entered in its user's list, so the sign-in was undone.
    Unsettled,
}

/// The revocation of a session in a cookie: it ended, or continues under another selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// The nonce of the commit that revoked the session.
    pub(crate) nonce: Nonce,
    pub(crate) at: Timestamp,
    /// Whether the session continues under another selector.
    pub(crate) renewed: bool,
}

/// The ids of the keys that an application signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The ids of the keys in the application's ring.
    pub(crate) keys: Vec<[u8; 4]>,
}
