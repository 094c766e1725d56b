//! Files that several processes share, that are locked, and that may not be written.

use std::{process::Command, time::Duration};

use session_runtime::{
    SqlStore,
    store::{Key, Store, UserIndex},
};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tests::{
    records::{NOW, add, create, load, read, set, update, user, write},
    worker::Worker,
};

use crate::{filled, in_file, key, sentence};

const SELECTOR: u128 = 0x5e1e_c708_5e1e_c708_5e1e_c708_5e1e_c708;

fn start(arguments: &[&str]) -> Worker {
    Worker::start(Command::new(env!("CARGO_BIN_EXE_store_child")).args(arguments))
}

/// The first of them makes the file, while the others wait.
#[tokio::test]
async fn several_processes_start_on_a_file_that_is_not_there() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("new.db").display());
        let workers = [(); 6].map(|()| start(&["open-sql", &url]));
        for worker in &workers {
            assert_eq!(worker.line(), "open");
        }
    }
}

// B36
#[tokio::test]
async fn two_processes_lose_nothing_to_each_other() {
    let (_folder, url, store) = in_file().await;
    let key = Key::from_selector(SELECTOR.to_be_bytes());
    write(&store, &key, &create()).await;
    let (selector, times) = (format!("{SELECTOR:x}"), 500);
    let mut workers = ["a", "b"].map(|field| start(&["count-sql", &url, &selector, field, &times.to_string()]));
    for worker in &workers {
        assert_eq!(worker.line(), "ready");
    }
    for worker in &mut workers {
        worker.tell("go");
    }
    for _ in 0..times {
        write(&store, &key, &add(update(), "sum", 1)).await;
    }
    for worker in &workers {
        assert_eq!(worker.line(), "done");
    }
    let sum = read(&store, &key, "sum").await.unwrap();
    assert_eq!(rmp_serde::from_slice::<u64>(&sum).unwrap(), times * 3);
    for field in ["a", "b"] {
        assert_eq!(read(&store, &key, field).await, Some(times.to_string().into_bytes()));
    }
}

// B35: what was answered is there, whole, and the file is as good as before.
#[tokio::test]
async fn kill_9_in_the_middle_of_a_write() {
    let (_folder, url, store) = in_file().await;
    let key = Key::from_selector(SELECTOR.to_be_bytes());
    write(&store, &key, &create()).await;
    let mut counted = 0;
    for _ in 0..15 {
        let worker = start(&["write-sql", &url, &format!("{SELECTOR:x}"), "a", &(counted + 1).to_string()]);
        for _ in 0..3 {
            counted = worker.line().parse().unwrap();
        }
        let said: Vec<u64> = worker.kill().iter().map(|line| line.parse().unwrap()).collect();
        counted = said.last().copied().unwrap_or(counted);
        let record = load(&store, &key).await.unwrap();
        let value = |name: &str| record.fields.get(name).unwrap().value.to_vec();
        assert_eq!(value("a1"), value("a2"), "half of a write");
        let number: u64 = rmp_serde::from_slice(&value("an")).unwrap();
        assert!(number == counted || number == counted + 1, "{number} are in, {counted} were answered");
        assert_eq!(value("a1"), number.to_string().repeat(2_000).into_bytes());
        counted = number;
    }
    write(&store, &key, &set(update(), "b", [1])).await;
}

/// Somebody else writes for longer than one is willing to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file() {
    let (_folder, url, store) = in_file().await;
    let key = key();
    write(&store, &key, &filled()).await;
    let options: SqliteConnectOptions = url.parse().unwrap();
    let impatient =
        SqlitePoolOptions::new().connect_with(options.clone().busy_timeout(Duration::from_millis(50))).await;
    let impatient = SqlStore::from_pool(impatient.unwrap());
    let other = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let said = sentence(impatient.apply(&key, &set(update(), "a", [1]), NOW).await);
    assert!(said.contains("has been writing for too long"), "{said}");
    assert!(sentence(impatient.delete(&key).await).contains("has been writing for too long"));
    assert!(load(&impatient, &key).await.is_some(), "reading goes on");
    let (patient, id) = (store.clone(), key);
    let waiting = tokio::spawn(async move { patient.apply(&id, &set(update(), "b", [1]), NOW).await });
    lock.rollback().await.unwrap();
    waiting.await.unwrap().unwrap();
    write(&impatient, &key, &set(update(), "a", [1])).await;
    assert_eq!(load(&store, &key).await.unwrap().fields.iter().count(), 3);
}

/// Opened so, since a test that root runs may write what others may not.
#[tokio::test]
async fn a_file_that_may_not_be_written() {
    let (_folder, url, store) = in_file().await;
    let key = key();
    write(&store, &key, &filled()).await;
    let only_read = SqlStore::open(&format!("{url}?mode=ro")).await.unwrap();
    assert!(load(&only_read, &key).await.is_some());
    for said in [
        sentence(only_read.apply(&key, &set(update(), "a", [1]), NOW).await),
        sentence(only_read.delete(&key).await),
        sentence(only_read.enter(&user(), &key, NOW).await),
    ] {
        assert!(said.contains("it is read-only: may this process write the file and its folder?"), "{said}");
    }
    assert!(load(&store, &key).await.is_some());
}
