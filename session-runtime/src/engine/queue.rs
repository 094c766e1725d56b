//! Takes turns at one key within this process: of the commits to one session, one at a time asks the store, and hands what
//! the store holds by then to the next. So n commits at once cost n swaps, not n² (F9).

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, time::timeout_at};

use super::deadline::Deadline;
use crate::{
    error::{Error, Kind},
    key::Key,
    value::Versioned,
};

/// What a key holds, as far as the commit before knew. `None`: it did not know.
pub(super) type Handed = Option<Option<Versioned>>;

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
    /// What the next is to know.
    pub(super) newest: Handed,
}

impl Queues {
    /// Waits until it is this commit's turn, and says what the key holds if the commit before knew. `urgent`: it goes
    /// before all that wait, as an end does.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if the line is too long, or the deadline passes.
    pub(super) async fn enter(
        &self,
        key: &Key,
        urgent: bool,
        deadline: &Deadline,
    ) -> Result<(Turn<'_>, Handed), Error> {
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
        let Some(woken) = waiting else { return Ok((self.turn(key), None)) };
        let mut place = Place { woken: Some(woken), queues: self, key };
        let Some(woken) = &mut place.woken else { return Err(Error::new(Kind::Conflict)) };
        // In a box: few commits wait, and every one would have room for it.
        match Box::pin(timeout_at(deadline.at(), woken)).await {
            Ok(Ok(handed)) => {
                place.woken = None;
                Ok((self.turn(key), handed))
            }
            _ => Err(Error::new(Kind::Conflict)),
        }
    }

    fn turn(&self, key: &Key) -> Turn<'_> {
        Turn { queues: self, key: *key, newest: None }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<[u8; 16], Line>> {
        let [.., last] = key.local();
        // Nothing in here panics halfway through a change, so what a poisoned lock guards is whole.
        self.0[usize::from(*last) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the next in line, or frees the key.
    fn pass(&self, key: &Key, mut newest: Handed) {
        let mut shard = self.shard(key);
        let Some(line) = shard.get_mut(key.local()) else { return };
        while let Some(next) = line.0.pop_front() {
            match next.send(newest) {
                Ok(()) => return,
                // It gave up.
                Err(back) => newest = back,
            }
        }
        shard.remove(key.local());
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.queues.pass(&self.key, self.newest.take());
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
