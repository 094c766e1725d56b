//! What a request's doings come to, given the record they meet: one change, a deletion, or nothing. Pure; run again
//! whenever the record turns out to be newer.

use super::{
    Engine,
    open::{Found, Lost, Presented},
    pending::{Op, Pending, Step, stays_stored},
    request::Response,
    users::SignIn,
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    id::{Selector, Verifier, draw},
    record::{Change, Expect, Fields, Lifetime, Record, Renew, Set, Sign, Target},
    schema::{Meta, Stays},
    store::User,
};

/// What is to be done at the store.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would be an allocation a commit")]
pub(crate) enum Plan {
    /// Nothing.
    Nothing,
    /// The stored session ends.
    End { change: Change },
    /// The stored session changes. With a verifier: it is renewed by that.
    Update { change: Change, renewal: Option<Verifier> },
    /// A new session is stored; with `ends` the one that came with the request ends first.
    Create { change: Change, selector: Selector, verifier: Verifier, ends: Option<Box<Change>> },
    /// There is something to write, but the session is no longer this request's.
    Lost(Lost),
    /// A field is no longer what it was changed from, and what changed it cannot be run again.
    Conflict,
}

/// What the steps of a request come to.
#[derive(Default)]
struct Intent<'a> {
    ends: bool,
    renews: bool,
    sign: Option<SignIntent<'a>>,
    remember: Option<bool>,
}

