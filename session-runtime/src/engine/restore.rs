//! Restores a session whose renewal the store did not answer. The response is a 503 without a cookie, so the id from before
//! must stay valid, although the store may apply the renewal late (SECURITY S10, S47).

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    Engine, Request,
    attempt::Attempt,
    deadline::{Deadline, Pace},
    pending::Step,
    presented::Found,
    read::Held,
};
use crate::{error::Error, id::Nonce};

/// How long the store may take to answer again.
const PATIENCE: Duration = Duration::from_secs(60);

impl Attempt {
    /// Returns whether it renews the session on a change of privilege, and the store may have applied that. A sign-out is not
    /// undone: the visitor wanted the old id to be invalid.
    fn may_have_renewed(&self) -> bool {
        let signs_out = |step: &Step| matches!(step, Step::LogOut | Step::End);
        self.unanswered.is_some() && self.before.is_some() && !self.pending.steps.iter().any(signs_out)
    }
}

impl Request {
    /// Restores the session in the background if the response goes out without the id that a commit may have stored.
    pub(super) fn restore_unanswered(&self) {
        let Some(attempt) = self.state().in_flight.take_if(|attempt| attempt.may_have_renewed()) else { return };
        let Attempt { before: Some(before), nonce, .. } = *attempt else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let engine = Arc::clone(&self.engine);
        runtime.spawn(async move { engine.restore(&before.0, nonce).await });
    }
}

impl Engine {
    /// Restores the session that `before` found, unless it has changed since the write with this nonce.
    async fn restore(&self, before: &Found, nonce: Nonce) {
        let patience = Deadline::new(PATIENCE);
        let mut pause = Duration::from_millis(100);
        while let Err(error) = self.try_to_restore(before, nonce).await {
            if patience.passed() {
                warn_limited!(
                    %error,
                    "the store did not answer the renewal of a session, nor what restores it; its visitor may have to sign in \
                     again"
                );
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    async fn try_to_restore(&self, before: &Found, nonce: Nonce) -> Result<(), Error> {
        let Some(stored) = &before.stored else { return Ok(()) };
        let writes = before.opened.raw().writes;
        let deadline = Deadline::new(self.commit_timeout);
        let mut claim = self.claim_loaded(&self.scope.session(before.selector), Pace::Urgent, &deadline).await?;
        loop {
            let now = self.clock.now();
            let is_theirs = match self.read(claim.current(), now) {
                // The renewal may still be on its way. The rewritten value has another revision, so it comes too late.
                Held::Live(_) if claim.current().is_some_and(|current| before.is_stored_as(current)) => true,
                Held::Live(record) => record.knows(nonce) && record.writes == writes.saturating_add(1),
                Held::Ended(_) | Held::Newer | Held::Nothing => false,
            };
            if !is_theirs || claim.swap(Some(&stored.value().rewritten().critical()), now).await? {
                return Ok(());
            }
        }
    }
}
