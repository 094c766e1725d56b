//! Which files swaps and removals leave, and which files a scan reads. `stores.rs` runs the conformance suite.

use std::{collections::HashSet, fs};

use session_runtime::{
    FileStore,
    store::{Key, Position, Store, Swapped},
};

use crate::values::{NOW, empty, expired, file, load, put, remove};

#[tokio::test]
async fn a_removed_value_leaves_only_the_lock() {
    for fsync in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::builder(folder.path()).fsync(fsync).open().await.unwrap();
        let key = Key::random().unwrap();
        put(&store, &key, &empty()).await;
        put(&store, &key, &empty()).await;
        remove(&store, &key).await;
        let shard = file(folder.path(), &key).parent().unwrap().to_owned();
        let names: Vec<_> = fs::read_dir(shard).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names, ["lock"]);
    }
}

#[tokio::test]
async fn a_swap_that_changes_nothing_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let (key, other) = (Key::random().unwrap(), session_runtime::store::Versioned::new(empty()));
    assert!(load(&store, &key).await.is_none());
    assert!(matches!(store.swap(&key, None, None, NOW).await, Ok(Swapped::Done(_))));
    assert!(matches!(store.swap(&key, Some(&other), None, NOW).await, Ok(Swapped::Stale(None))));
    assert!(matches!(store.swap(&key, Some(&other), Some(&empty()), NOW).await, Ok(Swapped::Stale(None))));
    assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_scan_goes_through_all_folders_in_the_order_of_keys() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let mut keys = Vec::new();
    // Several batches, one of which ends within a shard.
    for number in 0..1_000_u16 {
        let mut key = Key::random().unwrap().digest();
        if number < 400 {
            key[0] = 0xff;
        }
        put(&store, &Key::from_digest(key), &empty()).await;
        keys.push(key);
    }
    keys.sort_unstable();
    put(&store, &Key::random().unwrap(), &expired()).await;
    // A file with the name of another shard's value is not a value.
    let misplaced = [&[0xfe][..], &keys[999][1..]].concat().try_into().unwrap();
    fs::copy(file(folder.path(), &Key::from_digest(keys[999])), {
        file(folder.path(), &Key::from_digest(keys[999])).with_file_name(Key::from_digest(misplaced).hex())
    })
    .unwrap();
    let (mut next, mut found, mut batches) = (Some(Position::start()), Vec::new(), 0);
    while let Some(from) = next {
        let batch = store.scan(&from, NOW).await.unwrap().unwrap();
        found.extend(batch.values.iter().map(|(key, _)| key.digest()));
        (next, batches) = (batch.next, batches + 1);
    }
    assert_eq!(found, keys);
    assert!(batches >= 4);
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 1_000);
    for position in [&b"x"[..], &[0; 15], &[0; 17], keys[0].map(|byte| byte).as_slice().repeat(2).as_slice()] {
        let error = store.scan(&Position::new(position), NOW).await.unwrap_err().to_string();
        assert!(error.contains("position"), "{error}");
    }
}
