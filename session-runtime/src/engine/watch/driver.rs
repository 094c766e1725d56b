//! The task that looks at watched sessions. It holds only a weak reference, so it ends with the last owner of the sessions.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, PoisonError, Weak},
    task::Poll,
    time::Duration,
};

use futures_util::{Stream as _, stream::FuturesUnordered};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, sleep_until},
};

use super::{super::Engine, Fate, SessionEnd};
use crate::{key::Key, store::Feed};

/// How many sessions one look loads.
const BATCH: usize = 64;
/// How many looks are in progress at once, so that the end of many sessions does not flood the store.
const LOOKS: usize = 4;
/// How long the driver waits before it listens to the store again: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Starts the driver, unless it runs.
pub(super) fn ensure(engine: &Arc<Engine>) {
    let mut driver = engine.watches.driver.lock().unwrap_or_else(PoisonError::into_inner);
    if driver.as_ref().is_none_or(|driver| driver.is_finished())
        && let Ok(runtime) = Handle::try_current()
    {
        *driver = Some(runtime.spawn(drive(Arc::downgrade(engine))).abort_handle());
    }
}

/// Wakes the watchers if the driver ends before the sessions do, as it does when its runtime shuts down.
struct Orphans(Weak<Engine>);

impl Drop for Orphans {
    fn drop(&mut self) {
        if let Some(engine) = self.0.upgrade() {
            engine.watches.wake_watchers();
        }
    }
}

async fn drive(weak: Weak<Engine>) {
    let Some(wake) = weak.upgrade().map(|engine| Arc::clone(&engine.watches.wake)) else { return };
    let _orphans = Orphans(Weak::clone(&weak));
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
                let (keys, next) = engine.watches.take_due(Instant::now(), BATCH);
                if keys.is_empty() {
                    break next;
                }
                looks.push(look(Arc::clone(&engine), keys));
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

/// Loads sessions, and judges each.
async fn look(engine: Arc<Engine>, keys: Vec<Key>) {
    let now = engine.clock.now();
    let answer = engine.load_many(&keys, now).await;
    let now = engine.clock.now();
    match answer {
        Ok(values) => {
            // A store that answers too few values says nothing about the others.
            let values = values.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
            for (key, stored) in keys.iter().zip(values) {
                engine.watches.judge(key, now, |expires_at| {
                    stored.map_or(Fate::Unchanged, |stored| engine.fate(stored.as_ref(), expires_at, now))
                });
            }
        }
        Err(error) => {
            warn_limited!(%error, "watched sessions could not be looked up; they will be again within `watch_every`");
            for key in &keys {
                // A session whose last known deadline has passed is over, even if the store cannot say so.
                engine.watches.judge(key, now, |expires_at| {
                    if expires_at.passed(now) { Fate::Over(SessionEnd::Unknown) } else { Fate::Unchanged }
                });
            }
        }
    }
}

/// Listens to the store until it says that it has no feed. A connection that breaks is made again.
async fn listen(weak: Weak<Engine>) {
    let mut wait = RETRY.0;
    loop {
        let Some(engine) = weak.upgrade() else { return };
        let Some(store) = engine.backend.shared_store() else { return };
        drop(engine);
        let since = Instant::now();
        let feed = {
            let weak = Weak::clone(&weak);
            Feed::new(move |key| {
                if let Some(engine) = weak.upgrade() {
                    engine.watches.hint(key);
                }
            })
        };
        match store.listen(feed).await {
            Ok(()) => return,
            Err(error) => {
                if since.elapsed() > RETRY.1 {
                    wait = RETRY.0;
                }
                warn_limited!(
                    %error,
                    "the session store's feed of ended sessions was interrupted; until it is back, open streams learn of an \
                     end within `watch_every`"
                );
                sleep(wait).await;
                wait = (wait * 2).min(RETRY.1);
            }
        }
    }
}
