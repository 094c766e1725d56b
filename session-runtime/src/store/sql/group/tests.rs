use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use futures_util::future::join_all;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

use super::*;
use crate::{
    clock::Timestamp,
    key::Key,
    store::{Store as _, Swapped, Value as Stored, Versioned, sql::SqlStore},
};

const NOW: Timestamp = Timestamp::from_millis(1_000);
const WRITERS: u8 = 40;

fn key(number: u8) -> Key {
    Key::from_digest([number; 16])
}

fn value(revision: u64) -> Stored {
    Stored::from_bytes([&revision.to_be_bytes()[..], b"whatever"].concat())
}

/// Returns a store in a file, and a count of the transactions that are committed to it.
async fn store(folder: &std::path::Path) -> (SqlStore, Arc<AtomicU64>) {
    let commits = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&commits);
    let options = SqlitePoolOptions::new().after_connect(move |connection, _| {
        let commits = Arc::clone(&counted);
        Box::pin(async move {
            connection.lock_handle().await?.set_commit_hook(move || {
                commits.fetch_add(1, SeqCst);
                true
            });
            Ok(())
        })
    });
    let file = SqliteConnectOptions::new().filename(folder.join("sessions.db")).create_if_missing(true);
    let store = SqlStore::from_pool(options.connect_lazy_with(file.journal_mode(SqliteJournalMode::Wal)));
    store.migrate().await.unwrap();
    (store, commits)
}

async fn swap(store: &SqlStore, number: u8, before: Option<u64>, after: u64) -> bool {
    let before = before.map(|revision| Versioned::with_revision(value(revision), revision));
    let swapped = store.swap(&key(number), before.as_ref(), Some(&value(after)), NOW).await.unwrap();
    match swapped {
        Swapped::Done(_) => true,
        Swapped::Stale(current) => {
            assert_ne!(
                current.map(|current| current.value().revision()),
                before.map(|before| before.value().revision())
            );
            false
        }
    }
}

async fn revision(store: &SqlStore, number: u8) -> u64 {
    store.load(&key(number), NOW).await.unwrap().unwrap().value().revision()
}

#[tokio::test]
async fn updates_that_wait_are_executed_together_and_each_learns_its_own_result() {
    let folder = tempfile::tempdir().unwrap();
    let (store, commits) = store(folder.path()).await;
    for number in 0..WRITERS {
        assert!(swap(&store, number, None, 1).await);
    }
    let before = commits.load(SeqCst);
    let turn = store.database.writers.turn().await;
    // Every third update names an outdated revision, and is refused. The last update replaces row 1 too: one of the two
    // succeeds.
    let swaps = (0..WRITERS).map(|number| swap(&store, number, Some(if number % 3 == 0 { 7 } else { 1 }), 2));
    let swaps = join_all(swaps.chain([swap(&store, 1, Some(1), 3)]));
    let (done, ()) = tokio::join!(swaps, async {
        while store.database.writers.waiting().len() <= usize::from(WRITERS) {
            tokio::task::yield_now().await;
        }
        drop(turn);
    });
    for number in (0..WRITERS).filter(|number| *number != 1) {
        assert_eq!(done[usize::from(number)], number % 3 != 0, "{number}");
        assert_eq!(revision(&store, number).await, if number % 3 == 0 { 1 } else { 2 });
    }
    assert!(done[1] != done[usize::from(WRITERS)], "one of two writes replaces the revision that both name");
    assert_eq!(revision(&store, 1).await, if done[1] { 2 } else { 3 });
    let took = commits.load(SeqCst) - before;
    assert!(took <= 6, "{took} transactions for {WRITERS} updates");
}

#[tokio::test]
async fn an_update_whose_caller_has_given_up_is_not_executed_and_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store(folder.path()).await;
    for number in 0..4 {
        assert!(swap(&store, number, None, 1).await);
    }
    let turn = store.database.writers.turn().await;
    let tasks: Vec<_> = (0..4)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { swap(&store, number, Some(1), 2).await })
        })
        .collect();
    while store.database.writers.waiting().len() < 4 {
        tokio::task::yield_now().await;
    }
    // The first task is next in the queue: it would execute all four updates.
    let mut tasks = tasks.into_iter();
    let first = tasks.next().unwrap();
    first.abort();
    assert!(first.await.is_err());
    drop(turn);
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(revision(&store, 0).await, 1);
}
