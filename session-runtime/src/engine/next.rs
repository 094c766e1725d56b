//! What a request's doings make of the session that they meet: [`next`]. It is pure, and run again whenever another request
//! was faster.

use std::sync::Arc;

use super::{
    Engine,
    adopt::{Adopted, Renewal},
    attempt::Attempt,
    backend::Backend,
    codec::Opened,
    open::GRACE,
    pending::{Pending, Step, Terms, stays_stored},
    presented::Found,
    write::{Written, check_size, kept},
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::{Selector, Verifier},
    record::{self, Fields, Impersonation, Lifetime, Previous, Proof, Rare, Record, Replaced},
    schema::Stays,
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
    /// The session that it was made from, if a user's impersonation ends: the user's own. Otherwise it was made from the session
    /// as the request sees it.
    pub(super) own: Option<Box<Opened>>,
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
    /// The user proved again who they are.
    authenticates: bool,
    /// The user who acts as another is themselves again.
    stops: bool,
}

enum Sign<'a> {
    In {
        user: &'a Arc<[u8]>,
        same: bool,
        terms: Option<&'a Terms>,
    },
    /// The user who is signed in acts as another.
    As {
        by: &'a Arc<[u8]>,
        user: &'a Arc<[u8]>,
        ends_at: Timestamp,
    },
    Out,
}

