//! What a request's doings make of the session that they meet: [`next`]. It is pure, and run again whenever another request
//! was faster.

use std::sync::Arc;

use super::{
    Engine,
    adopt::{Adopted, Renewal},
    attempt::Attempt,
    open::GRACE,
    pending::{Pending, Step},
    presented::Found,
    write::{Written, check_size, kept},
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::{Selector, Verifier},
    record::{Fields, Lifetime, Previous, Record, Replaced},
};

/// What is to become of a stored session.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would be an allocation a commit")]
pub(super) enum Next {
    /// It stays as it is.
    Nothing,
    /// It becomes this.
    Put(Put),
    /// It ends.
    End,
    /// A field is no longer what it was changed from, and what changed it cannot be run again.
    Conflict,
}

/// A session to store in place of the one before.
pub(super) struct Put {
    pub(super) record: Record,
    pub(super) adopted: Adopted,
}

/// A session to store under a new key.
pub(super) struct Create {
    pub(super) record: Record,
    pub(super) selector: Selector,
    pub(super) verifier: Verifier,
}

/// What the steps of a request come to.
#[derive(Default)]
struct Intent<'a> {
    ends: bool,
    renews: bool,
    sign: Option<Sign<'a>>,
    remember: Option<bool>,
}

enum Sign<'a> {
    In { user: &'a Arc<[u8]>, same: bool },
    Out,
}

impl<'a> Intent<'a> {
    fn of(steps: &'a [Step]) -> Self {
        let mut intent = Self::default();
        for step in steps {
            match step {
                Step::Renew => intent.renews = true,
                Step::LogIn { user, same, .. } => {
                    intent.renews = true;
                    intent.sign = Some(Sign::In { user, same: *same });
                }
                Step::LogOut => {
                    intent.renews = true;
                    intent.sign = Some(Sign::Out);
                    intent.remember = None;
                }
                Step::End => intent = Self { ends: true, ..Self::default() },
                Step::Remember(remember) => intent.remember = Some(*remember),
                Step::Failed(_) => {}
            }
        }
        intent
    }
}

impl Pending {
    /// Whether a user signs in.
    pub(super) fn signs_in(&self) -> bool {
        matches!(Intent::of(&self.steps).sign, Some(Sign::In { .. }))
    }

    /// Whether anything is written, as opposed to a session that is only left.
    pub(super) fn writes(&self) -> bool {
        let intent = Intent::of(&self.steps);
        !self.ops.is_empty() || intent.sign.is_some()
    }

    /// Whether it goes before other changes: what ends or renews the session does, a log-out above all.
    pub(super) fn is_urgent(&self) -> bool {
        let intent = Intent::of(&self.steps);
        intent.ends || intent.renews
    }

    /// Whether the session ends, whatever follows.
    pub(super) fn ends(&self) -> bool {
        Intent::of(&self.steps).ends
    }
}

/// What `attempt` makes of the session that the request found, as it is stored by now. `cookie`: whether the response can
/// still set one.
///
/// # Errors
/// If a field or the session would be too large, if the change needs a cookie and the response has left, or if the operating
/// system gives no random bytes.
pub(super) fn next(
    engine: &Engine,
    attempt: &mut Attempt,
    found: &Found,
    cookie: bool,
    now: Timestamp,
) -> Result<Next, Error> {
    let current = &**found.record();
    let Attempt { pending, nonce, drawn, is_passive, .. } = attempt;
    let intent = Intent::of(&pending.steps);
    if intent.ends {
        return Ok(Next::End);
    }
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
    // Without a cookie to renew, a sign-out can keep nothing for the device.
    if signs_out && (fields.as_ref().unwrap_or(before).is_empty() || !cookie) {
        return Ok(Next::End);
    }
    let is_written = fields.is_some() || kept.is_some();
    let mut put = Put {
        record: current.with_fields(fields.or(kept).unwrap_or_else(|| current.fields.clone())),
        adopted: Adopted { signs_in: matches!(intent.sign, Some(Sign::In { .. })), ..Adopted::default() },
    };
    write_lifetime(&mut put, engine, current, &intent, *is_passive, now);
    let mut presents = false;
    let timer = cookie && renewal_due(engine, found, current, now);
    if intent.renews || rotates {
        if !cookie {
            return Err(Error::new(Kind::TooLate { wanted: "a renewed session needs one" }));
        }
        let replaced = Replaced::ByPrivilege { at: now };
        put.renew(engine, found, drawn.renewal()?, Previous { verifier: current.verifier, replaced }, now);
        put.record.generation = put.record.generation.saturating_add(1);
    } else if timer {
        // The one that was presented stays good until the new one is: the answer with the one before may be lost.
        let replaced = Replaced::ByTimer { presented_at: None };
        put.renew(engine, found, drawn.renewal()?, Previous { verifier: found.digest, replaced }, now);
    } else if found.presents_renewal(current)
        && let Some(previous) = &mut put.record.previous
    {
        previous.replaced = Replaced::ByTimer { presented_at: Some(now) };
        presents = true;
    }
    let changes =
        is_written || put.adopted.restarted || put.adopted.touched || put.adopted.renewal.is_some() || presents;
    if !changes && !found.opened.is_outdated() {
        return Ok(Next::Nothing);
    }
    put.record.note_write(*nonce, now);
    Ok(Next::Put(put))
}

