//! Entries: in which order they stand, whose they are, and how they are taken out.

use std::{sync::Arc, time::Duration};

use super::{
    account::{Account, key},
    subject::{NOW, Subject, answered},
};
use crate::store::{Key, UserIndex};

// B31
pub(super) async fn an_unknown_user_has_no_entries<S: UserIndex>(store: Arc<S>) {
    let nobody = Account::of(&store, b"nobody");
    assert!(nobody.entries().await.is_empty());
    nobody.leave(&[]).await;
    nobody.leave(&[key(), key()]).await;
    assert!(nobody.entries().await.is_empty());
}

// B39
pub(super) async fn entries_come_oldest_first<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.enter_some(5).await;
    assert_eq!(ada.entries().await, keys);
    // Looking changes nothing.
    assert_eq!(ada.entries().await, keys);
}

pub(super) async fn an_entry_says_when_it_came<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = [key(), key()];
    let second = |second| NOW + Duration::from_secs(second);
    for (at, index) in [(0, 0), (10, 1), (20, 0)] {
        answered(store.enter(&ada.user, &keys[index], second(at)).await);
    }
    let came: Vec<_> = ada.listed().await.iter().map(|entry| (entry.key, entry.at)).collect();
    assert_eq!(came, [(keys[1], second(10)), (keys[0], second(20))]);
}

pub(super) async fn entering_again_moves_to_the_end<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.enter_some(3).await;
    for (again, order) in [(0, [1, 2, 0]), (2, [1, 0, 2]), (2, [1, 0, 2])] {
        ada.enter(&keys[again]).await;
        assert_eq!(ada.entries().await, order.map(|index| keys[index]), "after entering number {again} again");
    }
    // By its digest it is the same session.
    let signed_in = ada.sign_in().await.key;
    ada.enter(&keys[1]).await;
    ada.enter(&Key::from_digest(signed_in.digest())).await;
    assert_eq!(ada.entries().await, [keys[0], keys[2], keys[1], signed_in]);
}

// S8: what is listed can be looked at and ended.
pub(super) async fn an_entry_names_its_record<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let sessions = [ada.sign_in().await, ada.sign_in().await];
    let entries = ada.entries().await;
    assert_eq!(entries, sessions.clone().map(|session| session.key));
    let first = Subject { store: store.clone(), key: entries[0] };
    assert_eq!(first.load(NOW).await, sessions[0].load(NOW).await);
    first.delete().await;
    assert_eq!((sessions[0].load(NOW).await, sessions[1].load(NOW).await.is_some()), (None, true));
}

// S22
pub(super) async fn leaving_takes_these_out<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.enter_some(6).await;
    ada.leave(&[keys[1]]).await;
    assert_eq!(ada.entries().await, [keys[0], keys[2], keys[3], keys[4], keys[5]]);
    // Several, in no order; one of them twice.
    ada.leave(&[keys[5], keys[2], keys[5]]).await;
    assert_eq!(ada.entries().await, [keys[0], keys[3], keys[4]]);
    // And may come back.
    ada.enter(&keys[1]).await;
    ada.enter(&keys[0]).await;
    assert_eq!(ada.entries().await, [keys[3], keys[4], keys[1], keys[0]]);
    ada.leave(&ada.entries().await).await;
    assert!(ada.entries().await.is_empty());
}

pub(super) async fn leaving_what_is_not_there_is_fine<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.enter_some(3).await;
    ada.leave(&[]).await;
    ada.leave(&[key()]).await;
    assert_eq!(ada.entries().await, keys);
    // Nor does it keep the others.
    ada.leave(&[key(), keys[1], key()]).await;
    assert_eq!(ada.entries().await, [keys[0], keys[2]]);
    ada.leave(&[keys[1], keys[2]]).await;
    ada.leave(&[keys[1], keys[2]]).await;
    assert_eq!(ada.entries().await, [keys[0]]);
}

/// All that an operator's tool, or another process, knows of a session.
pub(super) async fn leaving_goes_by_digest<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.enter_some(4).await;
    let named = |index: usize| Key::from_digest(keys[index].digest());
    ada.leave(&[named(3)]).await;
    assert_eq!(ada.entries().await, keys[..3]);
    ada.leave(&[named(2), keys[0], Key::from_digest([7; 16])]).await;
    assert_eq!(ada.entries().await, [keys[1]]);
}

pub(super) async fn leaving_ends_no_session<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let session = ada.sign_in().await;
    let before = session.seen().await;
    ada.leave(&[session.key]).await;
    assert_eq!(session.seen().await, before);
    ada.enter(&session.key).await;
    assert_eq!(ada.entries().await, [session.key]);
}

// B39
pub(super) async fn other_users_are_left_alone<S: UserIndex>(store: Arc<S>) {
    let (ada, bob) = (Account::of(&store, b"ada"), Account::of(&store, b"bob"));
    let (hers, his) = (ada.enter_some(3).await, bob.enter_some(2).await);
    assert_eq!((ada.entries().await, bob.entries().await), (hers.clone(), his.clone()));
    bob.leave(&hers).await;
    assert_eq!((ada.entries().await, bob.entries().await), (hers.clone(), his.clone()));
    bob.leave(&[&hers[..], &his].concat()).await;
    assert_eq!((ada.entries().await, bob.entries().await), (hers, vec![]));
}

// B40: between entering the new user and storing the change, a session is on both lists.
pub(super) async fn one_key_may_be_under_two_users<S: UserIndex>(store: Arc<S>) {
    let (ada, bob) = (Account::of(&store, b"ada"), Account::of(&store, b"bob"));
    let keys = ada.enter_some(2).await;
    bob.enter(&keys[0]).await;
    assert_eq!((ada.entries().await, bob.entries().await), (keys.clone(), vec![keys[0]]));
    ada.leave(&[keys[0]]).await;
    assert_eq!((ada.entries().await, bob.entries().await), (vec![keys[1]], vec![keys[0]]));
}

pub(super) async fn a_user_is_any_bytes<S: UserIndex>(store: Arc<S>) {
    let long = vec![0xfe; 10_000];
    let longer = [long.as_slice(), b"\0"].concat();
    let names = [&b""[..], b"\0", b"\0\0", b"ada", b"Ada", b"ada ", b"../ada", b"*", b"\xff\xc3(", &long, &longer];
    let mut accounts = Vec::new();
    for name in names {
        let account = Account::of(&store, name);
        let keys = account.enter_some(2).await;
        accounts.push((account, keys));
    }
    for (account, keys) in &accounts {
        assert_eq!(account.entries().await, *keys, "of {:?}", account.user.as_bytes());
        account.leave(keys).await;
        assert!(account.entries().await.is_empty());
    }
}

pub(super) async fn two_hundred_entries<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.enter_some(200).await;
    assert_eq!(ada.entries().await, keys);
    ada.leave(&keys[1..]).await;
    assert_eq!(ada.entries().await, [keys[0]]);
}
