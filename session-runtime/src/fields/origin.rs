//! Where the values behind a handle come from.

use std::sync::Arc;

use crate::{
    engine::{Engine, Request},
    key::Key,
};

/// What a handle is a handle of.
#[derive(Default)]
pub(crate) enum Origin {
    /// Nothing: it was made for a test.
    #[default]
    Nothing,
    /// The session of a request, into which it folds what it changed.
    Request(Arc<Request>),
    /// A session in a user's list, to be read.
    Listed { engine: Arc<Engine>, key: Key },
}

impl Origin {
    /// Which record this is, if it is stored.
    pub(crate) fn key(&self) -> Option<Key> {
        match self {
            Self::Nothing => None,
            Self::Request(request) => request.key(),
            Self::Listed { key, .. } => Some(*key),
        }
    }

    /// The session's short public name.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let engine = match self {
            Self::Nothing => return None,
            Self::Request(request) => request.engine(),
            Self::Listed { engine, .. } => engine,
        };
        Some(engine.signer.fingerprints().name(&self.key()?))
    }
}
