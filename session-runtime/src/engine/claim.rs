//! [`Claim`]: one key, held by one commit at a time within this process, and the store's value under it.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::{
    Engine,
    deadline::{Deadline, Pace},
    group::{Joined, Offer},
    queue::Turn,
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    key::Key,
    meter,
    value::{Swapped, Value, Versioned},
};

/// A key whose value a commit replaces.
pub(super) struct Claim<'a> {
    engine: &'a Engine,
    /// The turn at the key, with the key's last known value.
    turn: Turn<'a>,
    deadline: &'a Deadline,
    pace: Pace,
    /// How often another process wrote first.
    lost: u32,
    /// Whether an answer was lost. If a later swap is stale, the newer value may be this commit's own write.
    unanswered: bool,
    /// Whether the previous commit handed over the key's value.
    is_handed: bool,
}

impl Engine {
    /// Waits for a turn at `key`. `known`: the key's value when this request last loaded it. If the previous commit hands over a
    /// value, that value is newer, and is used instead.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if the turn does not come in time, or [`Error::is_unavailable`] if that is because the store does
    /// not answer the commits in front.
    pub(super) async fn claim<'a>(
        &'a self,
        key: &Key,
        known: Option<&Versioned>,
        pace: Pace,
        deadline: &'a Deadline,
    ) -> Result<Claim<'a>, Error> {
        match self.claim_if_free(key, known, pace, deadline) {
            Some(claim) => Ok(claim),
            // Boxed because few commits wait: otherwise every commit's future would reserve room for it.
            None => Box::pin(self.claim_in_line(key, known, pace, None, deadline)).await,
        }
    }

    /// Returns the turn at `key`, if no other commit has it.
    pub(super) fn claim_if_free<'a>(
        &'a self,
        key: &Key,
        known: Option<&Versioned>,
        pace: Pace,
        deadline: &'a Deadline,
    ) -> Option<Claim<'a>> {
        Some(self.claim_of(self.queues.enter_if_free(key, known)?, pace, deadline))
    }

    const fn claim_of<'a>(&'a self, turn: Turn<'a>, pace: Pace, deadline: &'a Deadline) -> Claim<'a> {
        let is_handed = turn.was_handed;
        Claim { engine: self, turn, deadline, pace, lost: 0, unanswered: false, is_handed }
    }

    /// Waits for a turn at `key`, and loads the key's value unless the previous commit hands it over.
    ///
    /// # Errors
    /// As [`Engine::claim`], and if the store does not answer.
    pub(super) async fn claim_loaded<'a>(
        &'a self,
        key: &Key,
        pace: Pace,
        deadline: &'a Deadline,
    ) -> Result<Claim<'a>, Error> {
        let mut claim = self.claim(key, None, pace, deadline).await?;
        if !claim.is_handed {
            let load = || self.load_before(key, self.clock.now(), Some(deadline));
            claim.turn.current = match load().await {
                Err(error) if !error.is_timeout() => load().await?,
                loaded => loaded?,
            };
        }
        Ok(claim)
    }

    /// Waits for a turn at `key`. If the key's line has been busy for long, a [`Pace::Patient`] commit then pauses, which
    /// leaves a gap for other processes. `offer`: see [`Queues::enter`](super::Queues::enter).
    pub(super) async fn claim_in_line<'a>(
        &'a self,
        key: &Key,
        known: Option<&Versioned>,
        pace: Pace,
        offer: Option<Arc<Offer>>,
        deadline: &'a Deadline,
    ) -> Result<Claim<'a>, Error> {
        let mut turn = self.queues.enter(key, known, matches!(pace, Pace::Urgent), offer, deadline).await?;
        if let Some(gap) = turn.run.gap().filter(|_| matches!(pace, Pace::Patient)) {
            sleep(gap.min(deadline.left())).await;
        }
        Ok(self.claim_of(turn, pace, deadline))
    }
}

