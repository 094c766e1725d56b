//! A gate at which requests wait for each other, in the middle of their handlers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

use crate::session::Seen;

/// A closed gate.
struct Gate {
    arrived: Semaphore,
    opened: Semaphore,
}

static GATE: Mutex<Option<Arc<Gate>>> = Mutex::new(None);
static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

/// Waits if the gate is closed.
pub async fn pause() {
    let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(gate) = gate {
        gate.arrived.add_permits(1);
        if let Ok(permit) = gate.opened.acquire().await {
            permit.forget();
        }
    }
}

/// Closes the gate. Opens it again when `waiting` requests have arrived (or a second has passed) and `meanwhile` has ended.
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

/// Records the session that a handler saw.
pub fn show(seen: Seen) {
    *SEEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
}

/// Takes the last session that was recorded.
pub fn shown() -> Option<Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).take()
}
