//! Files that are no records any more, or never were. None of them is an error page: B29.

use std::{fs, os::unix::fs as unix, path::Path};

use session_runtime::{
    FileStore, Timestamp,
    store::{Applied, Entry, Key, Sign, Store, UserIndex},
};
use tempfile::TempDir;
use tests::records::{NOW, create, file, load, read, set, update, user, write};

use crate::log;

async fn store() -> (TempDir, FileStore) {
    log::listen();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    (folder, store)
}

/// How many files were set aside.
fn set_aside(folder: &Path) -> usize {
    fs::read_dir(folder.join("corrupt")).map_or(0, Iterator::count)
}

/// A record with a bit of everything, and its file.
async fn full_record(folder: &TempDir, store: &FileStore) -> (Key, Vec<u8>) {
    let key = Key::random().unwrap();
    let mut change = set(set(create(), "theme", "dark"), "cart", b"\x92\xa5apple\xa4pear");
    change.sign = Some(Sign::In { user: b"\xa3ada".as_slice().into(), at: NOW });
    write(store, &key, &change).await;
    (key, fs::read(file(folder.path(), &key)).unwrap())
}

/// Checks that `bytes` in place of a record read as none, are set aside, and are in nobody's way.
async fn reads_as_none(folder: &TempDir, store: &FileStore, key: &Key, bytes: &[u8], what: &str) {
    let path = file(folder.path(), key);
    fs::write(&path, bytes).unwrap();
    assert_eq!(load(store, key).await, None, "{what}");
    assert!(!path.exists(), "{what} should be set aside");
}

// B29
#[tokio::test]
async fn a_file_cut_anywhere_reads_as_none() {
    let (folder, store) = store().await;
    let (key, whole) = full_record(&folder, &store).await;
    for length in 0..whole.len() {
        reads_as_none(&folder, &store, &key, &whole[..length], &format!("a file cut at {length}")).await;
    }
    let longer = [whole.as_slice(), b"\0"].concat();
    reads_as_none(&folder, &store, &key, &longer, "a file with a byte too many").await;
    fs::write(file(folder.path(), &key), &whole).unwrap();
    assert_eq!(read(&store, &key, "theme").await.as_deref(), Some(&b"dark"[..]), "the whole one reads again");
}

// B29
#[tokio::test]
async fn a_file_with_any_bit_flipped_reads_as_none() {
    let (folder, store) = store().await;
    let (key, whole) = full_record(&folder, &store).await;
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[index] ^= 1 << bit;
            reads_as_none(&folder, &store, &key, &flipped, &format!("bit {bit} of byte {index}")).await;
        }
    }
}

// B29, S46: with a checksum that is right.
#[tokio::test]
async fn a_sound_file_that_holds_no_record_reads_as_none() {
    let (folder, store) = store().await;
    let (key, whole) = full_record(&folder, &store).await;
    let (head, body) = whole.split_at(9);
    let sealed = |body: &[u8]| [&head[..5], &crc32fast::hash(body).to_le_bytes(), body].concat();
    assert_eq!(sealed(body), whole, "magic, version, checksum: a test that seals otherwise proves nothing");
    for (index, byte) in
        (0..body.len()).flat_map(|index| [0x00, 0x7f, 0xc0, 0xc1, 0xdf, 0xff].map(|byte| (index, byte)))
    {
        // Whatever this makes of the record, it is a record or none: what it must not be is a panic.
        let mut body = body.to_vec();
        body[index] = byte;
        fs::write(file(folder.path(), &key), sealed(&body)).unwrap();
        let _ = store.load(&key, NOW).await.unwrap();
    }
    let nested = [[0x91].repeat(100_000), vec![0xc0]].concat();
    let huge_lists =
        [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xdf, 0xff, 0xff, 0xff, 0xff], &[0xc6, 0xff, 0xff, 0xff, 0xff]];
    for body in [&[][..], b"\xc0", b"\x80", b"\x90", &nested].into_iter().chain(huge_lists) {
        reads_as_none(&folder, &store, &key, &sealed(body), &format!("{:x?}", &body[..body.len().min(9)])).await;
    }
}

