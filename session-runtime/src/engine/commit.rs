//! Carries a request's plan out at the store, and plans again where somebody else was first.

use std::time::Duration;

use super::{
    Request, Step,
    open::{Lost, Presented},
    pending::Pending,
    plan::Plan,
    request::Inner,
    users::Settled,
    work::{Begun, Underway, Work},
};
use crate::{
    error::{Error, Kind},
    event::Event,
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
    pub(super) fn into_result(self) -> Result<(), Error> {
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

fn take_pending(inner: &mut Inner) -> Result<Pending, Error> {
    let after = inner.pending.emptied();
    let mut pending = std::mem::replace(&mut inner.pending, after);
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
        let _gate = self.enter().await;
        let mut asked = false;
        for _ in 0..RETRIES {
            let mut underway = match self.begin()? {
                Begun::Underway(underway) => underway,
                Begun::Done(outcome, now_asked) => {
                    return Ok(Committed { outcome: self.report(outcome), asked: asked || now_asked });
                }
            };
            let Some(work) = &mut underway.work else { continue };
            asked |= work.asked;
            let resumed = work.resumed;
            let carried_out = self.carry_out(work).await;
            if carried_out.as_ref().is_err_and(Error::is_final) {
                underway.work = None;
            }
            let outcome = carried_out?;
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
        if matches!(inner.presented, Some(Presented::Unknown)) && !inner.pending.is_empty() {
            // It stays, so that whoever does not ask is told too.
            return Err(Error::new(Kind::Unavailable));
        }
        let pending = take_pending(&mut inner)?;
        let asked = !pending.is_empty();
        let Some(presented) = &inner.presented else { return Ok(Begun::Done(Outcome::Applied, asked)) };
        let mut plan = Plan::new(&self.engine, presented, &pending, now)?;
        plan.fit(inner.response)?;
        self.engine.check_size_of(&plan, presented)?;
        self.engine.seal_plan(&mut plan, presented, now)?;
        let key = presented.key();
        let outcome = match plan {
            Plan::Nothing => Outcome::Applied,
            Plan::Lost(Lost::Gone) => Outcome::Gone,
            Plan::Lost(Lost::Moved) => Outcome::Moved,
            Plan::Conflict => Outcome::Conflict,
            Plan::End { .. } | Plan::Create { .. } | Plan::Update { .. } => {
                let sign_in = self.engine.home.users().and_then(|_| plan.sign_in(presented));
                let work =
                    Box::new(Work { pending, asked, plan, key, at: now, sign_in, resumed: false, applied: false });
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
            && !Box::pin(self.engine.admit(sign_in)).await?
        {
            return Ok(Some(Outcome::Refused));
        }
        if !work.applied {
            let outcome = self.send(work).await?;
            if outcome != Some(Outcome::Applied) {
                return Ok(outcome);
            }
            work.applied = true;
            // It is in the record now, and must not count twice should the rest fail.
            work.pending = work.pending.emptied();
        }
        let Some(sign_in) = &work.sign_in else { return Ok(Some(Outcome::Applied)) };
        // In a box: few requests sign somebody in, and every commit would have room for it.
        Ok(Some(match Box::pin(self.engine.settle(sign_in)).await? {
            Settled::Stands => Outcome::Applied,
            Settled::Ended => self.lose(Lost::Moved),
            Settled::Refused => {
                self.lose(Lost::Gone);
                Outcome::Refused
            }
        }))
    }

    pub(super) fn report(&self, outcome: Outcome) -> Outcome {
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
