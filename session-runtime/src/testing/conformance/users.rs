//! Entries: in which order they stand, whose they are, and how they are taken out.

use std::sync::Arc;

use super::{
    account::{Account, key},
    subject::{NOW, Subject},
};
use crate::store::{Key, Leaving, UserIndex};

// B31
pub(super) async fn an_unknown_user_has_no_entries<S: UserIndex>(store: Arc<S>) {
    let nobody = Account::of(&store, b"nobody");
    assert!(nobody.entries().await.is_empty());
    for which in [Leaving::All, Leaving::AllBut(&key()), Leaving::One(&key())] {
        assert!(nobody.leave(which).await.is_empty());
    }
    assert!(nobody.entries().await.is_empty());
}

// B39
pub(super) async fn entries_come_oldest_first<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.admit_some(5).await;
    assert_eq!(ada.entries().await, keys);
    // Looking changes nothing.
    assert_eq!(ada.entries().await, keys);
}

pub(super) async fn entering_again_moves_to_the_end<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.admit_some(3).await;
    for (again, order) in [(0, [1, 2, 0]), (2, [1, 0, 2]), (2, [1, 0, 2])] {
        ada.admit(&keys[again]).await;
        assert_eq!(ada.entries().await, order.map(|index| keys[index]), "after entering number {again} again");
    }
    // By its digest it is the same session.
    ada.sign_in().await;
    let signed_in = ada.entries().await[3];
    ada.admit(&keys[1]).await;
    ada.admit(&Key::from_digest(signed_in.digest())).await;
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
pub(super) async fn leaving_takes_all_out<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    for count in [1, 3] {
        let keys = ada.admit_some(count).await;
        assert_eq!(ada.leave(Leaving::All).await, keys, "those that were there, oldest first");
        assert!(ada.entries().await.is_empty());
        assert!(ada.leave(Leaving::All).await.is_empty());
    }
}

// S22
pub(super) async fn leaving_takes_all_but_one_out<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.admit_some(4).await;
    assert_eq!(ada.leave(Leaving::AllBut(&keys[2])).await, [keys[0], keys[1], keys[3]]);
    assert_eq!(ada.entries().await, [keys[2]]);
    assert!(ada.leave(Leaving::AllBut(&Key::from_digest(keys[2].digest()))).await.is_empty());
    assert_eq!(ada.leave(Leaving::AllBut(&key())).await, [keys[2]], "who keeps what is not there keeps nothing");
    assert!(ada.entries().await.is_empty());
}

pub(super) async fn leaving_takes_one_out<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys = ada.admit_some(4).await;
    assert_eq!(ada.leave(Leaving::One(&keys[1])).await, [keys[1]]);
    assert_eq!(ada.entries().await, [keys[0], keys[2], keys[3]]);
    assert!(ada.leave(Leaving::One(&keys[1])).await.is_empty());
    assert_eq!(ada.leave(Leaving::One(&Key::from_digest(keys[3].digest()))).await, [keys[3]]);
    assert!(ada.leave(Leaving::One(&key())).await.is_empty());
    assert_eq!(ada.entries().await, [keys[0], keys[2]]);
    // And may come back.
    ada.admit(&keys[1]).await;
    assert_eq!(ada.entries().await, [keys[0], keys[2], keys[1]]);
}

// B39
pub(super) async fn other_users_are_left_alone<S: UserIndex>(store: Arc<S>) {
    let (ada, bob) = (Account::of(&store, b"ada"), Account::of(&store, b"bob"));
    let (hers, his) = (ada.admit_some(3).await, bob.admit_some(2).await);
    assert_eq!((ada.entries().await, bob.entries().await), (hers.clone(), his.clone()));
    assert!(bob.leave(Leaving::One(&hers[0])).await.is_empty());
    assert_eq!(bob.leave(Leaving::AllBut(&hers[0])).await, his);
    assert!(bob.leave(Leaving::All).await.is_empty());
    assert_eq!(ada.entries().await, hers);
}

// B40: between entering the new user and storing the change, a session is on both lists.
pub(super) async fn one_key_may_be_under_two_users<S: UserIndex>(store: Arc<S>) {
    let (ada, bob) = (Account::of(&store, b"ada"), Account::of(&store, b"bob"));
    let keys = ada.admit_some(2).await;
    bob.admit(&keys[0]).await;
    assert_eq!((ada.entries().await, bob.entries().await), (keys.clone(), vec![keys[0]]));
    assert_eq!(ada.leave(Leaving::One(&keys[0])).await, [keys[0]]);
    assert_eq!((ada.entries().await, bob.entries().await), (vec![keys[1]], vec![keys[0]]));
}

pub(super) async fn a_user_is_any_bytes<S: UserIndex>(store: Arc<S>) {
    let long = vec![0xfe; 10_000];
    let longer = [long.as_slice(), b"\0"].concat();
    let names = [&b""[..], b"\0", b"\0\0", b"ada", b"Ada", b"ada ", b"../ada", b"*", b"\xff\xc3(", &long, &longer];
    let mut accounts = Vec::new();
    for name in names {
        let account = Account::of(&store, name);
        let keys = account.admit_some(2).await;
        accounts.push((account, keys));
    }
    for (account, keys) in &accounts {
        assert_eq!(account.entries().await, *keys, "of {:?}", account.user.as_bytes());
        assert_eq!(account.leave(Leaving::All).await, *keys);
    }
}

pub(super) async fn two_hundred_entries<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let mut keys = ada.admit_some(200).await;
    assert_eq!(ada.entries().await, keys);
    let first = keys.remove(0);
    assert_eq!(ada.leave(Leaving::AllBut(&first)).await, keys);
    assert_eq!(ada.entries().await, [first]);
}
