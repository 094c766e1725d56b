//! Queues the commits to one key within this process. One commit at a time asks the store, and hands the stored value to the
//! next. So n concurrent commits cost n swaps, not n² (F9).
//!
//! A queue that hands over without a gap would starve the commits of other processes, which have to load before they swap.
//! So a long-running queue leaves gaps: a quarter of the time that it ran, and every fourth time as much as it ran.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
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
    key::{ByLocal, Key, Local},
    value::Versioned,
};

/// Handed from one commit to the next: the state of the run, and the key's value, if known.
type Handed = (Run, Option<Option<Versioned>>);

/// A run of commits that ask the store one after another.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    /// How long the store took for its last answer.
    pub(super) took: Duration,
    /// When the current stretch without a gap began.
    since: Option<Instant>,
    /// How many gaps the run has left.
    gaps: u32,
}

/// A store that answers faster than this is in this process, and no other process uses it.
const IN_PROCESS: Duration = Duration::from_micros(50);

/// How long a run lasts at least before it leaves a gap. A timer waits a millisecond or more, so shorter runs would mostly wait.
const SHORTEST_RUN: Duration = Duration::from_millis(10);

impl Run {
    /// Returns how long the next commit waits, so that another process can load and swap.
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

/// The commits that wait, by key. A key without a line is free.
#[derive(Default)]
pub(crate) struct Queues([Mutex<Lines>; SHARDS]);

type Lines = HashMap<Local, Line, ByLocal>;

const SHARDS: usize = 16;

/// The commits that wait for a key held by another commit.
#[derive(Default)]
struct Line(VecDeque<oneshot::Sender<Handed>>);

/// The right to ask the store about one key. It passes to the next in line when it is dropped.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    pub(super) key: Key,
    /// The key's value, as far as known.
    pub(super) current: Option<Versioned>,
    /// Whether the previous commit handed `current` over.
    pub(super) was_handed: bool,
    /// Whether `current` is the store's latest answer, so that the next commit may rely on it.
    pub(super) is_newest: bool,
    pub(super) run: Run,
    has_passed: bool,
}

impl Queues {
    /// Returns the turn, if no other commit holds the key. `known`: the key's value when it was last loaded.
    pub(super) fn enter_if_free(&self, key: &Key, known: Option<&Versioned>) -> Option<Turn<'_>> {
        match self.shard(key).entry(Local(*key)) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(free) => free.insert(Line::default()),
        };
        Some(self.turn(key, Run::default(), None, known))
    }

    /// Waits for this commit's turn. `known`: the key's value when it was last loaded, unless the previous commit knows better.
    /// `urgent`: go before all that wait, as an end does.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if the line is too long, or the deadline passes.
    pub(super) async fn enter(
        &self,
        key: &Key,
        known: Option<&Versioned>,
        urgent: bool,
        deadline: &Deadline,
    ) -> Result<Turn<'_>, Error> {
        let (run, handed) = match self.line_up(key, urgent)? {
            None => Handed::default(),
            Some(woken) => self.wait(key, woken, deadline).await?,
        };
        Ok(self.turn(key, run, handed, known))
    }

    fn turn(&self, key: &Key, run: Run, handed: Option<Option<Versioned>>, known: Option<&Versioned>) -> Turn<'_> {
        let was_handed = handed.is_some();
        let current = handed.unwrap_or_else(|| known.cloned());
        Turn { queues: self, key: *key, current, was_handed, is_newest: was_handed, run, has_passed: false }
    }

    /// Takes the key if it is free; otherwise returns the channel to wait on.
    fn line_up(&self, key: &Key, urgent: bool) -> Result<Option<oneshot::Receiver<Handed>>, Error> {
        match self.shard(key).entry(Local(*key)) {
            Entry::Vacant(free) => {
                free.insert(Line::default());
                Ok(None)
            }
            Entry::Occupied(line) if line.get().0.len() >= LONGEST => Err(Error::new(Kind::Conflict)),
            Entry::Occupied(mut line) => {
                let (wake, woken) = oneshot::channel();
                let line = &mut line.get_mut().0;
                if urgent {
                    line.push_front(wake);
                } else {
                    line.push_back(wake);
                }
                Ok(Some(woken))
            }
        }
    }

    async fn wait(&self, key: &Key, woken: oneshot::Receiver<Handed>, deadline: &Deadline) -> Result<Handed, Error> {
        let mut place = Waiting { woken: Some(woken), queues: self, key };
        let Some(woken) = &mut place.woken else { return Err(Error::new(Kind::Conflict)) };
        match timeout_at(deadline.at(), woken).await {
            Ok(Ok(handed)) => {
                place.woken = None;
                Ok(handed)
            }
            _ => Err(Error::new(Kind::Conflict)),
        }
    }

    /// Returns whether a commit holds this key.
    pub(super) fn is_busy(&self, key: &Key) -> bool {
        self.shard(key).contains_key(&Local(*key))
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Lines> {
        let [.., last] = key.local();
        // No code under this lock panics halfway through a change, so the state behind a poisoned lock is whole.
        self.0[usize::from(*last) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the next in line, or frees the key.
    fn pass(&self, key: &Key, mut run: Run, newest: Option<Option<&Versioned>>) {
        let mut shard = self.shard(key);
        let Entry::Occupied(mut line) = shard.entry(Local(*key)) else { return };
        while let Some(next) = line.get_mut().0.pop_front() {
            run.since.get_or_insert_with(Instant::now);
            // Fails if the commit gave up waiting.
            if next.send((run, newest.map(Option::<&Versioned>::cloned))).is_ok() {
                return;
            }
        }
        line.remove();
    }
}

impl Turn<'_> {
    /// Passes the turn on. Returns the key's value as far as known.
    pub(super) fn finish(mut self) -> Option<Versioned> {
        self.pass();
        self.current.take()
    }

    fn pass(&mut self) {
        if !self.has_passed {
            self.has_passed = true;
            self.queues.pass(&self.key, self.run, self.is_newest.then_some(self.current.as_ref()));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.pass();
    }
}

/// A place in a line. If its commit is dropped just as its turn comes, the turn passes on.
struct Waiting<'a> {
    woken: Option<oneshot::Receiver<Handed>>,
    queues: &'a Queues,
    key: &'a Key,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(mut woken) = self.woken.take() {
            woken.close();
            if let Ok((run, handed)) = woken.try_recv() {
                self.queues.pass(self.key, run, handed.as_ref().map(Option::as_ref));
            }
        }
    }
}
