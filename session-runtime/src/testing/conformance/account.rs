//! One user of the store under test, and the user's sessions.

use std::{num::NonZero, sync::Arc, time::Duration};

use super::subject::{NOW, Sentence as _, Subject, answered, create};
use crate::{
    clock::Timestamp,
    store::{ENTRY_GRACE, Entered, Key, Leaving, Room, User, UserIndex},
};

pub(super) struct Account<S> {
    pub(super) store: Arc<S>,
    pub(super) user: User,
}

impl<S: UserIndex> Account<S> {
    pub(super) fn of(store: &Arc<S>, user: &[u8]) -> Self {
        Self { store: store.clone(), user: User::new(user) }
    }

    pub(super) async fn enter(&self, key: &Key, room: Room) -> Entered {
        self.enter_at(key, room, NOW).await
    }

    pub(super) async fn enter_at(&self, key: &Key, room: Room, now: Timestamp) -> Entered {
        answered(self.store.enter(&self.user, key, room, now).await)
    }

    /// Enters what must have room and be in nobody's way.
    pub(super) async fn admit(&self, key: &Key) {
        assert_eq!(self.enter(key, Room::Any).await, Entered::Entered { left: Vec::new() });
    }

    /// Enters that many new keys, in this order.
    pub(super) async fn admit_some(&self, count: usize) -> Vec<Key> {
        let keys: Vec<Key> = (0..count).map(|_| key()).collect();
        for key in &keys {
            self.admit(key).await;
        }
        keys
    }

    /// A session of this user's, entered and stored.
    pub(super) async fn sign_in(&self) -> Subject<S> {
        let session = Subject::absent(&self.store);
        self.admit(&session.key).await;
        session.write(&create().signing_in(self.user.as_bytes(), NOW)).await;
        session
    }

    pub(super) async fn entries(&self) -> Vec<Key> {
        answered(self.store.entries(&self.user).await)
    }

    pub(super) async fn leave(&self, which: Leaving<'_>) -> Vec<Key> {
        answered(self.store.leave(&self.user, which).await)
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

pub(super) fn at_most(most: u32) -> Room {
    Room::AtMost(NonZero::new(most).expect("not zero"))
}

pub(super) fn make_room(most: u32) -> Room {
    Room::MakeRoom(NonZero::new(most).expect("not zero"))
}

/// When what was entered at [`NOW`] no longer counts as about to come, and a session of half an hour still lives.
pub(super) fn settled() -> Timestamp {
    NOW + ENTRY_GRACE + Duration::from_secs(60)
}
