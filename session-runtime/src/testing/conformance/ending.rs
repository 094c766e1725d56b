//! Sessions that end: removed if they are what they are taken for, once and for good.

use std::sync::Arc;

use super::{
    races::race,
    subject::{APPLIED, NOW, RENEWED, Sentence as _, Subject, after, create, digest, ending, update},
};
use crate::{
    clock::Timestamp,
    store::{Applied, Change, Renew, Store},
};

// B26, S20
pub(super) async fn ending_removes<S: Store>(store: Arc<S>) {
    let create = create().setting("theme", b"dark").signing_in(b"ada", NOW);
    let [session, other] = [Subject::created_by(&store, &create).await, Subject::created(&store).await];
    assert_eq!(session.end(&ending(0)).await, APPLIED);
    for now in [Timestamp::from_millis(1), NOW, after(1)] {
        assert_eq!(session.load(now).await, None, "also for a node whose clock is behind");
        for change in [update().setting("theme", b"light"), update().signing_in(b"ada", NOW).touching(after(90))] {
            assert_eq!(session.apply_at(&change, now).await, Applied::Gone);
        }
    }
    assert_eq!(session.end(&ending(0)).await, Applied::Gone);
    other.seen().await;
}

// B23
pub(super) async fn another_generation_does_not_end<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("theme", b"dark")).await;
    assert_eq!(session.apply(&update().renewing(Renew::Privilege { to: digest(2) })).await, RENEWED);
    let before = session.seen().await;
    assert_eq!(session.end(&ending(0)).await, Applied::Moved);
    assert_eq!(session.seen().await, before);
    session.write(&Change::update(1).setting("theme", b"light")).await;
    assert_eq!(session.end(&ending(1)).await, APPLIED);
    assert_eq!(session.load(NOW).await, None);
}

// B22, S12
pub(super) async fn ending_what_is_not_there_is_gone<S: Store>(store: Arc<S>) {
    let nobody = Subject::absent(&store);
    assert_eq!(nobody.end(&ending(0)).await, Applied::Gone);
    assert_eq!(nobody.load(NOW).await, None);
    assert_eq!(nobody.apply(&create()).await, APPLIED, "no trace of it is in the way");
    assert_eq!(nobody.end_at(&ending(0), after(30)).await, Applied::Gone, "it has expired");
}

// B34: whoever sends it again takes either for an answer to the first.
pub(super) async fn an_end_sent_again_ends_nothing_else<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    let ending = ending(0);
    assert_eq!(session.end(&ending).await, APPLIED);
    for _ in 0..3 {
        let again = session.end(&ending).await;
        assert!([APPLIED, Applied::Gone].contains(&again), "{again:?}");
        assert_eq!(session.load(NOW).await, None);
    }
}

pub(super) async fn one_end_of_many_wins<S: Store>(store: Arc<S>) {
    for _ in 0..20 {
        let session = Subject::created(&store).await;
        let ends = race(8, |_| {
            let session = session.clone();
            async move { session.end(&ending(0)).await }
        });
        let won = ends.await.into_iter().filter(|end| *end != Applied::Gone).collect::<Vec<_>>();
        assert_eq!(won, [APPLIED]);
    }
}

// B22
pub(super) async fn what_ends_while_written_stays_ended<S: Store>(store: Arc<S>) {
    for _ in 0..20 {
        let session = Subject::created(&store).await;
        race(4, |racer| {
            let session = session.clone();
            async move {
                if racer == 0 {
                    return assert_eq!(session.end(&ending(0)).await, APPLIED);
                }
                for _ in 0..10 {
                    session.apply(&update().adding("n", 1).touching(after(90))).await;
                }
            }
        })
        .await;
        assert_eq!(session.load(NOW).await, None);
    }
}
