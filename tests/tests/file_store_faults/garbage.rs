//! B29: files that are damaged, or that the store never wrote. A load returns a damaged value and does not move the file; the
//! swap that replaces the value sets the file aside.

use std::{fs, os::unix::fs as unix, path::Path};

use session_runtime::{
    FileStore, Timestamp,
    store::{Class, Key, Position, Store, Swapped},
};
use tempfile::TempDir;

use crate::{
    log,
    values::{NOW, damaged, empty, file, is_damaged, load, put, read, remove, set, value},
};

async fn store() -> (TempDir, FileStore) {
    log::listen();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    (folder, store)
}

/// Counts the files that were set aside.
fn set_aside(folder: &Path) -> usize {
    fs::read_dir(folder.join("corrupt")).map_or(0, Iterator::count)
}

/// Returns the key of a stored value, and the bytes of its file.
async fn stored(folder: &TempDir, store: &FileStore) -> (Key, Vec<u8>) {
    let key = Key::random().unwrap();
    set(store, &key, "theme", "dark").await;
    (key, fs::read(file(folder.path(), &key)).unwrap())
}

/// Returns the bytes of an intact file that holds this value.
fn sealed(value: &[u8]) -> Vec<u8> {
    sealed_as(1, value)
}

pub(crate) fn sealed_as(version: u8, value: &[u8]) -> Vec<u8> {
    let checksum = crc32fast::hash(&[&[version], value].concat());
    [b"SESS", &[version][..], &checksum.to_le_bytes(), value].concat()
}

/// Writes these bytes to the key's file. Checks that a load returns a damaged value, and that the file stays.
async fn counts_as_damaged(folder: &TempDir, store: &FileStore, key: &Key, bytes: &[u8], what: &str) {
    let path = file(folder.path(), key);
    fs::write(&path, bytes).unwrap();
    assert!(load(store, key).await.is_some_and(|found| is_damaged(&found)), "{what}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "{what} should stay");
}

// B29
#[tokio::test]
async fn a_file_cut_anywhere_counts_as_damaged() {
    let (folder, store) = store().await;
    let (key, whole) = stored(&folder, &store).await;
    for length in 0..whole.len() {
        counts_as_damaged(&folder, &store, &key, &whole[..length], &format!("a file cut at {length}")).await;
    }
    let longer = [whole.as_slice(), b"\0"].concat();
    counts_as_damaged(&folder, &store, &key, &longer, "a file with a byte too many").await;
    fs::write(file(folder.path(), &key), &whole).unwrap();
    assert_eq!(read(&store, &key, "theme").await.as_deref(), Some("dark"), "the whole file can be read again");
}

// B29
#[tokio::test]
async fn a_file_with_any_bit_flipped_counts_as_damaged() {
    let (folder, store) = store().await;
    let (key, whole) = stored(&folder, &store).await;
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[index] ^= 1 << bit;
            counts_as_damaged(&folder, &store, &key, &flipped, &format!("bit {bit} of byte {index}")).await;
        }
    }
}

// B29, S46: the store does not interpret values.
#[tokio::test]
async fn an_intact_file_is_loaded_whatever_its_value_is() {
    let (folder, store) = store().await;
    let (key, whole) = stored(&folder, &store).await;
    assert_eq!(sealed(&whole[9..]), whole, "`sealed` writes what the store writes: magic, version, checksum, value");
    let nested = [[0x91].repeat(100_000), vec![0xc0]].concat();
    let newer = [&[0; 8][..], &[0xff; 40]].concat();
    for bytes in [&b""[..], b"\0", b"not a value", &[0xff; 26], &newer, &nested] {
        fs::write(file(folder.path(), &key), sealed(bytes)).unwrap();
        let found = load(&store, &key).await.expect("a value");
        assert_eq!((found.value().to_bytes(), found.value().class()), (bytes.to_vec().into(), Class::Unknown));
        assert_eq!(store.delete_expired(NOW).await.unwrap(), 0, "the store cannot tell whether it has expired");
        // A swap that expects another revision is stale. A swap that expects the value's own revision is done.
        let wrong = session_runtime::store::Versioned::new(empty());
        assert!(matches!(store.swap(&key, Some(&wrong), None, NOW).await, Ok(Swapped::Stale(Some(_)))));
        assert!(matches!(store.swap(&key, None, Some(&empty()), NOW).await, Ok(Swapped::Stale(Some(_)))));
        assert!(matches!(store.swap(&key, Some(&found), Some(&empty()), NOW).await, Ok(Swapped::Done(_))));
    }
    assert_eq!(set_aside(folder.path()), 0);
}

