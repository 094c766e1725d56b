//! New verifiers: by privilege, by the clock, and their first presentation.

use std::sync::Arc;

use super::subject::{APPLIED, NOW, RENEWED, Seen, Sentence as _, Subject, after, create, digest, update};
use crate::{
    clock::Timestamp,
    store::{Applied, Change, Previous, Renew, Replaced, Store},
};

fn by_privilege(to: u8) -> Renew {
    Renew::Privilege { to: digest(to) }
}

fn by_timer(from: u8, to: u8) -> Renew {
    super::subject::by_timer(digest(from), digest(to))
}

fn presented(verifier: u8) -> Renew {
    Renew::Presented { verifier: digest(verifier) }
}

fn replaced_by_privilege(verifier: u8, at: Timestamp) -> Option<Previous> {
    Some(Previous { verifier: digest(verifier), replaced: Replaced::ByPrivilege { at } })
}

fn replaced_by_timer(verifier: u8, presented_at: Option<Timestamp>) -> Option<Previous> {
    Some(Previous { verifier: digest(verifier), replaced: Replaced::ByTimer { presented_at } })
}

// B24, S9
pub(super) async fn privilege_replaces_the_verifier_and_the_generation<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1")).await;
    let before = session.seen().await;
    assert_eq!(session.apply_at(&update().renewing(by_privilege(2)), after(3)).await, RENEWED);
    let seen = session.seen().await;
    assert_eq!(seen.verifiers(), (digest(2), replaced_by_privilege(1, after(3))));
    assert_eq!((seen.record.generation, seen.record.renewed_at), (1, after(3)));
    assert_eq!(seen.fields, before.fields);
    assert_eq!(seen.record.created_at, before.record.created_at);
}

// B25
pub(super) async fn privilege_again_keeps_the_last_verifier_only<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    assert_eq!(session.apply(&update().renewing(by_timer(1, 2))).await, RENEWED);
    for generation in 0..5 {
        let verifier = 3 + generation as u8;
        let change = Change::update(generation).renewing(by_privilege(verifier));
        assert_eq!(session.apply_at(&change, after(generation)).await, RENEWED);
        let seen = session.seen().await;
        assert_eq!(seen.verifiers(), (digest(verifier), replaced_by_privilege(verifier - 1, after(generation))));
        assert_eq!(seen.record.generation, generation + 1);
    }
    // The clock's renewal then replaces the note that privilege left.
    assert_eq!(session.apply(&Change::update(5).renewing(by_timer(7, 8))).await, RENEWED);
    assert_eq!(session.seen().await.verifiers(), (digest(8), replaced_by_timer(7, None)));
}

// B23, S11
pub(super) async fn the_timer_replaces_the_verifier_alone<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1")).await;
    let Seen { record: before, fields } = session.seen().await;
    assert_eq!(session.apply_at(&update().renewing(by_timer(1, 2)), after(3)).await, RENEWED);
    let seen = session.seen().await;
    assert_eq!(seen.verifiers(), (digest(2), replaced_by_timer(1, None)));
    assert_eq!((seen.record.generation, seen.record.renewed_at), (0, after(3)));
    assert_eq!((seen.record.idle_until, seen.fields), (before.idle_until, fields));
    // A request that was loaded before still writes: B23.
    session.write(&update().setting("a", b"2")).await;
    assert_eq!(session.value("a").await.as_deref(), Some(&b"2"[..]));
}

// S11: the answer with verifier 2 was lost, so the visitor still presents 1, which must stay good.
pub(super) async fn the_timer_keeps_what_was_presented<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    assert_eq!(session.apply(&update().renewing(by_timer(1, 2))).await, RENEWED);
    let again = Renew::Timer { from: digest(2), presented: digest(1), to: digest(3) };
    assert_eq!(session.apply_at(&update().renewing(again), after(3)).await, RENEWED);
    assert_eq!(session.seen().await.verifiers(), (digest(3), replaced_by_timer(1, None)));
}

// S11
pub(super) async fn who_loses_the_timer_race_writes_all_the_same<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    assert_eq!(session.apply_at(&update().renewing(by_timer(1, 2)), after(3)).await, RENEWED);
    let late = update().renewing(by_timer(1, 3)).setting("a", b"1").adding("n", 1).touching(after(60));
    assert_eq!(session.apply_at(&late, after(4)).await, APPLIED);
    let seen = session.seen().await;
    assert_eq!(seen.verifiers(), (digest(2), replaced_by_timer(1, None)));
    assert_eq!((seen.record.renewed_at, seen.record.idle_until), (after(3), after(60)));
    assert_eq!(seen.fields.len(), 2);
}

// S11
pub(super) async fn presenting_starts_the_minute_once<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    assert_eq!(session.apply(&update().renewing(by_timer(1, 2))).await, RENEWED);
    assert_eq!(session.apply_at(&update().renewing(presented(2)), after(5)).await, APPLIED);
    assert_eq!(session.seen().await.verifiers(), (digest(2), replaced_by_timer(1, Some(after(5)))));
    assert_eq!(session.apply_at(&update().renewing(presented(2)), after(6)).await, APPLIED);
    let seen = session.seen().await;
    assert_eq!(seen.verifiers(), (digest(2), replaced_by_timer(1, Some(after(5)))));
    assert_eq!((seen.record.renewed_at, seen.record.generation), (NOW, 0));
    // Renewed again, the new one has yet to be presented.
    assert_eq!(session.apply_at(&update().renewing(by_timer(2, 3)), after(7)).await, RENEWED);
    assert_eq!(session.seen().await.verifiers(), (digest(3), replaced_by_timer(2, None)));
}

pub(super) async fn presenting_another_verifier_does_nothing<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    session.assert_unchanged_by(&update().renewing(presented(1)), APPLIED).await;
    assert_eq!(session.apply(&update().renewing(by_timer(1, 2))).await, RENEWED);
    for verifier in [1, 3] {
        session.assert_unchanged_by(&update().renewing(presented(verifier)), APPLIED).await;
    }
    assert_eq!(session.apply(&update().renewing(presented(1)).setting("a", b"1")).await, APPLIED);
    assert_eq!(session.value("a").await.as_deref(), Some(&b"1"[..]));
}

pub(super) async fn presenting_after_privilege_does_nothing<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    assert_eq!(session.apply(&update().renewing(by_privilege(2))).await, RENEWED);
    session.assert_unchanged_by(&Change::update(1).renewing(presented(2)), APPLIED).await;
    session.assert_unchanged_by(&update().renewing(presented(2)), Applied::Moved).await;
}

// B34: a renewal whose answer was lost, and what came after it.
pub(super) async fn a_renewal_sent_again_says_whether_it_holds<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    let won = update().renewing(by_timer(1, 2));
    let lost = update().renewing(by_timer(1, 3));
    assert_eq!(session.apply(&won).await, RENEWED);
    assert_eq!(session.apply(&lost).await, APPLIED);
    session.assert_unchanged_by(&won, RENEWED).await;
    session.assert_unchanged_by(&lost, APPLIED).await;
    let privilege = update().renewing(by_privilege(4));
    assert_eq!(session.apply(&privilege).await, RENEWED);
    session.assert_unchanged_by(&privilege, RENEWED).await;
    session.assert_unchanged_by(&won, APPLIED).await;
}
