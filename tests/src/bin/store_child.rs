//! A second process on a store, for tests that kill it, fill its disk, or count with it: `store_child TASK ARGUMENT…`.
//!
//! It says what it did line by line; when something is not as it should be, it panics, and so ends with an error.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, ExitCode},
};

use session_runtime::{
    FileStore, MemoryStore, SqlStore,
    store::{Applied, Change, Key, Store, User, UserIndex},
};
use tests::{
    records::{NOW, add, create, load, numbered, read, set, update, user, write},
    store::listed,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["open", folder] => match FileStore::open(folder).await {
            Ok(_) => println!("open"),
            Err(error) => println!("{error}"),
        },
        ["write", folder, selector, field, from, fsync] => {
            let store = FileStore::builder(folder).fsync(fsync == "fsync").open().await.unwrap();
            write_for_ever(&store, &key(selector), field, from.parse().unwrap()).await;
        }
        ["count", folder, selector, field, times] => {
            let store = FileStore::open(folder).await.unwrap();
            println!("ready");
            io::stdin().read_line(&mut String::new()).unwrap();
            count(&store, &key(selector), field, times.parse().unwrap()).await;
        }
        ["open-sql", url] => {
            let store = SqlStore::open(url).await.unwrap();
            store.migrate().await.unwrap();
            write(&store, &Key::random().unwrap(), &create()).await;
            println!("open");
        }
        ["write-sql", url, selector, field, from] => {
            let store = SqlStore::open(url).await.unwrap();
            write_for_ever(&store, &key(selector), field, from.parse().unwrap()).await;
        }
        ["count-sql", url, selector, field, times] => {
            let store = SqlStore::open(url).await.unwrap();
            println!("ready");
            io::stdin().read_line(&mut String::new()).unwrap();
            count(&store, &key(selector), field, times.parse().unwrap()).await;
        }
        ["enter", folder, who, from] => {
            let store = FileStore::open(folder).await.unwrap();
            enter_for_ever(&store, who.parse().unwrap(), from.parse().unwrap()).await;
        }
        ["crowd", folder, who, times] => {
            let store = FileStore::open(folder).await.unwrap();
            println!("ready");
            io::stdin().read_line(&mut String::new()).unwrap();
            crowd(&store, who.parse().unwrap(), times.parse().unwrap()).await;
        }
        ["full-disk", folder] => full_disk(folder).await,
        ["small-files", folder] => small_files(folder).await,
        ["read-only", folder] => read_only(folder).await,
        ["weigh-memory", sessions] => weigh_memory(sessions.parse().unwrap()).await,
        _ => {
            eprintln!("no such task: {arguments:?}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn key(selector: &str) -> Key {
    Key::from_selector(u128::from_str_radix(selector, 16).unwrap().to_be_bytes())
}

/// Writes the next number to two fields, large enough to be torn, and adds one; says the number once that is answered.
async fn write_for_ever(store: &impl Store, key: &Key, field: &str, from: u64) {
    for number in from.. {
        let value = number.to_string().repeat(2_000);
        let change = set(set(update(), format!("{field}1"), &value), format!("{field}2"), &value);
        write(store, key, &add(change, format!("{field}n"), 1)).await;
        println!("{number}");
    }
}

/// Counts up a field of its own and a sum that others add to.
async fn count(store: &impl Store, key: &Key, field: &str, times: u64) {
    for number in 1..=times {
        let change = set(update(), field.to_owned(), number.to_string());
        write(store, key, &add(change, "sum", 1)).await;
        let found = read(store, key, field).await;
        assert_eq!(found.as_deref(), Some(number.to_string().as_bytes()), "another process undid what was written");
    }
    println!("done");
}

/// Enters one session after the other for one user; says its number once that is answered.
async fn enter_for_ever(store: &FileStore, who: u64, from: u64) {
    for number in from.. {
        store.enter(&user(), &numbered(who, number), NOW).await.unwrap();
        println!("{number}");
    }
}

/// Enters sessions and takes the one before out again, while others do the same with theirs.
async fn crowd(store: &FileStore, who: u64, times: u64) {
    for number in 1..=times {
        store.enter(&user(), &numbered(who, number), NOW).await.unwrap();
        store.leave(&user(), &[numbered(who, number - 1)]).await.unwrap();
        let mut entries = listed(store.entries(&user()).await.unwrap());
        entries.retain(|key| key.digest()[7] == who as u8);
        assert_eq!(entries, [numbered(who, number)], "another process undid what was written");
    }
    println!("done");
}

/// `folder` is on a disk of a few hundred kilobytes.
async fn full_disk(folder: &str) {
    let store = FileStore::open(folder).await.unwrap();
    let first = Key::random().unwrap();
    write(&store, &first, &set(create(), "small", "before")).await;
    let mut stored = Vec::new();
    let error = loop {
        let key = Key::random().unwrap();
        match store.apply(&key, &set(create(), "large", "x".repeat(16_000)), NOW).await {
            Ok(answer) => assert_eq!(answer, Applied::Applied { renewed: false }),
            Err(error) => break error.to_string(),
        }
        stored.push(key);
        assert!(stored.len() < 1_000, "the disk does not fill up");
    };
    assert!(!stored.is_empty(), "nothing fits: {error}");
    says(&error, &["cannot ", "session f", folder, "free some space on its disk", "No space left"]);
    assert_eq!(leftovers(folder), 0, "of the write that failed");
    // A write that does not fit leaves the old record, of a session and of one that is the same size.
    for key in [&first, &stored[0]] {
        let before = load(&store, key).await.expect("the record from before the disk was full");
        let error = store.apply(key, &set(update(), "more", "y".repeat(64_000)), NOW).await.unwrap_err().to_string();
        says(&error, &["cannot write the session file", folder, "free some space on its disk"]);
        assert_eq!(load(&store, key).await, Some(before));
    }
    // Nobody is entered who was not stored.
    let users: Vec<_> = (0..40_u8).map(|number| User::new([number])).collect();
    let mut entered = Vec::new();
    let error = loop {
        let user = &users[entered.len()];
        match store.enter(user, &first, NOW).await {
            Ok(_) => entered.push(user),
            Err(error) => break error.to_string(),
        }
    };
    says(&error, &["cannot ", folder, "free some space on its disk", "No space left"]);
    for user in &users {
        assert_eq!(!store.entries(user).await.unwrap_or_default().is_empty(), entered.contains(&user));
    }
    assert_eq!(leftovers(folder), 0, "of the writes that failed");
    // Logging out works, and makes room: B32, back without a restart.
    for key in &stored {
        store.delete(key).await.expect("deleting needs no space");
    }
    write(&store, &first, &set(update(), "more", "y".repeat(64_000))).await;
    println!("done");
}

/// This process may write no file larger than 32 KiB.
async fn small_files(folder: &str) {
    let store = FileStore::open(folder).await.unwrap();
    let key = Key::random().unwrap();
    write(&store, &key, &set(create(), "small", "before")).await;
    let before = load(&store, &key).await;
    let error = store.apply(&key, &set(update(), "large", "x".repeat(64_000)), NOW).await.unwrap_err().to_string();
    says(&error, &["cannot write the session file", folder, "ulimit -f"]);
    assert_eq!(load(&store, &key).await, before);
    assert_eq!(leftovers(folder), 0);
    write(&store, &key, &set(update(), "small", "after")).await;
    println!("done");
}

/// `folder` is mounted where only this process sees it.
async fn read_only(folder: &str) {
    let store = FileStore::open(folder).await.unwrap();
    let (key, garbled) = (Key::random().unwrap(), Key::random().unwrap());
    write(&store, &key, &set(create(), "small", "before")).await;
    write(&store, &garbled, &create()).await;
    fs::write(tests::records::file(Path::new(folder), &garbled), "garbage").unwrap();
    assert!(Command::new("mount").args(["-o", "remount,ro,bind", folder]).status().unwrap().success());

    assert_eq!(read(&store, &key, "small").await.as_deref(), Some(&b"before"[..]), "reading goes on");
    assert_eq!(load(&store, &garbled).await, None, "what cannot be read nor set aside is none all the same");
    let advice = ["folder", folder, "its file system is read-only: mount it writable, or choose another folder"];
    let write = store.apply(&key, &set(update(), "small", "after"), NOW).await.unwrap_err();
    says(&write.to_string(), &advice[1..]);
    let create = store.apply(&Key::random().unwrap(), &create(), NOW).await.unwrap_err();
    says(&create.to_string(), &advice[1..]);
    // S20: a log-out that did not happen is no success.
    says(&store.delete(&key).await.unwrap_err().to_string(), &advice[1..]);
    says(&FileStore::open(folder).await.unwrap_err().to_string(), &advice);
    println!("done");
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{error}` should say `{part}`");
    }
}

/// How many files with temporary names are in the store.
fn leftovers(folder: &str) -> usize {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => leftovers(path.to_str().unwrap()),
        false => usize::from(path.extension().is_some_and(|extension| extension == "tmp")),
    };
    paths.map(count).sum()
}

/// Says how many bytes of memory a session of eight small fields takes, all told.
async fn weigh_memory(sessions: usize) {
    let store = MemoryStore::with_capacity(sessions);
    let mut keys = vec![Key::random().unwrap(); sessions];
    let before = resident();
    for (index, key) in keys.iter_mut().enumerate() {
        *key = Key::random().unwrap();
        let mut create = create();
        if index % 2 == 0 {
            create.sign =
                Some(session_runtime::store::Sign::In { user: b"\xce\0\x01\x02\x03".as_slice().into(), at: NOW });
        }
        write(&store, key, &eight_small_fields(create)).await;
    }
    // As they are after some use: each has been written to as often as its nonces are remembered.
    for number in 0..8_u8 {
        for key in &keys {
            write(&store, key, &set(update(), "visits", [number])).await;
        }
    }
    assert_eq!(store.len(), sessions);
    println!("{}", (resident() - before) / sessions);
    io::stdout().flush().unwrap();
}

fn eight_small_fields(change: Change) -> Change {
    let fields = [
        ("user_id", &b"\xce\0\x01\x02\x03"[..]),
        ("cart", b"\x92\xa5apple\xa4pear"),
        ("theme", b"\xa4dark"),
        ("one_time_code", b"\xa6123456"),
        ("notice", b"\xacWelcome back"),
        ("visits", b"\x05"),
        ("locale", b"\xa5en_GB"),
        ("roles", b"\x91\xa5admin"),
    ];
    fields.into_iter().fold(change, |change, (name, value)| set(change, name, value))
}

/// Bytes of memory that this process has.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux");
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
