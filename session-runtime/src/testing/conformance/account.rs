//! One user of the store under test, and the user's sessions.

use std::{sync::Arc, time::Duration};

use super::subject::{NOW, Sentence as _, Subject, answered, create};
use crate::{
    clock::Timestamp,
    store::{ENTRY_GRACE, Key, User, UserEntry, UserIndex},
};

pub(super) struct Account<S> {
    pub(super) store: Arc<S>,
    pub(super) user: User,
}

impl<S: UserIndex> Account<S> {
    pub(super) fn of(store: &Arc<S>, user: &[u8]) -> Self {
        Self { store: store.clone(), user: User::new(user) }
    }

    pub(super) async fn enter(&self, key: &Key) {
        self.enter_at(key, NOW).await;
    }

    pub(super) async fn enter_at(&self, key: &Key, now: Timestamp) {
        answered(self.store.enter(&self.user, key, now).await);
    }

    /// Enters that many new keys, in this order.
    pub(super) async fn enter_some(&self, count: usize) -> Vec<Key> {
        let keys: Vec<Key> = (0..count).map(|_| key()).collect();
        for key in &keys {
            self.enter(key).await;
        }
        keys
    }

    /// A session of this user's, entered and stored.
    pub(super) async fn sign_in(&self) -> Subject<S> {
        let session = Subject::absent(&self.store);
        self.enter(&session.key).await;
        session.write(&create().signing_in(self.user.as_bytes(), NOW)).await;
        session
    }

    pub(super) async fn entries(&self) -> Vec<Key> {
        self.listed().await.iter().map(|entry| entry.key).collect()
    }

    pub(super) async fn listed(&self) -> Vec<UserEntry> {
        answered(self.store.entries(&self.user).await)
    }

    pub(super) async fn leave(&self, keys: &[Key]) {
        answered(self.store.leave(&self.user, keys).await);
    }

    /// Ends all sessions of the user.
    pub(super) async fn end_all(&self) {
        let sessions = self.entries().await;
        self.end(&sessions).await;
        self.leave(&sessions).await;
        // And those that came before their entry left.
        self.end(&sessions).await;
    }

    pub(super) async fn end(&self, sessions: &[Key]) {
        for key in sessions {
            answered(self.store.delete(key).await);
        }
    }

    /// The entries once everything that is to vanish must have vanished.
    pub(super) async fn entries_after_cleaning(&self, now: Timestamp) -> Vec<Key> {
        answered(self.store.delete_expired(now).await);
        self.entries().await
    }
}

impl<S> Clone for Account<S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), user: self.user.clone() }
    }
}

/// A key that nobody has.
pub(super) fn key() -> Key {
    Key::random().expect("random bytes")
}

/// When what was entered at [`NOW`] no longer counts as about to come, and a session of half an hour still lives.
pub(super) fn settled() -> Timestamp {
    NOW + ENTRY_GRACE + Duration::from_secs(60)
}