impl<'a> Intent<'a> {
    fn of(steps: &'a [Step]) -> Self {
        let mut intent = Self::default();
        for step in steps {
            match step {
                Step::Renew => intent.renews = true,
                Step::LogIn { user, same, terms, .. } => {
                    (intent.renews, intent.authenticates) = (true, false);
                    intent.sign = Some(Sign::In { user, same: *same, terms: terms.as_deref() });
                }
                Step::LogOut => {
                    (intent.renews, intent.authenticates) = (true, false);
                    intent.sign = Some(Sign::Out);
                    intent.remember = None;
                }
                Step::Reauthenticate { .. } => intent.authenticates = true,
                Step::Impersonate { by, user, ends_at } => {
                    intent.renews = true;
                    intent.sign = Some(Sign::As { by, user, ends_at: *ends_at });
                }
                Step::StopImpersonating { .. } => (intent.renews, intent.stops) = (true, true),
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
        !self.ops.is_empty() || intent.sign.is_some() || intent.authenticates
    }

    /// Whether a user acts as another.
    pub(super) fn impersonates(&self) -> bool {
        matches!(Intent::of(&self.steps).sign, Some(Sign::As { .. }))
    }

    /// Whether all that it does about who is signed in is to end an impersonation, and that has ended: the user is themselves
    /// again, by another request or since the time was up.
    pub(super) fn has_stopped(&self, record: &Record) -> bool {
        let has_stopped = |step: &Step| match step {
            Step::StopImpersonating { by, .. } => record.user.as_ref() == Some(by) && record.impersonation().is_none(),
            _ => false,
        };
        !self.steps.is_empty() && self.steps.iter().all(has_stopped)
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
    // Without a cookie to renew, a sign-out can keep nothing for the device.
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
    write_lifetime(&mut put, engine, current, &intent, *is_passive, now);
    if let Some(Sign::As { by, user, ends_at }) = &intent.sign
        && !set_aside(&mut put.record, engine, found, (by, user, *ends_at), now)
    {
        return Ok(Next::Conflict);
    }
    if intent.authenticates {
        put.record.authenticate(now);
    }
    let expired = current.expired_impersonation().is_some();
    if expired {
        put.record.change_rare(|rare| rare.expired = None);
    }
    let mut presents = false;
    let timer = cookie && renewal_due(engine, found, current, now);
    if intent.renews || rotates {
        if !cookie {
            return Err(Error::new(Kind::TooLate { wanted: "a renewed session needs one" }));
        }
        let replaced = Replaced::ByPrivilege { at: now };
        put.renew(engine, found, drawn.renewal()?, Previous { verifier: current.verifier, replaced }, now);
        put.record.generation = put.record.generation.saturating_add(1);
    } else if timer || intent.authenticates && reauthentication_renews(engine, found, current, now) {
        if !cookie {
            return Err(Error::new(Kind::TooLate { wanted: "a renewed session needs one" }));
        }
        // The one that was presented stays good until the new one is: the answer with the one before may be lost.
        let replaced = Replaced::ByTimer { presented_at: None };
        put.renew(engine, found, drawn.renewal()?, Previous { verifier: found.digest, replaced }, now);
    } else if found.presents_renewal(current)
        && let Some(previous) = &mut put.record.previous
    {
        previous.replaced = Replaced::ByTimer { presented_at: Some(now) };
        presents = true;
    }
    let changes = is_written
        || put.adopted.restarted
        || put.adopted.touched
        || put.adopted.renewal.is_some()
        || presents
        || intent.authenticates
        || expired
        || own.is_some();
    if !changes && !found.opened.is_outdated() {
        return Ok(Next::Nothing);
    }
    put.record.note_write(*nonce, now);
    put.own = own.map(Box::new);
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
    // No user acts as another in a session that ended meanwhile, and what was done as them is not stored.
    if matches!(intent.sign, Some(Sign::As { .. })) {
        return Ok(None);
    }
    let (user, terms) = match &intent.sign {
        Some(Sign::In { user, terms, .. }) => (Some(*user), *terms),
        _ => (None, None),
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
    if let Some(terms) = terms {
        record.agree(terms, now);
    }
    if intent.authenticates && record.user.is_some() {
        record.authenticate(now);
    }
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
        Some(Sign::In { user, same, terms }) => {
            let remembered = intent.remember.unwrap_or(current.remembered && *same);
            (put.record.user, put.record.signed_in_at) = (Some(Arc::clone(user)), now);
            put.record.rare = None;
            put.restart(lifetimes.starting(now, remembered));
            if let Some(terms) = terms {
                put.record.agree(terms, now);
            }
        }
        Some(Sign::Out) => {
            (put.record.user, put.record.signed_in_at) = (None, current.created_at);
            put.record.rare = None;
            put.restart(lifetimes.starting(now, intent.remember.unwrap_or(false)));
        }
        // What a user does as another says nothing about how long their own session lasts. Neither does the request that
        // begins it: only one list is entered in a commit.
        sign => match intent.remember.filter(|_| sign.is_none() && current.impersonation().is_none()) {
            Some(true) if !current.remembered => {
                let mut long = lifetimes.starting(now, true);
                if current.is_capped() {
                    long.ends_at = long.ends_at.min(current.ends_at);
                }
                put.restart(long);
            }
            Some(false) if current.remembered => {
                let mut ordinary = lifetimes.starting(now, false);
                // Absolute still counts from the sign-in: no way to stretch it (SECURITY S15).
                ordinary.ends_at = current.signed_in_at().unwrap_or(current.created_at) + lifetimes.absolute;
                if current.is_capped() {
                    ordinary.ends_at = ordinary.ends_at.min(current.ends_at);
                }
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

impl Record {
    /// Signs in on other terms than the ordinary ones. What the lifetimes say is set.
    fn agree(&mut self, terms: &Terms, now: Timestamp) {
        let proof = match terms.proof {
            Proof::At(at) if at >= now => Proof::AtSignIn,
            proof => proof,
        };
        if let Some(until) = terms.until {
            // Of a moment that has passed, the store makes nothing better.
            self.ends_at = self.ends_at.min(until.max(now + std::time::Duration::from_secs(1)));
        }
        self.set_rare(Rare { proof, is_capped: terms.until.is_some(), ..Rare::default() });
    }

    /// The user proves who they are.
    fn authenticate(&mut self, now: Timestamp) {
        let proof = if self.signed_in_at == now { Proof::AtSignIn } else { Proof::At(now) };
        self.change_rare(|rare| match &mut rare.impersonation {
            // They did so before they began to act as another.
            Some(impersonation) => {
                impersonation.proof = if impersonation.signed_in_at == now { Proof::AtSignIn } else { Proof::At(now) };
            }
            None => rare.proof = proof,
        });
    }
}

/// Sets a user's own session aside for that of the user as whom they act. `false`: they are not themselves.
fn set_aside(
    record: &mut Record,
    engine: &Engine,
    found: &Found,
    (by, user, ends_at): (&Arc<[u8]>, &Arc<[u8]>, Timestamp),
    now: Timestamp,
) -> bool {
    let own = found.opened.raw();
    if own.user.as_ref() != Some(by) || own.impersonation().is_some() {
        return false;
    }
    let fields = record::kept(&own.fields, |name| !stays_stored(name, Stays::Device, engine.fields));
    let (signed_in_at, proof) = (own.signed_in_at, own.proof());
    let ends_at = ends_at.min(own.ends_at);
    let by = Arc::clone(by);
    record.change_rare(|rare| {
        rare.proof = Proof::Missing;
        rare.impersonation = Some(Impersonation { by, ends_at, signed_in_at, proof, fields });
    });
    (record.user, record.signed_in_at) = (Some(Arc::clone(user)), now);
    true
}

/// Whether the id is renewed as a user proves again who they are. It is renewed as by the timer, so that requests under way
/// go on. One of the last minute is not renewed again: the id before it would be forgotten, and requests still bring it.
fn reauthentication_renews(engine: &Engine, found: &Found, record: &Record, now: Timestamp) -> bool {
    matches!(engine.backend, Backend::Store(_)) && now.since(record.renewed_at) >= GRACE && found.may_renew(record)
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
        && record.expired_impersonation().is_none()
}

#[cfg(test)]
mod tests;
