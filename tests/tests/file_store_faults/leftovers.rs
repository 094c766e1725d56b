//! What killed processes leave behind, and how clean-up keeps out of the way.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use session_runtime::{
    FileStore,
    store::{Key, Store},
};
use tests::records::{NOW, create, create_until, file, load, set, update, write};

/// A temporary file last written to this many seconds ago.
fn temporary(path: &Path, age: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = File::create(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
}

// B35
#[tokio::test]
async fn old_temporary_files_go_and_young_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let keys: Vec<_> = (0..40).map(|_| Key::random().unwrap()).collect();
    for (index, key) in keys.iter().enumerate() {
        write(&store, key, &create()).await;
        temporary(&file(folder.path(), key).with_extension("tmp"), if index < 20 { 3_600 } else { 5 });
    }
    temporary(&folder.path().join("trial-0123.tmp"), 3_600);
    assert_eq!(store.delete_expired(NOW).await.unwrap(), 0, "they are no sessions");
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(file(folder.path(), key).with_extension("tmp").exists(), index >= 20);
        assert!(load(&store, key).await.is_some());
    }
    assert!(!folder.path().join("trial-0123.tmp").exists());
}

// B35: not even for a moment.
#[tokio::test]
async fn a_temporary_file_left_behind_keeps_nobody_from_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    write(&store, &key, &create()).await;
    let left_behind = file(folder.path(), &key).with_extension("tmp");
    fs::write(&left_behind, "half of a rec").unwrap();
    write(&store, &key, &set(update(), "theme", "dark")).await;
    assert!(!left_behind.exists());
    // Nor one that is planted as a link.
    let outside = folder.path().join("outside");
    fs::write(&outside, "safe").unwrap();
    std::os::unix::fs::symlink(&outside, &left_behind).unwrap();
    write(&store, &key, &set(update(), "theme", "light")).await;
    assert_eq!(fs::read(&outside).unwrap(), b"safe");
    assert!(!file(folder.path(), &key).is_symlink());
}

// B16: what others put there is not ours to remove.
#[tokio::test]
async fn cleaning_up_leaves_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    write(&store, &key, &create_until(NOW)).await;
    let shard = file(folder.path(), &key).parent().unwrap().to_owned();
    let strangers = [
        shard.join("README"),
        shard.join(key.hex().to_uppercase()),
        shard.join(&key.hex()[..31]),
        shard.join(format!("{}0", key.hex())),
        folder.path().join("zz"),
        folder.path().join(key.hex()),
    ];
    for stranger in &strangers {
        fs::write(stranger, "not yours").unwrap();
    }
    assert_eq!(store.delete_expired(NOW).await.unwrap(), 1);
    assert!(!file(folder.path(), &key).exists());
    assert!(strangers.iter().all(|stranger| fs::read(stranger).unwrap() == b"not yours"));
}

/// Clean-up waits for nobody: a shard whose lock is taken is left for the next time.
#[tokio::test]
async fn cleaning_up_passes_by_a_busy_shard() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let keys: Vec<_> = (0..50).map(|_| Key::random().unwrap()).collect();
    for key in &keys {
        write(&store, key, &create_until(NOW)).await;
    }
    let shard = file(folder.path(), &keys[0]).parent().unwrap().to_owned();
    let busy = keys.iter().filter(|key| file(folder.path(), key).starts_with(&shard)).count();
    let lock = File::open(shard.join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(store.delete_expired(NOW).await.unwrap(), (keys.len() - busy) as u64);
    assert!(file(folder.path(), &keys[0]).exists());
    // Reading needs no lock.
    assert_eq!(load(&store, &keys[0]).await, None);
    drop(lock);
    assert_eq!(store.delete_expired(NOW).await.unwrap(), busy as u64);
}

/// A long clean-up does not hold up the end of the process: it stops once nobody waits for it any more.
#[test]
fn cleaning_up_ends_when_nobody_wants_it_any_more() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut files = Vec::new();
    runtime.block_on(async {
        let store = FileStore::open(folder.path()).await.unwrap();
        for _ in 0..4_000 {
            let key = Key::random().unwrap();
            write(&store, &key, &create_until(NOW)).await;
            files.push(file(folder.path(), &key));
        }
        files.sort();
        let begun = async {
            let start = Instant::now();
            while files[0].exists() {
                assert!(start.elapsed() < Duration::from_secs(60), "it does not begin");
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            removed = store.delete_expired(NOW) => panic!("it removed {removed:?} before anybody could look"),
            () = begun => {}
        }
    });
    // Waits for what is under way.
    drop(runtime);
    assert!(files.iter().any(|file| file.exists()), "it went on to the end");
}
