//! Fills a store. In memory and in files, the store's own calls write all sessions. On servers and in SQLite, they write the
//! first sessions, and direct bulk writes add the rest.

use std::{ops::Range, time::Duration};

use futures_util::{StreamExt as _, stream};
use session_runtime::store::{Key, Store as _, Swapped, Value};
use sqlx::{Connection as _, PgConnection, QueryBuilder, Sqlite, SqliteConnection};

use super::{
    eight::{self, NOW, Originals},
    shelf::{Home, Shelf, What, sqlite},
};

/// The number of sessions that the store's own calls write before the bulk writes.
const THROUGH_THE_STORE: u64 = 200;
/// Concurrent calls of a store.
const AT_ONCE: usize = 64;
/// The number of sessions in a bulk write.
const BATCH: u64 = 2500;

/// Stores the sessions 0 to `shelf.size`, and the list of each session's user.
pub async fn fill(shelf: &Shelf) {
    let many_at_once = !matches!(shelf.what, What::Memory | What::Files);
    let one_by_one = if many_at_once { shelf.size.min(THROUGH_THE_STORE) } else { shelf.size };
    let originals = &Originals::make().await;
    stream::iter(0..one_by_one).for_each_concurrent(AT_ONCE, |n| put(shelf, originals, n)).await;
    if one_by_one < shelf.size {
        let numbers = one_by_one..shelf.size;
        match &shelf.home {
            Home::Redis(server) => in_redis(&server.url(), originals, numbers),
            Home::Postgres(server, table) => in_postgres(&server.url(), table, originals, numbers).await,
            Home::Folder(folder) => in_sqlite(&sqlite(folder.path()), originals, numbers).await,
            Home::Memory => {}
        }
        // Checks that the store finds what was written.
        let last = shelf.size - 1;
        shelf.write(last).await;
        assert!(shelf.store.load(&eight::list_key(last), NOW).await.unwrap().is_some());
    }
}

/// Writes what a sign-in writes: the session first, then the list.
async fn put(shelf: &Shelf, originals: &Originals, n: u64) {
    for (key, value) in values(originals, n) {
        let swapped = shelf.store.swap(&key, None, Some(&value), NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
    }
}

fn values(originals: &Originals, n: u64) -> [(Key, Value); 2] {
    [(eight::key(n), originals.session(n)), (eight::list_key(n), originals.list(n))]
}

fn batches(originals: &Originals, numbers: Range<u64>) -> impl Iterator<Item = Vec<(Key, Value)>> {
    let end = numbers.end;
    let batch = move |from: u64| (from..(from + BATCH).min(end)).flat_map(|n| values(originals, n)).collect();
    numbers.step_by(BATCH as usize).map(batch)
}

/// The columns of a value.
struct Row {
    id: Vec<u8>,
    revision: i64,
    expires_at: i64,
    value: Vec<u8>,
}

impl Row {
    fn of((key, value): &(Key, Value)) -> Self {
        Self {
            id: key.digest().to_vec(),
            revision: value.revision().cast_signed(),
            expires_at: value.expires_at().as_millis().cast_signed(),
            value: value.to_bytes().to_vec(),
        }
    }
}

async fn in_postgres(url: &str, table: &str, originals: &Originals, numbers: Range<u64>) {
    let mut to = PgConnection::connect(url).await.unwrap();
    let insert = format!(
        "INSERT INTO {table} (id, revision, expires_at, value) \
         SELECT * FROM UNNEST($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[])"
    );
    for batch in batches(originals, numbers) {
        let rows: Vec<_> = batch.iter().map(Row::of).collect();
        let ids: Vec<_> = rows.iter().map(|row| &*row.id).collect();
        let revisions: Vec<_> = rows.iter().map(|row| row.revision).collect();
        let ends: Vec<_> = rows.iter().map(|row| row.expires_at).collect();
        let values: Vec<_> = rows.iter().map(|row| &*row.value).collect();
        let insert = sqlx::query(sqlx::AssertSqlSafe(insert.clone())).bind(ids).bind(revisions);
        insert.bind(ends).bind(values).execute(&mut to).await.unwrap();
    }
    sqlx::query(sqlx::AssertSqlSafe(format!("VACUUM ANALYZE {table}"))).execute(&mut to).await.unwrap();
    sqlx::query("CHECKPOINT").execute(&mut to).await.unwrap();
}

async fn in_sqlite(url: &str, originals: &Originals, numbers: Range<u64>) {
    let mut to = SqliteConnection::connect(url).await.unwrap();
    // Keeps all pages in memory and writes them once: ids come in random order, so each batch touches most pages.
    sqlx::query("PRAGMA cache_size = -1500000").execute(&mut to).await.unwrap();
    let mut writing = to.begin().await.unwrap();
    for batch in batches(originals, numbers) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO sessions (id, revision, expires_at, value) ");
        insert.push_values(batch.iter().map(Row::of), |mut columns, row| {
            columns.push_bind(row.id).push_bind(row.revision).push_bind(row.expires_at).push_bind(row.value);
        });
        insert.build().execute(&mut *writing).await.unwrap();
    }
    writing.commit().await.unwrap();
    to.close().await.unwrap();
}

/// Names each key by prefix and session key, and expires it a minute after the session.
fn in_redis(url: &str, originals: &Originals, numbers: Range<u64>) {
    let mut to = redis::Client::open(url).unwrap().get_connection().unwrap();
    for batch in batches(originals, numbers) {
        let mut sets = redis::pipe();
        for (key, value) in batch {
            let kept_for = value.expires_at().since(NOW) + Duration::from_secs(60);
            let set = sets.cmd("SET").arg(format!("session:{}", key.base64url())).arg(&*value.to_bytes());
            set.arg("PX").arg(kept_for.as_millis() as u64).ignore();
        }
        sets.exec(&mut to).unwrap();
    }
}
