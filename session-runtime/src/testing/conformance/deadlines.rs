//! When sessions end: by silence, at last, never; and what may and may not move that.

use std::{sync::Arc, time::Duration};

use super::subject::{APPLIED, NOW, Sentence as _, Subject, after, answered, by_timer, create, digest, update};
use crate::{
    clock::Timestamp,
    store::{Applied, Change, Renew, Store},
};

const MILLISECOND: Duration = Duration::from_millis(1);

// B13
pub(super) async fn touching_moves_the_idle_deadline_on<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    session.write(&update().touching(after(45))).await;
    assert_eq!(session.seen().await.record.idle_until, after(45));
    assert!(session.load(after(44)).await.is_some());
    assert!(session.load(after(45)).await.is_none());
    assert_eq!(session.apply_at(&update().touching(after(70)), after(44)).await, APPLIED);
    assert!(session.load(after(60)).await.is_some());
}

// B20: a slow request's touch does not undo a later one's.
pub(super) async fn touching_never_moves_it_back<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    session.write(&update().touching(after(60))).await;
    for earlier in [after(59), after(30), NOW, Timestamp::from_millis(0)] {
        session.assert_unchanged_by(&update().touching(earlier), APPLIED).await;
    }
    // Nor when it brings something.
    session.write(&update().touching(after(1)).setting("a", b"1")).await;
    assert_eq!(session.seen().await.record.idle_until, after(60));
}

// B20
pub(super) async fn a_touch_leaves_everything_else<S: Store>(store: Arc<S>) {
    let create = create().setting("a", b"1").setting_until("code", b"2", after(5)).signing_in(b"ada", NOW);
    let session = Subject::created_by(&store, &create).await;
    let mut expected = session.seen().await;
    session.write(&update().touching(after(60))).await;
    expected.record.idle_until = after(60);
    assert_eq!(session.seen().await, expected);
    session.write(&update()).await;
    assert_eq!(session.seen().await, expected);
}

// B13, B16, S14
pub(super) async fn silence_ends_a_session<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1")).await;
    assert!(session.load(after(29)).await.is_some());
    assert_eq!(session.load(after(31)).await, None);
    assert_eq!(session.load(after(100_000)).await, None);
}

// B14, S15
pub(super) async fn the_absolute_deadline_beats_activity<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for minute in (20..720).step_by(20) {
        assert_eq!(session.apply_at(&update().touching(after(minute + 30)), after(minute)).await, APPLIED);
    }
    let record = session.seen().await.record;
    assert_eq!((record.idle_until, record.ends_at), (after(730), after(720)));
    assert!(session.load(after(719)).await.is_some());
    assert!(session.load(after(720)).await.is_none());
    assert_eq!(session.apply_at(&update().touching(after(800)), after(720)).await, Applied::Gone);
}

// S14: `clock == deadline` is expired.
pub(super) async fn the_deadline_itself_is_expired<S: Store>(store: Arc<S>) {
    for change in [
        Change::create(digest(1), NOW, NOW + MILLISECOND * 7, after(720)),
        Change::create(digest(1), NOW, after(720), NOW + MILLISECOND * 7),
    ] {
        let session = Subject::created_by(&store, &change).await;
        assert!(session.load(NOW + MILLISECOND * 6).await.is_some());
        assert_eq!(session.apply_at(&update(), NOW + MILLISECOND * 6).await, APPLIED);
        assert_eq!(session.load(NOW + MILLISECOND * 7).await, None);
        assert_eq!(session.apply_at(&update(), NOW + MILLISECOND * 7).await, Applied::Gone);
    }
}

