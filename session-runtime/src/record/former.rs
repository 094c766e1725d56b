//! The verifiers that renewals replaced. They are kept to distinguish the visitor's late requests from a stranger's.

use super::Record;
use crate::{clock::Timestamp, id::Digest};

/// The verifier that the last renewal replaced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Previous {
    /// Digest of the verifier that was replaced.
    pub(crate) verifier: Digest,
    /// Why it was replaced, which decides what it still opens.
    pub(crate) replaced: Replaced,
}

/// Why a verifier was replaced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Replaced {
    /// By a sign-in, a sign-out, an impersonation, `renew` or a change of a `rotates` field: the old verifier opens nothing. For
    /// a minute, a request with it counts as late rather than as a replay.
    ByPrivilege {
        /// When it was replaced.
        at: Timestamp,
    },
    /// By the timer, or because the user authenticated again: the old verifier is valid until a newer one is first presented,
    /// and for a minute after.
    ByTimer {
        /// When a newer verifier was first presented.
        presented_at: Option<Timestamp>,
        /// An even older verifier that may still be valid. Only a re-authentication keeps one. The timer does not renew
        /// in the minute after a newer verifier was presented, but a re-authentication does not wait, and its form may be
        /// sent twice.
        older: Option<Older>,
    },
}

/// A former verifier that may still be valid: the previous one, or the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Older {
    pub(crate) verifier: Digest,
    /// When a newer verifier was first presented.
    pub(crate) presented_at: Option<Timestamp>,
}

impl Record {
    /// Returns the former verifiers that may still be valid, the newest first.
    pub(crate) fn formers(&self) -> impl Iterator<Item = Older> {
        let (previous, older) = match self.previous.as_deref() {
            Some(&Previous { verifier, replaced: Replaced::ByTimer { presented_at, older } }) => {
                (Some(Older { verifier, presented_at }), older)
            }
            _ => (None, None),
        };
        previous.into_iter().chain(older)
    }

    /// Returns the former verifier with this digest, if it may still be valid.
    pub(crate) fn former(&self, verifier: Digest) -> Option<Older> {
        self.formers().find(|former| former.verifier == verifier)
    }

    /// Returns whether a request with this verifier is the first sign that the browser has replaced an older verifier.
    pub(crate) fn is_news(&self, verifier: Digest) -> bool {
        let until = self.formers().position(|former| former.verifier == verifier).map(|at| at + 1);
        let older = if verifier == self.verifier { Some(0) } else { until };
        older.is_some_and(|older| self.formers().skip(older).any(|former| former.presented_at.is_none()))
    }

    /// Notes that a request presented this verifier.
    pub(crate) fn note_presented(&mut self, verifier: Digest, now: Timestamp) {
        let is_current = verifier == self.verifier;
        let Some(previous) = self.previous.as_deref_mut() else { return };
        let Replaced::ByTimer { presented_at, older } = &mut previous.replaced else { return };
        if is_current {
            presented_at.get_or_insert(now);
        }
        if (is_current || verifier == previous.verifier)
            && let Some(older) = older
        {
            older.presented_at.get_or_insert(now);
        }
    }

    /// Returns whether the last renewal was a re-authentication. Only the current verifier is then as fresh as the user's proof.
    pub(crate) fn is_renewed_by_proof(&self) -> bool {
        self.formers().next().is_some() && self.authenticated_at().is_some_and(|at| at >= self.renewed_at)
    }
}
