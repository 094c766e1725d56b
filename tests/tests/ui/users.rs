//! Stores that cannot say whose sessions are whose, and sessions that nobody can ask for.

use std::sync::Arc;

use session_runtime::{
    KeyRing, MemoryStore, Session, SessionLimit, Sessions, Timestamp,
    store::{Applied, Change, Key, Record, Store, StoreError},
};

/// A store without an index.
struct Shelf;

impl Store for Shelf {
    async fn load(&self, _: &Key, _: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        Ok(None)
    }
    async fn apply(&self, _: &Key, _: &Change, _: Timestamp) -> Result<Applied, StoreError> {
        Ok(Applied::Gone)
    }
    async fn delete(&self, _: &Key) -> Result<(), StoreError> {
        Ok(())
    }
    async fn delete_expired(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[derive(Session)]
struct Listed {
    #[session(identity)]
    user: Option<String>,
}

#[derive(Session)]
struct Unlisted {
    #[session(identity, unlisted)]
    user: Option<String>,
}

#[derive(Session)]
struct Anonymous {
    theme: String,
}

fn stores() {
    let _ = Sessions::<Unlisted>::builder().store(Shelf);
    let _ = Sessions::<Anonymous>::builder().store(Shelf);
    let _ = Sessions::<Listed>::builder().store(MemoryStore::new()).keys(KeyRing::generate());
    let _ = Sessions::<Listed>::builder().store(Shelf);
    let _ = Sessions::<Listed>::builder().store("redis://localhost");
    let _ = Sessions::<Anonymous>::builder().store("redis://localhost");
}

fn users(listed: Sessions<Listed>, unlisted: Sessions<Unlisted>, anonymous: Sessions<Anonymous>) {
    let _ = (listed.of("ada"), listed.of(&"ada".to_owned()));
    let _ = unlisted.of("ada");
    let _ = anonymous.of("ada");
    let _ = listed.of(&7);
    let _ = Sessions::<Unlisted>::builder().max_per_user(SessionLimit::Refuse(3));
}

fn main() {}
