//! Filling a store: through the store, as far as that is fast; from there on with copies of what the store itself wrote, each
//! with the key, the user and the deadline of its own.

use futures_util::{StreamExt as _, stream};
use redis::Value;
use session_runtime::{Timestamp, store::Key};
use sqlx::{Connection as _, PgConnection, QueryBuilder, Sqlite, SqliteConnection};

use super::{
    eight::{self, NOW},
    shelf::{Home, Shelf, What, sqlite},
};

/// How many go through the store, where more are copied.
const THROUGH_THE_STORE: u64 = 200;
/// How many calls of a store are under way at once.
const AT_ONCE: usize = 64;
/// How many copies are sent at once.
const BATCH: u64 = 5000;
/// When an entry in a user's list is looked at again: a day later, as the clean-up that comes after each sign-in says.
const RECHECK: u64 = 24 * 60 * 60 * 1000;

/// Puts the sessions 0 to `shelf.size` in.
pub async fn fill(shelf: &mut Shelf) {
    if shelf.what == What::Memory {
        shelf.own_keys = (0..shelf.size).map(|_| Key::random().unwrap()).collect();
    }
    let copies = !matches!(shelf.what, What::Memory | What::Files);
    let written = if copies { shelf.size.min(THROUGH_THE_STORE) } else { shelf.size };
    stream::iter(0..written).for_each_concurrent(AT_ONCE, |n| put(shelf, n)).await;
    if written < shelf.size {
        match &shelf.home {
            Home::Redis(server) => in_redis(&server.url(), written..shelf.size),
            Home::Postgres(server, table) => in_postgres(&server.url(), table, written..shelf.size).await,
            Home::Folder(folder) => in_sqlite(&sqlite(folder.path()), written..shelf.size).await,
            Home::Memory => {}
        }
    }
    // Afterwards the sign-ins are no longer under way.
    if !copies {
        shelf.store.delete_expired(settled()).await.unwrap();
    }
}

fn settled() -> Timestamp {
    NOW + std::time::Duration::from_secs(120)
}

/// What a sign-in does.
async fn put(shelf: &Shelf, n: u64) {
    let key = shelf.key(n);
    shelf.store.enter(&eight::user(n), &key, NOW).await.unwrap();
    shelf.store.apply(&key, &eight::create(n), NOW).await.unwrap();
}

/// The session that is copied: the user's and the deadline's bytes are in its record once each.
const COPIED: u64 = 99;

fn at(record: &[u8], part: &[u8]) -> usize {
    record.windows(part.len()).position(|window| window == part).unwrap()
}

fn moment(n: u64) -> i64 {
    eight::end(n).as_millis() as i64
}

/// The record of session `n`, made of that of [`COPIED`].
struct Records {
    copied: Vec<u8>,
    user: usize,
    end: usize,
}

impl Records {
    fn of(copied: Vec<u8>) -> Self {
        let (user, end) = (eight::user(COPIED), eight::end(COPIED).as_millis().to_be_bytes());
        Self { user: at(&copied, user.as_bytes()), end: at(&copied, &end), copied }
    }

    fn record(&self, n: u64) -> Vec<u8> {
        let mut record = self.copied.clone();
        for (at, bytes) in
            [(self.user, eight::user(n).as_bytes()), (self.end, &eight::end(n).as_millis().to_be_bytes())]
        {
            record[at..at + bytes.len()].copy_from_slice(bytes);
        }
        record
    }
}

fn batches(numbers: std::ops::Range<u64>) -> impl Iterator<Item = std::ops::Range<u64>> {
    let end = numbers.end;
    numbers.step_by(BATCH as usize).map(move |from| from..(from + BATCH).min(end))
}

