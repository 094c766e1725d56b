//! Signing in: how many a user may have, and entries that stand as long as they are needed.

use std::sync::Arc;

use super::{
    account::{Account, at_most, key, make_room, settled},
    subject::{NOW, Sentence as _, Subject, after, answered, by_timer, create, digest, update},
};
use crate::store::{Applied, Entered, Leaving, Renew, Room, UserIndex};

const ALONE: Entered = Entered::Entered { left: Vec::new() };

// S23
pub(super) async fn at_most_so_many_are_entered<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let mut keys = Vec::new();
    for count in 1..=3 {
        keys.push(key());
        assert_eq!(ada.enter(&keys[count - 1], at_most(3)).await, ALONE);
    }
    for most in 1..=3 {
        assert_eq!(ada.enter(&key(), at_most(most)).await, Entered::Full, "with {most} at most");
    }
    assert_eq!(ada.entries().await, keys, "who is refused is not entered");
    ada.leave(Leaving::One(&keys[1])).await;
    assert_eq!(ada.enter(&keys[1], at_most(3)).await, ALONE);
    assert_eq!(ada.entries().await, [keys[0], keys[2], keys[1]]);
    assert_eq!(ada.enter(&key(), at_most(u32::MAX)).await, ALONE);
}

// S23: signing in once more on the same device.
pub(super) async fn entering_again_needs_no_room<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.admit_some(3).await;
    for most in 1..=3 {
        assert_eq!(ada.enter(&keys[1], at_most(most)).await, ALONE, "with {most} at most");
    }
    assert_eq!(ada.enter(&keys[0], make_room(3)).await, ALONE);
    assert_eq!(ada.entries().await, [keys[2], keys[1], keys[0]]);
}

// S23
pub(super) async fn the_oldest_make_room<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.admit_some(2).await;
    let (third, fourth) = (key(), key());
    assert_eq!(ada.enter(&third, make_room(3)).await, ALONE);
    assert_eq!(ada.enter(&fourth, make_room(3)).await, Entered::Entered { left: vec![keys[0]] });
    assert_eq!(ada.entries().await, [keys[1], third, fourth]);
    // Who came again is not the oldest any more.
    ada.admit(&keys[1]).await;
    assert_eq!(ada.enter(&keys[0], make_room(3)).await, Entered::Entered { left: vec![third] });
    assert_eq!(ada.entries().await, [fourth, keys[1], keys[0]]);
}

pub(super) async fn a_lower_limit_lets_several_go<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.admit_some(6).await;
    let new = key();
    assert_eq!(ada.enter(&new, make_room(4)).await, Entered::Entered { left: keys[..3].to_vec() });
    // Also for one that is there, whichever place it has.
    assert_eq!(ada.enter(&keys[3], make_room(2)).await, Entered::Entered { left: keys[4..].to_vec() });
    assert_eq!(ada.enter(&new, make_room(1)).await, Entered::Entered { left: vec![keys[3]] });
    assert_eq!(ada.entries().await, [new]);
}

pub(super) async fn room_is_each_users_own<S: UserIndex>(store: Arc<S>) {
    let (ada, bob) = (Account::of(&store, b"ada"), Account::of(&store, b"bob"));
    let keys = ada.admit_some(2).await;
    assert_eq!(bob.enter(&key(), at_most(1)).await, ALONE);
    assert_eq!(bob.enter(&keys[0], at_most(1)).await, Entered::Full, "what is another's is new to him");
    assert_eq!(bob.enter(&keys[0], at_most(2)).await, ALONE);
    assert_eq!(ada.entries().await, keys);
}

// B41: a sign-in enters first and stores then.
pub(super) async fn an_entry_stands_before_its_session_comes<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let (new, guest) = (Subject::absent(&store), Subject::created(&store).await);
    for session in [&new, &guest] {
        ada.admit(&session.key).await;
    }
    let keys = [new.key, guest.key];
    // Nothing that happens meanwhile takes it for left behind, also where room is looked for.
    assert_eq!(ada.entries_after_cleaning(after(0)).await, keys);
    assert_eq!(ada.enter(&key(), at_most(2)).await, Entered::Full);
    assert_eq!(ada.entries().await, keys);
    new.write(&create().signing_in(b"ada", NOW)).await;
    guest.write(&update().signing_in(b"ada", NOW)).await;
    assert_eq!(ada.entries_after_cleaning(settled()).await, keys);
    assert_eq!(ada.enter_at(&key(), at_most(2), settled()).await, Entered::Full);
}

// B41
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
    assert_eq!(answered(store.enter(&bob.user, &key(), Room::Any, settled()).await), ALONE);
    for minute in [0, 2, 30, 89] {
        assert_eq!(ada.entries_after_cleaning(after(minute)).await, [session.key], "after {minute} minutes");
    }
}
