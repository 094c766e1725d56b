//! B62: stores announce by a message that a session ended, and the message wakes the session's watches. These tests break the
//! feed of messages, and check that the watches then still learn of the end.

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

/// Opens a stream of a new session, and returns after the watch's first look at the store. After that, only a message or the
/// passage of time leads to another look.
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
    panic!("the watch did not look at the store within a minute");
}

/// Waits until a message ends a stream. Until the feed is connected, messages are lost, so each try opens another stream.
async fn hears(two: &Two) {
    for _ in 0..60 {
        let (_, ended) = watched(two, "eve").await;
        two.there.sessions.of("eve").revoke_all().await.unwrap();
        if let Ok(end) = timeout(Duration::from_secs(1), ended).await {
            assert_eq!(end, SessionEnd::Revoked);
            return;
        }
    }
    panic!("the feed delivered no message within a minute");
}

/// Checks that a stream learns of an end. Its watch must look at the store often, because no message may arrive.
async fn polls(two: &Two) {
    let (_, ended) = watched(two, "bob").await;
    two.there.sessions.of("bob").revoke_all().await.unwrap();
    assert_eq!(soon(ended).await, SessionEnd::Revoked);
}

/// Returns two pairs of servers. The watches of the first look once an hour, so only a message ends their streams in time. The
/// watches of the second look often.
fn rarely_and_often(store: &AnyStore) -> [Two; 2] {
    [hours(1), OFTEN].map(|every| Two::new(store.clone(), every))
}

/// Waits until this thread has logged a sentence. Returns how many of the logged lines contain the sentence.
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
