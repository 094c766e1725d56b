//! Decides when a session gets a new id although no handler asked for one: by the timer, and when its user authenticates again.

use super::{Engine, backend::Backend, open::GRACE, presented::Found};
use crate::{
    clock::Timestamp,
    record::{Older, Previous, Record, Replaced},
};

/// Returns whether the timer asks for a new id.
pub(super) fn renewal_due(engine: &Engine, found: &Found, record: &Record, now: Timestamp) -> bool {
    let old_enough = |every| now.since(record.renewed_at) >= every;
    engine.lifetimes.rotate_every.is_some_and(old_enough)
        && found.may_renew(record)
        && !has_recent_previous(record, now)
}

/// Returns whether requests with a former verifier may still be in progress. A renewal by the timer remembers only one former
/// verifier, so it would lock those requests out.
fn has_recent_previous(record: &Record, now: Timestamp) -> bool {
    let is_recent = |at| now.since(at) < GRACE;
    match record.previous.as_deref() {
        Some(Previous { replaced: Replaced::ByPrivilege { at }, .. }) => is_recent(*at),
        _ => record.formers().filter_map(|former| former.presented_at).any(is_recent),
    }
}

/// Returns whether the id is renewed when a user authenticates again. Without a renewal, everyone who has the id would become
/// fresh.
///
/// There are two exceptions. If this request drew the current id, and its response can still set the cookie (`cookie`), no one
/// has that id yet. And a session in a cookie has no id: only the new cookie contains the new time, so an older copy stays as
/// fresh as it was.
pub(super) fn reauthentication_renews(engine: &Engine, found: &Found, record: &Record, cookie: bool) -> bool {
    let is_unknown = cookie && found.is_drawn && found.is_current(record);
    matches!(engine.backend, Backend::Store(_)) && !is_unknown
}

/// Returns the former verifiers after a user has authenticated again with `found`. They stay valid as after a renewal by the
/// timer, so that requests in progress still succeed.
///
/// One of them is the verifier that the request came with, since the response with the new one may be lost. If that is not the
/// record's current verifier, the current one is kept too: the form was sent twice, and the browser may keep the verifier of
/// either response.
pub(super) fn formers_after_proof(found: &Found, record: &Record, now: Timestamp) -> Previous {
    let is_valid = |former: &Older| former.presented_at.is_none_or(|at| now.since(at) < GRACE);
    let older = if found.is_current(record) {
        record.formers().next().filter(is_valid)
    } else {
        let presented_at = record.former(found.digest).and_then(|former| former.presented_at);
        Some(Older { verifier: found.digest, presented_at })
    };
    Previous { verifier: record.verifier, replaced: Replaced::ByTimer { presented_at: None, older } }
}