// B16, B22, S12
pub(super) async fn an_expired_record_is_revived_by_no_change<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1")).await;
    for change in [
        update(),
        update().touching(after(90)),
        update().restarting(after(90), after(900), true),
        update().signing_in(b"ada", after(31)),
        update().signing_out(),
        update().renewing(Renew::Privilege { to: digest(2) }),
        update().renewing(by_timer(digest(1), digest(2))),
        update().renewing(Renew::Presented { verifier: digest(1) }),
        update().setting("a", b"2"),
        update().unsetting("a"),
        update().adding("n", 1),
        update().keeping(["a"]),
        update().expecting("a", None),
        update().expecting("a", Some(b"1")),
        Change::update(1).touching(after(90)),
    ] {
        assert_eq!(session.apply_at(&change, after(31)).await, Applied::Gone, "of {change:?}");
        assert_eq!(session.load(after(31)).await, None, "it must not come back by {change:?}");
    }
}

/// A store may have removed the expired record by itself, so a new one may be made or refused; but never mixed.
pub(super) async fn an_expired_record_does_not_lend_its_fields<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1").adding("n", 5)).await;
    let anew = Change::create(digest(2), after(60), after(90), after(800)).adding("n", 1);
    match session.apply_at(&anew, after(60)).await {
        Applied::Conflict => assert_eq!(session.load(after(60)).await, None),
        answer => {
            assert_eq!(answer, APPLIED);
            let seen = session.load(after(60)).await.expect("a new record");
            assert_eq!((seen.record.verifier, seen.record.created_at), (digest(2), after(60)));
            assert_eq!(seen.fields.keys().collect::<Vec<_>>(), ["n"]);
            assert_eq!(session.load(after(89)).await.map(|seen| seen.fields["n"].0.clone()), Some(vec![1]));
        }
    }
}

// B14, B17
pub(super) async fn restarting_replaces_both_deadlines<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for (idle, ends, remembered) in [(900, 1_000, true), (10, 20, false), (50, 40, true)] {
        session.write(&update().restarting(after(idle), after(ends), remembered)).await;
        let record = session.seen().await.record;
        assert_eq!((record.idle_until, record.ends_at, record.remembered), (after(idle), after(ends), remembered));
    }
    // It beats a touch of the same change, and later writes leave it: B17.
    session.write(&update().restarting(after(25), after(35), true).touching(after(90))).await;
    session.write(&update().setting("a", b"1")).await;
    let record = session.seen().await.record;
    assert_eq!((record.idle_until, record.ends_at, record.remembered), (after(25), after(35), true));
    assert_eq!(session.load(after(25)).await, None);
}

// B18, S19
pub(super) async fn deadlines_past_2038_and_2106<S: Store>(store: Arc<S>) {
    let seconds = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
    // The ends of 32 signed and unsigned bits of seconds, the year 9999, and what 2^53 milliseconds are.
    for birth in [seconds(1 << 31), seconds(1 << 32), seconds(253_402_300_799), Timestamp::from_millis((1 << 53) + 1)] {
        let (idle, ends) = (birth + MILLISECOND * 1_001, birth + MILLISECOND * 3_003);
        let session = Subject::absent(&store);
        let create = Change::create(digest(1), birth, idle, ends).setting_until("a", b"1", idle);
        assert_eq!(session.apply_at(&create, birth).await, APPLIED);
        let before = session.load(birth + MILLISECOND * 1_000).await.expect("a live record");
        assert_eq!((before.record.created_at, before.record.idle_until, before.record.ends_at), (birth, idle, ends));
        assert_eq!(before.fields["a"].1, idle);
        assert_eq!(session.load(idle).await, None);
        let touch = update().touching(birth + MILLISECOND * 2_002);
        assert_eq!(session.apply_at(&touch, birth + MILLISECOND * 1_000).await, APPLIED);
        let touched = session.load(idle).await.expect("a live record");
        assert_eq!(touched.record.idle_until, birth + MILLISECOND * 2_002);
        assert_eq!(touched.record.seen_at, birth + MILLISECOND * 1_000);
        assert!(touched.fields.is_empty());
    }
}