// B29
#[tokio::test]
async fn a_damaged_file_is_set_aside_with_a_warning_by_the_swap_that_replaces_it() {
    let (folder, store) = store().await;
    let garbage = [&b""[..], b"\0", b"{\"user\":1}", &[0xff; 5_000], b"SESS", b"SESS\x02\0\0\0\0\xc0"];
    for (number, garbage) in garbage.iter().enumerate() {
        let (key, _) = stored(&folder, &store).await;
        let before = load(&store, &key).await;
        let path = file(folder.path(), &key);
        fs::write(&path, garbage).unwrap();
        let found = damaged(&store, &key).await;
        // A swap is stale if it expects the earlier value, or none.
        for before in [before.as_ref(), None] {
            for after in [Some(&empty()), None] {
                match store.swap(&key, before, after, NOW).await {
                    Ok(Swapped::Stale(Some(held))) => assert_eq!(held.revision(), found.revision()),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((fs::read(&path).unwrap(), set_aside(folder.path())), (garbage.to_vec(), number));
        let after = (number % 2 == 0).then(empty);
        let swapped = store.swap(&key, Some(&found), after.as_ref(), NOW).await;
        assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
        assert_eq!((path.exists(), set_aside(folder.path())), (after.is_some(), number + 1));
        // A repeated swap is stale.
        assert!(matches!(store.swap(&key, Some(&found), None, NOW).await, Ok(Swapped::Stale(_))));
        set(&store, &key, "theme", "light").await;
        assert_eq!(read(&store, &key, "theme").await.as_deref(), Some("light"));
        let warnings = log::about(&key.hex());
        assert!(warnings.len() == 2 && warnings.iter().all(|line| line.contains("WARN")), "{warnings:?}");
        assert!(warnings[0].contains("is damaged and stays") && warnings[0].contains(path.to_str().unwrap()));
        assert!(warnings[1].contains("was set aside") && warnings[1].contains("/corrupt/"), "{warnings:?}");
    }
    // The files that were set aside are unchanged.
    let kept = fs::read_dir(folder.path().join("corrupt")).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    assert!(kept.into_iter().any(|bytes| bytes == [0xff; 5_000]));
}

// Different damaged files can have the same bytes, for example after a power cut that emptied them.
#[tokio::test]
async fn a_swap_replaces_only_the_damaged_file_that_was_loaded() {
    let (folder, store) = store().await;
    let (key, whole) = stored(&folder, &store).await;
    let path = file(folder.path(), &key);
    for garbage in [b"".as_slice(), b"garbage"] {
        fs::write(&path, garbage).unwrap();
        let first = damaged(&store, &key).await;
        assert_eq!(damaged(&store, &key).await.revision(), first.revision());
        // Another file with the same bytes replaces the file.
        let other = path.with_extension("other");
        fs::write(&other, garbage).unwrap();
        fs::rename(&other, &path).unwrap();
        let swapped = store.swap(&key, Some(&first), Some(&empty()), NOW).await;
        assert!(matches!(swapped, Ok(Swapped::Stale(Some(_)))), "{swapped:?}");
        // A healthy file replaces the damaged one.
        let second = damaged(&store, &key).await;
        fs::write(&path, &whole).unwrap();
        let swapped = store.swap(&key, Some(&second), None, NOW).await;
        assert!(matches!(swapped, Ok(Swapped::Stale(Some(_)))), "{swapped:?}");
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    assert_eq!(set_aside(folder.path()), 0);
}

// B16, B29: a damaged file may hold a user's list, so a clean-up must not remove it.
#[tokio::test]
async fn cleaning_up_keeps_damaged_files_and_logs_them_once() {
    let (folder, store) = store().await;
    for garbage in [&b"garbage"[..], b"", b"SESS\x01\0", &[0; 5_000]] {
        let (key, _) = stored(&folder, &store).await;
        fs::write(file(folder.path(), &key), garbage).unwrap();
        for _ in 0..3 {
            assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
        }
        assert_eq!(fs::read(file(folder.path(), &key)).unwrap(), garbage);
        let warnings = log::about(&key.hex());
        assert!(warnings.len() == 1 && warnings[0].contains("is damaged and stays"), "{warnings:?}");
    }
    // A clean-up reads the whole file only before it removes the value. So it notices damage at the end of the file only then.
    let (key, end) = (Key::random().unwrap(), NOW + std::time::Duration::from_secs(1));
    put(&store, &key, &value(end, b"{}")).await;
    let whole = fs::read(file(folder.path(), &key)).unwrap();
    fs::write(file(folder.path(), &key), [&whole[..whole.len() - 1], b"?"].concat()).unwrap();
    let due = end + std::time::Duration::from_secs(3_600);
    for (now, warnings) in [(end, 0), (due, 1), (due, 1)] {
        assert_eq!(store.delete_expired(now).await.unwrap(), 0, "the deadline in a damaged file may be wrong");
        assert_eq!(log::about(&key.hex()).len(), warnings);
    }
    damaged(&store, &key).await;
    assert_eq!(set_aside(folder.path()), 0);
}

// Tools that scan all values also see the damaged ones.
#[tokio::test]
async fn a_scan_finds_damaged_files() {
    let (folder, store) = store().await;
    let (key, _) = stored(&folder, &store).await;
    fs::write(file(folder.path(), &key), "garbage").unwrap();
    let found = store.scan(&Position::start(), NOW).await.unwrap().unwrap().values;
    assert!(matches!(&found[..], [(at, found)] if at.digest() == key.digest() && is_damaged(found)), "{found:?}");
}

// S4
#[tokio::test]
async fn a_link_at_a_files_name_is_not_followed() {
    let (folder, store) = store().await;
    let (mine, bytes) = stored(&folder, &store).await;
    let before = load(&store, &mine).await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    for round in 0..5 {
        // The store does not read, write or remove a file through a link, not even an intact file or one of its own.
        fs::write(&target, &bytes).unwrap();
        let key = Key::random().unwrap();
        let path = file(folder.path(), &key);
        put(&store, &key, &empty()).await;
        fs::remove_file(&path).unwrap();
        unix::symlink(if round == 4 { file(folder.path(), &mine) } else { target.clone() }, &path).unwrap();
        let found = damaged(&store, &key).await;
        for before in [before.as_ref(), None] {
            let swapped = store.swap(&key, before, Some(&empty()), NOW).await;
            assert!(matches!(swapped, Ok(Swapped::Stale(Some(_)))), "{swapped:?}");
        }
        assert!(path.is_symlink());
        let after = (round % 2 == 0).then(empty);
        let swapped = store.swap(&key, Some(&found), after.as_ref(), NOW).await;
        assert!(matches!(swapped, Ok(Swapped::Done(_))), "{swapped:?}");
        assert!(!path.is_symlink());
        assert_eq!(path.exists(), after.is_some());
        assert_eq!(fs::read(&target).unwrap(), bytes, "in round {round}");
    }
    assert!(load(&store, &mine).await.is_some_and(|found| !is_damaged(&found)));
}

// S4
#[tokio::test]
async fn a_link_in_place_of_a_folder_or_a_lock_is_not_followed() {
    let (folder, store) = store().await;
    let outside = tempfile::tempdir().unwrap();
    let key = Key::random().unwrap();
    let shard = file(folder.path(), &key).parent().unwrap().to_owned();
    unix::symlink(outside.path(), &shard).unwrap();
    for error in [
        store.load(&key, NOW).await.unwrap_err().to_string(),
        store.swap(&key, None, Some(&empty()), NOW).await.unwrap_err().to_string(),
        store.delete_expired(NOW).await.unwrap_err().to_string(),
        FileStore::open(folder.path()).await.unwrap_err().to_string(),
    ] {
        assert!(error.contains(shard.to_str().unwrap()) && error.ends_with("remove it"), "{error}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    fs::remove_file(&shard).unwrap();
    put(&store, &key, &empty()).await;

    fs::remove_file(shard.join("lock")).unwrap();
    unix::symlink(outside.path().join("lock"), shard.join("lock")).unwrap();
    let error = store.swap(&key, None, Some(&empty()), NOW).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot open the lock"), "{error}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

// S4
#[tokio::test]
async fn nothing_is_set_aside_through_a_link() {
    let (folder, store) = store().await;
    let outside = tempfile::tempdir().unwrap();
    unix::symlink(outside.path(), folder.path().join("corrupt")).unwrap();
    let (key, _) = stored(&folder, &store).await;
    fs::write(file(folder.path(), &key), "garbage").unwrap();
    let found = damaged(&store, &key).await;
    for after in [None, Some(&empty())] {
        let error = store.swap(&key, Some(&found), after, NOW).await.unwrap_err().to_string();
        assert!(error.contains("corrupt` is not a folder") && error.ends_with("remove it"), "{error}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    let path = file(folder.path(), &key);
    assert_eq!(fs::read(&path).unwrap(), b"garbage", "a damaged file that cannot be set aside stays");
    assert!(!path.with_extension("tmp").exists());
    fs::remove_file(folder.path().join("corrupt")).unwrap();
    put(&store, &key, &empty()).await;
    assert_eq!(set_aside(folder.path()), 1);
}

#[tokio::test]
async fn anything_but_a_file_is_set_aside() {
    let (folder, store) = store().await;
    // A folder, a pipe without a writer, a socket.
    for (round, kind) in ["folder", "pipe", "socket"].into_iter().cycle().take(6).enumerate() {
        let key = Key::random().unwrap();
        let path = file(folder.path(), &key);
        put(&store, &key, &empty()).await;
        fs::remove_file(&path).unwrap();
        match kind {
            "folder" => fs::create_dir(&path).unwrap(),
            "pipe" => assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
            _ => drop(std::os::unix::net::UnixListener::bind(&path).unwrap()),
        }
        damaged(&store, &key).await;
        assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
        assert!(path.exists() && !path.is_file(), "a {kind} stays");
        if round < 3 {
            remove(&store, &key).await
        } else {
            put(&store, &key, &empty()).await
        }
        assert!(!path.exists() || path.is_file(), "a {kind}");
    }
    assert_eq!(set_aside(folder.path()), 6);
}

// S46: a larger file is neither read into memory nor written.
#[tokio::test]
async fn a_file_of_more_than_64_mib_counts_as_damaged_and_is_never_written() {
    let (folder, store) = store().await;
    let (key, _) = stored(&folder, &store).await;
    let path = file(folder.path(), &key);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    damaged(&store, &key).await;
    put(&store, &key, &empty()).await;
    let film = value(Timestamp::NEVER, &vec![0; 65 << 20]);
    let before = load(&store, &key).await;
    let error = store.swap(&key, before.as_ref(), Some(&film), NOW).await.unwrap_err().to_string();
    assert!(error.contains("65 MiB"), "{error}");
    assert!(load(&store, &key).await.is_some());
}