// B29
#[tokio::test]
async fn garbage_is_set_aside_with_a_warning_and_replaced() {
    let (folder, store) = store().await;
    for (number, garbage) in
        [&b""[..], b"\0", b"{\"user\":1}", &[0xff; 5_000], b"SESS", b"SESS\x02\0\0\0\0\xc0"].iter().enumerate()
    {
        let (key, _) = full_record(&folder, &store).await;
        let path = file(folder.path(), &key);
        fs::write(&path, garbage).unwrap();
        if number % 2 == 0 {
            assert_eq!(load(&store, &key).await, None);
        }
        // A change meets it as it meets nothing.
        assert_eq!(store.apply(&key, &update(), NOW).await.unwrap(), Applied::Gone);
        assert_eq!(set_aside(folder.path()), number + 1);
        write(&store, &key, &set(create(), "theme", "light")).await;
        assert_eq!(read(&store, &key, "theme").await.as_deref(), Some(&b"light"[..]));
        let warnings = log::about(&key.hex());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("WARN") && warnings[0].contains(path.to_str().unwrap()), "{warnings:?}");
    }
    // What was set aside is what was there.
    let kept = fs::read_dir(folder.path().join("corrupt")).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    assert!(kept.into_iter().any(|bytes| bytes == [0xff; 5_000]));
}

// B16, B29: clean-up sees to what nobody asks for any more.
#[tokio::test]
async fn cleaning_up_sets_garbage_aside() {
    let (folder, store) = store().await;
    let (key, _) = full_record(&folder, &store).await;
    let (other, _) = full_record(&folder, &store).await;
    fs::write(file(folder.path(), &key), "garbage").unwrap();
    assert_eq!(store.delete_expired(NOW).await.unwrap(), 0, "garbage is no expired session");
    assert_eq!((set_aside(folder.path()), load(&store, &other).await.is_some()), (1, true));
}

