//! Entries whose session is gone: they vanish by themselves, at the latest when the store is cleaned up. B41

use std::sync::Arc;

use super::{
    account::{Account, settled},
    subject::{APPLIED, NOW, Sentence as _, Subject, after, answered, create, ending, update},
};
use crate::store::{Applied, UserIndex};

pub(super) async fn an_entry_without_a_session_vanishes<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    ada.enter_some(3).await;
    let session = ada.sign_in().await;
    ada.enter_some(1).await;
    assert_eq!(ada.entries_after_cleaning(settled()).await, [session.key]);
}

pub(super) async fn the_entry_of_a_deleted_session_vanishes<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let [first, second, third] = [ada.sign_in().await, ada.sign_in().await, ada.sign_in().await];
    second.delete().await;
    assert_eq!(ada.entries_after_cleaning(settled()).await, [first.key, third.key]);
    first.delete().await;
    third.delete().await;
    assert!(ada.entries_after_cleaning(settled()).await.is_empty());
}

// B41
pub(super) async fn the_entry_of_an_ended_session_vanishes<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let [first, second] = [ada.sign_in().await, ada.sign_in().await];
    assert_eq!(first.end(&ending(0)).await, APPLIED);
    assert_eq!(ada.entries_after_cleaning(settled()).await, [second.key]);
    assert_eq!(second.end(&ending(7)).await, Applied::Moved);
    assert_eq!(ada.entries_after_cleaning(settled()).await, [second.key]);
}

pub(super) async fn the_entry_of_an_expired_session_vanishes<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let (first, second) = (ada.sign_in().await, ada.sign_in().await);
    second.write(&update().touching(after(60))).await;
    assert_eq!(ada.entries_after_cleaning(after(29)).await, [first.key, second.key]);
    assert_eq!(ada.entries_after_cleaning(after(30)).await, [second.key]);
    assert!(ada.entries_after_cleaning(after(60)).await.is_empty());
}

pub(super) async fn the_entry_of_who_signed_out_vanishes<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let (first, second) = (ada.sign_in().await, ada.sign_in().await);
    first.write(&update().signing_out()).await;
    assert_eq!(ada.entries_after_cleaning(settled()).await, [second.key]);
    assert!(first.load(settled()).await.is_some(), "who signed out may go on as a guest");
}

// B40
pub(super) async fn the_entry_of_who_signed_in_as_another_vanishes<S: UserIndex>(store: Arc<S>) {
    let (ada, bob) = (Account::of(&store, b"ada"), Account::of(&store, b"bob"));
    let session = ada.sign_in().await;
    bob.enter(&session.key).await;
    session.write(&update().signing_in(b"bob", NOW)).await;
    assert!(ada.entries_after_cleaning(settled()).await.is_empty());
    assert_eq!(bob.entries().await, [session.key]);
}

pub(super) async fn cleaning_up_counts_sessions_only<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    ada.enter_some(2).await;
    ada.sign_in().await;
    ada.sign_in().await.delete().await;
    let guest = Subject::created_by(&store, &create()).await;
    assert_eq!(answered(store.delete_expired(settled()).await), 0);
    assert_eq!(answered(store.delete_expired(after(30)).await), 2);
    assert_eq!(guest.load(NOW).await, None);
}
