//! The task that looks up watched sessions in the store. Between looks, it holds only a weak reference to the engine. So it ends
//! when the engine is dropped.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    thread,
    time::Duration,
};

use futures_util::{Stream as _, stream::FuturesUnordered};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, sleep_until},
};

use super::{super::Engine, Fate, Look};
use crate::{
    event::SessionEnd,
    store::{Feed, StoreError},
};

/// How many sessions one look loads at most.
const BATCH: usize = 64;
/// How many looks may be in progress at the same time. The limit keeps the end of many sessions from flooding the store.
const LOOKS: usize = 4;
/// How long the driver waits before it listens to the store's feed again after an error: the first wait, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Starts the driver, unless one is running. Returns `false` if the new driver ended immediately, because the current runtime is
/// shutting down.
pub(super) fn ensure(engine: &Arc<Engine>) -> bool {
    let Ok(runtime) = Handle::try_current() else { return true };
    if engine.watches.is_driven.swap(true, Ordering::SeqCst) {
        return true;
    }
    !runtime.spawn(drive(Driving(Arc::downgrade(engine)))).is_finished()
}

/// Marks the driver as running. When the driver ends before the engine is dropped, for example because its runtime shuts down,
/// dropping this lets a watcher start the next driver. This also works if the task is dropped before it is first polled.
struct Driving(Weak<Engine>);

impl Drop for Driving {
    fn drop(&mut self) {
        if let Some(engine) = self.0.upgrade() {
            engine.watches.is_driven.store(false, Ordering::SeqCst);
            engine.watches.wake_watchers();
        }
    }
}

async fn drive(driving: Driving) {
    let weak = Weak::clone(&driving.0);
    let Some(wake) = weak.upgrade().map(|engine| Arc::clone(&engine.watches.wake)) else { return };
    let mut listening = pin!(listen(Weak::clone(&weak)));
    let mut listens = true;
    let mut looks = FuturesUnordered::new();
    loop {
        let due = {
            let Some(engine) = weak.upgrade() else { return };
            loop {
                if looks.len() >= LOOKS {
                    // The next look begins when one of these ends.
                    break None;
                }
                let (due, next) = engine.watches.take_due(Instant::now(), BATCH);
                if due.keys.is_empty() {
                    break next;
                }
                looks.push(caught(look(Looking { engine: Arc::clone(&engine), look: due })));
            }
        };
        let mut woken = pin!(wake.notified());
        let mut slept = pin!(async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        });
        poll_fn(|cx| {
            if listens && listening.as_mut().poll(cx).is_ready() {
                listens = false;
            }
            let looked = !looks.is_empty() && Pin::new(&mut looks).poll_next(cx).is_ready();
            let is_due = woken.as_mut().poll(cx).is_ready() || slept.as_mut().poll(cx).is_ready();
            if looked || is_due { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Runs `work`. Returns `None` if it panics, for example in a store that the application wrote, so that the watches of other
/// sessions continue.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// A look in progress. If it is dropped early, its sessions without a result become due again.
struct Looking {
    engine: Arc<Engine>,
    look: Look,
}

impl Drop for Looking {
    fn drop(&mut self) {
        let watches = &self.engine.watches;
        if thread::panicking() {
            warn_limited!("a look at watched sessions panicked; they will be looked up again within `watch_every`");
            // Each session gets its own random wait. Otherwise the same sessions would share every look with the one whose load
            // panics, and would never get a result.
            watches.put_back(&self.look, || watches.wait(Duration::ZERO));
        } else {
            watches.put_back(&self.look, || Duration::ZERO);
        }
    }
}

/// Loads the sessions of a look, and applies the result for each.
async fn look(looking: Looking) {
    let Looking { engine, look: Look { number, keys } } = &looking;
    let answer = engine.load_many(keys, engine.clock.now()).await;
    let now = engine.clock.now();
    match answer {
        Ok(values) => {
            // If the store returns too few values, nothing is known about the remaining sessions.
            let values = values.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
            for (key, stored) in keys.iter().zip(values) {
                engine.watches.judge(*number, key, now, |expires_at| {
                    stored.map_or(Fate::Unchanged, |stored| engine.fate(stored.as_ref(), expires_at, now))
                });
            }
        }
        Err(error) => {
            warn_limited!(%error, "watched sessions could not be looked up; they will be again within `watch_every`");
            for key in keys {
                // A session whose last known deadline has passed counts as over, even though the store cannot confirm that.
                engine.watches.judge(*number, key, now, |expires_at| {
                    if expires_at.passed(now) { Fate::Over(SessionEnd::Unknown) } else { Fate::Unchanged }
                });
            }
        }
    }
}

/// Listens to the store's feed, and reconnects when it breaks. Returns if the store has no feed, or if the engine is dropped.
async fn listen(weak: Weak<Engine>) {
    let (mut wait, mut is_first) = (RETRY.0, true);
    loop {
        let Some(store) = weak.upgrade().and_then(|engine| engine.backend.shared_store()) else { return };
        let since = Instant::now();
        let was_connected = Arc::new(AtomicBool::new(false));
        let feed = feed(&weak, &was_connected, is_first);
        let error = match caught(store.listen(feed)).await {
            Some(Ok(())) => {
                tracing::info!(
                    target: "session_runtime",
                    "the session store does not announce ended sessions, so open streams on other servers learn of an end \
                     within `watch_every`"
                );
                return;
            }
            Some(Err(error)) => error,
            None => StoreError::new("`Store::listen` panicked"),
        };
        // If a server accepts each connection and drops it at once, the driver must pause between connections: after each one,
        // it looks up all watched sessions. So only a connection that has lasted resets the wait.
        if was_connected.load(Ordering::SeqCst) && since.elapsed() > RETRY.1 {
            (wait, is_first) = (RETRY.0, true);
        }
        // Warns only once for each outage.
        if std::mem::take(&mut is_first) {
            warn_limited!(
                %error,
                "the session store's feed of ended sessions was interrupted; until it is back, open streams learn of an end \
                 within `watch_every`"
            );
        } else {
            tracing::debug!(target: "session_runtime", %error, "the session store's feed is still interrupted");
        }
        sleep(wait).await;
        wait = (wait * 2).min(RETRY.1);
    }
}

/// Returns a feed that passes messages on to the engine, and notes that it was connected.
fn feed(engine: &Weak<Engine>, was_connected: &Arc<AtomicBool>, is_first: bool) -> Feed {
    let (heard, connected, was_connected) = (Weak::clone(engine), Weak::clone(engine), Arc::clone(was_connected));
    let feed = Feed::new(move |key| {
        if let Some(engine) = heard.upgrade() {
            engine.watches.hint(key);
        }
    });
    feed.on_connected(move || {
        was_connected.store(true, Ordering::SeqCst);
        if let Some(engine) = connected.upgrade() {
            engine.watches.hint_all();
        }
        if !is_first {
            tracing::info!(target: "session_runtime", "the session store's feed of ended sessions is back");
        }
    })
}
