//! The task that looks at watched sessions. It holds only a weak reference, so it ends with the last owner of the sessions.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, Weak, atomic::Ordering},
    task::Poll,
    thread,
    time::Duration,
};

use futures_util::{Stream as _, stream::FuturesUnordered};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, sleep_until},
};

use super::{super::Engine, Fate, Look, SessionEnd};
use crate::store::{Feed, StoreError};

/// How many sessions one look loads.
const BATCH: usize = 64;
/// How many looks are in progress at once, so that the end of many sessions does not flood the store.
const LOOKS: usize = 4;
/// How long the driver waits before it listens to the store again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// A feed that lasted for this long was connected. One that ended sooner may be another attempt during the same outage.
const CONNECTED: Duration = Duration::from_secs(30);

/// Starts the driver, unless there is one. Returns `false` if it ended at once, since this runtime is shutting down.
pub(super) fn ensure(engine: &Arc<Engine>) -> bool {
    let Ok(runtime) = Handle::try_current() else { return true };
    if engine.watches.is_driven.swap(true, Ordering::SeqCst) {
        return true;
    }
    !runtime.spawn(drive(Driving(Arc::downgrade(engine)))).is_finished()
}

/// The driver's right to be the only one. If it ends before the sessions do, as when its runtime shuts down, a watcher starts
/// the next driver. The task may end before it is first polled.
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
                    // The next one begins when one of these ends.
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

/// Runs `work`. Returns `None` if it panics, as a store of the application's may: the watches of other sessions go on.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// A look in progress. If it is dropped before its end, the sessions that it did not judge are due again.
struct Looking {
    engine: Arc<Engine>,
    look: Look,
}

impl Drop for Looking {
    fn drop(&mut self) {
        let watches = &self.engine.watches;
        if thread::panicking() {
            warn_limited!("a look at watched sessions panicked; they will be looked up again within `watch_every`");
            // Each after a time of its own, so that one session does not hold up the same others again and again.
            watches.put_back(&self.look, || watches.wait(Duration::ZERO));
        } else {
            watches.put_back(&self.look, || Duration::ZERO);
        }
    }
}

/// Loads sessions, and judges each.
async fn look(looking: Looking) {
    let Looking { engine, look: Look { number, keys } } = &looking;
    let answer = engine.load_many(keys, engine.clock.now()).await;
    let now = engine.clock.now();
    match answer {
        Ok(values) => {
            // A store that answers too few values says nothing about the others.
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
                // A session whose last known deadline has passed is over, even if the store cannot say so.
                engine.watches.judge(*number, key, now, |expires_at| {
                    if expires_at.passed(now) { Fate::Over(SessionEnd::Unknown) } else { Fate::Unchanged }
                });
            }
        }
    }
}

/// Listens to the store until it says that it has no feed. A connection that breaks is made again.
async fn listen(weak: Weak<Engine>) {
    let (mut wait, mut is_first) = (RETRY.0, true);
    loop {
        let Some(store) = weak.upgrade().and_then(|engine| engine.backend.shared_store()) else { return };
        let since = Instant::now();
        let feed = {
            let weak = Weak::clone(&weak);
            Feed::new(move |key| {
                if let Some(engine) = weak.upgrade() {
                    engine.watches.hint(key);
                }
            })
        };
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
        if since.elapsed() >= CONNECTED {
            (wait, is_first) = (RETRY.0, true);
        }
        // One line for each outage.
        if std::mem::take(&mut is_first) {
            tracing::warn!(
                target: "session_runtime",
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
