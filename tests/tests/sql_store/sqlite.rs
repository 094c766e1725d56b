//! SQLite files that several processes share, that are locked, that do not use WAL, or that are read-only.

use std::{process::Command, time::Duration};

use http::StatusCode;
use session_runtime::{KeyRing, Sessions, SqlStore, Timestamp, store::Store as _};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tests::{
    app::{Site, routes},
    client::Visitor,
    databases::table,
    worker::Worker,
};

use crate::{
    in_file, key,
    log::Log,
    sentence,
    values::{NOW, content, count, create, empty, load, put, read, value},
};

fn start(arguments: &[&str]) -> Worker {
    Worker::start(Command::new(env!("CARGO_BIN_EXE_sql_child")).args(arguments))
}

/// The first process creates the file, while the others wait.
#[tokio::test]
async fn several_processes_can_start_before_the_file_exists() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("new.db").display());
        let workers = [(); 6].map(|()| start(&["open", &url]));
        for worker in &workers {
            assert_eq!(worker.line(), "open");
        }
    }
}

// B36
#[tokio::test]
async fn two_processes_lose_nothing_to_each_other() {
    let (_folder, url, store) = in_file().await;
    let key = create(&store, &empty()).await;
    let (id, times) = (key.hex(), 500);
    let mut workers = ["a", "b"].map(|name| start(&["count", &url, &id, name, &times.to_string()]));
    for worker in &workers {
        assert_eq!(worker.line(), "ready");
    }
    for worker in &mut workers {
        worker.tell("go");
    }
    for _ in 0..times {
        count(&store, &key, "sum").await;
    }
    for worker in &workers {
        assert_eq!(worker.line(), "done");
    }
    assert_eq!(read(&store, &key, "sum").await, Some(times * 3));
    for name in ["a", "b"] {
        assert_eq!(read(&store, &key, name).await, Some(times));
    }
}

// B35: every answered write is stored completely, and the file is not damaged.
#[tokio::test]
async fn kill_9_leaves_the_old_value_or_the_new_one() {
    let (_folder, url, store) = in_file().await;
    let key = create(&store, &value(Timestamp::NEVER, b"")).await;
    let mut counted = 0_u64;
    for _ in 0..15 {
        let worker = start(&["write", &url, &key.hex(), &(counted + 1).to_string()]);
        for _ in 0..3 {
            counted = worker.line().parse().unwrap();
        }
        let said: Vec<u64> = worker.kill().iter().map(|line| line.parse().unwrap()).collect();
        counted = said.last().copied().unwrap_or(counted);
        let found = content(&load(&store, &key).await.unwrap());
        let is = |number: &u64| found == number.to_string().repeat(2_000).into_bytes();
        let whole = [counted, counted + 1].into_iter().find(is);
        counted = whole.expect("the last answered value, or the next one, is stored completely");
    }
}

/// A second pool, as in another process, holds the write lock for longer than `busy_timeout` and for longer than the store
/// retries. Reads continue. Once the lock is released, writes succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_to_a_locked_file_wait_or_fail_and_reads_continue() {
    let (_folder, url, store) = in_file().await;
    let key = create(&store, &empty()).await;
    let options: SqliteConnectOptions = url.parse().unwrap();
    let impatient =
        SqlitePoolOptions::new().connect_with(options.clone().busy_timeout(Duration::from_millis(50))).await;
    let impatient = SqlStore::from_pool(impatient.unwrap());
    let other = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let found = load(&impatient, &key).await;
    let said = sentence(impatient.swap(&key, found.as_ref(), Some(&empty()), NOW).await);
    assert!(said.contains("has been writing for too long"), "{said}");
    assert!(load(&impatient, &key).await.is_some(), "reads continue");
    let waiting = [store.clone(), impatient].map(|store| {
        tokio::spawn(async move {
            count(&store, &key, "n").await;
        })
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    lock.rollback().await.unwrap();
    for one in waiting {
        one.await.unwrap();
    }
    assert_eq!(read(&store, &key, "n").await, Some(2));
}

// F27: without WAL, readers and writers block each other, and SQLite fails immediately if waiting could end in a
// deadlock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pool_without_wal_answers_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("shop.db").display());
    let pool = SqlitePoolOptions::new().max_connections(20).connect(&url).await.unwrap();
    let store = SqlStore::from_pool(pool.clone());
    store.migrate().await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&pool).await.unwrap();
    assert_eq!(mode, "delete");
    let first_requests = (0..200).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let key = key();
            assert!(load(&store, &key).await.is_none());
            put(&store, &key, &empty()).await;
            count(&store, &key, "n").await;
            assert_eq!(read(&store, &key, "n").await, Some(1));
        })
    });
    for one in first_requests.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}

