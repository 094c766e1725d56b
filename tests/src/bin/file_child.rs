//! A second process on a file store, for tests that kill it, fill its disk, or let several processes count:
//! `file_child TASK ARGUMENT…`.
//!
//! It prints a line for each step. If an expectation fails, it panics and so exits with an error.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use session_runtime::{
    FileStore, Timestamp,
    store::{Key, Store, StoreError, Swapped, Value},
};

use self::values::{NOW, count, edit, edited, empty, fields, file, load, put, read, set, value};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/file_store_faults/values.rs"]
mod values;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["open", folder] => match FileStore::open(folder).await {
            Ok(_) => println!("open"),
            Err(error) => println!("{error}"),
        },
        ["write", folder, key, field, from, fsync] => {
            let store = FileStore::builder(folder).fsync(fsync == "fsync").open().await.unwrap();
            write_for_ever(&store, &parse(key), field, from.parse().unwrap()).await;
        }
        ["count", folder, key, field, times] => {
            let store = FileStore::open(folder).await.unwrap();
            println!("ready");
            io::stdin().read_line(&mut String::new()).unwrap();
            count_up(&store, &parse(key), field, times.parse().unwrap()).await;
        }
        ["full-disk", folder] => full_disk(folder).await,
        ["small-files", folder] => small_files(folder).await,
        ["read-only", folder] => read_only(folder).await,
        _ => {
            eprintln!("no such task: {arguments:?}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Returns the key whose digest has these hexadecimal digits.
fn parse(key: &str) -> Key {
    Key::from_digest(u128::from_str_radix(key, 16).unwrap().to_be_bytes())
}

/// Writes the next number again and again, to two fields that are so large that a write could be torn, and adds one to a third
/// field. Prints each number after its swap has succeeded.
async fn write_for_ever(store: &FileStore, key: &Key, field: &str, from: u64) {
    for number in from.. {
        edit(store, key, |fields| {
            for part in ["1", "2"] {
                fields.insert(format!("{field}{part}"), number.to_string().repeat(2_000));
            }
            count(fields, &format!("{field}n"));
        })
        .await;
        println!("{number}");
    }
}

/// Increments `field`, which only this process changes, and the field `sum`, which all processes change.
async fn count_up(store: &FileStore, key: &Key, field: &str, times: u64) {
    for number in 1..=times {
        edit(store, key, |fields| [field, "sum"].into_iter().for_each(|field| count(fields, field))).await;
        let found = read(store, key, field).await;
        assert_eq!(found, Some(number.to_string()), "another process undid this process's write");
    }
    println!("done");
}

/// Attempts to replace the stored value with `after`.
async fn replace(store: &FileStore, key: &Key, after: &Value) -> Result<Swapped, StoreError> {
    let before = load(store, key).await;
    store.swap(key, before.as_ref(), Some(after), NOW).await
}

/// Returns the error message of a swap that must fail.
async fn refusal(store: &FileStore, key: &Key, after: &Value) -> String {
    replace(store, key, after).await.unwrap_err().to_string()
}

fn of_size(size: usize) -> Value {
    value(Timestamp::NEVER, &vec![b' '; size])
}

/// Fills the disk of `folder`, which holds a few hundred kilobytes.
async fn full_disk(folder: &str) {
    let store = FileStore::open(folder).await.unwrap();
    let first = Key::random().unwrap();
    set(&store, &first, "small", "before").await;
    let mut stored = Vec::new();
    let error = loop {
        let key = Key::random().unwrap();
        match store.swap(&key, None, Some(&of_size(16_000)), NOW).await {
            Ok(answer) => assert!(matches!(answer, Swapped::Done(_)), "{answer:?}"),
            Err(error) => break error.to_string(),
        }
        stored.push(key);
        assert!(stored.len() < 1_000, "the disk does not fill up");
    };
    assert!(!stored.is_empty(), "nothing fits: {error}");
    says(&error, &["cannot ", "session f", folder, "free some space on its disk", "No space left"]);
    assert_eq!(leftovers(folder), 0, "the failed write left temporary files");
    // A write that does not fit leaves the old value, whether that is small or large.
    for key in [&first, &stored[0]] {
        let before = load(&store, key).await.expect("the value from before the disk was full");
        let error = refusal(&store, key, &of_size(64_000)).await;
        says(&error, &["cannot write the session file", folder, "free some space on its disk"]);
        let after = load(&store, key).await.unwrap();
        assert_eq!(after.value().to_bytes(), before.value().to_bytes());
    }
    // Removing sessions needs no space and frees some. The store then works again, without a restart.
    for key in &stored {
        values::remove(&store, key).await;
    }
    set(&store, &first, "more", &"y".repeat(64_000)).await;
    println!("done");
}

/// Writes a value that is too large for this process, which may write files of at most 32 KiB.
async fn small_files(folder: &str) {
    let store = FileStore::open(folder).await.unwrap();
    let key = Key::random().unwrap();
    set(&store, &key, "small", "before").await;
    let error = refusal(&store, &key, &of_size(64_000)).await;
    says(&error, &["cannot write the session file", folder, "ulimit -f"]);
    assert_eq!(read(&store, &key, "small").await.as_deref(), Some("before"));
    assert_eq!(leftovers(folder), 0);
    set(&store, &key, "small", "after").await;
    println!("done");
}

/// Makes `folder`, which is mounted only for this process, read-only.
async fn read_only(folder: &str) {
    let store = FileStore::open(folder).await.unwrap();
    let (key, damaged) = (Key::random().unwrap(), Key::random().unwrap());
    set(&store, &key, "small", "before").await;
    put(&store, &damaged, &empty()).await;
    fs::write(file(Path::new(folder), &damaged), "garbage").unwrap();
    assert!(Command::new("mount").args(["-o", "remount,ro,bind", folder]).status().unwrap().success());

    let before = load(&store, &key).await;
    assert_eq!(fields(before.as_ref())["small"], "before", "reads still work");
    let found = values::damaged(&store, &damaged).await;
    let advice = ["folder", folder, "its file system is read-only: mount it writable, or choose another folder"];
    let after = edited(before.as_ref(), |fields| drop(fields.insert("small".into(), "after".into())));
    says(&refusal(&store, &key, &after).await, &advice[1..]);
    says(&refusal(&store, &Key::random().unwrap(), &empty()).await, &advice[1..]);
    says(&store.swap(&damaged, Some(&found), None, NOW).await.unwrap_err().to_string(), &advice[1..]);
    assert_eq!(fs::read(file(Path::new(folder), &damaged)).unwrap(), b"garbage");
    // S20: a sign-out that did not happen is an error.
    says(&store.swap(&key, before.as_ref(), None, NOW).await.unwrap_err().to_string(), &advice[1..]);
    says(&FileStore::open(folder).await.unwrap_err().to_string(), &advice);
    println!("done");
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{error}` should say `{part}`");
    }
}

/// Counts the store's files with temporary names.
fn leftovers(folder: &str) -> usize {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: PathBuf| match path.is_dir() {
        true => leftovers(path.to_str().unwrap()),
        false => usize::from(path.extension().is_some_and(|extension| extension == "tmp")),
    };
    paths.map(count).sum()
}
