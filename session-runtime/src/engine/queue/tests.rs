#![allow(clippy::unwrap_used, reason = "tests")]

use std::task::{Context, Waker};

use super::*;

const LIMIT: Duration = Duration::from_secs(60);

// F9: a visitor who sends any number of requests must not fill the memory with commits that wait.
#[tokio::test]
async fn at_most_4096_commits_wait_for_one_key() {
    let (queues, deadline) = (Queues::default(), Deadline::new(LIMIT));
    let (key, other) = (Key::from_digest([7; 16]), Key::from_digest([8; 16]));
    let turn = queues.enter_if_free(&key, None).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = VecDeque::new();
    for _ in 0..4_096 {
        let mut commit = Box::pin(queues.enter(&key, None, false, None, &deadline));
        assert!(commit.as_mut().poll(&mut context).is_pending());
        waiting.push_back(commit);
    }
    for is_urgent in [false, true] {
        let refused = queues.enter(&key, None, is_urgent, None, &deadline).await.err();
        assert!(refused.is_some_and(|error| error.is_conflict()), "urgent: {is_urgent}");
    }
    assert!(queues.enter(&other, None, false, None, &deadline).await.is_ok(), "each key has a line of its own");

    // The first in line gets the turn, so one more commit can wait.
    drop(turn);
    let turn = waiting.pop_front().unwrap().await.unwrap();
    let mut last = Box::pin(queues.enter(&key, None, false, None, &deadline));
    assert!(last.as_mut().poll(&mut context).is_pending());
    assert!(queues.enter(&key, None, false, None, &deadline).await.is_err());

    // No place is lost: every commit that waits gets the turn.
    drop(turn);
    for commit in waiting {
        assert!(commit.await.is_ok());
    }
    assert!(last.await.is_ok());
    assert!(!queues.is_busy(&key));
}