// F27
#[tokio::test]
async fn a_file_without_wal_is_warned_of() {
    let (log, table, sentence) = (Log::start(), table(), "execute `PRAGMA journal_mode = WAL` once");
    let (folder, _, store) = in_file().await;
    store.table(&table).unwrap().migrate().await.unwrap();
    assert_eq!(log.count(sentence, &table), 0);
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("shop.db").display());
    let store = SqlStore::from_pool(sqlx::SqlitePool::connect(&url).await.unwrap());
    store.table(&table).unwrap().migrate().await.unwrap();
    assert_eq!(log.count(sentence, &table), 1);
}

/// The test opens the file with `mode=ro`. Removing the file's write permission would not be enough: root can write to any file.
#[tokio::test]
async fn a_read_only_file_refuses_writes() {
    let (_folder, url, store) = in_file().await;
    let key = create(&store, &empty()).await;
    let only_read = SqlStore::open(&format!("{url}?mode=ro")).await.unwrap();
    let found = load(&only_read, &key).await;
    for said in [
        sentence(only_read.swap(&key, found.as_ref(), Some(&empty()), NOW).await),
        sentence(only_read.swap(&key, found.as_ref(), None, NOW).await),
        sentence(only_read.swap(&crate::key(), None, Some(&empty()), NOW).await),
    ] {
        assert!(said.contains("it is read-only: may this process write the file and its folder?"), "{said}");
    }
    assert!(load(&store, &key).await.is_some());
}

// B32, B35: the file may grow no further. A write fails with a sentence that says so, and nothing is lost. Once there is space
// again, writes and log-outs succeed.
#[tokio::test]
async fn a_full_database_refuses_writes_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("shop.db").display());
    // The limit belongs to a connection, so the pool has only one.
    let pool = SqlitePoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    let store = SqlStore::from_pool(pool.clone());
    store.migrate().await.unwrap();
    let sessions = Sessions::<Site>::builder().store(store.clone()).keys(KeyRing::generate());
    let sessions = sessions.clean_every(Duration::ZERO).build().unwrap();
    let app = routes().layer(sessions.layer());
    let (mut ada, mut bob) = (Visitor::new(&app), Visitor::new(&app));
    for (visitor, user) in [(&mut ada, "ada"), (&mut bob, "bob")] {
        assert_eq!(visitor.post(&format!("/login/{user}")).await.status, StatusCode::OK);
        assert_eq!(visitor.post(&format!("/name/{user}")).await.status, StatusCode::OK);
    }
    let page_of = |number: usize| value(Timestamp::NEVER, &[number as u8; 10_000]);
    let mut stored = Vec::new();
    for number in 0..20 {
        stored.push(create(&store, &page_of(number)).await);
    }

    // SQLite raises a limit below the file's size to that size.
    sqlx::query("PRAGMA max_page_count = 1").execute(&pool).await.unwrap();
    let said = loop {
        let key = key();
        match store.swap(&key, None, Some(&page_of(stored.len())), NOW).await {
            Ok(_) => stored.push(key),
            Err(error) => break error.to_string(),
        }
        assert!(stored.len() < 1_000, "the database is never full");
    };
    assert!(said.contains("cannot write a session") && said.contains("its disk is full"), "{said}");
    let long = format!("/name/{}", "x".repeat(20_000));
    for visitor in [&mut ada, &mut Visitor::new(&app)] {
        let reply = visitor.post(&long).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    }
    for (visitor, user) in [(&mut ada, "ada"), (&mut bob, "bob")] {
        let seen = visitor.get("/show").await.json();
        assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (Some(user), Some(user)), "reads continue");
    }

    sqlx::query("PRAGMA max_page_count = 100000").execute(&pool).await.unwrap();
    assert_eq!(ada.post(&long).await.status, StatusCode::OK);
    let mut copy = bob.clone();
    assert_eq!(bob.post("/logout").await.status, StatusCode::OK);
    assert_eq!((copy.get("/show").await.json()["user"].as_str(), bob.cookie()), (None, None));
    assert_eq!(ada.get("/show").await.json()["name"].as_str().map(str::len), Some(20_000));
    for (number, key) in stored.iter().enumerate() {
        assert_eq!(content(&load(&store, key).await.unwrap()), [number as u8; 10_000]);
    }
    create(&store, &page_of(0)).await;
}