// B18
pub(super) async fn a_session_may_never_end<S: Store>(store: Arc<S>) {
    let create = Change::create(digest(1), NOW, Timestamp::NEVER, Timestamp::NEVER).setting("a", b"1");
    let session = Subject::created_by(&store, &create).await;
    let late = Timestamp::from_millis(u64::MAX - 1);
    assert_eq!(session.load(late).await, Some(session.seen().await));
    assert_eq!(session.apply_at(&update().setting("b", b"2"), late).await, APPLIED);
    assert_eq!(answered(store.delete_expired(late).await), 0);
    assert_eq!(session.load(late).await.map(|seen| seen.fields.len()), Some(2));
    assert_eq!(session.seen().await.record.ends_at, Timestamp::NEVER);
}

// B18
pub(super) async fn a_create_that_has_expired_already_is_not_served<S: Store>(store: Arc<S>) {
    for ends in [NOW, Timestamp::from_millis(0)] {
        let session = Subject::absent(&store);
        assert_eq!(session.apply(&Change::create(digest(1), NOW, ends, after(9))).await, APPLIED);
        assert_eq!(session.load(NOW).await, None);
        assert_eq!(session.apply(&update().touching(after(8))).await, Applied::Gone);
    }
}

// B16
pub(super) async fn cleaning_up_removes_only_the_expired<S: Store>(store: Arc<S>) {
    let sessions = sessions_that_end_by_and_by(&store).await;
    answered(store.delete_expired(after(20)).await);
    for (ends, session) in &sessions {
        assert_eq!(session.load(after(20)).await.is_some(), *ends > 20, "the session that ends at minute {ends}");
    }
    answered(store.delete_expired(after(20)).await);
    assert_eq!(sessions[79].1.apply_at(&update(), after(39)).await, APPLIED);
}

// B16
pub(super) async fn cleaning_up_counts_what_it_removes<S: Store>(store: Arc<S>) {
    let sessions = sessions_that_end_by_and_by(&store).await;
    let ended = sessions.iter().filter(|(ends, _)| *ends <= 20).count() as u64;
    assert_eq!(answered(store.delete_expired(after(20)).await), ended);
    for (ends, session) in &sessions {
        // Looked at as of `NOW`, when none had expired: what is gone is gone.
        assert_eq!(session.load(NOW).await.is_some(), *ends > 20, "the session that ends at minute {ends}");
    }
    assert_eq!(answered(store.delete_expired(after(20)).await), 0);
    assert_eq!(answered(store.delete_expired(after(10_000)).await), 80 - ended);
}

/// Eighty sessions and the minutes they end at, two for each of forty: some by silence, some at last, some since they
/// were touched or restarted.
async fn sessions_that_end_by_and_by<S: Store>(store: &Arc<S>) -> Vec<(u64, Subject<S>)> {
    let mut sessions = Vec::new();
    for ends in 1..=40 {
        let by_silence = Change::create(digest(1), NOW, after(ends), after(720)).setting("a", b"1");
        let at_last = Change::create(digest(1), NOW, after(720), after(ends)).signing_in(b"ada", NOW);
        sessions.push((ends, Subject::created_by(store, &by_silence).await));
        sessions.push((ends, Subject::created_by(store, &at_last).await));
    }
    for index in [0, 10, 76] {
        let (ends, session) = &mut sessions[index];
        *ends = 41 - *ends;
        session.write(&update().restarting(after(*ends), after(720), false)).await;
    }
    let (ends, session) = &mut sessions[2];
    *ends = 39;
    session.write(&update().touching(after(*ends))).await;
    sessions
}

pub(super) async fn cleaning_up_nothing_is_fine<S: Store>(store: Arc<S>) {
    assert_eq!(answered(store.delete_expired(NOW).await), 0);
    let session = Subject::created(&store).await;
    assert_eq!(answered(store.delete_expired(NOW).await), 0);
    session.delete().await;
    assert_eq!(answered(store.delete_expired(Timestamp::NEVER).await), 0);
}
