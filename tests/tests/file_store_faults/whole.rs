//! Lists that miss a session, or cannot be read: they are made anew from the sessions, so that no log-out everywhere
//! misses one. S22, B41

use std::{fs, os::unix::fs as unix, path::Path, time::Duration};

use session_runtime::{
    FileStore, Timestamp,
    store::{Key, Store, User, UserIndex},
};
use tempfile::TempDir;
use tests::{
    records::{NOW, create, file, load, numbered, sign_in, user, user_file, write},
    store::listed,
};

use crate::log;

async fn store() -> (TempDir, FileStore) {
    log::listen();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    (folder, store)
}

fn at(second: u64) -> Timestamp {
    NOW + Duration::from_secs(second)
}

/// A session, as one is stored that is not entered.
async fn session(store: &FileStore, user: &User, at: Timestamp) -> Key {
    let key = Key::random().unwrap();
    write(store, &key, &sign_in(create(), user, at)).await;
    key
}

/// Sessions of a user, entered and stored, one a second.
async fn sessions(store: &FileStore, user: &User, count: u64) -> Vec<Key> {
    let mut keys = Vec::new();
    for second in 0..count {
        let key = session(store, user, at(second)).await;
        store.enter(user, &key, at(second)).await.unwrap();
        keys.push(key);
    }
    keys
}

fn set_aside(folder: &Path) -> usize {
    fs::read_dir(folder.join("corrupt")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_folder_from_before_there_were_lists() {
    let (folder, store) = store().await;
    let bob = User::new(*b"\xa3bob");
    // In no order, by a build that knows nothing of lists.
    let (second, third, first) = (
        session(&store, &user(), at(2)).await,
        session(&store, &user(), at(3)).await,
        session(&store, &user(), at(1)).await,
    );
    let his = session(&store, &bob, at(9)).await;
    write(&store, &Key::random().unwrap(), &create()).await;
    assert!(!folder.path().join("users").exists());
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [first, second, third], "in the order of the sign-ins");
    store.leave(&bob, &[his]).await.unwrap();
    // From now on it is whole, and looks for nothing any more.
    session(&store, &user(), at(4)).await;
    assert_eq!(store.entries(&user()).await.unwrap().len(), 3);
    assert!(store.entries(&bob).await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_that_somebody_removed() {
    let (folder, store) = store().await;
    let keys = sessions(&store, &user(), 3).await;
    fs::remove_dir_all(folder.path().join("users")).unwrap();
    let new = session(&store, &user(), at(9)).await;
    store.enter(&user(), &new, at(9)).await.unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [&keys[..], &[new]].concat());
    fs::remove_dir_all(folder.path().join("users")).unwrap();
    store.leave(&user(), &[keys[0], new]).await.unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), keys[1..]);
}

/// Gathering them was interrupted: what is there is not all.
#[tokio::test]
async fn lists_that_were_not_gathered_to_the_end() {
    let (folder, store) = store().await;
    let keys = sessions(&store, &user(), 3).await;
    store.leave(&user(), &keys[1..2]).await.unwrap();
    // Whose session is about to come is in no record yet.
    store.enter(&user(), &numbered(0, 1), at(9)).await.unwrap();
    fs::remove_file(folder.path().join("users/whole")).unwrap();
    fs::write(user_file(folder.path(), &user()).with_extension("tmp"), "half of a li").unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [&keys[..], &[numbered(0, 1)]].concat());
    assert!(folder.path().join("users/whole").exists());
}

