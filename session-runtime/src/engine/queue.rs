//! Queues the commits to one key within this process. One commit at a time calls the store, and then hands the stored value to
//! the next. In its swap, it may also store the changes of waiting commits ([`group`](super::group)). So n concurrent commits
//! cost at most n swaps, not n² (F9).
//!
//! A queue that hands over without a gap would starve the commits of other processes, which have to load before they swap. So a
//! queue that runs for long leaves gaps. A gap is a quarter as long as the run before it, and every fourth gap is as long as the
//! whole run.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    codec::OpenRecord,
    deadline::Deadline,
    group::{Joined, Offer},
};
use crate::{
    error::{Error, Kind},
    key::{ByKey, Key},
    value::Versioned,
};

/// Handed from one commit to the next: the state of the run, and the key's value, if known.
type Handed = (Run, Option<Option<Versioned>>);

/// A run of commits that call the store one after another.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    /// How long the store took for its last answer.
    took: Duration,
    /// When that answer came.
    answered: Option<Instant>,
    /// When the current stretch without a gap began. `None` if the turn has not been passed on since the last gap.
    since: Option<Instant>,
    /// How many gaps there have been in this run.
    gaps: u32,
}

/// A store that answers faster than this is assumed to be in this process, where no other process can use it.
const IN_PROCESS: Duration = Duration::from_micros(50);

/// The shortest run that is followed by a gap. A timer waits at least a millisecond, so with gaps after shorter runs the queue
/// would spend most of its time waiting.
const SHORTEST_RUN: Duration = Duration::from_millis(10);

/// A pause between two swaps counts as a gap if it is this many times as long as the store takes.
const REST: u32 = 3;

impl Run {
    /// Notes that a swap is sent. A long pause since the last answer counts as a gap: a process that is busy with other work
    /// leaves gaps without waiting.
    pub(super) fn asks(&mut self, now: Instant) {
        if self.answered.is_some_and(|answered| now.duration_since(answered) > self.took * REST) {
            self.since = self.since.map(|_| now);
        }
    }

    /// Notes the store's answer to a swap that was sent at `asked`.
    pub(super) fn is_answered(&mut self, asked: Instant) {
        let now = Instant::now();
        (self.took, self.answered) = (now.duration_since(asked), Some(now));
    }

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

/// At most this many waiting commits join the swap of the commit that has the turn.
const MOST_JOINED: usize = 63;

/// The commits that wait, by key. A key without a line is free.
#[derive(Default)]
pub(crate) struct Queues([Mutex<Lines>; SHARDS]);

type Lines = HashMap<Key, Line, ByKey>;

const SHARDS: usize = 16;

/// The commits that wait for a key held by another commit.
#[derive(Default)]
struct Line {
    places: VecDeque<Place>,
    /// When the store last answered about this key, or the first commit began to wait. `None`: no commit has waited.
    heard: Option<Instant>,
}

impl Line {
    /// Returns the error of a commit that gives up. If the store has been silent for half the time that a commit has, the commits
    /// in front wait for the store. Otherwise too many commits wait.
    fn gives_up(&self, deadline: &Deadline) -> Error {
        let is_silent = self.heard.is_some_and(|heard| heard.elapsed() >= deadline.limit() / 2);
        Error::new(if is_silent { Kind::Unavailable } else { Kind::Conflict })
    }
}

/// A commit's place in a line.
struct Place {
    /// Hands over the turn. Dropped without a turn if another commit has stored the offer.
    wake: oneshot::Sender<Handed>,
    /// The waiting commit's changes, which the commit that has the turn may store along with its own.
    offer: Option<Arc<Offer>>,
    is_urgent: bool,
}

/// The commits whose changes the commit that has the turn stores along with its own.
struct Group {
    places: Vec<Place>,
    /// The session with all changes.
    opened: OpenRecord,
}

/// The right to call the store about one key. When it is dropped, the right passes to the next commit in line.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    pub(super) key: Key,
    /// The key's last known value.
    pub(super) current: Option<Versioned>,
    /// Whether the previous commit handed `current` over.
    pub(super) was_handed: bool,
    /// Whether `current` is the store's latest answer, so that the next commit may rely on it.
    pub(super) is_newest: bool,
    pub(super) run: Run,
    /// Whether the commit waited. If it did, others may wait behind it.
    pub(super) waited: bool,
    group: Option<Box<Group>>,
    has_passed: bool,
}

