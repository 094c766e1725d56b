//! Carries a request's plan out at the store, and plans again where somebody else was first.

use std::{sync::Arc, time::Duration};

use super::{
    Engine, Op, Request, Step,
    open::{Found, Lost, Presented},
    pending::Pending,
    plan::{Plan, write_ops},
    request::{Inner, Response},
    users::{Settled, SignIn},
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    event::Event,
    id::{Key, Selector, Verifier},
    record::{Applied, Change, Record},
    schema::Meta,
};

/// How often a commit is planned anew because others changed the same fields meanwhile.
const RETRIES: usize = 64;

/// What became of a request's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// They are stored, or there were none.
    Applied,
    /// The session had ended.
    Gone,
    /// The session's privilege had changed.
    Moved,
    /// Others kept winning the race.
    Conflict,
    /// The user has as many sessions as allowed.
    Refused,
}

impl Outcome {
    /// The error for a handler that wants to know. There is none for success.
    fn into_result(self) -> Result<(), Error> {
        match self {
            Self::Applied => Ok(()),
            Self::Gone => Err(Error::new(Kind::Gone)),
            Self::Moved => Err(Error::new(Kind::Moved)),
            Self::Conflict => Err(Error::new(Kind::Conflict)),
            Self::Refused => Err(Error::new(Kind::Full)),
        }
    }
}

/// What became of a commit.
pub(super) struct Committed {
    pub(super) outcome: Outcome,
    /// Whether there was anything to store but deadlines and renewals, which nobody asked for and nobody misses.
    pub(super) asked: bool,
}

/// What a response says about the session's cookie.
#[derive(Debug)]
pub(crate) enum CookieChange {
    /// This value, for this long; without a time, as long as the browser runs.
    Set { token: String, max_age: Option<Duration> },
    /// It goes.
    Remove,
}

/// A plan on its way to the store.
pub(super) struct Work {
    pub(super) pending: Pending,
    plan: Plan,
    key: Option<Key>,
    /// When it was planned.
    at: Timestamp,
    /// Whose session it makes this, where that is to be known.
    sign_in: Option<SignIn>,
    /// Whether it was sent before.
    resumed: bool,
    /// Whether the change is in, so that only the sign-in is to be settled.
    applied: bool,
}

/// Work that is kept for the next commit unless it is answered, also if this commit is dropped on the way.
struct Underway<'a> {
    request: &'a Request,
    work: Option<Work>,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            let mut inner = self.request.inner();
            if inner.response != Response::Cancelled {
                inner.underway = Some(work);
            }
        }
    }
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would be an allocation a commit")]
enum Begun<'a> {
    Underway(Underway<'a>),
    /// Nothing has to be sent for it; and whether anything had been asked for.
    Done(Outcome, bool),
}

fn take_pending(inner: &mut Inner) -> Result<Pending, Error> {
    let era = inner.pending.era;
    let mut pending = std::mem::replace(&mut inner.pending, Pending { era, ..Pending::default() });
    match pending.steps.iter().position(|step| matches!(step, Step::Failed(_))).map(|at| pending.steps.remove(at)) {
        Some(Step::Failed(error)) => Err(error),
        _ => Ok(pending),
    }
}

impl Request {
    /// Commits for a handler that wants to know.
    pub(crate) async fn save(&self) -> Result<(), Error> {
        self.commit().await?.outcome.into_result()
    }

    /// Applies what is pending. What the store gives no answer to, or nobody waited for, stays under way: the next commit
    /// sends it again, word for word, before anything else, since it may be in already (B34).
    pub(super) async fn commit(&self) -> Result<Committed, Error> {
        let _gate = self.gate.lock().await;
        let mut asked = false;
        for _ in 0..RETRIES {
            let mut underway = match self.begin()? {
                Begun::Underway(underway) => underway,
                Begun::Done(outcome, now_asked) => {
                    return Ok(Committed { outcome: self.report(outcome), asked: asked || now_asked });
                }
            };
            let Some(work) = &mut underway.work else { continue };
            asked |= !work.pending.is_empty();
            let resumed = work.resumed;
            let outcome = self.carry_out(work).await?;
            let Some(work) = underway.work.take() else { continue };
            match outcome {
                None => self.inner().pending.put_back(work.pending),
                // What came since is next.
                Some(Outcome::Applied) if resumed => {}
                Some(outcome) => return Ok(Committed { outcome: self.report(outcome), asked }),
            }
        }
        Ok(Committed { outcome: self.report(Outcome::Conflict), asked })
    }

