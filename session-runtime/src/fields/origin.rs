//! The origin of the values in a handle.

use std::sync::Arc;

use crate::{
    engine::{Engine, Request},
    key::Key,
};

/// The session that a handle refers to.
#[derive(Default)]
pub(crate) enum Origin {
    /// Nothing: the handle was made for a test.
    #[default]
    Nothing,
    /// The session of a request. The handle's changes are merged into the request's.
    Request(Arc<Request>),
    /// A session in a user's list, for reading.
    Listed { engine: Arc<Engine>, key: Key },
}

impl Origin {
    /// Returns the key of the session's record, if the session is stored.
    pub(crate) fn key(&self) -> Option<Key> {
        match self {
            Self::Nothing => None,
            Self::Request(request) => request.key(),
            Self::Listed { key, .. } => Some(*key),
        }
    }

    /// Returns the session's name in logs and events.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let engine = match self {
            Self::Nothing => return None,
            Self::Request(request) => request.engine(),
            Self::Listed { engine, .. } => engine,
        };
        Some(engine.signer.fingerprints().name(&self.key()?))
    }
}
