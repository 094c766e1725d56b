//! Where requests wait for each other, in the middle of their handlers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::session::Seen;

/// A place to wait.
struct Gate {
    arrived: Semaphore,
    opened: Semaphore,
}

static GATE: Mutex<Option<Arc<Gate>>> = Mutex::new(None);
static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

/// Waits where a gate is closed.
pub async fn pause() {
    let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(gate) = gate {
        gate.arrived.add_permits(1);
        if let Ok(permit) = gate.opened.acquire().await {
            permit.forget();
        }
    }
}

/// Closes the gate, and once so many wait there (or do not come) and `meanwhile` has ended, opens it again.
pub async fn closed_for(waiting: u32, meanwhile: impl Future<Output = ()>, requests: impl Future<Output = ()>) {
    let gate = Arc::new(Gate { arrived: Semaphore::new(0), opened: Semaphore::new(0) });
    *GATE.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&gate));
    let open = async {
        let _ = tokio::time::timeout(Duration::from_secs(1), gate.arrived.acquire_many(waiting)).await;
        *GATE.lock().unwrap_or_else(PoisonError::into_inner) = None;
        meanwhile.await;
        gate.opened.add_permits(waiting as usize);
    };
    tokio::join!(requests, open);
}

/// A handler tells what it saw.
pub fn show(seen: Seen) {
    *SEEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
}

/// What the last one told.
pub fn shown() -> Option<Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).take()
}
