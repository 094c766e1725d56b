//! When a session gets a new id without being asked for one: by the timer, and as its user proves again who they are.

use super::{Engine, backend::Backend, open::GRACE, presented::Found};
use crate::{
    clock::Timestamp,
    record::{Record, Replaced},
};

/// Whether the timer asks for a new id.
pub(super) fn renewal_due(engine: &Engine, found: &Found, record: &Record, now: Timestamp) -> bool {
    let old_enough = |every| now.since(record.renewed_at) >= every;
    engine.lifetimes.rotate_every.is_some_and(old_enough)
        && found.may_renew(record)
        && !has_recent_previous(record, now)
}

/// Whether requests with the verifier before may still be under way. The record remembers one such verifier, so a renewal
/// now would make strangers of them.
fn has_recent_previous(record: &Record, now: Timestamp) -> bool {
    record.previous.as_ref().is_some_and(|previous| match previous.replaced {
        Replaced::ByPrivilege { at } | Replaced::ByTimer { presented_at: Some(at) } => now.since(at) < GRACE,
        Replaced::ByTimer { presented_at: None } => false,
    })
}

/// Whether the id is renewed as a user proves again who they are. It is renewed as by the timer, so that requests under way
/// go on. One of the last minute is not renewed again: the id before it would be forgotten, and requests still bring it.
pub(super) fn reauthentication_renews(engine: &Engine, found: &Found, record: &Record, now: Timestamp) -> bool {
    matches!(engine.backend, Backend::Store(_)) && now.since(record.renewed_at) >= GRACE && found.may_renew(record)
}