enum SignIntent<'a> {
    In { user: &'a [u8], same: bool },
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
                    intent.sign = Some(SignIntent::In { user, same: *same });
                }
                Step::LogOut => {
                    intent.renews = true;
                    intent.sign = Some(SignIntent::Out);
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

impl Plan {
    /// Whose session this makes of which, if it signs somebody in.
    pub(super) fn sign_in(&self, presented: &Presented) -> Option<SignIn> {
        let (change, key, before) = match (self, presented) {
            (Self::Create { change, selector, ends: Some(_), .. }, Presented::Found(found)) => {
                (change, selector.key(), Some(found))
            }
            (Self::Create { change, selector, .. }, _) => (change, selector.key(), None),
            (Self::Update { change, .. }, Presented::Found(found)) => (change, found.selector.key(), Some(found)),
            _ => return None,
        };
        let Some(Sign::In { user, .. }) = &change.sign else { return None };
        let again = before.is_some_and(|found| found.record.user.as_ref() == Some(user));
        Some(SignIn { user: User::new(user.clone()), key, again, new: matches!(self, Self::Create { .. }) })
    }

    pub(crate) fn new(
        engine: &Engine,
        presented: &Presented,
        pending: &Pending,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let intent = Intent::of(&pending.steps);
        match presented {
            Presented::Found(found) if !intent.ends => update(engine, found, pending, &intent, now),
            Presented::Found(found) => match create(engine, pending, &intent, now)? {
                Self::Create { change, selector, verifier, .. } => {
                    Ok(Self::Create { change, selector, verifier, ends: Some(Box::new(end(found.record.generation))) })
                }
                _ => Ok(Self::End { change: end(found.record.generation) }),
            },
            Presented::Nobody => create(engine, pending, &intent, now),
            Presented::Lost(lost) => match create(engine, pending, &intent, now)? {
                Self::Create { .. } if !matches!(intent.sign, Some(SignIntent::In { .. })) => Ok(Self::Lost(*lost)),
                plan => Ok(plan),
            },
            Presented::Unknown if pending.is_empty() => Ok(Self::Nothing),
            Presented::Unknown => Err(Error::new(Kind::Unavailable)),
        }
    }

    /// Leaves of the plan what the response can still carry the cookie of.
    ///
    /// Without one, a sign-out can keep nothing for the device: it ends the session.
    pub(crate) fn fit(&mut self, response: Response) -> Result<(), Error> {
        if matches!(response, Response::Awaited | Response::Leaving) {
            return Ok(());
        }
        let too_late = |wanted| Err(Error::new(Kind::TooLate { wanted }));
        match self {
            Self::Create { .. } => return too_late("a new session needs one"),
            Self::Update { change, renewal: renewal @ Some(_) } => {
                if let (Some(Sign::Out), Target::Existing { generation }) = (&change.sign, &change.target) {
                    *self = Self::End { change: end(*generation) };
                    return Ok(());
                }
                if matches!(change.renew, Some(Renew::Privilege { .. })) {
                    return too_late("a renewed session needs one");
                }
                (change.renew, *renewal) = (None, None);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What makes a session expire, however far behind a node's clock may be, and forget all it had.
pub(super) fn end(generation: u64) -> Change {
    const LONG_AGO: Timestamp = Timestamp::from_millis(0);
    let mut change = Change::update(generation);
    change.keep = Some(Vec::new());
    change.sign = Some(Sign::Out);
    change.restart = Some(Lifetime { idle_until: LONG_AGO, ends_at: LONG_AGO, remembered: false });
    change
}

fn create(engine: &Engine, pending: &Pending, intent: &Intent<'_>, now: Timestamp) -> Result<Plan, Error> {
    let user = match &intent.sign {
        Some(SignIntent::In { user, .. }) => Some(*user),
        Some(SignIntent::Out) | None => None,
    };
    // As most log-outs: no id is drawn and hashed for what would be empty.
    if user.is_none() && pending.ops.is_empty() {
        return Ok(Plan::Nothing);
    }
    let empty = Fields::default();
    let (selector, verifier) = draw()?;
    let lifetime = engine.lifetimes.starting(now, intent.remember.unwrap_or(false));
    let digest = engine.digester.digest(selector, &verifier);
    let mut change = Change::create(digest, now, lifetime.idle_until, lifetime.ends_at);
    change.restart = Some(lifetime);
    change.sign = user.map(|user| Sign::In { user: engine.user(user).into_bytes(), at: now });
    if !write_ops(&mut change, &pending.ops, &empty, now) {
        return Ok(Plan::Conflict);
    }
    // An empty session is no session: an anonymous visitor leaves nothing behind (B4).
    if change.set.is_empty() && change.add.is_empty() && user.is_none() {
        return Ok(Plan::Nothing);
    }
    change.expect.clear();
    change.unset.clear();
    Ok(Plan::Create { change, selector, verifier, ends: None })
}

fn update(
    engine: &Engine,
    found: &Found,
    pending: &Pending,
    intent: &Intent<'_>,
    now: Timestamp,
) -> Result<Plan, Error> {
    let record = &*found.record;
    let mut change = Change::update(record.generation);
    let forgets = pending.forgets();
    let kept = forgets.map(|stays| kept_fields(&record.fields, engine.fields, stays, now));
    let stored = kept.as_ref().unwrap_or(&record.fields);
    if !write_ops(&mut change, &pending.ops, stored, now) {
        return Ok(Plan::Conflict);
    }
    if let Some(stays) = forgets {
        forget(&mut change, engine.fields, stays);
    }
    if forgets == Some(Stays::Device) {
        let unchanged = |meta: &&Meta| !pending.ops.iter().any(|(changed, _)| changed.name == meta.name);
        move_kept(&mut change, engine.fields.iter().filter(unchanged), stored);
    }
    if matches!(intent.sign, Some(SignIntent::Out)) && stored.iter().next().is_none() && !writes(&change) {
        return Ok(Plan::End { change: end(record.generation) });
    }
    write_lifetime(&mut change, engine, record, intent, now);
    let renewal = write_renewal(&mut change, engine, found, intent, now)?;
    let idle = change.touch.is_none() && change.restart.is_none() && change.sign.is_none() && change.keep.is_none();
    if idle && change.renew.is_none() && !writes(&change) {
        return Ok(Plan::Nothing);
    }
    Ok(Plan::Update { change, renewal })
}

fn writes(change: &Change) -> bool {
    !(change.set.is_empty() && change.unset.is_empty() && change.add.is_empty())
}

/// What of `stored` stays.
fn kept_fields(stored: &Fields, metas: &[Meta], stays: Stays, now: Timestamp) -> Fields {
    let mut kept = Fields::default();
    for entry in stored.iter().filter(|entry| entry.is_live(now) && stays_stored(entry.name, stays, metas)) {
        kept.push(entry);
    }
    kept
}

/// Removes what does not stay and is not written anew. It may have changed or come meanwhile: it goes all the same.
fn forget(change: &mut Change, metas: &[Meta], stays: Stays) {
    let goes = |name: &str| !stays_stored(name, stays, metas);
    change.expect.retain(|expect| !goes(&expect.name));
    if stays == Stays::Device {
        // Also what others wrote meanwhile, and what this build does not know.
        change.keep = Some(metas.iter().filter(|meta| meta.stays(stays)).map(|meta| meta.name.into()).collect());
        return;
    }
    for meta in metas.iter().filter(|meta| !meta.stays(stays)) {
        for name in meta.names() {
            let written =
                change.set.iter().any(|set| set.name == name) || change.unset.iter().any(|unset| unset == name);
            if !written {
                change.unset.push(name.into());
            }
        }
    }
}

/// Whether a field is written that decides what the visitor may do.
fn rotates(change: &Change, metas: &[Meta]) -> bool {
    let mut written = change.set.iter().map(|set| &set.name).chain(&change.unset);
    written.any(|name| metas.iter().any(|meta| meta.rotates && meta.is_stored_as(name)))
}

/// Moves what is kept under an older name, since `keep` speaks of today's.
fn move_kept<'a>(change: &mut Change, metas: impl Iterator<Item = &'a Meta>, kept: &Fields) {
    for (meta, entry) in metas.filter_map(|meta| Some((meta, meta.find(kept)?))) {
        if entry.name != meta.name {
            change.expect.push(Expect { name: entry.name.to_owned().into(), value: Some(entry.value.to_vec()) });
            change.set.push(Set { name: meta.name.into(), value: entry.value.to_vec(), expires: entry.expires });
        }
    }
}

fn write_lifetime(change: &mut Change, engine: &Engine, record: &Record, intent: &Intent<'_>, now: Timestamp) {
    let lifetimes = &engine.lifetimes;
    match &intent.sign {
        Some(SignIntent::In { user, same }) => {
            let remembered = intent.remember.unwrap_or(record.remembered && *same);
            change.sign = Some(Sign::In { user: engine.user(user).into_bytes(), at: now });
            change.restart = Some(lifetimes.starting(now, remembered));
        }
        Some(SignIntent::Out) => {
            change.sign = Some(Sign::Out);
            change.restart = Some(lifetimes.starting(now, intent.remember.unwrap_or(false)));
        }
        None => match intent.remember {
            Some(true) if !record.remembered => change.restart = Some(lifetimes.starting(now, true)),
            Some(false) if record.remembered => {
                let mut ordinary = lifetimes.starting(now, false);
                // Absolute still counts from the sign-in: no way to stretch it (SECURITY S15).
                ordinary.ends_at = record.authenticated_at.unwrap_or(record.created_at) + lifetimes.absolute;
                change.restart = Some(ordinary);
            }
            _ => change.touch = touch_due(engine, record, now),
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

/// Whether the clock asks for a new id.
fn renewal_due(engine: &Engine, found: &Found, now: Timestamp) -> bool {
    let old_enough = |every| now.since(found.record.renewed_at) >= every;
    found.may_renew() && engine.lifetimes.rotate_every.is_some_and(old_enough)
}

/// Whether a session that nobody changed has nothing to be stored and nothing to be said: most requests, spared the rest.
pub(super) fn rests(engine: &Engine, presented: &Presented, now: Timestamp) -> bool {
    let Presented::Found(found) = presented else { return true };
    let touched = touch_due(engine, &found.record, now).is_some();
    found.by_current_key
        && !found.is_outdated()
        && !touched
        && !renewal_due(engine, found, now)
        && !found.presents_renewal()
}

fn write_renewal(
    change: &mut Change,
    engine: &Engine,
    found: &Found,
    intent: &Intent<'_>,
    now: Timestamp,
) -> Result<Option<Verifier>, Error> {
    let digest = |verifier: &Verifier| engine.digester.digest(found.selector, verifier);
    if intent.renews || rotates(change, engine.fields) {
        let verifier = Verifier::random()?;
        change.renew = Some(Renew::Privilege { to: digest(&verifier) });
        Ok(Some(verifier))
    } else if renewal_due(engine, found, now) {
        let verifier = Verifier::random()?;
        let presented = digest(&found.verifier);
        change.renew = Some(Renew::Timer { from: found.record.verifier, presented, to: digest(&verifier) });
        Ok(Some(verifier))
    } else {
        if found.presents_renewal() {
            change.renew = Some(Renew::Presented { verifier: found.record.verifier });
        }
        Ok(None)
    }
}

/// Writes what was done to fields into `change`, given what is stored; `false` on a conflict that no retry can mend.
pub(super) fn write_ops(change: &mut Change, ops: &[(&'static Meta, Op)], stored: &Fields, now: Timestamp) -> bool {
    change.set.reserve_exact(ops.iter().filter(|(_, op)| !matches!(op, Op::Add(_) | Op::Unset)).count());
    for (meta, op) in ops {
        let found = meta.find(stored).filter(|entry| entry.is_live(now));
        let old = found.map(|entry| entry.value);
        let renamed = found.filter(|entry| entry.name != meta.name);
        match op {
            // The store does the sum, unless the counter has to move to its new name first, or does so meanwhile.
            Op::Add(add) if renamed.is_none() => {
                expect_unchanged(change, meta.aliases.iter().copied(), stored, now);
                unset_aliases(change, meta);
                change.add.push(crate::record::Add { expires: meta.deadline(now), ..(**add).clone() });
                continue;
            }
            Op::Swap { seen, .. } if seen.as_deref() != old => return false,
            Op::Contested => return false,
            _ => {}
        }
        let new = op.on(old);
        if matches!(op, Op::Take { .. } | Op::List { .. }) && new.as_deref() == old {
            continue;
        }
        if !matches!(op, Op::Set { .. } | Op::Unset) {
            expect_unchanged(change, meta.names(), stored, now);
        }
        if new.is_some() || found.is_some() {
            unset_aliases(change, meta);
        }
        match new {
            Some(value) => change.set.push(Set { name: meta.name.into(), value, expires: meta.deadline(now) }),
            None if found.is_some() && renamed.is_none() => change.unset.push(meta.name.into()),
            None => {}
        }
    }
    true
}

/// Has the field still be what it was, under each of its names: another build may move it from one to another meanwhile.
fn expect_unchanged(
    change: &mut Change,
    names: impl IntoIterator<Item = &'static str>,
    stored: &Fields,
    now: Timestamp,
) {
    change.expect.extend(names.into_iter().map(|name| {
        let entry = stored.get(name).filter(|entry| entry.is_live(now));
        Expect { name: name.into(), value: entry.map(|entry| entry.value.to_vec()) }
    }));
}

/// Removes what is stored under older names, also where an older build wrote it beside today's, or is about to: it would
/// be read again once today's is gone, and until then be taken for what was written last by whoever reads that name first.
fn unset_aliases(change: &mut Change, meta: &Meta) {
    change.unset.extend(meta.aliases.iter().map(|alias| (*alias).into()));
}