/// The new session that `attempt` makes; `None` if it would be empty: a guest leaves nothing behind (B4).
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
    let user = match &intent.sign {
        Some(Sign::In { user, .. }) => Some(*user),
        Some(Sign::Out) | None => None,
    };
    // As most log-outs: no id is drawn and hashed for what would be empty.
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
    record.authenticated_at = user.map(|_| now);
    record.note_write(*nonce, now);
    Ok(Some(Create { record, selector, verifier: verifier.clone() }))
}

impl Put {
    fn renew(&mut self, engine: &Engine, found: &Found, verifier: &Verifier, previous: Previous, now: Timestamp) {
        let digest = engine.digest(found.selector, verifier);
        self.record.previous = Some(previous.into());
        self.record.verifier = digest;
        self.record.renewed_at = now;
        self.adopted.renewal = Some(Renewal { verifier: verifier.clone(), digest });
    }

    fn restart(&mut self, lifetime: Lifetime) {
        self.record.set_lifetime(lifetime);
        self.adopted.restarted = true;
    }
}

fn write_lifetime(
    put: &mut Put,
    engine: &Engine,
    current: &Record,
    intent: &Intent<'_>,
    is_passive: bool,
    now: Timestamp,
) {
    let lifetimes = &engine.lifetimes;
    match &intent.sign {
        Some(Sign::In { user, same }) => {
            let remembered = intent.remember.unwrap_or(current.remembered && *same);
            put.record.user = Some(Arc::clone(user));
            put.record.authenticated_at = Some(now);
            put.restart(lifetimes.starting(now, remembered));
        }
        Some(Sign::Out) => {
            (put.record.user, put.record.authenticated_at) = (None, None);
            put.restart(lifetimes.starting(now, intent.remember.unwrap_or(false)));
        }
        None => match intent.remember {
            Some(true) if !current.remembered => put.restart(lifetimes.starting(now, true)),
            Some(false) if current.remembered => {
                let mut ordinary = lifetimes.starting(now, false);
                // Absolute still counts from the sign-in: no way to stretch it (SECURITY S15).
                ordinary.ends_at = current.authenticated_at.unwrap_or(current.created_at) + lifetimes.absolute;
                put.restart(ordinary);
            }
            _ => {
                if let Some(idle_until) = touch_due(engine, current, now).filter(|_| !is_passive) {
                    put.record.idle_until = put.record.idle_until.max(idle_until);
                    put.adopted.touched = true;
                }
            }
        },
    }
}

/// Where the idle deadline is to be moved, if it is stale enough for that to be worth a write. That of a remembered
/// session stays: the touch then only says when it was seen.
fn touch_due(engine: &Engine, record: &Record, now: Timestamp) -> Option<Timestamp> {
    if record.remembered {
        return (now.since(record.seen_at) >= engine.lifetimes.touch).then_some(record.idle_until);
    }
    let idle_until = now + engine.lifetimes.idle;
    let stale = idle_until.since(record.idle_until);
    (!stale.is_zero() && stale >= engine.lifetimes.touch).then_some(idle_until)
}

/// Whether the timer asks for a new id.
fn renewal_due(engine: &Engine, found: &Found, record: &Record, now: Timestamp) -> bool {
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

/// Whether a session that no handle changed has nothing to be stored and nothing to be said: most requests, spared the rest.
pub(super) fn is_idle(engine: &Engine, found: &Found, is_passive: bool, now: Timestamp) -> bool {
    let record = found.record();
    found.by_current_key
        && !found.opened.is_outdated()
        && touch_due(engine, record, now).is_none_or(|_| is_passive)
        && !renewal_due(engine, found, record, now)
        && !found.presents_renewal(record)
}

#[cfg(test)]
mod tests;
