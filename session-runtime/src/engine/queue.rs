//! Takes turns at one key within this process: of the commits to one session, one at a time asks the store, and hands what
//! the store holds by then to the next. So n commits at once cost n swaps, not n² (F9).
//!
//! A line that hands over without a gap would keep the commits of every other process out, which have to load before they
//! swap. So a line that goes on leaves gaps: a quarter of the time that it had, and every fourth time as much as it had.

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

/// What one commit hands to the next in line: how the line goes on, and what the key holds, unless that is not known.
type Handed = (Run, Option<Option<Versioned>>);

/// How long commits of a line have asked the store one after another.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    /// How long the store took to answer last.
    pub(super) took: Duration,
    /// Since when they have left no gap.
    since: Option<Instant>,
    /// How many gaps they have left.
    gaps: u32,
}

/// A store that answers as fast is in this process, and no other asks it.
const IN_PROCESS: Duration = Duration::from_micros(50);

/// A line goes on for this long at least before it leaves a gap, since timers are no finer than a millisecond.
const SHORTEST_RUN: Duration = Duration::from_millis(10);

impl Run {
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
pub(crate) struct Queues([Mutex<Lines>; SHARDS]);

type Lines = HashMap<Local, Line, ByLocal>;

const SHARDS: usize = 16;

/// Those that wait for a key which another commit has.
#[derive(Default)]
struct Line(VecDeque<oneshot::Sender<Handed>>);

/// The right to ask the store about one key. It passes to the next in line when it is dropped.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    pub(super) key: Key,
    /// What the key holds, as far as is known.
    pub(super) current: Option<Versioned>,
    /// Whether the commit before said so.
    pub(super) was_handed: bool,
    /// Whether the store has said so since, so that the next is to know.
    pub(super) is_newest: bool,
    pub(super) run: Run,
    has_passed: bool,
}

impl Queues {
    /// The turn, if no other commit has the key. `known`: what the key held when it was loaded last.
    pub(super) fn enter_if_free(&self, key: &Key, known: Option<&Versioned>) -> Option<Turn<'_>> {
        match self.shard(key).entry(Local(*key)) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(free) => free.insert(Line::default()),
        };
        Some(self.turn(key, Run::default(), None, known))
    }

    /// Waits until it is this commit's turn. `known`: what the key held when it was loaded last, unless the commit before
    /// knows better. `urgent`: it goes before all that wait, as an end does.
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

    /// Has the key if it is free; otherwise says what to wait for.
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
        let mut place = Place { woken: Some(woken), queues: self, key };
        let Some(woken) = &mut place.woken else { return Err(Error::new(Kind::Conflict)) };
        match timeout_at(deadline.at(), woken).await {
            Ok(Ok(handed)) => {
                place.woken = None;
                Ok(handed)
            }
            _ => Err(Error::new(Kind::Conflict)),
        }
    }

    /// Whether a commit has this key.
    pub(super) fn is_busy(&self, key: &Key) -> bool {
        self.shard(key).contains_key(&Local(*key))
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Lines> {
        let [.., last] = key.local();
        // Nothing in here panics halfway through a change, so what a poisoned lock guards is whole.
        self.0[usize::from(*last) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the next in line, or frees the key.
    fn pass(&self, key: &Key, mut run: Run, newest: Option<Option<&Versioned>>) {
        let mut shard = self.shard(key);
        let Entry::Occupied(mut line) = shard.entry(Local(*key)) else { return };
        while let Some(next) = line.get_mut().0.pop_front() {
            run.since.get_or_insert_with(Instant::now);
            // Unless it gave up.
            if next.send((run, newest.map(Option::<&Versioned>::cloned))).is_ok() {
                return;
            }
        }
        line.remove();
    }
}

impl Turn<'_> {
    /// Passes the turn on, and says what the key holds as far as is known.
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
struct Place<'a> {
    woken: Option<oneshot::Receiver<Handed>>,
    queues: &'a Queues,
    key: &'a Key,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(mut woken) = self.woken.take() {
            woken.close();
            if let Ok((run, handed)) = woken.try_recv() {
                self.queues.pass(self.key, run, handed.as_ref().map(Option::as_ref));
            }
        }
    }
}
