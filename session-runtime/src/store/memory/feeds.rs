//! [`Feeds`]: the feeds that listen for sessions that end in a memory store.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
};

use super::super::{Feed, Key};

/// The feeds of the engines on one store. Most stores have none, so a write first reads their number.
#[derive(Default)]
pub(super) struct Feeds {
    feeds: RwLock<Vec<(usize, Feed)>>,
    count: AtomicUsize,
    registered: AtomicUsize,
}

impl Feeds {
    /// Adds a feed, until the guard is dropped.
    pub(super) fn register(&self, feed: Feed) -> Registered<'_> {
        let number = self.registered.fetch_add(1, Ordering::Relaxed);
        self.feeds.write().unwrap_or_else(PoisonError::into_inner).push((number, feed));
        self.count.fetch_add(1, Ordering::SeqCst);
        Registered { feeds: self, number }
    }

    /// Tells the feeds of a critical write to `key`, or of the removal of its value. The caller must hold no lock of the store.
    pub(super) fn wrote(&self, key: &Key) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let feeds: Vec<_> = {
            let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
            feeds.iter().map(|(_, feed)| feed.clone()).collect()
        };
        feeds.iter().for_each(|feed| feed.wrote(key));
    }
}

/// A feed that is registered. Dropping this removes it.
pub(super) struct Registered<'a> {
    feeds: &'a Feeds,
    number: usize,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.feeds.feeds.write().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number != self.number);
        self.feeds.count.fetch_sub(1, Ordering::SeqCst);
    }
}