impl<'a> Claim<'a> {
    /// Returns the deadline of the commit.
    pub(super) const fn deadline(&self) -> &'a Deadline {
        self.deadline
    }

    /// Returns the key's last known value.
    pub(super) fn current(&self) -> Option<&Versioned> {
        self.turn.current.as_ref()
    }

    /// Applies the plain changes of commits that wait: see [`Turn::gather`]. Does nothing if this commit neither waited nor lost
    /// a race, since other commits hardly ever wait then.
    pub(super) fn join_waiting(&mut self, join: impl FnMut(&Offer) -> Joined) {
        if self.turn.waited || self.has_lost() {
            self.turn.gather(join);
        }
    }

    /// Passes the turn to the next commit. Returns the key's last known value.
    pub(super) fn finish(self) -> Option<Versioned> {
        self.turn.finish()
    }

    /// Returns whether another process wrote first.
    pub(super) const fn has_lost(&self) -> bool {
        self.lost > 0
    }

    /// Returns whether an answer was lost since the last call.
    pub(super) fn take_unanswered(&mut self) -> bool {
        std::mem::take(&mut self.unanswered)
    }

    /// Replaces the key's value if it is still the last known one. If it is not, returns `false`, and the claim then knows the
    /// newer value.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if other processes kept writing first until the deadline. [`Error::is_unavailable`] if the store
    /// did not answer; it may then hold either value. The swap is sent a second time unless the first call timed out.
    pub(super) async fn swap(&mut self, after: Option<&Value>, now: Timestamp) -> Result<bool, Error> {
        if self.lost > 0 {
            self.pace.wait(self.lost, self.deadline).await;
            if self.deadline.passed() {
                return Err(Error::new(Kind::Conflict));
            }
        }
        // The run is timed only if other processes may compete for the key.
        let asked = (!self.engine.backend.is_in_process()).then(Instant::now);
        if let Some(asked) = asked {
            self.turn.run.asks(asked);
        }
        // The value is unknown until the store answers, and stays unknown if this future is dropped before that.
        self.turn.is_newest = false;
        let mut is_again = false;
        let swapped = loop {
            let Turn { key, current, .. } = &self.turn;
            match self.engine.swap(key, current.as_ref(), after, now, Some(self.deadline)).await {
                Ok(swapped) => break swapped,
                Err(error) => {
                    self.unanswered = true;
                    if is_again || error.is_timeout() {
                        return Err(error.into());
                    }
                    warn_limited!(%error, "the session store did not answer; asking once more");
                    is_again = true;
                }
            }
        };
        self.is_handed = false;
        if let Some(asked) = asked {
            self.turn.run.is_answered(asked);
        }
        self.turn.is_newest = true;
        Ok(match swapped {
            Swapped::Done(revision) => {
                self.turn.current = after.map(|value| Versioned::with_revision(value.clone(), revision));
                self.turn.complete_group();
                true
            }
            Swapped::Stale(newer) => {
                meter::retry(self.engine.kind());
                self.turn.hear();
                // If an answer was lost, the newer value may be this swap's own.
                self.turn.disband_group(!is_again);
                self.turn.current = newer;
                self.lost = self.lost.saturating_add(1);
                false
            }
        })
    }

    /// Loads the key's value if the previous commit handed it over, because another process may have replaced the value since the
    /// store answered that commit. Returns `false` if the value was not handed over.
    ///
    /// # Errors
    /// If the store does not answer.
    pub(super) async fn reload_handed(&mut self) -> Result<bool, Error> {
        if !std::mem::take(&mut self.is_handed) {
            return Ok(false);
        }
        self.turn.current = self.engine.load(&self.turn.key, self.engine.clock.now()).await?;
        Ok(true)
    }

    /// Rewrites the value that this commit itself wrote, after the answer to that write was lost. A store that waits for its
    /// replicas may not have replicated the value yet. If another write has replaced the value since, there is nothing left to
    /// confirm, because that write was made on top of this commit's.
    ///
    /// # Errors
    /// As [`Claim::swap`].
    pub(super) async fn confirm(&mut self) -> Result<(), Error> {
        if let Some(again) = self.current().map(|current| current.value().rewritten().critical()) {
            self.swap(Some(&again), self.engine.clock.now()).await?;
        }
        Ok(())
    }
}
