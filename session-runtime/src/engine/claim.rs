//! [`Claim`]: one key, held by one commit at a time within this process, and what the store holds under it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    Engine,
    deadline::{Deadline, Pace},
    queue::Turn,
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
    key::Key,
    value::{Swapped, Value, Versioned},
};

/// A key that a commit replaces the value of.
pub(super) struct Claim<'a> {
    engine: &'a Engine,
    /// And what the key holds, as far as is known.
    turn: Turn<'a>,
    deadline: &'a Deadline,
    pace: Pace,
    /// How often another process was faster.
    lost: u32,
    /// Whether an answer was lost, so that a refusal may be due to this commit's own write.
    unanswered: bool,
    /// Whether what the key holds is what the commit before knew.
    is_handed: bool,
}

impl Engine {
    /// Waits for a turn at `key`. `known`: what it held when it was loaded last; what the commit before knows is newer.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if the turn does not come in time.
    pub(super) async fn claim<'a>(
        &'a self,
        key: &Key,
        known: Option<&Versioned>,
        pace: Pace,
        deadline: &'a Deadline,
    ) -> Result<Claim<'a>, Error> {
        let turn = match self.queues.enter_if_free(key, known) {
            Some(turn) => turn,
            // In a box: few commits wait, and every one would have room for it.
            None => Box::pin(self.wait_for_turn(key, known, pace, deadline)).await?,
        };
        let is_handed = turn.was_handed;
        Ok(Claim { engine: self, turn, deadline, pace, lost: 0, unanswered: false, is_handed })
    }

    /// The same, with what the key holds by then.
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

    /// Waits for a turn at `key`, and where its line has gone on for long leaves a gap for other processes.
    async fn wait_for_turn(
        &self,
        key: &Key,
        known: Option<&Versioned>,
        pace: Pace,
        deadline: &Deadline,
    ) -> Result<Turn<'_>, Error> {
        let mut turn = self.queues.enter(key, known, matches!(pace, Pace::Urgent), deadline).await?;
        if let Some(gap) = turn.run.gap().filter(|_| matches!(pace, Pace::Patient)) {
            sleep(gap.min(deadline.left())).await;
        }
        Ok(turn)
    }
}

impl Claim<'_> {
    /// What the key holds, as far as is known.
    pub(super) fn current(&self) -> Option<&Versioned> {
        self.turn.current.as_ref()
    }

    /// Lets the next commit have its turn, and says what the key holds, as far as is known.
    pub(super) fn finish(self) -> Option<Versioned> {
        self.turn.finish()
    }

    /// Whether another process was faster.
    pub(super) const fn has_lost(&self) -> bool {
        self.lost > 0
    }

    /// Whether an answer was lost since the last call of this.
    pub(super) fn take_unanswered(&mut self) -> bool {
        std::mem::take(&mut self.unanswered)
    }

    /// Replaces what the key holds, if that is what it is known to hold. `false`: it was something else, which is known by
    /// now.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if others were faster until the deadline. [`Error::is_unavailable`] if the store did not
    /// answer, twice: then it may hold the new value or the one before.
    pub(super) async fn swap(&mut self, after: Option<&Value>, now: Timestamp) -> Result<bool, Error> {
        if self.lost > 0 {
            self.pace.wait(self.lost, self.deadline).await;
            if self.deadline.passed() {
                return Err(Error::new(Kind::Conflict));
            }
        }
        // Only a line that other processes wait behind is timed.
        let asked = (!self.engine.backend.is_in_process()).then(Instant::now);
        // Unknown while it is asked, also if this is dropped meanwhile.
        self.turn.is_newest = false;
        let mut is_again = false;
        let swapped = loop {
            let Turn { key, current, .. } = &self.turn;
            match self.engine.swap(key, current.as_ref(), after, now, Some(self.deadline)).await {
                Ok(swapped) => break swapped,
                Err(error) => {
                    self.unanswered = true;
                    // An answer that took too long is not waited for again.
                    if is_again || error.is_timeout() {
                        return Err(error.into());
                    }
                    warn_limited!(%error, "the session store did not answer; asking once more");
                    is_again = true;
                }
            }
        };
        self.is_handed = false;
        self.turn.run.took = asked.map_or(Duration::ZERO, |asked| asked.elapsed());
        self.turn.is_newest = true;
        Ok(match swapped {
            Swapped::Done(revision) => {
                self.turn.current = after.map(|value| Versioned::with_revision(value.clone(), revision));
                true
            }
            Swapped::Stale(newer) => {
                self.turn.current = newer;
                self.lost = self.lost.saturating_add(1);
                false
            }
        })
    }

    /// Loads what the key holds, if the commit before handed that over: its answer may have been late, so that another process
    /// has replaced it since. `false`: it was loaded by this commit.
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

    /// Writes once more what was recognised as this commit's own after its answer was lost: a store that waits for its
    /// replicas may not have done so. Whatever came between, the first writing was in.
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
