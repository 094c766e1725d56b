//! Watches sessions until they end, for streams and sockets that stay open ([`Core::ended`](crate::Core::ended)).
//!
//! - [`Watches`]: the watched sessions of an engine, and when each is next looked up in the store. A *look* is one such look-up
//!   of several sessions.
//! - [`driver`]: the one task that does the looks. [`fate`]: decides from a stored value whether a watched session is over.
//! - [`of_request`]: watches a request's own session, which the request itself may still renew.

mod driver;
mod fate;
mod of_request;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, hash_map},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::yield_now, time::Instant};

use self::fate::Fate;
use super::Engine;
use crate::{
    clock::Timestamp,
    event::SessionEnd,
    id::Nonce,
    key::{ByKey, Key},
    record::Record,
};

const DAY: Duration = Duration::from_secs(86_400);

/// The watched sessions of an engine.
pub(crate) struct Watches {
    watched: Mutex<Watched>,
    /// How many sessions are watched. A commit takes the lock only if there are any.
    count: AtomicUsize,
    /// Wakes the driver when a session becomes due before the driver would wake by itself.
    wake: Arc<Notify>,
    /// Whether a driver is running.
    is_driven: AtomicBool,
    /// The longest time between two looks at a session.
    every: Duration,
    /// Wakes the watches of requests that have no stored session yet.
    moved_on: Notify,
    /// How many watches wait for `moved_on`.
    awaiting: AtomicUsize,
}

#[derive(Default)]
struct Watched {
    sessions: HashMap<Key, Entry, ByKey>,
    /// When each session is due, earliest first. A session with a look in progress is not in this set.
    due: BTreeSet<(Instant, Key)>,
    /// How many looks have begun.
    looks: u64,
}

/// One look-up of the sessions that are due.
struct Look {
    /// Looks are numbered from 1.
    number: u64,
    keys: Vec<Key>,
}

/// A watched session.
struct Entry {
    /// The session's next deadline, as last known.
    expires_at: Timestamp,
    next: Next,
    watchers: Vec<Arc<Watcher>>,
}

/// When the next look at a session takes place.
enum Next {
    At(Instant),
    /// The look with this number is in progress. If `again` is set, the session may have changed since the look began, so another
    /// look follows immediately.
    Looking {
        look: u64,
        again: bool,
    },
}

/// A caller that waits for the end of a session.
pub(super) struct Watcher {
    /// The session's generation when the watch began.
    generation: u64,
    /// Whether a user was signed in when the watch began.
    signed_in: bool,
    /// How many looks had begun when the watch began. Their results do not count for this watcher: they may be about an earlier
    /// generation of the session.
    since: u64,
    end: OnceLock<SessionEnd>,
    wake: Notify,
}

/// The state of a session when a watch of it begins.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    /// The key of the session, or of its revocation if the session is kept in a cookie.
    key: Key,
    generation: u64,
    signed_in: bool,
    expires_at: Timestamp,
}

impl Subject {
    pub(super) fn new(key: Key, record: &Record) -> Self {
        Self {
            key,
            generation: record.generation,
            signed_in: record.user.is_some(),
            expires_at: fate::next_deadline(record),
        }
    }
}