async fn in_postgres(url: &str, table: &str, numbers: std::ops::Range<u64>) {
    let mut to = PgConnection::connect(url).await.unwrap();
    let copied = format!("SELECT record, revision FROM {table} WHERE id = $1");
    let (record, revision): (Vec<u8>, i64) = sqlx::query_as(sqlx::AssertSqlSafe(copied))
        .bind(eight::key(COPIED).digest().to_vec())
        .fetch_one(&mut to)
        .await
        .unwrap();
    let records = Records::of(record);
    let sessions = format!(
        "INSERT INTO {table} (id, revision, expires_at, user_hash, record) \
         SELECT id, $1, expires, whose, record FROM UNNEST($2::bytea[], $3::bigint[], $4::bytea[], $5::bytea[]) \
         AS copies (id, expires, whose, record)"
    );
    let users = format!(
        "INSERT INTO {table}_users (id, user_hash, entered_at, place, check_at) \
         SELECT id, whose, $1, $1, LEAST($2, expires) FROM UNNEST($3::bytea[], $4::bigint[], $5::bytea[]) \
         AS copies (id, expires, whose)"
    );
    for batch in batches(numbers) {
        let ids: Vec<_> = batch.clone().map(|n| eight::key(n).digest().to_vec()).collect();
        let ends: Vec<_> = batch.clone().map(moment).collect();
        let whose: Vec<_> = batch.clone().map(|n| eight::user(n).digest().to_vec()).collect();
        let copies: Vec<_> = batch.map(|n| records.record(n)).collect();
        let insert = sqlx::query(sqlx::AssertSqlSafe(sessions.clone())).bind(revision);
        insert.bind(&ids).bind(&ends).bind(&whose).bind(copies).execute(&mut to).await.unwrap();
        let entered = NOW.as_millis() as i64;
        let insert = sqlx::query(sqlx::AssertSqlSafe(users.clone())).bind(entered).bind(entered + RECHECK as i64);
        insert.bind(&ids).bind(&ends).bind(&whose).execute(&mut to).await.unwrap();
    }
    sqlx::query(sqlx::AssertSqlSafe(format!("VACUUM ANALYZE {table}, {table}_users"))).execute(&mut to).await.unwrap();
    sqlx::query("CHECKPOINT").execute(&mut to).await.unwrap();
}

async fn in_sqlite(url: &str, numbers: std::ops::Range<u64>) {
    let mut to = SqliteConnection::connect(url).await.unwrap();
    // All of it in memory until it is written once: ids come in no order, so each batch touches most pages.
    sqlx::query("PRAGMA cache_size = -1500000").execute(&mut to).await.unwrap();
    let copied = sqlx::query_as("SELECT record, revision FROM sessions WHERE id = ?");
    let (record, revision): (Vec<u8>, i64) =
        copied.bind(eight::key(COPIED).digest().to_vec()).fetch_one(&mut to).await.unwrap();
    let records = Records::of(record);
    let mut writing = to.begin().await.unwrap();
    for batch in batches(numbers) {
        let mut insert =
            QueryBuilder::<Sqlite>::new("INSERT INTO sessions (id, revision, expires_at, user_hash, record) ");
        insert.push_values(batch.clone(), |mut row, n| {
            row.push_bind(eight::key(n).digest().to_vec()).push_bind(revision).push_bind(moment(n));
            row.push_bind(eight::user(n).digest().to_vec()).push_bind(records.record(n));
        });
        insert.build().execute(&mut *writing).await.unwrap();
        let entered = NOW.as_millis() as i64;
        let mut insert =
            QueryBuilder::<Sqlite>::new("INSERT INTO sessions_users (id, user_hash, entered_at, place, check_at) ");
        insert.push_values(batch, |mut row, n| {
            row.push_bind(eight::key(n).digest().to_vec()).push_bind(eight::user(n).digest().to_vec());
            row.push_bind(entered).push_bind(entered).push_bind(moment(n).min(entered + RECHECK as i64));
        });
        insert.build().execute(&mut *writing).await.unwrap();
    }
    writing.commit().await.unwrap();
    to.close().await.unwrap();
}

/// As the store itself names them: the session's hash, of which one entry says whose it is, and the user's sorted set.
fn in_redis(url: &str, numbers: std::ops::Range<u64>) {
    const USER: &[u8] = &[0xfc];
    let mut to = redis::Client::open(url).unwrap().get_connection().unwrap();
    let session = |n: u64| format!("session:s:{}", eight::key(n).hex());
    let user = |n: u64| format!("session:u:{}", eight::user(n).hex());
    let mut ask = |command: &mut redis::Cmd| -> Value { command.query(&mut to).unwrap() };
    let dump = ask(redis::cmd("DUMP").arg(session(COPIED)));
    let kept_for = ask(redis::cmd("PTTL").arg(session(COPIED)));
    let user_kept_for = ask(redis::cmd("PTTL").arg(user(COPIED)));
    let whose = ask(redis::cmd("HGET").arg(session(COPIED)).arg(USER));
    let (Value::BulkString(dump), Value::Int(kept_for), Value::Int(user_kept_for), Value::BulkString(whose)) =
        (dump, kept_for, user_kept_for, whose)
    else {
        panic!("the session to copy is not there")
    };
    for batch in batches(numbers) {
        let mut copies = redis::pipe();
        for n in batch {
            let whose = [&whose[..8], eight::user(n).as_bytes()].concat();
            copies.cmd("RESTORE").arg(session(n)).arg(kept_for).arg(&dump).ignore();
            copies.cmd("HSET").arg(session(n)).arg(USER).arg(whose).ignore();
            copies.cmd("ZADD").arg(user(n)).arg(NOW.as_millis()).arg(&eight::key(n).digest()).ignore();
            copies.cmd("PEXPIRE").arg(user(n)).arg(user_kept_for).ignore();
        }
        copies.exec(&mut to).unwrap();
    }
}
