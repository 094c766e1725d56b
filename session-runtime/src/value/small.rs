//! The values that are small: what is left of an ended session, that a session in a cookie is revoked, and which keys an
//! application signs with.

use crate::{clock::Timestamp, id::Nonce};

/// What stays of an ended session for a minute, so that an end that is sent again recognises itself and a late request
/// learns why it was refused. It holds no user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// Of the commit that ended the session.
    pub(crate) nonce: Nonce,
    pub(crate) reason: EndReason,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The visitor signed out, or the handler destroyed the session.
    Ended,
    /// It was ended from elsewhere: by its user's other session, by an administrator.
    Revoked,
    /// A newer sign-in of its user took its place.
    Displaced,
    /// A verifier that was replaced long ago came back.
    Replayed,
    /// Its sign-in could not be entered in its user's list.
    Unsettled,
}

/// That a session in a cookie ended, or goes on under another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// Of the commit that revoked it.
    pub(crate) nonce: Nonce,
    pub(crate) at: Timestamp,
    /// Whether the session goes on under another name.
    pub(crate) renewed: bool,
}

/// Which keys an application signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The ids of its ring's keys.
    pub(crate) keys: Vec<[u8; 4]>,
}
