//! Decides when a session gets a new id although no handler asked for one: by the timer, and when its user authenticates again.

use super::{Engine, backend::Backend, open::GRACE, presented::Found};
use crate::{
    clock::Timestamp,
    record::{Record, Replaced},
};

/// Returns whether the timer asks for a new id.
pub(super) fn renewal_due(engine: &Engine, found: &Found, record: &Record, now: Timestamp) -> bool {
    let old_enough = |every| now.since(record.renewed_at) >= every;
    engine.lifetimes.rotate_every.is_some_and(old_enough)
        && found.may_renew(record)
        && !has_recent_previous(record, now)
}

/// Returns whether requests with the previous verifier may still be in progress. The record remembers only one previous verifier,
/// so another renewal would lock those requests out.
fn has_recent_previous(record: &Record, now: Timestamp) -> bool {
    record.previous.as_ref().is_some_and(|previous| match previous.replaced {
        Replaced::ByPrivilege { at } | Replaced::ByTimer { presented_at: Some(at) } => now.since(at) < GRACE,
        Replaced::ByTimer { presented_at: None } => false,
    })
}

/// Returns whether the id is renewed when a user authenticates again. The previous id then stays valid for a while, as after a
/// renewal by the timer, so that requests in progress still succeed. An id that is less than a minute old is not renewed: the
/// record knows only one previous id, and requests in progress may still carry it.
pub(super) fn reauthentication_renews(engine: &Engine, found: &Found, record: &Record, now: Timestamp) -> bool {
    matches!(engine.backend, Backend::Store(_)) && now.since(record.renewed_at) >= GRACE && found.may_renew(record)
}
