//! [`next`] applies a request's changes to the current session. It is pure, and runs again whenever another request wrote
//! first.

use super::{
    Engine,
    adopt::Adopted,
    attempt::Attempt,
    impersonation::set_aside,
    intent::{Intent, Sign},
    lifetime::{touch_due, write_lifetime},
    presented::Found,
    put::Put,
    renewal::{formers_after_proof, reauthentication_renews, renewal_due},
    write::{Written, check_size, kept},
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::{Selector, Verifier},
    record::{Fields, Previous, Record, Replaced},
};

/// The change that an attempt makes to a stored session.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would cost an allocation per commit")]
pub(super) enum Next {
    /// No change.
    Nothing,
    /// The session is replaced by this one.
    Put(Put),
    /// The session ends.
    End,
    /// A field no longer has the value that it was changed from, and the change cannot be run again.
    Conflict,
}

/// A session to store under a new key.
pub(super) struct Create {
    pub(super) record: Record,
    pub(super) selector: Selector,
    pub(super) verifier: Verifier,
}

/// Applies `attempt` to the session that the request found, as it is stored now. `cookie`: whether the response can still set a
/// cookie.
///
/// # Errors
/// If a field or the session would be too large, if the change needs a cookie and the response has been sent, or if the
/// operating system provides no random bytes.
pub(super) fn next(
    engine: &Engine,
    attempt: &mut Attempt,
    found: &Found,
    cookie: bool,
    now: Timestamp,
) -> Result<Next, Error> {
    let Attempt { pending, nonce, drawn, is_passive, .. } = attempt;
    let mut intent = Intent::of(&pending.steps);
    if intent.ends {
        return Ok(Next::End);
    }
    let own = if intent.stops { engine.open_own(found, now) } else { None };
    if pending.has_stopped(found.record()) {
        intent.renews = false;
    }
    let current = own.as_ref().map_or_else(|| &**found.record(), |own| &*own.record);
    let stays = pending.forgets();
    let kept = stays.map(|stays| kept(&current.fields, engine.fields, stays, now));
    let before = kept.as_ref().unwrap_or(&current.fields);
    let Some(written) = Written::of(&pending.ops, before, now) else { return Ok(Next::Conflict) };
    let fields = if written.is_empty() { None } else { Some(written.fields()) };
    if let Some(fields) = &fields {
        written.check_lengths()?;
        check_size(fields, &current.fields, engine.max_bytes)?;
    }
    let rotates = written.rotates();
    let signs_out = matches!(intent.sign, Some(Sign::Out));
    // A sign-out that keeps the `device` fields needs a new id. If the response cannot set its cookie, the session ends instead.
    if signs_out && (fields.as_ref().unwrap_or(before).is_empty() || !cookie) {
        return Ok(Next::End);
    }
    let is_written = fields.is_some() || kept.is_some();
    let mut put = Put {
        record: current.with_fields(fields.or(kept).unwrap_or_else(|| current.fields.clone())),
        adopted: Adopted {
            signs_in: matches!(intent.sign, Some(Sign::In { .. } | Sign::As { .. })),
            ..Adopted::default()
        },
        own: None,
    };
    // The session that an impersonation has set aside gets these `device` fields when it is restored, so it must not become too
    // large either.
    if is_written && let (Some(before), Some(after)) = (engine.own(current), engine.own(&put.record)) {
        check_size(&after.fields, &before.fields, engine.max_bytes)?;
    }
    write_lifetime(&mut put, engine, current, &intent, *is_passive, now);
    if let Some(Sign::As { by, user, ends_at }) = &intent.sign
        && !set_aside(&mut put.record, engine, found, (by, user, *ends_at), now)
    {
        return Ok(Next::Conflict);
    }
    let timer = cookie && renewal_due(engine, found, current, now);
    if intent.authenticates {
        put.record.authenticate(now);
    } else if (intent.renews || rotates || timer)
        && found.is_from_before_proof()
        && !matches!(intent.sign, Some(Sign::In { .. }))
    {
        // If the proof stayed, a thief with an old id would get the new id, and would count as a user who has just authenticated.
        put.record.forget_proof();
    }
    let expired = current.expired_impersonation().is_some();
    if expired {
        put.record.change_rare(|rare| rare.expired = None);
    }
    let presents = found.presents_renewal(current);
    if presents {
        put.record.note_presented(found.digest, now);
    }
    let previous = if intent.renews || rotates {
        put.record.generation = put.record.generation.saturating_add(1);
        Some(Previous { verifier: current.verifier, replaced: Replaced::ByPrivilege { at: now } })
    } else if intent.authenticates && reauthentication_renews(engine, found, current, cookie) {
        Some(formers_after_proof(found, &put.record, now))
    } else if timer {
        // The presented verifier stays valid until the browser presents the new one, because the response that carries the new
        // one may be lost.
        let replaced = Replaced::ByTimer { presented_at: None, older: None };
        Some(Previous { verifier: found.digest, replaced })
    } else {
        None
    };
    if let Some(previous) = previous {
        if !cookie {
            return Err(Error::new(Kind::TooLate { wanted: "a renewed session needs one" }));
        }
        put.renew(engine, found, drawn.renewal()?, previous, now);
    }
    let changes = is_written
        || put.adopted.restarted
        || put.adopted.touched
        || put.adopted.renewal.is_some()
        || presents
        || intent.authenticates
        || expired
        || own.is_some();
    if !changes {
        return Ok(Next::Nothing);
    }
    put.adopted.written = true;
    put.record.note_write(*nonce, now);
    put.own = own.map(Box::new);
    Ok(Next::Put(put))
}

