//! Changes that are sent again because their answer was lost.

use std::sync::Arc;

use super::subject::{APPLIED, NOW, RENEWED, Sentence as _, Subject, after, answered, create, digest, update};
use crate::store::{Applied, Change, NONCES, Renew, Store};

// B34
pub(super) async fn a_change_sent_again_counts_once<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    let change = update().adding("visits", 1);
    for _ in 0..3 {
        assert_eq!(session.apply(&change).await, APPLIED);
        assert_eq!(session.number("visits").await, Some(1));
    }
}

// B34
pub(super) async fn a_create_sent_again_is_no_conflict<S: Store>(store: Arc<S>) {
    let session = Subject::absent(&store);
    let create = create().adding("visits", 1);
    assert_eq!(session.apply(&create).await, APPLIED);
    assert_eq!(session.apply(&create).await, APPLIED);
    assert_eq!(session.number("visits").await, Some(1));
    assert_eq!(session.apply(&super::subject::create()).await, Applied::Conflict, "another create of the same key");
}

// B34
pub(super) async fn a_change_sent_again_undoes_nothing<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    let first = update().setting("theme", b"dark").unsetting("cart").touching(after(40));
    session.write(&first).await;
    session.write(&update().setting("theme", b"light").setting("cart", b"full").touching(after(50))).await;
    session.assert_unchanged_by(&first, APPLIED).await;
}

pub(super) async fn already_applied_comes_before_moved_and_conflict<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    let first = update().expecting("cart", None).setting("cart", b"full");
    session.write(&first).await;
    session.assert_unchanged_by(&first, APPLIED).await;
    let renewal = update().renewing(Renew::Privilege { to: digest(2) });
    assert_eq!(session.apply(&renewal).await, RENEWED);
    session.assert_unchanged_by(&first, APPLIED).await;
    session.assert_unchanged_by(&renewal, RENEWED).await;
}

pub(super) async fn the_last_eight_changes_are_recognised<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    // More than are remembered; of each run of that many, the oldest is still known.
    let changes: Vec<_> = (0..2 * NONCES).map(|_| update().adding("visits", 1)).collect();
    for (index, change) in changes.iter().enumerate() {
        session.write(change).await;
        for recent in &changes[(index + 1).saturating_sub(NONCES)..=index] {
            session.assert_unchanged_by(recent, APPLIED).await;
        }
    }
    assert_eq!(session.number("visits").await, Some(2 * NONCES as i128));
    // Touches count among the changes, and crowd out nothing but the oldest.
    let last = update().adding("visits", 1);
    session.write(&last).await;
    for _ in 1..NONCES {
        session.write(&update().touching(after(40))).await;
    }
    session.assert_unchanged_by(&last, APPLIED).await;
}

pub(super) async fn a_refused_change_may_be_sent_again<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("cart", b"theirs")).await;
    let change = update().expecting("cart", Some(b"mine")).adding("visits", 1);
    session.assert_unchanged_by(&change, Applied::Conflict).await;
    session.write(&update().setting("cart", b"mine")).await;
    session.write(&change).await;
    assert_eq!(session.number("visits").await, Some(1), "a refusal must not be remembered as done");

    let early = Change::update(1).adding("visits", 1);
    session.assert_unchanged_by(&early, Applied::Moved).await;
    assert_eq!(session.apply(&update().renewing(Renew::Privilege { to: digest(2) })).await, RENEWED);
    session.write(&early).await;
    assert_eq!(session.number("visits").await, Some(2));
}

// B34
pub(super) async fn a_change_sent_many_times_at_once_counts_once<S: Store>(store: Arc<S>) {
    for _ in 0..20 {
        let session = Subject::created(&store).await;
        let change = Arc::new(update().adding("visits", 1));
        let sendings: Vec<_> = (0..8)
            .map(|_| {
                let (session, change) = (session.clone(), change.clone());
                tokio::spawn(async move { answered(session.store.apply(&session.key, &change, NOW).await) })
            })
            .collect();
        for sending in sendings {
            assert_eq!(sending.await.expect("no panic"), APPLIED);
        }
        assert_eq!(session.number("visits").await, Some(1));
    }
}
