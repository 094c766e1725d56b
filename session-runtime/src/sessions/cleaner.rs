//! The task that removes expired sessions. It holds nothing alive: it ends with the last owner of the sessions.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{MissedTickBehavior, interval},
};

use crate::engine::Engine;

/// Starts cleaning, if there is a runtime to do it in.
pub(super) fn start(engine: &Arc<Engine>, every: Duration) {
    match Handle::try_current() {
        Ok(runtime) => {
            let task = runtime.spawn(clean(Arc::downgrade(engine), every));
            let _ = engine.cleaner.set(task.abort_handle()); // built once, so set once
        }
        Err(_) => tracing::debug!(
            target: "session_runtime",
            "sessions were built outside of a runtime, so nothing removes the expired: call `delete_expired` now and then"
        ),
    }
}

async fn clean(engine: Weak<Engine>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await; // the first comes at once
    if let Some(engine) = engine.upgrade()
        && let Err(error) = engine.leave_marker().await
    {
        tracing::debug!(target: "session_runtime", %error, "the keys of other applications on this store could not be looked up");
    }
    loop {
        ticks.tick().await;
        let Some(engine) = engine.upgrade() else { return };
        match engine.backend.delete_expired(engine.clock.now()).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(target: "session_runtime", removed, "expired sessions removed"),
            Err(error) => tracing::warn!(target: "session_runtime", %error, "expired sessions could not be removed"),
        }
    }
}
