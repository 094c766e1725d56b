//! The task that removes expired sessions. It holds only a weak reference to the engine, so it ends after the engine's last
//! owner is dropped.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};

use crate::engine::Engine;

/// Starts the task, unless it was started or stopped before. Sessions may be built before there is a runtime, so requests try
/// again.
pub(super) fn ensure(engine: &Arc<Engine>) {
    if engine.cleaner.get().is_none() {
        start(engine);
    }
}

#[cold]
fn start(engine: &Arc<Engine>) {
    if engine.clean_every.is_zero() {
        let _ = engine.cleaner.set(None); // fails only if it is already set
    } else if let Ok(runtime) = Handle::try_current() {
        engine.cleaner.get_or_init(|| {
            let task = runtime.spawn(clean(Arc::downgrade(engine), engine.clean_every));
            Some(task.abort_handle())
        });
    }
}

async fn clean(engine: Weak<Engine>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await; // the first tick completes immediately
    if let Some(engine) = engine.upgrade()
        && let Err(error) = engine.leave_marker().await
    {
        tracing::debug!(target: "session_runtime", %error, "it could not be checked whether the store holds sessions under other keys");
    }
    loop {
        ticks.tick().await;
        let Some(engine) = engine.upgrade() else { return };
        match engine.delete_expired().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(target: "session_runtime", removed, "expired sessions removed"),
            Err(error) => tracing::warn!(target: "session_runtime", %error, "expired sessions could not be removed"),
        }
    }
}
