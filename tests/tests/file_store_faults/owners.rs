//! F11: folders and files that other users could change. A user that can write to the store can become any visitor.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use session_runtime::{
    FileStore,
    store::{Key, Position, Store},
};
use tempfile::TempDir;

use crate::{
    child::skip,
    log,
    values::{NOW, damaged, empty, file, load, put, read, set},
};

const OTHER_USER: u32 = 65_533;

/// Returns a store with one value.
async fn store() -> (TempDir, FileStore, Key, PathBuf) {
    log::listen();
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    set(&store, &key, "theme", "dark").await;
    let shard = file(folder.path(), &key).parent().unwrap().to_owned();
    (folder, store, key, shard)
}

/// Returns the errors of all calls that concern `key`.
async fn errors(store: &FileStore, key: &Key) -> Vec<String> {
    let before = Some(&session_runtime::store::Versioned::new(empty()));
    vec![
        store.load(key, NOW).await.unwrap_err().to_string(),
        store.swap(key, None, Some(&empty()), NOW).await.unwrap_err().to_string(),
        store.swap(key, before, Some(&empty()), NOW).await.unwrap_err().to_string(),
        store.swap(key, before, None, NOW).await.unwrap_err().to_string(),
        store.delete_expired(NOW).await.unwrap_err().to_string(),
        store.scan(&Position::start(), NOW).await.unwrap_err().to_string(),
    ]
}

fn give_away(path: &Path) -> bool {
    let given = chown(path, Some(OTHER_USER), None).is_ok();
    if !given {
        skip("a folder or file of another user", "only root can make one");
    }
    given
}

// F11
#[tokio::test]
async fn a_subfolder_of_another_user_is_refused() {
    let (folder, store, key, shard) = store().await;
    for mode in [0o777, 0o700] {
        fs::set_permissions(&shard, Permissions::from_mode(mode)).unwrap();
        if !give_away(&shard) {
            return;
        }
        let sentence = format!(
            "the folder `{}` belongs to user {OTHER_USER}, who could change the sessions in it; chown it to this \
             process's user, or remove it",
            shard.display()
        );
        for error in errors(&store, &key).await {
            assert_eq!(error, sentence);
        }
        // The error is also reported at start, before the first request.
        let error = FileStore::open(folder.path()).await.unwrap_err();
        assert!(error.is_setup());
        assert_eq!(error.to_string(), sentence);
        assert_eq!(fs::metadata(&shard).unwrap().mode() & 0o777, mode, "another user's folder keeps its mode");
    }
    let mine = fs::metadata(folder.path()).unwrap().uid();
    chown(&shard, Some(mine), None).unwrap();
    assert_eq!(read(&store, &key, "theme").await.as_deref(), Some("dark"));
}

// F11: the store also checks a folder that did not exist when the store was opened.
#[tokio::test]
async fn a_folder_that_another_user_made_first_is_refused() {
    let (folder, store, ..) = store().await;
    let key = Key::random().unwrap();
    let shard = file(folder.path(), &key).parent().unwrap().to_owned();
    let _ = fs::remove_dir_all(&shard);
    fs::create_dir(&shard).unwrap();
    if give_away(&shard) {
        let error = store.swap(&key, None, Some(&empty()), NOW).await.unwrap_err().to_string();
        assert!(error.contains(shard.to_str().unwrap()) && error.contains("belongs to user"), "{error}");
        assert_eq!(fs::read_dir(&shard).unwrap().count(), 0);
    }
}

// F11
#[tokio::test]
async fn a_subfolder_that_others_may_write_to_is_refused() {
    let (folder, store, key, shard) = store().await;
    for mode in [0o777, 0o770, 0o720, 0o702] {
        fs::set_permissions(&shard, Permissions::from_mode(mode)).unwrap();
        for error in errors(&store, &key).await {
            assert_eq!(
                error,
                format!(
                    "other users may write to the folder `{}` (its mode is {mode:o}) and could change the sessions in it; \
                     chmod 700 it, or remove it",
                    shard.display()
                )
            );
        }
    }
    // Other users may read the folder: a file's name reveals nothing that opens a session.
    fs::set_permissions(&shard, Permissions::from_mode(0o755)).unwrap();
    assert!(load(&store, &key).await.is_some());
    drop(folder);
}

