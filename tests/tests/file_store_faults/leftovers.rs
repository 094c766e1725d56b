//! The clean-up removes expired values and the temporary files of killed processes, and does not delay other work.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use session_runtime::{
    FileStore, Timestamp,
    store::{Key, Store},
};

use crate::values::{NOW, empty, expired, file, load, put, set, value};

/// Creates a temporary file that was last written to this many seconds ago.
fn temporary(path: &Path, age: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = File::create(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
}

// B35
#[tokio::test]
async fn old_temporary_files_are_removed_and_recent_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let keys: Vec<_> = (0..40).map(|_| Key::random().unwrap()).collect();
    for (index, key) in keys.iter().enumerate() {
        put(&store, key, &empty()).await;
        temporary(&file(folder.path(), key).with_extension("tmp"), if index < 20 { 3_600 } else { 5 });
    }
    temporary(&folder.path().join("trial-0123.tmp"), 3_600);
    assert_eq!(store.delete_expired(NOW).await.unwrap(), 0, "temporary files do not count as sessions");
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(file(folder.path(), key).with_extension("tmp").exists(), index >= 20);
        assert!(load(&store, key).await.is_some());
    }
    assert!(!folder.path().join("trial-0123.tmp").exists());
}

// B35
#[tokio::test]
async fn a_temporary_file_left_behind_does_not_prevent_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    put(&store, &key, &empty()).await;
    let left_behind = file(folder.path(), &key).with_extension("tmp");
    fs::write(&left_behind, "half of a val").unwrap();
    set(&store, &key, "theme", "dark").await;
    assert!(!left_behind.exists());
    // A link in the place of the temporary file does not prevent writing either, and the store does not follow the link.
    let outside = folder.path().join("outside");
    fs::write(&outside, "safe").unwrap();
    std::os::unix::fs::symlink(&outside, &left_behind).unwrap();
    set(&store, &key, "theme", "light").await;
    assert_eq!(fs::read(&outside).unwrap(), b"safe");
    assert!(!file(folder.path(), &key).is_symlink());
}

// B16
#[tokio::test]
async fn cleaning_up_removes_what_has_expired_and_nothing_else() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let second = Duration::from_secs(1);
    let mut keys = Vec::new();
    // Some values are shorter than the clean-up's first read and others are longer. Each shard holds more than one batch.
    for number in 0_u8..200 {
        let key = Key::from_digest([number % 2, number, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
        let expires_at = if number % 4 < 2 { NOW } else { NOW + second };
        put(&store, &key, &value(expires_at, &vec![b' '; usize::from(number) * 10])).await;
        keys.push((key, expires_at));
    }
    // F27: the clean-up removes a value only an hour after its deadline, because this machine's clock may be ahead.
    let hour = Duration::from_secs(3_600);
    assert_eq!(store.delete_expired(Timestamp::from_millis((NOW + hour).as_millis() - 1)).await.unwrap(), 0);
    assert_eq!(store.delete_expired(NOW + hour).await.unwrap(), 100);
    for (key, expires_at) in &keys {
        assert_eq!(load(&store, key).await.is_some(), *expires_at > NOW);
    }
    assert_eq!(store.delete_expired(NOW + hour).await.unwrap(), 0);
    assert_eq!(store.delete_expired(NOW + hour + second).await.unwrap(), 100);
}

// B16: the store must not remove files that it did not write.
#[tokio::test]
async fn cleaning_up_keeps_unknown_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::from_digest([0xab; 16]);
    put(&store, &key, &expired()).await;
    let bytes = fs::read(file(folder.path(), &key)).unwrap();
    let shard = file(folder.path(), &key).parent().unwrap().to_owned();
    let strangers = [
        shard.join("README"),
        shard.join(key.hex().to_uppercase()),
        shard.join(&key.hex()[..31]),
        shard.join(format!("{}0", key.hex())),
        shard.join(format!("+{}", &key.hex()[1..])),
        // The name of a value in another shard.
        shard.join("cd".repeat(16)),
        folder.path().join("zz"),
        folder.path().join(key.hex()),
    ];
    for stranger in &strangers {
        fs::write(stranger, &bytes).unwrap();
    }
    assert_eq!(store.delete_expired(NOW).await.unwrap(), 1);
    assert!(!file(folder.path(), &key).exists());
    assert!(strangers.iter().all(|stranger| fs::read(stranger).unwrap() == bytes));
}

/// Clean-up does not wait for other processes: it leaves a locked shard for the next time.
#[tokio::test]
async fn cleaning_up_skips_a_busy_shard() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let keys: Vec<_> = (0..50).map(|_| Key::random().unwrap()).collect();
    for key in &keys {
        put(&store, key, &expired()).await;
    }
    let shard = file(folder.path(), &keys[0]).parent().unwrap().to_owned();
    let busy = keys.iter().filter(|key| file(folder.path(), key).starts_with(&shard)).count();
    let lock = File::open(shard.join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(store.delete_expired(NOW).await.unwrap(), (keys.len() - busy) as u64);
    assert!(load(&store, &keys[0]).await.is_some(), "reading needs no lock");
    drop(lock);
    assert_eq!(store.delete_expired(NOW).await.unwrap(), busy as u64);
}

/// A long clean-up does not delay the end of the process: it stops when its future is dropped.
#[test]
fn cleaning_up_ends_when_its_future_is_dropped() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut files = Vec::new();
    runtime.block_on(async {
        let store = FileStore::open(folder.path()).await.unwrap();
        for _ in 0..4_000 {
            let key = Key::random().unwrap();
            put(&store, &key, &expired()).await;
            files.push(file(folder.path(), &key));
        }
        files.sort();
        let begun = async {
            let start = Instant::now();
            while files[0].exists() {
                assert!(start.elapsed() < Duration::from_secs(60), "the clean-up does not begin");
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            removed = store.delete_expired(NOW) => panic!("the clean-up ended with {removed:?} before the test saw it begin"),
            () = begun => {}
        }
    });
    // Dropping the runtime waits for the part of the clean-up that is still running.
    drop(runtime);
    assert!(files.iter().any(|file| file.exists()), "the clean-up ran to its end");
}
