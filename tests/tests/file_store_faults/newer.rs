//! Files of a later version of this library, after a roll-back or during a deploy: they stay.

use std::fs;

use session_runtime::{
    FileStore,
    store::{Key, Position, Scan, Store},
};

use crate::{
    garbage::sealed_as,
    log,
    values::{NOW, empty, expired, file, load, put, remove},
};

#[tokio::test]
async fn a_newer_file_counts_as_absent_and_is_never_replaced() {
    log::listen();
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let keys = [Key::random().unwrap(), Key::random().unwrap()];
    let bytes = sealed_as(2, b"whatever a later version writes");
    for key in &keys {
        put(&store, key, &expired()).await;
        let before = load(&store, key).await;
        let path = file(folder.path(), key);
        fs::write(&path, &bytes).unwrap();
        for _ in 0..3 {
            assert!(load(&store, key).await.is_none());
        }
        for (before, after) in [(None, Some(&empty())), (before.as_ref(), Some(&empty())), (before.as_ref(), None)] {
            let error = store.swap(key, before, after, NOW).await.unwrap_err().to_string();
            let start = format!("a newer version wrote the session file `{}` (its format is 2,", path.display());
            assert!(error.starts_with(&start) && error.contains("; upgrade this process"), "{error}");
        }
        assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
        assert!(store.scan(&Position::start(), NOW).await.unwrap().values.is_empty());
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    assert!(!folder.path().join("corrupt").exists());
    let warnings = log::about(folder.path().to_str().unwrap());
    assert!(
        warnings.len() == 1 && warnings[0].contains("a newer version wrote"),
        "one warning is enough: {warnings:?}"
    );
    // An operator may decide otherwise.
    for key in &keys {
        fs::remove_file(file(folder.path(), key)).unwrap();
        put(&store, key, &empty()).await;
        remove(&store, key).await;
    }
}