#[tokio::test]
async fn a_list_cut_or_overwritten_anywhere() {
    let (folder, store) = store().await;
    let keys = sessions(&store, &user(), 3).await;
    let path = user_file(folder.path(), &user());
    let whole = fs::read(&path).unwrap();
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let flipped = (0..whole.len() * 8).step_by(3).map(|bit| {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    let longer = [whole.as_slice(), b"\0"].concat();
    let sealed = |body: &[u8]| [&whole[..5], &crc32fast::hash(body).to_le_bytes(), body].concat();
    assert_eq!(sealed(&whole[9..]), whole, "a test that seals otherwise proves nothing");
    let record = fs::read(file(folder.path(), &keys[0])).unwrap();
    let others = [longer, sealed(b"\0"), sealed(&whole[9..40]), record, b"garbage".to_vec()];
    for (number, bytes) in cut.chain(flipped).chain(others).enumerate() {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(listed(store.entries(&user()).await.unwrap()), keys, "after {bytes:x?}");
        assert_eq!(set_aside(folder.path()), number + 1);
    }
    let warnings = log::about(path.to_str().unwrap());
    assert!(warnings.iter().all(|line| line.contains("it is made anew from the sessions")), "{warnings:?}");
}

/// Each call finds all sessions, and nobody else's list suffers.
#[tokio::test]
async fn whatever_finds_a_garbled_list() {
    let (folder, store) = store().await;
    let (bob, late) = (User::new(*b"\xa3bob"), numbered(0, 7));
    let garble = |user: &User| fs::write(user_file(folder.path(), user), "garbage").unwrap();
    let his = sessions(&store, &bob, 2).await;
    store.enter(&bob, &late, at(5)).await.unwrap();
    let his = [&his[..], &[late]].concat();

    let keys = sessions(&store, &user(), 3).await;
    garble(&user());
    let new = session(&store, &user(), at(8)).await;
    store.enter(&user(), &new, at(8)).await.unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [&keys[..], &[new]].concat());
    garble(&user());
    store.delete(&keys[0]).await.unwrap();
    store.leave(&user(), &keys[..1]).await.unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [keys[1], keys[2], new]);
    garble(&user());
    // What ends sessions leaves the list to those who need it whole, and so does clean-up.
    store.delete(&keys[1]).await.unwrap();
    store.delete_expired(at(10)).await.unwrap();
    assert_eq!(fs::read(user_file(folder.path(), &user())).unwrap(), b"garbage");
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [keys[2], new]);
    assert_eq!(listed(store.entries(&bob).await.unwrap()), his);
    // Many at once, as a power cut leaves them: gathered once.
    let before = log::about(folder.path().to_str().unwrap()).iter().filter(|line| line.contains("gathering")).count();
    [user(), bob.clone()].iter().for_each(garble);
    assert_eq!(listed(store.entries(&bob).await.unwrap()), his[..2], "what was about to come has to be entered again");
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [keys[2], new]);
    let lines = log::about(folder.path().to_str().unwrap());
    assert_eq!(lines.iter().filter(|line| line.contains("gathering")).count(), before + 1, "{lines:?}");
}

// S4
#[tokio::test]
async fn what_is_no_list_is_set_aside_and_links_are_not_followed() {
    let (folder, store) = store().await;
    let keys = sessions(&store, &user(), 3).await;
    let path = user_file(folder.path(), &user());
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("list");
    fs::write(&target, fs::read(&path).unwrap()).unwrap();
    fs::remove_file(&path).unwrap();
    unix::symlink(&target, &path).unwrap();
    store.leave(&user(), &[numbered(0, 1)]).await.unwrap();
    assert!(!path.is_symlink() && target.exists());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), keys);
    let whole = folder.path().join("users/whole");
    fs::remove_file(&whole).unwrap();
    unix::symlink(outside.path().join("whole"), &whole).unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), keys);
    assert!(whole.is_file() && !whole.is_symlink() && !outside.path().join("whole").exists());

    for path in [path.parent().unwrap().to_owned(), folder.path().join("users")] {
        fs::rename(&path, path.with_extension("moved")).unwrap();
        unix::symlink(outside.path(), &path).unwrap();
        for error in [
            store.enter(&user(), &keys[0], NOW).await.unwrap_err(),
            store.entries(&user()).await.unwrap_err(),
            store.leave(&user(), &keys).await.unwrap_err(),
            store.delete_expired(NOW).await.unwrap_err(),
        ] {
            let sentence = error.to_string();
            assert!(sentence.contains(path.to_str().unwrap()) && sentence.ends_with("remove it"), "{sentence}");
        }
        // A log-out works all the same.
        let key = session(&store, &user(), NOW).await;
        store.delete(&key).await.unwrap();
        assert_eq!(load(&store, &key).await, None);
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "nothing was written through a link");
}

/// Rather an error than a list that misses some.
#[tokio::test]
async fn where_sessions_cannot_be_read_no_list_is_made() {
    let (folder, store) = store().await;
    let key = session(&store, &user(), NOW).await;
    let shard = file(folder.path(), &key).parent().unwrap().to_owned();
    let moved = shard.with_extension("moved");
    fs::rename(&shard, &moved).unwrap();
    unix::symlink(&moved, &shard).unwrap();
    for error in [store.entries(&user()).await.unwrap_err(), store.leave(&user(), &[key]).await.unwrap_err()] {
        assert!(error.to_string().contains(shard.to_str().unwrap()), "{error}");
    }
    fs::remove_file(&shard).unwrap();
    fs::rename(&moved, &shard).unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [key]);
}
