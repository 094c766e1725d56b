//! What keeps a change from applying, in which order, and that it then leaves no trace.

use std::sync::Arc;

use super::subject::{APPLIED, NOW, RENEWED, Sentence as _, Subject, after, by_timer, create, digest, update};
use crate::store::{Applied, Change, Renew, Store};

// B22, S12
pub(super) async fn an_update_of_nothing_is_gone<S: Store>(store: Arc<S>) {
    let nobody = Subject::absent(&store);
    for change in [update(), update().setting("a", b"1"), update().adding("n", 1), update().touching(after(90))] {
        nobody.assert_unchanged_by(&change, Applied::Gone).await;
        assert_eq!(nobody.load(NOW).await, None);
    }
}

// B22, S12: also a touch, and a sign-in.
pub(super) async fn an_update_after_deletion_is_gone<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1")).await;
    session.delete().await;
    for change in [
        update().touching(after(90)),
        update().setting("a", b"2"),
        update().restarting(after(90), after(900), true).signing_in(b"ada", NOW),
        update().renewing(Renew::Privilege { to: digest(2) }),
    ] {
        assert_eq!(session.apply(&change).await, Applied::Gone);
        assert_eq!(session.load(NOW).await, None, "a deleted session must not come back by {change:?}");
    }
    assert_eq!(session.apply(&create()).await, APPLIED, "no trace of them is in the way");
}

// B23
pub(super) async fn another_generation_is_moved<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    assert_eq!(session.apply(&update().renewing(Renew::Privilege { to: digest(2) })).await, RENEWED);
    for generation in [0, 2, u64::MAX] {
        session.assert_unchanged_by(&Change::update(generation).setting("a", b"1"), Applied::Moved).await;
        session.assert_unchanged_by(&Change::update(generation).touching(after(90)), Applied::Moved).await;
    }
    session.write(&Change::update(1).setting("a", b"1")).await;
}

// B21
pub(super) async fn an_unmet_expectation_is_a_conflict<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("cart", b"apple")).await;
    for change in [
        update().expecting("cart", None),
        update().expecting("cart", Some(b"pear")),
        update().expecting("other", Some(b"apple")),
    ] {
        let change = change.setting("cart", b"mine").adding("n", 1).touching(after(90)).signing_in(b"ada", NOW);
        session.assert_unchanged_by(&change, Applied::Conflict).await;
    }
}

pub(super) async fn a_met_expectation_applies<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    session.write(&update().expecting("cart", None).setting("cart", b"apple")).await;
    session.write(&update().expecting("cart", Some(b"apple")).expecting("x", None).setting("cart", b"pear")).await;
    session.write(&update().expecting("cart", Some(b"pear")).unsetting("cart")).await;
    session.write(&update().expecting("cart", None)).await;
    assert_eq!(session.value("cart").await, None);
}

pub(super) async fn an_expectation_compares_every_byte<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"\xffb\0c").setting("empty", b"")).await;
    for wrong in [&b"\xffb\0d"[..], b"\xffb\0", b"\xffb\0c\0", b"", b"\xffB\0c"] {
        session.assert_unchanged_by(&update().expecting("a", Some(wrong)), Applied::Conflict).await;
    }
    // An empty value is not an absent one.
    session.assert_unchanged_by(&update().expecting("empty", None), Applied::Conflict).await;
    session.assert_unchanged_by(&update().expecting("none", Some(b"")), Applied::Conflict).await;
    session.write(&update().expecting("a", Some(b"\xffb\0c")).expecting("empty", Some(b""))).await;
}

pub(super) async fn one_unmet_expectation_among_several_refuses_all<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1").setting("b", b"2")).await;
    let change = update().expecting("a", Some(b"1")).expecting("b", Some(b"3")).setting("a", b"9");
    session.assert_unchanged_by(&change, Applied::Conflict).await;
    let change = update().expecting("a", Some(b"3")).expecting("b", Some(b"2")).setting("a", b"9");
    session.assert_unchanged_by(&change, Applied::Conflict).await;
}

pub(super) async fn a_create_heeds_expectations<S: Store>(store: Arc<S>) {
    let session = Subject::absent(&store);
    session.assert_unchanged_by(&create().expecting("cart", Some(b"apple")), Applied::Conflict).await;
    assert_eq!(session.load(NOW).await, None, "a create that was refused must leave no record");
    assert_eq!(session.apply(&create().expecting("cart", None).setting("cart", b"pear")).await, APPLIED);
}

pub(super) async fn gone_comes_before_moved_and_moved_before_conflict<S: Store>(store: Arc<S>) {
    let all_wrong = || Change::update(7).expecting("a", Some(b"1"));
    let session = Subject::created(&store).await;
    session.assert_unchanged_by(&all_wrong(), Applied::Moved).await;
    assert_eq!(session.apply_at(&all_wrong(), after(30)).await, Applied::Gone, "when expired");
    session.delete().await;
    assert_eq!(session.apply(&all_wrong()).await, Applied::Gone, "when deleted");
}

pub(super) async fn nothing_is_written_unless_applied<S: Store>(store: Arc<S>) {
    let create =
        create().setting("a", b"1").setting_until("code", b"123456", after(5)).adding("n", 7).signing_in(b"ada", NOW);
    let session = Subject::created_by(&store, &create).await;
    session.write(&update().renewing(Renew::Presented { verifier: digest(1) })).await;
    let everything = |change: Change| {
        change
            .setting("a", b"2")
            .setting("new", b"3")
            .unsetting("code")
            .adding("n", 1)
            .adding("m", 1)
            .keeping(["a"])
            .touching(after(90))
            .restarting(after(100), after(1_000), true)
            .signing_out()
    };
    for renew in [None, Some(Renew::Privilege { to: digest(2) }), Some(by_timer(digest(1), digest(2)))] {
        let attempts = [
            (everything(Change::update(1)), Applied::Moved),
            (everything(update()).expecting("a", Some(b"9")), Applied::Conflict),
            (everything(super::subject::create()), Applied::Conflict),
        ];
        for (mut change, answer) in attempts {
            change.renew.clone_from(&renew);
            session.assert_unchanged_by(&change, answer).await;
        }
    }
}
