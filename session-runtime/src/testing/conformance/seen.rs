//! When a session was last seen: with each change that is applied, and with no other. B39

use std::sync::Arc;

use super::subject::{APPLIED, NOW, RENEWED, Sentence as _, Subject, after, by_timer, create, digest, update};
use crate::store::{Applied, Change, Renew, Store};

pub(super) async fn a_new_record_was_just_seen<S: Store>(store: Arc<S>) {
    assert_eq!(Subject::created(&store).await.seen().await.record.seen_at, NOW);
    // Also when it took a while to get here.
    let late = Subject::absent(&store);
    assert_eq!(late.apply_at(&create(), after(1)).await, APPLIED);
    let record = late.seen().await.record;
    assert_eq!((record.created_at, record.seen_at), (NOW, after(1)));
}

pub(super) async fn every_change_moves_it_on<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for (change, minute) in [
        update(),
        update().setting("a", b"1"),
        update().unsetting("a"),
        update().unsetting("missing"),
        update().adding("n", 0),
        update().keeping([]),
        update().expecting("a", None),
        update().touching(after(60)),
        // That moves no deadline.
        update().touching(after(60)),
        update().touching(NOW),
        update().signing_in(b"ada", NOW),
        update().signing_out(),
        update().restarting(after(50), after(60), true),
        update().renewing(Renew::Presented { verifier: digest(9) }),
        // Too late to renew.
        update().renewing(by_timer(digest(9), digest(2))),
    ]
    .into_iter()
    .zip(1..)
    {
        assert_eq!(session.apply_at(&change, after(minute)).await, APPLIED);
        assert_eq!(session.seen().await.record.seen_at, after(minute), "after {change:?}");
    }
    for (renew, minute) in [(by_timer(digest(1), digest(2)), 20), (Renew::Privilege { to: digest(3) }, 21)] {
        let change = update().renewing(renew);
        assert_eq!(session.apply_at(&change, after(minute)).await, RENEWED);
        assert_eq!(session.seen().await.record.seen_at, after(minute), "after {change:?}");
    }
    assert_eq!(session.seen().await.record.created_at, NOW);
}

pub(super) async fn a_refused_change_does_not_move_it<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for (change, answer) in [
        (create(), Applied::Conflict),
        (update().expecting("a", Some(b"1")), Applied::Conflict),
        (Change::update(1).touching(after(60)), Applied::Moved),
    ] {
        assert_eq!(session.apply_at(&change, after(5)).await, answer);
        assert_eq!(session.seen().await.record.seen_at, NOW, "after {change:?}");
    }
    // Nor does looking.
    assert_eq!(session.load(after(6)).await.map(|seen| seen.record.seen_at), Some(NOW));
}

// B34
pub(super) async fn a_change_sent_again_does_not_move_it<S: Store>(store: Arc<S>) {
    let session = Subject::absent(&store);
    for (change, minute) in [(create(), 0), (update().touching(after(60)), 2), (update().setting("a", b"1"), 4)] {
        for late in [0, 1] {
            assert_eq!(session.apply_at(&change, after(minute + late)).await, APPLIED);
            assert_eq!(session.seen().await.record.seen_at, after(minute), "after {change:?}");
        }
    }
}

/// The clock of another node may be behind.
pub(super) async fn it_never_moves_back<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for (minute, seen) in [(5, 5), (3, 5), (0, 5), (6, 6)] {
        assert_eq!(session.apply_at(&update().adding("n", 1), after(minute)).await, APPLIED);
        assert_eq!(session.seen().await.record.seen_at, after(seen), "after a change in minute {minute}");
    }
    assert_eq!(session.number("n").await, Some(4), "and is no reason to refuse");
    let ahead = Subject::created_by(&store, &Change::create(digest(1), after(2), after(30), after(720))).await;
    assert_eq!(ahead.seen().await.record.seen_at, after(2));
}