impl Queues {
    /// Returns the turn, if no other commit holds the key. `known`: the key's value when it was last loaded.
    pub(super) fn enter_if_free(&self, key: &Key, known: Option<&Versioned>) -> Option<Turn<'_>> {
        match self.shard(key).entry(*key) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(free) => free.insert(Line::default()),
        };
        Some(self.turn(key, None, None, known))
    }

    /// Waits for this commit's turn. `known`: the key's value when it was last loaded, unless the previous commit hands over a
    /// newer one. `is_urgent`: whether this commit goes before all that wait, as the end of a session does. `offer`: changes
    /// that another commit may store before the turn comes.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if the line is too long, if the deadline passes, or if another commit has stored the offer.
    /// [`Error::is_unavailable`] if the deadline passes because the store does not answer the commits in front. Without an
    /// `offer`, nothing of this commit was written in any of these cases.
    pub(super) async fn enter(
        &self,
        key: &Key,
        known: Option<&Versioned>,
        is_urgent: bool,
        offer: Option<Arc<Offer>>,
        deadline: &Deadline,
    ) -> Result<Turn<'_>, Error> {
        let (run, handed) = match self.line_up(key, is_urgent, offer, deadline)? {
            None => (None, None),
            Some(woken) => {
                let (run, handed) = self.wait(key, woken, deadline).await?;
                (Some(run), handed)
            }
        };
        Ok(self.turn(key, run, handed, known))
    }

    fn turn(
        &self,
        key: &Key,
        run: Option<Run>,
        handed: Option<Option<Versioned>>,
        known: Option<&Versioned>,
    ) -> Turn<'_> {
        let was_handed = handed.is_some();
        Turn {
            queues: self,
            key: *key,
            current: handed.unwrap_or_else(|| known.cloned()),
            was_handed,
            is_newest: was_handed,
            waited: run.is_some(),
            run: run.unwrap_or_default(),
            group: None,
            has_passed: false,
        }
    }

    /// Takes the key if it is free; otherwise returns the channel to wait on.
    fn line_up(
        &self,
        key: &Key,
        is_urgent: bool,
        offer: Option<Arc<Offer>>,
        deadline: &Deadline,
    ) -> Result<Option<oneshot::Receiver<Handed>>, Error> {
        match self.shard(key).entry(*key) {
            Entry::Vacant(free) => {
                free.insert(Line::default());
                Ok(None)
            }
            Entry::Occupied(line) if line.get().places.len() >= LONGEST => Err(line.get().gives_up(deadline)),
            Entry::Occupied(mut line) => {
                let (wake, woken) = oneshot::channel();
                let Line { places, heard } = line.get_mut();
                heard.get_or_insert_with(Instant::now);
                let place = Place { wake, offer, is_urgent };
                if is_urgent {
                    places.push_front(place);
                } else {
                    places.push_back(place);
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
            // Another commit has stored the offer.
            Ok(Err(_)) => Err(Error::new(Kind::Conflict)),
            Err(_) => Err(self.gives_up(key, deadline)),
        }
    }

    fn gives_up(&self, key: &Key, deadline: &Deadline) -> Error {
        let shard = self.shard(key);
        shard.get(key).map_or_else(|| Error::new(Kind::Conflict), |line| line.gives_up(deadline))
    }

    /// Notes that the store has answered the commit that has the turn.
    fn hear(&self, key: &Key) {
        if let Some(Line { heard: Some(heard), .. }) = self.shard(key).get_mut(key) {
            *heard = Instant::now();
        }
    }

    /// Returns whether a commit holds this key.
    pub(super) fn is_busy(&self, key: &Key) -> bool {
        self.shard(key).contains_key(key)
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Lines> {
        let [.., last] = key.digest();
        // No code under this lock panics halfway through a change, so the state behind a poisoned lock is whole.
        self.0[usize::from(last) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes and returns the commits at the front of the line, up to the first one that does not offer its changes.
    fn take_offers(&self, key: &Key) -> VecDeque<Place> {
        let mut shard = self.shard(key);
        let Some(Line { places: line, .. }) = shard.get_mut(key) else { return VecDeque::new() };
        let offers = line.iter().take(MOST_JOINED).take_while(|place| place.offer.is_some()).count();
        line.drain(..offers).collect()
    }

    /// Puts commits back at the front of the line, behind the urgent ones.
    fn put_back(&self, key: &Key, places: impl DoubleEndedIterator<Item = Place>) {
        let mut shard = self.shard(key);
        let Some(Line { places: line, .. }) = shard.get_mut(key) else { return };
        let urgent = line.iter().take_while(|place| place.is_urgent).count();
        places.rev().for_each(|place| line.insert(urgent, place));
    }

    /// Wakes the next in line, or frees the key.
    fn pass(&self, key: &Key, mut run: Run, newest: Option<Option<&Versioned>>) {
        let mut shard = self.shard(key);
        let Entry::Occupied(mut line) = shard.entry(*key) else { return };
        while let Some(next) = line.get_mut().places.pop_front() {
            run.since.get_or_insert_with(Instant::now);
            if newest.is_some() {
                line.get_mut().heard = Some(Instant::now());
            }
            // Fails if the commit gave up waiting.
            if next.wake.send((run, newest.map(Option::<&Versioned>::cloned))).is_ok() {
                return;
            }
        }
        line.remove();
    }
}

impl Turn<'_> {
    /// Notes that the store has answered, although this commit needs another try.
    pub(super) fn hear(&self) {
        self.queues.hear(&self.key);
    }

    /// Passes the turn on. Returns the key's last known value.
    pub(super) fn finish(mut self) -> Option<Versioned> {
        self.pass();
        self.current.take()
    }

    /// Passes the offers at the front of the line to `join`, in their order, until one of them needs its own turn. The next swap
    /// must store the offers that `join` applied.
    pub(super) fn gather(&mut self, mut join: impl FnMut(&Offer) -> Joined) {
        let (mut places, mut last) = (Vec::new(), None);
        let mut waiting = self.queues.take_offers(&self.key);
        while let Some(place) = waiting.pop_front() {
            match place.offer.as_ref().map_or(Joined::NeedsTurn, |offer| join(offer)) {
                Joined::Applied(opened) => {
                    last = Some(opened);
                    places.push(place);
                }
                Joined::Withdrawn => {}
                Joined::NeedsTurn => {
                    waiting.push_front(place);
                    break;
                }
            }
        }
        if !waiting.is_empty() {
            self.queues.put_back(&self.key, waiting.into_iter());
        }
        self.group = last.map(|opened| Box::new(Group { places, opened }));
    }

    /// Tells the commits of the group that the swap has stored their changes.
    pub(super) fn complete_group(&mut self) {
        let Some(group) = self.group.take() else { return };
        for Place { offer, .. } in &group.places {
            // Dropping the place wakes the commit.
            if let Some(offer) = offer {
                offer.complete(self.current.as_ref(), &group.opened);
            }
        }
    }

    /// Puts the commits of the group back at the front of the line. `is_certain`: whether it is certain that the swap did not
    /// happen and never will. Another swap may then store their changes.
    pub(super) fn disband_group(&mut self, is_certain: bool) {
        let Some(group) = self.group.take() else { return };
        if is_certain {
            group.places.iter().filter_map(|place| place.offer.as_ref()).for_each(|offer| offer.reopen());
        }
        self.queues.put_back(&self.key, group.places.into_iter());
    }

    fn pass(&mut self) {
        if !self.has_passed {
            self.has_passed = true;
            // While `current` is the store's latest answer, no swap is in progress.
            self.disband_group(self.is_newest);
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

#[cfg(test)]
mod tests;
