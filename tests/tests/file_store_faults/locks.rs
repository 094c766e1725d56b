//! The lock of a shard while another process holds it, or after its folder was replaced.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use session_runtime::{FileStore, store::Key};
use tests::records::{add, create, file, load, read, set, update, write};
use tokio::{task::JoinHandle, time::timeout};

const PATIENCE: Duration = Duration::from_secs(60);

fn shard(folder: &Path, key: &Key) -> PathBuf {
    file(folder, key).parent().unwrap().to_owned()
}

/// Holds a shard's lock, as another process would that was stopped in the middle of a write.
fn hold(shard: &Path) -> File {
    let lock = File::open(shard.join("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn spawn_write(store: &FileStore, key: Key) -> JoinHandle<()> {
    let store = store.clone();
    tokio::spawn(async move { write(&store, &key, &add(update(), "sum", 1)).await })
}

/// Until somebody waits for `lock`: the system says so.
async fn until_somebody_waits_for(lock: &File) {
    let inode = format!(":{} ", lock.metadata().unwrap().ino());
    let start = Instant::now();
    while !fs::read_to_string("/proc/locks").unwrap().lines().any(|line| line.contains("->") && line.contains(&inode)) {
        assert!(start.elapsed() < PATIENCE, "nobody waits for the lock");
        tokio::task::yield_now().await;
    }
}

/// Writers of a shard wait, one thread for all of them; the rest of the store goes on.
#[tokio::test]
async fn a_lock_that_is_held_holds_up_only_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let (key, mut elsewhere) = (Key::random().unwrap(), Key::random().unwrap());
    while shard(folder.path(), &elsewhere) == shard(folder.path(), &key) {
        elsewhere = Key::random().unwrap();
    }
    write(&store, &key, &create()).await;
    let lock = hold(&shard(folder.path(), &key));
    // More than Tokio has blocking threads.
    let waiting: Vec<_> = (0..600).map(|_| spawn_write(&store, key)).collect();
    until_somebody_waits_for(&lock).await;
    let others = async {
        write(&store, &elsewhere, &create()).await;
        assert!(load(&store, &key).await.is_some(), "reading takes no lock");
    };
    timeout(PATIENCE, others).await.expect("others are not held up");
    assert!(waiting.iter().all(|writer| !writer.is_finished()));
    drop(lock);
    for writer in waiting {
        timeout(PATIENCE, writer).await.expect("the lock is free").unwrap();
    }
    assert_eq!(rmp_serde::from_slice::<u32>(&read(&store, &key, "sum").await.unwrap()).unwrap(), 600);
}

/// Who waited for a lock whose folder was replaced meanwhile has waited for the wrong one.
#[tokio::test]
async fn a_lock_is_the_one_that_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    let shard = shard(folder.path(), &key);
    write(&store, &key, &create()).await;
    let old = hold(&shard);
    let writer = spawn_write(&store, key);
    until_somebody_waits_for(&old).await;
    fs::rename(&shard, folder.path().join("moved away")).unwrap();
    // Another process makes the shard anew and begins to write.
    let other = FileStore::open(folder.path()).await.unwrap();
    write(&other, &key, &set(create(), "theme", "dark")).await;
    let new = hold(&shard);
    drop(old);
    until_somebody_waits_for(&new).await;
    assert!(!writer.is_finished());
    drop(new);
    timeout(PATIENCE, writer).await.expect("the lock is free").unwrap();
    let record = load(&store, &key).await.unwrap();
    assert_eq!(record.fields.iter().count(), 2, "both writes are there");
}