    /// What is to be sent: what was under way, else what is pending by now.
    fn begin(&self) -> Result<Begun<'_>, Error> {
        let now = self.now();
        let mut inner = self.inner();
        if let Some(mut work) = inner.underway.take() {
            work.resumed = true;
            return Ok(Begun::Underway(Underway { request: self, work: Some(work) }));
        }
        let pending = take_pending(&mut inner)?;
        let asked = !pending.is_empty();
        let Some(presented) = &inner.presented else { return Ok(Begun::Done(Outcome::Applied, asked)) };
        let plan = Plan::new(&self.engine, presented, &pending, now)?.for_response(inner.response, now)?;
        let plan = self.engine.seal_plan(plan, presented, now)?;
        let key = presented.key();
        let outcome = match plan {
            Plan::Nothing => Outcome::Applied,
            Plan::Lost(Lost::Gone) => Outcome::Gone,
            Plan::Lost(Lost::Moved) => Outcome::Moved,
            Plan::Conflict => Outcome::Conflict,
            Plan::End { .. } | Plan::Create { .. } | Plan::Update { .. } => {
                let sign_in = self.engine.users.as_ref().and_then(|_| plan.sign_in(presented));
                let work = Work { pending, plan, key, at: now, sign_in, resumed: false, applied: false };
                return Ok(Begun::Underway(Underway { request: self, work: Some(work) }));
            }
        };
        drop(inner);
        if outcome == Outcome::Applied {
            self.refresh_cookie(None, now);
        }
        Ok(Begun::Done(outcome, asked))
    }

    /// Sends a plan. `None`: the record turned out to be newer and was loaded anew.
    async fn carry_out(&self, work: &mut Work) -> Result<Option<Outcome>, Error> {
        if let Some(sign_in) = &work.sign_in
            && !work.applied
            && !self.engine.admit(sign_in).await?
        {
            return Ok(Some(Outcome::Refused));
        }
        let outcome = if work.applied { Some(Outcome::Applied) } else { self.send(work).await? };
        work.applied = outcome == Some(Outcome::Applied);
        if let Some(sign_in) = work.sign_in.as_ref().filter(|_| work.applied) {
            match self.engine.settle(sign_in).await? {
                Settled::Stands => {}
                Settled::Ended => return Ok(Some(self.lose(Lost::Moved))),
                Settled::Refused => {
                    self.lose(Lost::Gone);
                    return Ok(Some(Outcome::Refused));
                }
            }
        }
        Ok(outcome)
    }

    async fn send(&self, work: &Work) -> Result<Option<Outcome>, Error> {
        match (&work.plan, &work.key) {
            (Plan::End { change }, Some(key)) => self.end(key, change, work).await.map(Some),
            (Plan::Create { change, selector, verifier, ends }, key) => {
                if let (Some(ending), Some(key)) = (ends, key) {
                    let ended = self.end(key, ending, work).await?;
                    if ended != Outcome::Applied && change.sign.is_none() {
                        return Ok(Some(ended));
                    }
                }
                self.create(change, *selector, verifier, work.at).await
            }
            (Plan::Update { change, renewal }, Some(key)) => self.update(key, change, renewal.as_ref(), work.at).await,
            _ => Ok(Some(Outcome::Gone)),
        }
    }

    /// Ends a session, unless its privilege has changed since: a request from before a sign-in must not undo that.
    async fn end(&self, key: &Key, change: &Change, work: &Work) -> Result<Outcome, Error> {
        match self.engine.apply(key, change, work.at).await? {
            // It has expired; that it is removed at once is a courtesy.
            Applied::Applied { .. } => self.engine.remove_ended(key).await,
            // Perhaps by the first sending, whose answer was lost.
            Applied::Gone if work.resumed => {}
            Applied::Gone => return Ok(self.lose(Lost::Gone)),
            Applied::Moved | Applied::Conflict => return Ok(self.lose(Lost::Moved)),
        }
        self.emit(&Event::Ended);
        let mut inner = self.inner();
        inner.presented = Some(Presented::Nobody);
        inner.cookie = Some(CookieChange::Remove);
        Ok(Outcome::Applied)
    }

    async fn create(
        &self,
        change: &Change,
        selector: Selector,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        let Applied::Applied { .. } = self.engine.apply(&selector.key(), change, now).await? else {
            return Ok(None); // a taken key: the next attempt draws another
        };
        self.emit(&Event::Created);
        let mut inner = self.inner();
        if let Some(lifetime) = change.restart {
            let expires_at = lifetime.idle_until.min(lifetime.ends_at);
            let max_age = self.engine.max_age(lifetime.remembered, expires_at, now);
            inner.cookie = Some(CookieChange::Set { token: self.engine.signer.sign(selector, verifier), max_age });
        }
        if !inner.unwatched
            && let Some(record) = change.judge(None, now).write
        {
            let verifier = verifier.clone();
            let (record, sealed) = self.engine.reveal(&selector.key(), record, now);
            let found = Found { selector, verifier, record, sealed, by_current: true, by_current_key: true };
            inner.presented = Some(Presented::Found(found));
        }
        Ok(Some(Outcome::Applied))
    }

    async fn update(
        &self,
        key: &Key,
        change: &Change,
        renewal: Option<&Verifier>,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        match self.engine.apply(key, change, now).await? {
            Applied::Applied { renewed } => {
                self.adopt(change, now);
                match renewal {
                    Some(verifier) if renewed => {
                        self.emit(&Event::Renewed);
                        let mut inner = self.inner();
                        if let Some(Presented::Found(found)) = &mut inner.presented {
                            (found.verifier, found.by_current, found.by_current_key) = (verifier.clone(), true, true);
                            inner.cookie = Some(self.engine.cookie_for(found, now));
                        }
                    }
                    // Another request was first to renew. A cookie from here would bring the verifier before back.
                    Some(_) => self.no_longer_current(),
                    None => self.refresh_cookie(Some(change), now),
                }
                Ok(Some(Outcome::Applied))
            }
            Applied::Gone => Ok(Some(self.lose(Lost::Gone))),
            Applied::Moved => Ok(Some(self.lose(Lost::Moved))),
            Applied::Conflict => self.reload(key, change).await,
        }
    }

    /// Replaces one field's value at once if it is still `seen`; says `false` if it is not, and sees anew. For a handle
    /// that was opened in `era`: if the visitor has left since, by another handle, it is of another session.
    pub(crate) async fn swap(
        &self,
        era: u32,
        meta: &'static Meta,
        seen: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Result<bool, Error> {
        let _gate = self.gate.lock().await;
        let now = self.now();
        if self.inner().pending.era != era {
            return self.report(Outcome::Moved).into_result().map(|()| false);
        }
        if let Some(swapped) = self.swap_pending(meta, &seen, &value) {
            return Ok(swapped);
        }
        let planned = match &self.inner().presented {
            Some(Presented::Found(found)) => {
                let mut change = Change::update(found.record.generation);
                let fits = write_ops(&mut change, &[(meta, Op::Swap { seen, value })], &found.record.fields, now);
                self.engine.seal(found, &mut change, now)?;
                Some((found.selector.key(), fits.then_some(change)))
            }
            _ => None,
        };
        let (key, change) = match planned {
            None => return Err(Error::new(Kind::Gone)),
            Some((_, None)) => return Ok(false),
            Some((key, Some(change))) => (key, change),
        };
        match self.engine.apply(&key, &change, now).await? {
            Applied::Applied { .. } => {
                self.adopt(&change, now);
                Ok(true)
            }
            Applied::Gone => self.report(self.lose(Lost::Gone)).into_result().map(|()| false),
            Applied::Moved => self.report(self.lose(Lost::Moved)).into_result().map(|()| false),
            Applied::Conflict => match self.reload(&key, &change).await? {
                None => Ok(false),
                Some(outcome) => self.report(outcome).into_result().map(|()| false),
            },
        }
    }

    /// Loads the record anew after a conflict. `None`: try again.
    async fn reload(&self, key: &Key, change: &Change) -> Result<Option<Outcome>, Error> {
        let Some(record) = self.engine.load(key, self.now()).await? else {
            return Ok(Some(self.lose(Lost::Gone)));
        };
        if !change.is_for(&record) {
            return Ok(Some(self.lose(Lost::Moved)));
        }
        self.replace_record(record);
        Ok(None)
    }

    /// Does to our copy of the record what the store did to its own.
    fn adopt(&self, change: &Change, now: Timestamp) {
        let mut inner = self.inner();
        let shows = change.renew.is_some() || change.touch.is_some() || change.restart.is_some();
        if inner.unwatched && !shows {
            return; // nobody reads it any more
        }
        if let Some(Presented::Found(found)) = &mut inner.presented {
            found.adopt(&self.engine, change, now);
        }
    }

    fn replace_record(&self, record: Arc<Record>) {
        if let Some(Presented::Found(found)) = &mut self.inner().presented {
            // The clock may have renewed it meanwhile, by another request.
            found.by_current = record.verifier == self.engine.digester.digest(found.selector, &found.verifier);
            (found.record, found.sealed) = self.engine.reveal_loaded(&found.selector.key(), record, self.now());
            // Perhaps that was what another request was in the way of.
            found.forgo_sealing();
        }
    }

    fn no_longer_current(&self) {
        if let Some(Presented::Found(found)) = &mut self.inner().presented {
            found.by_current = false;
        }
    }

    fn lose(&self, lost: Lost) -> Outcome {
        let mut inner = self.inner();
        // A cookie that `save` left waiting would now replace a better one, or open nothing.
        (inner.presented, inner.cookie) = (Some(Presented::Lost(lost)), None);
        match lost {
            Lost::Gone => Outcome::Gone,
            Lost::Moved => Outcome::Moved,
        }
    }

    /// Sets the cookie of an unchanged id anew where that is called for: the key ring moved on, the deadline of a
    /// persistent cookie moved, or `remember` changed what kind it is. One that an earlier `save` set gives way: the
    /// record says what is true by now.
    fn refresh_cookie(&self, applied: Option<&Change>, now: Timestamp) {
        let mut inner = self.inner();
        let Inner { presented: Some(Presented::Found(found)), cookie, .. } = &mut *inner else { return };
        // A remembered session's deadline stays where it is.
        let touched = applied.is_some_and(|change| change.touch.is_some()) && !found.record.remembered;
        let restarted = applied.is_some_and(|change| change.restart.is_some());
        let shows = restarted || touched && self.engine.is_persistent(found.record.remembered);
        if found.by_current && (shows || !found.by_current_key) {
            *cookie = Some(self.engine.cookie_for(found, now));
        }
    }

    fn report(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Applied => {}
            Outcome::Gone => self.emit(&Event::Gone),
            Outcome::Moved => self.emit(&Event::Moved),
            Outcome::Conflict => self.emit(&Event::Conflict),
            Outcome::Refused => self.emit(&Event::SignInRefused),
        }
        outcome
    }
}

impl Engine {
    fn is_persistent(&self, remembered: bool) -> bool {
        self.cookie.persistent || remembered
    }

    fn max_age(&self, remembered: bool, expires_at: Timestamp, now: Timestamp) -> Option<Duration> {
        self.is_persistent(remembered).then(|| expires_at.since(now))
    }

    fn cookie_for(&self, found: &Found, now: Timestamp) -> CookieChange {
        let max_age = self.max_age(found.record.remembered, found.record.expires_at(), now);
        CookieChange::Set { token: self.signer.sign(found.selector, &found.verifier), max_age }
    }
}
