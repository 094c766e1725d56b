//! Records and changes for the tests of stores, written briefly.

use std::path::{Path, PathBuf};

use session_runtime::{
    Timestamp,
    store::{Add, Applied, Change, Digest, Key, Lifetime, Name, Record, Set, Sign, Store, User},
};

/// When everything happens: in 2027.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A new record that never ends.
pub fn create() -> Change {
    Change::create(Digest::from([1; 16]), NOW, Timestamp::NEVER, Timestamp::NEVER)
}

/// A new record that ends at this moment.
pub fn create_until(end: Timestamp) -> Change {
    Change::create(Digest::from([1; 16]), NOW, end, Timestamp::NEVER)
}

/// An empty change of a record that nobody renewed.
pub fn update() -> Change {
    Change::update(0)
}

/// Ends the session of this generation.
pub fn ending(generation: u64) -> Change {
    let long_ago = Timestamp::from_millis(0);
    let restart = Some(Lifetime { idle_until: long_ago, ends_at: long_ago, remembered: false });
    Change { keep: Some(Vec::new()), sign: Some(Sign::Out), restart, ..Change::update(generation) }
}

/// `change`, which also sets a field.
pub fn set(mut change: Change, name: impl Into<Name>, value: impl AsRef<[u8]>) -> Change {
    change.set.push(Set { name: name.into(), value: value.as_ref().to_vec(), expires: Timestamp::NEVER });
    change
}

/// `change`, which also adds to a counter.
pub fn add(mut change: Change, name: impl Into<Name>, amount: i128) -> Change {
    let (name, floor, ceiling) = (name.into(), i64::MIN.into(), i64::MAX.into());
    change.add.push(Add { name, amount, floor, ceiling, initial: 0, expires: Timestamp::NEVER });
    change
}

/// `change`, which also signs the user in.
pub fn sign_in(mut change: Change, user: &User, at: Timestamp) -> Change {
    change.sign = Some(Sign::In { user: user.as_bytes().into(), at });
    change
}

/// A user.
pub fn user() -> User {
    User::new(*b"\xa3ada")
}

/// The key of somebody's session of this number, the same in all processes.
pub fn numbered(who: u64, number: u64) -> Key {
    Key::from_digest((u128::from(who) << 64 | u128::from(number)).to_be_bytes())
}

/// Applies what must apply.
pub async fn write(store: &impl Store, key: &Key, change: &Change) {
    let answer = store.apply(key, change, NOW).await;
    assert!(matches!(answer, Ok(Applied::Applied { .. })), "{answer:?}");
}

/// The record.
pub async fn load(store: &impl Store, key: &Key) -> Option<Record> {
    store.load(key, NOW).await.expect("a store that answers").map(|record| Record::clone(&record))
}

/// The value of a field.
pub async fn read(store: &impl Store, key: &Key, name: &str) -> Option<Vec<u8>> {
    load(store, key).await?.fields.get(name).map(|entry| entry.value.to_vec())
}

/// The file that a file store in `folder` keeps the record in.
pub fn file(folder: &Path, key: &Key) -> PathBuf {
    folder.join(&key.hex()[..2]).join(key.hex())
}

/// The file that a file store in `folder` keeps the sessions of `user` in.
pub fn user_file(folder: &Path, user: &User) -> PathBuf {
    folder.join("users").join(&user.hex()[..2]).join(user.hex())
}