// F11: some systems open a volume's folders to a group whenever they mount the volume. So the store closes such subfolders at
// start.
#[tokio::test]
async fn subfolders_are_closed_to_others_at_start() {
    let (folder, _, key, shard) = store().await;
    for (number, mode) in [0o755, 0o2770, 0o777].into_iter().enumerate() {
        fs::set_permissions(&shard, Permissions::from_mode(mode)).unwrap();
        let store = FileStore::open(folder.path()).await.unwrap();
        assert_eq!(fs::metadata(&shard).unwrap().mode() & 0o777, 0o700);
        assert_eq!(read(&store, &key, "theme").await.as_deref(), Some("dark"));
        let warnings = log::about(folder.path().to_str().unwrap());
        assert_eq!(warnings.len(), number, "{warnings:?}");
        assert!(warnings.iter().all(|line| line.contains("other users could write to folders")), "{warnings:?}");
    }
}

// F11
#[tokio::test]
async fn a_file_of_another_user_is_refused() {
    let (folder, store, key, _) = store().await;
    let path = file(folder.path(), &key);
    let bytes = fs::read(&path).unwrap();
    if !give_away(&path) {
        return;
    }
    for error in errors(&store, &key).await {
        let start = format!("the session file `{}` belongs to user {OTHER_USER}, ", path.display());
        assert!(error.starts_with(&start) && error.contains("; chown it"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
    // Other sessions are served.
    put(&store, &Key::random().unwrap(), &empty()).await;
}

// F11: a damaged file is not moved to a folder in which another user could read it.
#[tokio::test]
async fn nothing_is_set_aside_in_a_folder_of_another_user() {
    let (folder, store, key, _) = store().await;
    let corrupt = folder.path().join("corrupt");
    fs::create_dir(&corrupt).unwrap();
    if give_away(&corrupt) {
        fs::write(file(folder.path(), &key), "garbage").unwrap();
        let found = damaged(&store, &key).await;
        let error = store.swap(&key, Some(&found), None, NOW).await.unwrap_err().to_string();
        assert!(error.contains("corrupt` belongs to user"), "{error}");
        assert_eq!(fs::read(file(folder.path(), &key)).unwrap(), b"garbage");
        assert_eq!(fs::read_dir(&corrupt).unwrap().count(), 0);
        assert!(FileStore::open(folder.path()).await.unwrap_err().to_string().contains("corrupt` belongs to user"));
    }
}

// F11: a user who may rename the folder can replace it with an older copy.
#[tokio::test]
async fn a_folder_that_other_users_could_replace_is_warned_of() {
    log::listen();
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("sessions");
    let warnings = || log::about(path.to_str().unwrap());
    FileStore::open(&path).await.unwrap();
    assert_eq!(warnings(), [""; 0]);
    fs::set_permissions(parent.path(), Permissions::from_mode(0o777)).unwrap();
    FileStore::open(&path).await.unwrap();
    let expected = format!(
        "the session folder can be moved away or replaced, since other users may write to the folder `{}` (mode 777)",
        parent.path().display()
    );
    assert!(warnings().len() == 1 && warnings()[0].contains(&expected), "{:?}", warnings());
    fs::set_permissions(parent.path(), Permissions::from_mode(0o1777)).unwrap();
    FileStore::open(&path).await.unwrap();
    assert_eq!(warnings().len(), 1, "other users cannot replace a folder in a sticky one");
    if give_away(parent.path()) {
        FileStore::open(&path).await.unwrap();
        assert!(warnings()[1].contains("belongs to user 65533"), "{:?}", warnings());
    }
}