// S4
#[tokio::test]
async fn a_link_at_a_records_name_is_not_followed() {
    let (folder, store) = store().await;
    let (mine, _) = full_record(&folder, &store).await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    let record = fs::read(file(folder.path(), &mine)).unwrap();
    for round in 0..5 {
        // Even a good record is not read, written or deleted through a link; nor is one of the store's own.
        fs::write(&target, &record).unwrap();
        let key = Key::random().unwrap();
        let path = file(folder.path(), &key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        unix::symlink(if round == 4 { file(folder.path(), &mine) } else { target.clone() }, &path).unwrap();
        match round {
            0 | 4 => assert_eq!(load(&store, &key).await, None),
            1 => assert_eq!(store.apply(&key, &set(update(), "theme", "hers"), NOW).await.unwrap(), Applied::Gone),
            2 => write(&store, &key, &set(create(), "theme", "hers")).await,
            _ => store.delete(&key).await.unwrap(),
        }
        assert!(!path.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), record, "in round {round}");
    }
    assert!(load(&store, &mine).await.is_some());
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
        store.load(&key, NOW).await.unwrap_err(),
        store.apply(&key, &create(), NOW).await.unwrap_err(),
        store.delete_expired(NOW).await.unwrap_err(),
    ] {
        let sentence = error.to_string();
        assert!(sentence.contains(shard.to_str().unwrap()) && sentence.ends_with("remove it"), "{sentence}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    fs::remove_file(&shard).unwrap();
    write(&store, &key, &create()).await;

    fs::remove_file(shard.join("lock")).unwrap();
    unix::symlink(outside.path().join("lock"), shard.join("lock")).unwrap();
    let error = store.apply(&key, &update(), NOW).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot open the lock"), "{error}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_no_file_is_set_aside() {
    let (folder, store) = store().await;
    // A folder, a pipe that nobody writes to, a socket.
    for (round, kind) in ["folder", "pipe", "socket"].into_iter().cycle().take(9).enumerate() {
        let key = Key::random().unwrap();
        let path = file(folder.path(), &key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match kind {
            "folder" => fs::create_dir(&path).unwrap(),
            "pipe" => assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
            _ => drop(std::os::unix::net::UnixListener::bind(&path).unwrap()),
        }
        match round / 3 {
            0 => assert_eq!(load(&store, &key).await, None, "of a {kind}"),
            1 => write(&store, &key, &create()).await,
            _ => store.delete(&key).await.unwrap(),
        }
        assert!(!path.exists() || path.is_file(), "a {kind}");
    }
}

// S46: neither read into memory nor written.
#[tokio::test]
async fn a_record_is_never_larger_than_64_mib() {
    let (folder, store) = store().await;
    let (key, _) = full_record(&folder, &store).await;
    let path = file(folder.path(), &key);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(load(&store, &key).await, None);
    write(&store, &key, &create()).await;
    let error = store.apply(&key, &set(update(), "film", vec![0; 65 << 20]), NOW).await.unwrap_err().to_string();
    assert!(error.contains("65 MiB"), "{error}");
    assert!(load(&store, &key).await.is_some());
}

// S2, B38: `tests/behaviours/faults.rs` looks for the cookie too.
#[tokio::test]
async fn nothing_in_the_folder_shows_a_selector() {
    let (folder, store) = store().await;
    let selector: [u8; 16] = std::array::from_fn(|index| 0x9e ^ (index as u8).wrapping_mul(37));
    let key = Key::from_selector(selector);
    write(&store, &key, &set(create(), "theme", "dark")).await;
    write(&store, &key, &set(update(), "theme", "light")).await;
    store.enter(&user(), &key, NOW).await.unwrap();
    let garbled = Key::from_selector(selector.map(|byte| !byte));
    write(&store, &garbled, &create()).await;
    fs::write(file(folder.path(), &garbled), "garbage").unwrap();
    assert_eq!(load(&store, &garbled).await, None);

    let mut dump = Vec::new();
    collect(folder.path(), &mut dump);
    assert!(dump.windows(5).any(|window| window == b"light"), "the dump has the records");
    for selector in [selector, selector.map(|byte| !byte)] {
        let hex: String = selector.iter().map(|byte| format!("{byte:02x}")).collect();
        // Without the ends, which depend on what stands beside them.
        let forms = [selector.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
        let base64 = [0, 1, 2].into_iter().flat_map(|skipped| base64_forms(&selector[skipped..]));
        for form in forms.into_iter().chain(base64) {
            assert!(!dump.windows(form.len()).any(|window| window == form), "{}", String::from_utf8_lossy(&form));
        }
    }
}

/// Both alphabets, whole characters only.
fn base64_forms(bytes: &[u8]) -> [Vec<u8>; 2] {
    let alphabet: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').collect();
    [b"+/", b"-_"].map(|last| {
        let digit = |bits: u32| *alphabet.get(bits as usize).unwrap_or_else(|| &last[bits as usize - 62]);
        let triples = bytes.chunks_exact(3).map(|triple| u32::from_be_bytes([0, triple[0], triple[1], triple[2]]));
        triples.flat_map(|bits| [18, 12, 6, 0].map(|shift| digit(bits >> shift & 63))).collect()
    })
}

/// Names and contents of all there is.
fn collect(folder: &Path, dump: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        dump.extend(path.to_str().unwrap().as_bytes());
        if path.is_dir() {
            collect(&path, dump);
        } else {
            dump.extend(fs::read(path).unwrap());
        }
    }
}

// B30: fields of another build pass through the file unharmed.
#[tokio::test]
async fn any_field_survives_the_file() {
    let (_folder, store) = store().await;
    let key = Key::random().unwrap();
    write(&store, &key, &set(create(), "of another build", b"\xc1\xff\0")).await;
    write(&store, &key, &set(update(), "theme", "dark")).await;
    let record = load(&store, &key).await.unwrap();
    let entry = Entry { name: "of another build", value: b"\xc1\xff\0", expires: Timestamp::NEVER };
    assert_eq!(record.fields.get("of another build"), Some(entry));
}
