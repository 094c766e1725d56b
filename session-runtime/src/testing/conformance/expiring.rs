//! Values with a deadline of their own: once it has passed they are absent to everything.

use std::sync::Arc;

use super::subject::{APPLIED, NOW, Sentence as _, Subject, after, create, number, update};
use crate::{
    clock::Timestamp,
    store::{Add, Applied, Store},
};

// B15, S18
pub(super) async fn an_expired_value_is_absent_to_expectations<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting_until("code", b"123456", after(5))).await;
    let is_there = || update().expecting("code", Some(b"123456"));
    let is_absent = || update().expecting("code", None);
    assert_eq!(session.apply_at(&is_absent(), after(4)).await, Applied::Conflict);
    assert_eq!(session.apply_at(&is_there(), after(4)).await, APPLIED);
    // The deadline itself is past.
    assert_eq!(session.apply_at(&is_there(), after(5)).await, Applied::Conflict);
    assert_eq!(session.apply_at(&is_absent(), after(5)).await, APPLIED);
    assert_eq!(session.load(after(5)).await.map(|seen| seen.fields.len()), Some(0));
}

// B15
pub(super) async fn an_expired_counter_counts_from_initial<S: Store>(store: Arc<S>) {
    let attempt = |expires| Add { name: "tries".into(), amount: 1, floor: 0, ceiling: 9, initial: 0, expires };
    let session = Subject::created(&store).await;
    for minute in 0..3 {
        assert_eq!(session.apply_at(&update().adding_with(attempt(after(minute + 5))), after(minute)).await, APPLIED);
    }
    let tries = async |now| session.load(now).await.and_then(|mut seen| seen.fields.remove("tries"));
    assert_eq!(tries(after(6)).await.map(|(value, expires)| (number(&value), expires)), Some((Some(3), after(7))));
    assert_eq!(tries(after(7)).await, None);
    assert_eq!(session.apply_at(&update().adding_with(attempt(after(12))), after(7)).await, APPLIED);
    assert_eq!(tries(after(7)).await.map(|(value, _)| number(&value)), Some(Some(1)));
}

// B15
pub(super) async fn an_expired_value_goes_with_the_next_write<S: Store>(store: Arc<S>) {
    let create = create().setting_until("code", b"1", after(5)).setting("a", b"1");
    let session = Subject::created_by(&store, &create).await;
    assert_eq!(session.apply_at(&update().setting("a", b"2"), after(6)).await, APPLIED);
    // Looked at as of `NOW`, when it had not expired: what is gone is gone.
    assert_eq!(session.seen().await.fields.into_keys().collect::<Vec<_>>(), ["a"]);
}

// B15
pub(super) async fn a_deadline_starts_anew_with_each_write<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting_until("code", b"1", after(5))).await;
    let code = async |now| session.load(now).await.and_then(|mut seen| seen.fields.remove("code"));
    session.write(&update().setting_until("code", b"1", after(8))).await;
    assert_eq!(code(after(7)).await, Some((b"1".to_vec(), after(8))));
    session.write(&update().setting_until("code", b"2", after(3))).await;
    assert_eq!(code(after(3)).await, None, "it may also be brought forward");
    assert_eq!(session.apply_at(&update().setting_until("code", b"3", after(9)), after(4)).await, APPLIED);
    assert_eq!(code(after(8)).await, Some((b"3".to_vec(), after(9))), "and be set again after it expired");
    assert_eq!(session.apply_at(&update().setting("code", b"4"), after(5)).await, APPLIED);
    assert_eq!(code(after(29)).await, Some((b"4".to_vec(), Timestamp::NEVER)));
}

// B15
pub(super) async fn a_live_value_keeps_its_deadline<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting_until("code", b"1", after(5)).setting("a", b"1")).await;
    for change in [
        update().setting("a", b"2"),
        update().touching(after(60)),
        update().restarting(after(90), after(900), true),
        update().keeping(["code"]),
        update().expecting("code", Some(b"1")),
    ] {
        session.write(&change).await;
        assert_eq!(session.seen().await.fields["code"], (b"1".to_vec(), after(5)), "after {change:?}");
    }
    assert!(session.load(after(5)).await.is_some_and(|seen| !seen.fields.contains_key("code")));
}

// B15, S18: partial expiry never ends the session.
pub(super) async fn the_rest_outlives_an_expired_value<S: Store>(store: Arc<S>) {
    let only = Subject::created_by(&store, &create().setting_until("code", b"1", after(5))).await;
    let one = Subject::created_by(&store, &create().setting_until("code", b"1", NOW).setting("a", b"1")).await;
    assert_eq!(only.load(after(6)).await.map(|seen| seen.fields.len()), Some(0));
    assert_eq!(one.load(NOW).await.map(|seen| seen.fields.len()), Some(1));
    assert_eq!(store.delete_expired(after(6)).await.ok(), Some(0));
    assert_eq!(only.apply_at(&update().setting("b", b"1"), after(7)).await, APPLIED);
    assert_eq!(only.load(after(7)).await.map(|seen| seen.fields.len()), Some(1));
    assert_eq!(one.apply_at(&update().unsetting("code"), after(7)).await, APPLIED);
    assert_eq!(one.load(after(29)).await.map(|seen| seen.fields.len()), Some(1));
}
