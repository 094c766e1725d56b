//! A shard's lock while another process holds it, or after the shard's folder was replaced.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use session_runtime::{
    FileStore,
    store::{Key, Store, Swapped, Versioned},
};
use tokio::{task::JoinHandle, time::timeout};

use crate::values::{NOW, empty, file, load, put};

const PATIENCE: Duration = Duration::from_secs(60);

fn shard(folder: &Path, key: &Key) -> PathBuf {
    file(folder, key).parent().unwrap().to_owned()
}

/// Holds a shard's lock, like another process that was stopped in the middle of a write.
fn hold(shard: &Path) -> File {
    let lock = File::open(shard.join("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// Begins a swap, which must succeed.
fn spawn_swap(store: &FileStore, key: Key, before: Option<Versioned>) -> JoinHandle<()> {
    let store = store.clone();
    tokio::spawn(async move {
        let swapped = store.swap(&key, before.as_ref(), Some(&empty()), NOW).await;
        assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
    })
}

/// Waits until the system reports a thread that waits for `lock`.
async fn until_a_thread_waits_for(lock: &File) {
    let inode = format!(":{} ", lock.metadata().unwrap().ino());
    let start = Instant::now();
    while !fs::read_to_string("/proc/locks").unwrap().lines().any(|line| line.contains("->") && line.contains(&inode)) {
        assert!(start.elapsed() < PATIENCE, "no thread waits for the lock");
        tokio::task::yield_now().await;
    }
}

/// The writers of a locked shard wait, and together occupy one thread. The other shards are not delayed.
#[tokio::test]
async fn a_lock_that_is_held_delays_only_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let (key, mut elsewhere) = (Key::random().unwrap(), Key::random().unwrap());
    while shard(folder.path(), &elsewhere) == shard(folder.path(), &key) {
        elsewhere = Key::random().unwrap();
    }
    put(&store, &key, &empty()).await;
    let lock = hold(&shard(folder.path(), &key));
    // More writers than Tokio has blocking threads.
    let keys: Vec<_> = (0..600).map(|_| in_shard_of(&key)).collect();
    let waiting: Vec<_> = keys.iter().map(|key| spawn_swap(&store, *key, None)).collect();
    for _ in &waiting {
        tokio::task::yield_now().await;
    }
    until_a_thread_waits_for(&lock).await;
    let others = async {
        put(&store, &elsewhere, &empty()).await;
        assert!(load(&store, &key).await.is_some(), "reading takes no lock");
    };
    timeout(PATIENCE, others).await.expect("reads and other shards are not delayed");
    assert!(waiting.iter().all(|writer| !writer.is_finished()));
    drop(lock);
    for writer in waiting {
        timeout(PATIENCE, writer).await.expect("the lock is free").unwrap();
    }
    for key in &keys {
        assert!(load(&store, key).await.is_some());
    }
}

fn in_shard_of(key: &Key) -> Key {
    let mut digest = Key::random().unwrap().digest();
    digest[0] = key.digest()[0];
    Key::from_digest(digest)
}

/// If a shard's folder is replaced while a process waits for the lock in it, the process must take the lock in the new folder.
#[tokio::test]
async fn a_writer_locks_the_folder_that_replaced_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    let shard = shard(folder.path(), &key);
    put(&store, &key, &empty()).await;
    let before = load(&store, &key).await.unwrap();
    let old = hold(&shard);
    let writer = spawn_swap(&store, key, Some(before.clone()));
    until_a_thread_waits_for(&old).await;
    fs::rename(&shard, folder.path().join("moved away")).unwrap();
    // Another process creates the shard again, with the same value, and begins to write.
    let other = FileStore::open(folder.path()).await.unwrap();
    put(&other, &key, before.value()).await;
    let new = hold(&shard);
    drop(old);
    until_a_thread_waits_for(&new).await;
    assert!(!writer.is_finished());
    drop(new);
    timeout(PATIENCE, writer).await.expect("the lock is free").unwrap();
    assert_ne!(load(&store, &key).await.unwrap().revision(), before.revision());
}
