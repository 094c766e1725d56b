//! Undoes a sign-in that is stored, but that the user's list refused or could not take.

use std::sync::Arc;

use super::{
    Request,
    attempt::{Attempt, Because},
    deadline::{Deadline, Pace},
    presented::{Lost, Presented},
    read::Held,
};
use crate::{error::Error, event::ImpersonationEnd, record::Owner, value::EndReason};

impl Request {
    /// Undoes a sign-in whose session could not be entered in its user's list, before the response is sent.
    pub(super) async fn undo_unentered(&self) {
        let signs_in = |attempt: &mut Box<Attempt>| {
            attempt.entering.as_ref().is_some_and(|entering| entering.because != Because::LastsLonger)
        };
        let Some(mut attempt) = self.state().in_flight.take_if(signs_in) else { return };
        let deadline = Deadline::new(self.engine.commit_timeout);
        if let Err(error) = self.undo(&mut attempt, &deadline).await {
            warn_limited!(%error, "a sign-in failed and could not be undone; no cookie opens its session, which expires by itself");
        }
    }

    /// Undoes a stored sign-in: the session becomes what it was before, or ends if it is new. No visitor has a cookie that opens
    /// it, so no other request can have changed it except by ending it. If a job has edited it meanwhile, the edit is undone too.
    ///
    /// If another user was signed in to the session before, the session ends too, because its entry may have been removed from
    /// that user's list meanwhile.
    pub(super) async fn undo(&self, attempt: &mut Attempt, deadline: &Deadline) -> Result<(), Error> {
        let engine = &*self.engine;
        let Some(entering) = &attempt.entering else { return Ok(()) };
        // If a user was about to act as another, the session is still in that user's own list, so it can be restored.
        let acts = entering.because == Because::Impersonated;
        let stays = |user: &Option<Arc<[u8]>>| acts || user.as_ref().is_none_or(|user| *user == entering.identity);
        let before = attempt.before.clone().filter(|before| stays(&before.0.record().user));
        // A cookie from an earlier `save` opens the session as it was before the sign-in. The response sets it if that session
        // is restored.
        let cookie = self.state().cookie.take();
        self.lose(Lost::Gone);
        if let Some((before, _)) = before.as_deref() {
            engine.enter_again(&entering.key, before.record(), deadline).await?;
        }
        let mut claim = engine.claim_loaded(&entering.key, Pace::Urgent, deadline).await?;
        loop {
            let now = engine.clock.now();
            match engine.read(claim.current(), now) {
                Held::Live(record) if record.knows(attempt.nonce) => {}
                _ => return Ok(()),
            }
            let live = before.as_ref().map(|before| &before.0).filter(|before| before.record().is_live(now));
            let stored = live.and_then(|before| before.stored.as_ref()).map(|stored| stored.value().rewritten());
            let value = stored.unwrap_or_else(|| engine.tombstone(attempt.nonce, EndReason::Unsettled, now));
            if claim.swap(Some(&value.critical()), now).await? {
                break;
            }
        }
        if let Some(before) = before.filter(|before| before.0.record().is_live(engine.clock.now())) {
            let (mut found, verifier) = *before;
            found.stored = claim.finish();
            let mut state = self.state();
            (state.presented, state.verifier, state.cookie) = (Some(Presented::Found(found)), verifier, cookie);
        } else if let Some(former) = &attempt.before {
            let former = former.0.record();
            engine.report_end(&entering.key, former, Owner::Own, EndReason::Unsettled, ImpersonationEnd::Stopped);
        }
        Ok(())
    }
}
