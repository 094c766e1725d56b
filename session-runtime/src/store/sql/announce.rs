//! Announces ended sessions on PostgreSQL, after the writes that end them, for the processes that listen.
//!
//! The writing statement could call `pg_notify` itself. But PostgreSQL commits transactions with messages one after the other,
//! and each of them waits for the disk: ten clients then write 240 to 340 rows in a second instead of 2,300 to 2,800. So the
//! messages have a transaction of their own, which does not wait for the disk, and which takes all that have gathered meanwhile.
//! If a message is lost, an open stream of the ended session (such as a WebSocket) stays open until its server next looks at the
//! store (`watch_every`).

use std::{
    sync::{
        Arc, Mutex as Lock, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::Mutex, time::sleep};

use super::{advice, database::Database, statements::CHANNEL};
use crate::id::hex;

/// How long messages gather before they are sent, so that a burst of sign-ins or sign-outs takes few transactions.
const GATHERED: Duration = Duration::from_millis(5);

/// The most messages in one transaction.
const MOST: usize = 1000;

/// The messages of one store.
pub(super) struct Announcer {
    database: Arc<Database>,
    waiting: Lock<Vec<[u8; 16]>>,
    /// Held while messages are sent. Those that come meanwhile are sent together.
    turn: Mutex<()>,
    /// Whether the database has refused messages for a reason that stays.
    is_silent: AtomicBool,
}

/// Announces a write that may end a session. The announcement is sent when this value is dropped, so also if the caller stops
/// waiting for the write's answer.
pub(super) struct Announcing {
    announcer: Arc<Announcer>,
    id: [u8; 16],
    is_withdrawn: bool,
}

impl Announcing {
    pub(super) fn new(announcer: &Arc<Announcer>, id: [u8; 16]) -> Self {
        Self { announcer: Arc::clone(announcer), id, is_withdrawn: false }
    }

    /// Announces nothing: for a write that certainly did not happen.
    pub(super) fn withdraw(mut self) {
        self.is_withdrawn = true;
    }
}

impl Drop for Announcing {
    fn drop(&mut self) {
        let announcer = &self.announcer;
        if self.is_withdrawn || announcer.is_silent.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        announcer.waiting().push(self.id);
        runtime.spawn(Arc::clone(announcer).send());
    }
}

impl Announcer {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, waiting: Lock::default(), turn: Mutex::new(()), is_silent: AtomicBool::new(false) }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<[u8; 16]>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the messages that wait, unless another task has sent them.
    async fn send(self: Arc<Self>) {
        let _turn = self.turn.lock().await;
        if self.is_silent.load(Ordering::Relaxed) {
            self.waiting().clear(); // they came before the database refused those of another task
        }
        if self.waiting().is_empty() {
            return; // another task has sent the messages
        }
        sleep(GATHERED).await;
        let ids = std::mem::take(&mut *self.waiting());
        for ids in ids.chunks(MOST) {
            let ids: Vec<_> = ids.iter().map(|id| format!("'{}'", hex(id))).collect();
            let script = format!(
                "BEGIN; SET LOCAL synchronous_commit TO off; \
                 SELECT pg_notify('{CHANNEL}', id) FROM unnest(ARRAY[{}]) AS id; COMMIT",
                ids.join(", ")
            );
            let Err(error) = self.database.run(&script).await else { continue };
            // A full message queue will have room again. The other refusals are permanent.
            if advice::cannot_announce(&error) && !advice::is_queue_full(&error) {
                self.is_silent.store(true, Ordering::Relaxed);
            }
            warn_limited!(
                %error,
                "the database does not announce ended sessions, so open streams on other servers learn of an end by \
                 `watch_every` only"
            );
        }
    }
}