impl Watches {
    pub(crate) fn new(every: Duration) -> Self {
        // `Instant` cannot represent times that are too far in the future.
        let every = every.min(DAY);
        Self {
            watched: Mutex::default(),
            count: AtomicUsize::new(0),
            wake: Arc::default(),
            is_driven: AtomicBool::new(false),
            every,
            moved_on: Notify::new(),
            awaiting: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        // Each step under the lock leaves the tables consistent.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a watcher. Makes the session due immediately, because it may have ended since the request loaded it.
    fn add(&self, subject: &Subject) -> Arc<Watcher> {
        let Subject { key, generation, signed_in, expires_at } = *subject;
        let Watched { sessions, due, looks } = &mut *self.lock();
        let (end, wake) = (OnceLock::new(), Notify::new());
        let watcher = Arc::new(Watcher { generation, signed_in, since: *looks, end, wake });
        match sessions.entry(key) {
            hash_map::Entry::Occupied(entry) => {
                let entry = entry.into_mut();
                entry.watchers.push(Arc::clone(&watcher));
                entry.hasten(due, key);
            }
            hash_map::Entry::Vacant(place) => {
                let now = Instant::now();
                place.insert(Entry { expires_at, next: Next::At(now), watchers: vec![Arc::clone(&watcher)] });
                due.insert((now, key));
                self.count.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.wake.notify_one();
        watcher
    }

    /// Removes a watcher, if it is still there.
    fn remove(&self, key: Key, watcher: &Arc<Watcher>) {
        let watched = &mut *self.lock();
        let Some(entry) = watched.sessions.get_mut(&key) else { return };
        entry.watchers.retain(|other| !Arc::ptr_eq(other, watcher));
        if entry.watchers.is_empty() {
            self.forget(watched, key);
        }
    }

    fn forget(&self, watched: &mut Watched, key: Key) {
        if let Some(entry) = watched.sessions.remove(&key) {
            if let Next::At(at) = entry.next {
                watched.due.remove(&(at, key));
            }
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Makes the session with this key due immediately, if it is watched. Called when the session may have ended or have a new
    /// id.
    pub(super) fn hint(&self, key: &Key) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let Watched { sessions, due, .. } = &mut *self.lock();
        if let Some(entry) = sessions.get_mut(key) {
            entry.hasten(due, *key);
            self.wake.notify_one();
        }
    }

    /// Makes all watched sessions due immediately: messages about them may have been lost.
    fn hint_all(&self) {
        let Watched { sessions, due, .. } = &mut *self.lock();
        for (key, entry) in sessions {
            entry.hasten(due, *key);
        }
        self.wake.notify_one();
    }

    /// Begins a look at the sessions that are due, but at most `most` of them. Also returns when the next session is due.
    fn take_due(&self, now: Instant, most: usize) -> (Look, Option<Instant>) {
        let Watched { sessions, due, looks } = &mut *self.lock();
        *looks += 1;
        let mut look = Look { number: *looks, keys: Vec::new() };
        while let Some((at, key)) = due.first().copied() {
            if at > now || look.keys.len() == most {
                return (look, Some(at));
            }
            due.pop_first();
            if let Some(entry) = sessions.get_mut(&key) {
                entry.next = Next::Looking { look: look.number, again: false };
                look.keys.push(key);
            }
        }
        (look, None)
    }

    /// Applies the result of a look to one session: wakes the watchers for which the session is over, and sets when the session
    /// is due next. `look` is the number of the look. `judge` returns the session's fate, given its deadline as last known.
    fn judge(&self, look: u64, key: &Key, now: Timestamp, judge: impl FnOnce(Timestamp) -> Fate) {
        let mut watched = self.lock();
        let Some(entry) = watched.sessions.get_mut(key) else { return };
        // All watchers may have been removed since the look began, and new ones added, for which another look is due.
        let Next::Looking { look: current, again } = entry.next else { return };
        if current != look {
            return;
        }
        let fate = judge(entry.expires_at);
        let is_over = |watcher: &mut Arc<Watcher>| {
            let end = fate.of(watcher).filter(|_| watcher.since < look);
            // The end is set only here, and only once, because the watcher is removed.
            end.is_some_and(|end| watcher.end.set(end).is_ok())
        };
        let over: Vec<_> = entry.watchers.extract_if(.., is_over).collect();
        if entry.watchers.is_empty() {
            self.forget(&mut watched, *key);
        } else {
            if let Fate::Live { expires_at, .. } = fate {
                entry.expires_at = expires_at;
            }
            let wait = if again { Duration::ZERO } else { self.wait(entry.expires_at.since(now)) };
            let at = Instant::now() + wait;
            entry.next = Next::At(at);
            watched.due.insert((at, *key));
        }
        drop(watched);
        // The lock is released first: waking a task may drop it immediately, and dropping its watch takes the lock.
        over.iter().for_each(|watcher| watcher.wake.notify_waiters());
    }

    /// Makes the sessions of a look that have no result due again, after `wait`.
    fn put_back(&self, look: &Look, wait: impl Fn() -> Duration) {
        let Watched { sessions, due, .. } = &mut *self.lock();
        for key in &look.keys {
            if let Some(entry) = sessions.get_mut(key)
                && matches!(entry.next, Next::Looking { look: number, .. } if number == look.number)
            {
                let at = Instant::now() + wait();
                entry.next = Next::At(at);
                due.insert((at, *key));
            }
        }
    }

    /// Returns how long to wait until the next look at a session that expires after `left`. Part of the wait is random, so that
    /// the looks at sessions whose watches began together spread out over time.
    fn wait(&self, left: Duration) -> Duration {
        let jitter = Nonce::next().0 % 256;
        #[allow(clippy::cast_precision_loss, reason = "below 256")]
        let polled = self.every.mul_f64(1.0 - jitter as f64 / 1024.0);
        // A deadline that has already passed does not shorten the wait. Otherwise the looks would follow each other without a
        // pause.
        if left.is_zero() { polled } else { polled.min(left + Duration::from_millis(1)) }
    }

    /// Wakes all watchers, so that one of them starts a new driver after the previous one ended with its runtime.
    fn wake_watchers(&self) {
        let watchers: Vec<_> = self.lock().sessions.values().flat_map(|entry| entry.watchers.iter().cloned()).collect();
        watchers.iter().for_each(|watcher| watcher.wake.notify_waiters());
    }

    /// Notes that a request has stored a session, or that its response has been sent.
    pub(super) fn request_moved_on(&self) {
        if self.awaiting.load(Ordering::SeqCst) > 0 {
            self.moved_on.notify_waiters();
        }
    }

    /// Wakes the driver, which then finds that the engine is gone, and ends.
    pub(super) fn stop(&self) {
        self.wake.notify_one();
    }
}

impl Entry {
    /// Makes the session due immediately.
    fn hasten(&mut self, due: &mut BTreeSet<(Instant, Key)>, key: Key) {
        match &mut self.next {
            Next::Looking { again, .. } => *again = true,
            Next::At(at) => {
                due.remove(&(*at, key));
                *at = Instant::now().min(*at);
                due.insert((*at, key));
            }
        }
    }
}

/// A watch in progress. Dropping it ends the watch.
struct Watching {
    engine: Arc<Engine>,
    key: Key,
    watcher: Arc<Watcher>,
}

impl Watching {
    fn begin(engine: &Arc<Engine>, subject: &Subject) -> Self {
        Self { engine: Arc::clone(engine), key: subject.key, watcher: engine.watches.add(subject) }
    }

    /// Waits until the session is over for this watcher.
    async fn end(&self) -> SessionEnd {
        loop {
            let woken = pin!(self.watcher.wake.notified());
            if let Some(end) = self.watcher.end.get() {
                return *end;
            }
            if driver::ensure(&self.engine) {
                woken.await;
            } else {
                yield_now().await;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.engine.watches.remove(self.key, &self.watcher);
    }
}
