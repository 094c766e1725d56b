//! Takes turns at one key within this process: of the commits to one session, one at a time asks the store, and hands what
//! the store holds by then to the next. So n commits at once cost n swaps, not n² (F9).
//!
//! A line that hands over without a gap would keep the commits of every other process out, which have to load before they
//! swap. So a line that goes on leaves gaps: a quarter of the time that it had, and every fourth time as much as it had.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::deadline::Deadline;
use crate::{
    error::{Error, Kind},
    key::Key,
    value::Versioned,
};

/// What one commit hands to the next in line.
#[derive(Default)]
pub(super) struct Handed {
    /// What the key holds. `None`: it is not known.
    pub(super) newest: Option<Option<Versioned>>,
    /// How long the store took to answer last.
    pub(super) took: Duration,
    /// Since when commits of this line have asked the store without a gap.
    since: Option<Instant>,
    /// How many gaps the line has left.
    gaps: u32,
}

/// A store that answers as fast is in this process, and no other asks it.
const IN_PROCESS: Duration = Duration::from_micros(50);

/// A line goes on for this long at least before it leaves a gap, since timers are no finer than a millisecond.
const SHORTEST_RUN: Duration = Duration::from_millis(10);

impl Handed {
    /// How long the next commit waits, so that another process can load and swap.
    pub(super) fn gap(&mut self) -> Option<Duration> {
        let ran = self.since?.elapsed();
        if self.took < IN_PROCESS || ran < SHORTEST_RUN.max(self.took * 16) {
            return None;
        }
        (self.since, self.gaps) = (None, self.gaps.wrapping_add(1));
        Some(if self.gaps.is_multiple_of(4) { ran } else { ran / 4 })
    }
}

/// How many commits may wait for one key.
const LONGEST: usize = 4096;

/// The lines of commits that wait, by key. A key without a line is free.
#[derive(Default)]
pub(crate) struct Queues([Mutex<HashMap<[u8; 16], Line>>; SHARDS]);

const SHARDS: usize = 16;

/// Those that wait for a key which another commit has.
#[derive(Default)]
struct Line(VecDeque<oneshot::Sender<Handed>>);

/// The right to ask the store about one key. It passes to the next in line when it is dropped.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    key: Key,
    /// What the commit before handed over, and what the next is to know.
    pub(super) handed: Handed,
}

impl Queues {
    /// Waits until it is this commit's turn. `urgent`: it goes before all that wait, as an end does.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if the line is too long, or the deadline passes.
    pub(super) async fn enter(&self, key: &Key, urgent: bool, deadline: &Deadline) -> Result<Turn<'_>, Error> {
        let waiting = {
            let mut shard = self.shard(key);
            match shard.get_mut(key.local()) {
                None => {
                    shard.insert(*key.local(), Line::default());
                    None
                }
                Some(line) if line.0.len() >= LONGEST => return Err(Error::new(Kind::Conflict)),
                Some(line) => {
                    let (wake, woken) = oneshot::channel();
                    if urgent {
                        line.0.push_front(wake);
                    } else {
                        line.0.push_back(wake);
                    }
                    Some(woken)
                }
            }
        };
        let Some(woken) = waiting else { return Ok(self.turn(key, Handed::default())) };
        let mut place = Place { woken: Some(woken), queues: self, key };
        let Some(woken) = &mut place.woken else { return Err(Error::new(Kind::Conflict)) };
        // In a box: few commits wait, and every one would have room for it.
        match Box::pin(timeout_at(deadline.at(), woken)).await {
            Ok(Ok(handed)) => {
                place.woken = None;
                Ok(self.turn(key, handed))
            }
            _ => Err(Error::new(Kind::Conflict)),
        }
    }

    /// Whether a commit has this key.
    pub(super) fn is_busy(&self, key: &Key) -> bool {
        self.shard(key).contains_key(key.local())
    }

    fn turn(&self, key: &Key, handed: Handed) -> Turn<'_> {
        Turn { queues: self, key: *key, handed }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<[u8; 16], Line>> {
        let [.., last] = key.local();
        // Nothing in here panics halfway through a change, so what a poisoned lock guards is whole.
        self.0[usize::from(*last) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the next in line, or frees the key.
    fn pass(&self, key: &Key, mut handed: Handed) {
        let mut shard = self.shard(key);
        let Some(line) = shard.get_mut(key.local()) else { return };
        if !line.0.is_empty() {
            handed.since.get_or_insert_with(Instant::now);
        }
        while let Some(next) = line.0.pop_front() {
            match next.send(handed) {
                Ok(()) => return,
                // It gave up.
                Err(back) => handed = back,
            }
        }
        shard.remove(key.local());
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.queues.pass(&self.key, std::mem::take(&mut self.handed));
    }
}

/// A place in a line. If its commit is dropped just as its turn comes, the turn passes on.
struct Place<'a> {
    woken: Option<oneshot::Receiver<Handed>>,
    queues: &'a Queues,
    key: &'a Key,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(mut woken) = self.woken.take() {
            woken.close();
            if let Ok(handed) = woken.try_recv() {
                self.queues.pass(self.key, handed);
            }
        }
    }
}
