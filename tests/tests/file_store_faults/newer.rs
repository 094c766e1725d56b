//! The store keeps files that a newer version of this library wrote. There are such files after a roll-back and during a deploy.

use std::fs;

use session_runtime::{
    FileStore,
    store::{Class, Key, Position, Store, Swapped},
};

use crate::{
    garbage::sealed_as,
    log,
    values::{NOW, empty, expired, file, load, put},
};

#[tokio::test]
async fn a_file_of_a_newer_version_loads_as_an_unknown_value_and_stays() {
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
            let found = load(&store, key).await.expect("a value");
            // The ninth byte holds the version and the class.
            assert_eq!((found.value().to_bytes()[8], found.value().class()), (u8::MAX, Class::Unknown));
        }
        for (before, after) in [(None, Some(&empty())), (before.as_ref(), Some(&empty())), (before.as_ref(), None)] {
            let swapped = store.swap(key, before, after, NOW).await;
            assert!(matches!(swapped, Ok(Swapped::Stale(Some(_)))), "{swapped:?}");
        }
        assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    assert_eq!(store.scan(&Position::start(), NOW).await.unwrap().unwrap().values.len(), 2);
    let warnings = log::about(folder.path().to_str().unwrap());
    assert!(
        warnings.len() == 1 && warnings[0].contains("a newer version wrote"),
        "one warning is enough: {warnings:?}"
    );
    // The store does not decide whether a newer value may be replaced.
    for (key, after) in keys.iter().zip([None, Some(&empty())]) {
        let found = load(&store, key).await;
        let swapped = store.swap(key, found.as_ref(), after, NOW).await;
        assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
        assert_eq!(
            load(&store, key).await.map(|now| now.revision().clone()),
            after.map(|after| after.revision().into())
        );
    }
    assert!(!folder.path().join("corrupt").exists(), "a file of a newer version is not set aside");
}
