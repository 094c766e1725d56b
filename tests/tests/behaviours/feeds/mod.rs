//! B62: the messages by which stores announce that a session ended, and the watches that they wake: their faults, and what is left
//! without them.

mod crowd;
mod generations;
mod in_cookies;
mod in_use;
mod memory;
mod panics;
mod redis;
mod runtimes;
mod sql;

use std::time::Duration;

use session_runtime::{Ended, SessionEnd};
use tests::{app::hours, client::Visitor, log::Log, store::AnyStore};
use tokio::time::timeout;

use crate::watch::{OFTEN, Two, is_over, soon};

/// Opens a stream of a new session, and returns it once the session was looked at: from now on, only a message or the passage of
/// time leads to the next look.
async fn watched(two: &Two, user: &str) -> (Visitor, Ended) {
    let visitor = two.here.signed_in(user).await;
    let mut ended = two.open(&visitor).await.ended();
    let looks = two.here.controls.calls().0;
    for _ in 0..6_000 {
        assert!(!is_over(&mut ended).await);
        if two.here.controls.calls().0 > looks {
            return (visitor, ended);
        }
        tokio::time::sleep(Duration::from_millis(10)).await; // polls
    }
    panic!("no look within a minute");
}

/// Waits until a message ends a stream. Messages are lost until the feed is connected, so this tries again and again.
async fn hears(two: &Two) {
    for _ in 0..60 {
        let (_, ended) = watched(two, "eve").await;
        two.there.sessions.of("eve").revoke_all().await.unwrap();
        if let Ok(end) = timeout(Duration::from_secs(1), ended).await {
            assert_eq!(end, SessionEnd::Revoked);
            return;
        }
    }
    panic!("no message within a minute");
}

/// Checks that a stream learns of an end although no message comes.
async fn polls(two: &Two) {
    let (_, ended) = watched(two, "bob").await;
    two.there.sessions.of("bob").revoke_all().await.unwrap();
    assert_eq!(soon(ended).await, SessionEnd::Revoked);
}

/// Returns servers with a stream that only a message ends, and others whose streams look often.
fn rarely_and_often(store: &AnyStore) -> [Two; 2] {
    [hours(1), OFTEN].map(|every| Two::new(store.clone(), every))
}

/// Waits until this thread has logged a sentence, and returns how many lines contain it.
async fn logged(log: &Log, sentence: &str) -> usize {
    let mut lines = String::new();
    for _ in 0..6_000 {
        lines += &log.take();
        if lines.contains(sentence) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await; // polls
    }
    lines.lines().filter(|line| line.contains(sentence)).count()
}
