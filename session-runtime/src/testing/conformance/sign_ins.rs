//! Signing in: entries that stand as long as they are needed. B41

use std::sync::Arc;

use super::{
    account::{Account, key, settled},
    subject::{NOW, Sentence as _, Subject, after, by_timer, create, digest, update},
};
use crate::store::{Applied, ENTRY_CALLED_OFF, ENTRY_GRACE, Renew, UserIndex};

/// A sign-in enters first and stores then.
pub(super) async fn an_entry_stands_before_its_session_comes<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let (new, guest) = (Subject::absent(&store), Subject::created(&store).await);
    for session in [&new, &guest] {
        ada.enter(&session.key).await;
    }
    let keys = [new.key, guest.key];
    // Nothing that happens meanwhile takes it for left behind.
    assert_eq!(ada.entries_after_cleaning(after(0)).await, keys);
    ada.leave(&ada.enter_some(1).await).await;
    assert_eq!(ada.entries().await, keys);
    new.write(&create().signing_in(b"ada", NOW)).await;
    guest.write(&update().signing_in(b"ada", NOW)).await;
    assert_eq!(ada.entries_after_cleaning(settled()).await, keys);
}

/// Somebody tries once more on the same device.
pub(super) async fn entering_again_is_an_arrival_anew<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let session = Subject::absent(&store);
    for minute in 0..3 {
        ada.enter_at(&session.key, after(minute)).await;
        assert_eq!(ada.entries_after_cleaning(after(minute)).await, [session.key], "in minute {minute}");
    }
    assert!(ada.entries_after_cleaning(after(2) + ENTRY_GRACE).await.is_empty());
    // Also where it has vanished.
    ada.enter_at(&session.key, after(5)).await;
    assert_eq!(session.apply_at(&create().signing_in(b"ada", after(5)), after(5)).await, super::subject::APPLIED);
    assert_eq!(ada.entries_after_cleaning(after(9)).await, [session.key]);
}

/// Somebody ended all of the user's sessions while these were about to come.
pub(super) async fn an_entry_called_off_stays_for_its_session<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let (signed_in, guest, absent) = (ada.sign_in().await, Subject::created(&store).await, Subject::absent(&store));
    for session in [&signed_in, &guest, &absent] {
        ada.enter(&session.key).await;
    }
    for session in [&signed_in, &guest, &absent] {
        ada.enter_at(&session.key, ENTRY_CALLED_OFF).await;
    }
    let entries = ada.listed().await;
    assert_eq!(entries.len(), 3, "until somebody looks whether there is a session");
    assert!(entries.iter().all(|entry| entry.at == ENTRY_CALLED_OFF), "an entry says when it was last entered");
    guest.write(&update().signing_in(b"ada", NOW)).await;
    assert_eq!(ada.entries_after_cleaning(after(1)).await, [signed_in.key, guest.key]);
    // And counts as any other once it is entered again.
    ada.enter_at(&absent.key, after(1)).await;
    assert_eq!(ada.entries_after_cleaning(after(1)).await, [signed_in.key, guest.key, absent.key]);
}

pub(super) async fn an_entry_stands_while_its_session_changes<S: UserIndex>(store: Arc<S>) {
    let (ada, bob) = (Account::of(&store, b"ada"), Account::of(&store, b"bob"));
    let session = ada.sign_in().await;
    for change in [
        update().setting("theme", b"dark").adding("visits", 1),
        update().touching(after(60)),
        update().keeping([]),
        update().renewing(by_timer(digest(1), digest(2))),
        update().signing_in(b"ada", NOW).restarting(after(90), after(900), true),
        update().renewing(Renew::Privilege { to: digest(3) }),
    ] {
        let answer = session.apply(&change).await;
        assert!(matches!(answer, Applied::Applied { .. }), "{answer:?} to {change:?}");
        assert_eq!(ada.entries().await, [session.key], "after {change:?}");
    }
    // What others do does not matter either.
    let other = bob.sign_in().await;
    other.delete().await;
    bob.enter_at(&key(), settled()).await;
    for minute in [0, 2, 30, 89] {
        assert_eq!(ada.entries_after_cleaning(after(minute)).await, [session.key], "after {minute} minutes");
    }
}

/// Limits are not the store's affair, and what it clears away to save space is not live.
pub(super) async fn entries_stand_however_many_come<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(ada.sign_in().await.key);
    }
    for _ in 0..50 {
        let arriving = key();
        ada.enter_at(&arriving, settled()).await;
        keys.push(arriving);
        assert_eq!(ada.entries().await, keys);
    }
    assert_eq!(ada.entries_after_cleaning(settled()).await, keys);
    assert_eq!(ada.entries_after_cleaning(settled() + ENTRY_GRACE).await, keys[..20]);
}

/// In whichever order the steps of a sign-in and of the end of all sessions come. S22
pub(super) async fn no_order_of_steps_leaves_a_session_unlisted<S: UserIndex>(store: Arc<S>) {
    let orders = (0..1 << 7).filter(|order: &u8| order.count_ones() == 3);
    for (order, is_guest) in orders.flat_map(|order| [(order, false), (order, true)]) {
        let ada = Account::of(&store, &[order, is_guest.into()]);
        let session = if is_guest { Subject::created(&store).await } else { Subject::absent(&store) };
        let change = if is_guest { update() } else { create() }.signing_in(ada.user.as_bytes(), NOW);
        let (mut signing_in, mut signed_in) = (0..3, false);
        let (mut ending, mut ended) = (0..4, Vec::new());
        for step in 0..7 {
            if order >> step & 1 == 1 {
                match signing_in.next() {
                    Some(0) => ada.enter(&session.key).await,
                    Some(1) => signed_in = matches!(session.apply(&change).await, Applied::Applied { .. }),
                    _ if signed_in && !ada.entries().await.contains(&session.key) => session.delete().await,
                    _ => {}
                }
            } else {
                match ending.next() {
                    Some(0) => ended = ada.entries().await,
                    Some(2) => ada.leave(&ended).await,
                    _ => ada.end(&ended).await,
                }
            }
        }
        let live = session.load(NOW).await.is_some_and(|seen| seen.record.user.is_some());
        let listed = ada.entries().await == [session.key];
        assert!(!live || listed && ended.is_empty(), "order {order:07b}, guest: {is_guest}, listed: {listed}");
    }
}