/// Returns the new session that `attempt` makes; `None` if it would be empty: a guest without fields is not stored (B4).
///
/// # Errors
/// As [`next`]; and [`Error::is_conflict`] if an `atomic` edit was made on a session that is gone.
pub(super) fn create(
    engine: &Engine,
    attempt: &mut Attempt,
    cookie: bool,
    now: Timestamp,
) -> Result<Option<Create>, Error> {
    let Attempt { pending, nonce, drawn, .. } = attempt;
    let intent = Intent::of(&pending.steps);
    // The session ended, so the impersonation cannot start, and edits made during it are not stored.
    if matches!(intent.sign, Some(Sign::As { .. })) {
        return Ok(None);
    }
    let (user, terms) = match &intent.sign {
        Some(Sign::In { user, terms, .. }) => (Some(*user), *terms),
        _ => (None, None),
    };
    // Most sign-outs end here, without drawing and hashing an id for an empty session.
    if user.is_none() && pending.ops.is_empty() {
        return Ok(None);
    }
    let empty = Fields::default();
    let written = Written::of(&pending.ops, &empty, now).ok_or_else(|| Error::new(Kind::Conflict))?;
    if written.is_empty() && user.is_none() {
        return Ok(None);
    }
    if !cookie {
        return Err(Error::new(Kind::TooLate { wanted: "a new session needs one" }));
    }
    let fields = written.fields();
    written.check_lengths()?;
    check_size(&fields, &empty, engine.max_bytes)?;
    let (selector, verifier) = drawn.session()?;
    let lifetime = engine.lifetimes.starting(now, intent.remember.unwrap_or(false));
    let mut record = Record::new(engine.digest(selector, verifier), now, lifetime);
    record.fields = fields;
    record.user = user.cloned();
    if let Some(terms) = terms {
        record.agree(terms, now);
    }
    if intent.authenticates && record.user.is_some() {
        record.authenticate(now);
    }
    record.note_write(*nonce, now);
    Ok(Some(Create { record, selector, verifier: verifier.clone() }))
}

/// Returns whether a session that no handle changed needs neither a write nor a cookie. Most requests end here.
pub(super) fn is_idle(engine: &Engine, found: &Found, is_passive: bool, now: Timestamp) -> bool {
    let record = found.record();
    touch_due(engine, record, now).is_none_or(|_| is_passive)
        && !renewal_due(engine, found, record, now)
        && !found.presents_renewal(record)
        && record.expired_impersonation().is_none()
}

#[cfg(test)]
mod tests;
