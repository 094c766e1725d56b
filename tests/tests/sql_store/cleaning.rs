//! Clean-up: many in small batches, and nothing else; and what is no session.

use std::time::Duration;

use session_runtime::store::{Scan as _, Store, UserIndex};
use sqlx::Executor as _;
use tests::{
    databases::Engine,
    records::{NOW, create, create_until, load, set, sign_in, update, user, write},
};

use crate::{everywhere, filled, in_file, key, on};

const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_go_in_batches_and_the_live_stay_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let later = NOW + SOON * 3;
        let (mut live, mut entered) = (Vec::new(), 0);
        for number in 0..1_200 {
            let key = key();
            let end = if number % 10 == 0 { later + SOON } else { NOW + SOON };
            store.enter(&user(), &key, NOW).await.unwrap();
            write(&store, &key, &sign_in(create_until(end), &user(), NOW)).await;
            entered += 1;
            if number % 10 == 0 {
                live.push(key);
            }
        }
        assert_eq!(store.entries(&user()).await.unwrap().len(), entered);
        // Two at once, and requests meanwhile.
        let (one, other) = (store.clone(), store.clone());
        let cleaning = [one, other].map(|store| tokio::spawn(async move { store.delete_expired(later).await }));
        for key in &live {
            write(&store, key, &set(update(), "a", [1])).await;
        }
        let mut removed = 0;
        for cleaner in cleaning {
            removed += cleaner.await.unwrap().unwrap();
        }
        assert_eq!(removed, 1_080);
        assert_eq!(store.delete_expired(later).await.unwrap(), 0);
        let mut listed: Vec<_> = store.entries(&user()).await.unwrap().iter().map(|entry| entry.key.hex()).collect();
        let mut expected: Vec<_> = live.iter().map(|key| key.hex()).collect();
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected);
        // The last go too, with their entries, which were looked at before.
        let end = later + SOON;
        assert_eq!(store.delete_expired(end).await.unwrap(), 120);
        assert_eq!(store.entries(&user()).await.unwrap().len(), 0);
        drop(folder);
    }
}

/// A row that somebody has locked keeps neither the others nor requests waiting, and goes later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_is_passed_by_on_postgres() {
    let Some((server, table, store)) = on(Engine::Postgres).await else { return };
    let (locked, live) = (key(), key());
    for _ in 0..600 {
        write(&store, &key(), &create_until(NOW + SOON)).await;
    }
    write(&store, &locked, &create_until(NOW + SOON)).await;
    write(&store, &live, &create_until(NOW + SOON * 9)).await;
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let mut work = pool.begin().await.unwrap();
    let sql = format!("SELECT id FROM {table} WHERE id = '\\x{}' FOR UPDATE", locked.hex());
    work.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    assert_eq!(store.delete_expired(NOW + SOON).await.unwrap(), 600);
    write(&store, &live, &set(update(), "a", [1])).await;
    work.rollback().await.unwrap();
    assert_eq!(store.delete_expired(NOW + SOON).await.unwrap(), 1);
}

/// Whatever the clocks of the other nodes say: who enters last is the newest.
#[tokio::test]
async fn the_newest_comes_last_on_postgres_and_mariadb() {
    for engine in Engine::ALL {
        let Some((server, table, store)) = on(engine).await else { continue };
        let (first, second, third) = (key(), key(), key());
        store.enter(&user(), &first, NOW).await.unwrap();
        store.enter(&user(), &second, NOW).await.unwrap();
        // As by a node that is a year ahead.
        server.ask(&format!("UPDATE {table}_users SET place = place + 31536000000000"));
        store.enter(&user(), &third, NOW).await.unwrap();
        store.enter(&user(), &first, NOW).await.unwrap();
        let entries = tests::store::listed(store.entries(&user()).await.unwrap());
        assert_eq!(entries, [second, third, first], "{engine:?}");
    }
}

// B29
#[tokio::test]
async fn what_is_no_session_reads_as_none_and_is_removed_on_sqlite() {
    let (_folder, url, store) = in_file().await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    for spoil in [
        "record = x'00'",
        "record = x''",
        "record = x'02' || substr(record, 2)",
        "record = substr(record, 1, 40)",
        "revision = 7",
    ] {
        let (key, healthy) = (key(), key());
        write(&store, &key, &filled()).await;
        write(&store, &healthy, &filled()).await;
        let sql = format!("UPDATE sessions SET {spoil} WHERE id = x'{}'", key.hex());
        pool.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        let scanned = store.scan(&session_runtime::store::Position::start(), NOW).await.unwrap();
        assert!(scanned.sessions.iter().any(|(found, _)| *found == healthy), "{spoil}");
        assert!(load(&store, &key).await.is_none(), "{spoil}");
        let left = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT 1 FROM sessions WHERE id = x'{}'", key.hex())));
        assert!(left.fetch_optional(&pool).await.unwrap().is_none(), "{spoil}");
        assert!(load(&store, &healthy).await.is_some());
        // And may be made anew.
        write(&store, &key, &filled()).await;
        assert!(load(&store, &key).await.is_some(), "{spoil}");
    }
}

// B29: found by a change rather than by a load.
#[tokio::test]
async fn what_is_no_session_is_in_nobodys_way_on_postgres_and_mariadb() {
    for engine in Engine::ALL {
        let Some((server, table, store)) = on(engine).await else { continue };
        let key = key();
        write(&store, &key, &filled()).await;
        let (spoilt, id) = match engine {
            Engine::Postgres => ("'\\x00'", format!("'\\x{}'", key.hex())),
            Engine::MariaDb => ("x'00'", format!("x'{}'", key.hex())),
        };
        server.ask(&format!("UPDATE {table} SET record = {spoilt}, revision = 7 WHERE id = {id}"));
        let answer = store.apply(&key, &set(update(), "a", [1]), NOW).await.unwrap();
        assert_eq!(answer, session_runtime::store::Applied::Gone);
        write(&store, &key, &create()).await;
        assert!(load(&store, &key).await.is_some());
    }
}
