//! Turns the errors of a database into messages that say what was tried, and what to do.

use std::borrow::Cow;

use super::super::StoreError;
use crate::error::Error;

/// Returns an error such as `cannot read sessions; the table "sessions" is missing: call migrate() …`.
pub(super) fn failed(doing: &str, table: &str, source: sqlx::Error) -> StoreError {
    StoreError::new(format!("cannot {doing}; {}", remedy(&source, table))).because(source)
}

/// Returns an error of [`Error::is_setup`], for failures at start.
pub(super) fn refused(place: &str, table: &str, source: sqlx::Error) -> Error {
    let sentence = format!("cannot use {place}; {}", remedy(&source, table));
    Error::setup(StoreError::new(sentence).because(source).to_string())
}

/// Returns whether this connection is unusable, while another one may work.
pub(super) fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // Databases and poolers close connections when they shut down, when an administrator says so, or when a connection is
        // idle for long.
        sqlx::Error::Database(_) => {
            let code = code(error);
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P05" | "1053" | "1927" | "4031")
        }
        _ => false,
    }
}

/// Returns whether the database rolled the statement back because of a concurrent one, or SQLite did not begin it because
/// tables were created meanwhile (SQLITE_SCHEMA).
pub(super) fn is_lost_race(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "40001" | "40P01" | "1213" | "sqlite 17")
}

/// Returns whether the database does not support the statement.
#[cfg(feature = "postgres")]
pub(super) fn is_unsupported(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "0A000" | "42601")
}

/// Returns whether the database has no `pg_notify`, its user may not call it, or the queue of messages is full.
pub(super) fn cannot_announce(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "42883" | "42501" | "0A000") || is_queue_full(error)
}

/// Returns whether PostgreSQL takes no message because a client that listens has been in a transaction for very long.
pub(super) fn is_queue_full(error: &sqlx::Error) -> bool {
    code(error) == "54000"
}

/// Returns whether a table or an index could not be created because it exists.
pub(super) fn is_made(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "23505" | "42P07" | "42710")
}

/// Returns whether the table does not exist.
pub(super) fn is_missing(error: &sqlx::Error) -> bool {
    let no_table = |error: &dyn sqlx::error::DatabaseError| error.message().starts_with("no such table");
    match &*code(error) {
        "42P01" | "1146" => true,
        "sqlite 1" => error.as_database_error().is_some_and(no_table),
        _ => false,
    }
}

/// Returns whether the table exists, but with other columns or without a primary key.
fn is_foreign(error: &sqlx::Error) -> bool {
    let says = |error: &dyn sqlx::error::DatabaseError| {
        let message = error.message();
        ["no such column", "ON CONFLICT clause does not match", "table "].iter().any(|start| message.starts_with(start))
    };
    match &*code(error) {
        "42703" | "42P10" | "1054" => true,
        // `table sessions has no column named value`
        "sqlite 1" => error.as_database_error().is_some_and(says),
        _ => false,
    }
}

/// Returns whether a row could not be inserted because there is a row with its id.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Returns whether the file is locked at the moment.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "sqlite 5" | "sqlite 6")
}

/// Returns the database's own code: SQLSTATE for PostgreSQL, the numbers of MySQL and SQLite.
fn code(error: &sqlx::Error) -> String {
    let Some(error) = error.as_database_error() else { return String::new() };
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return error.number().to_string();
    }
    let code = error.code().unwrap_or_default().into_owned();
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The primary code, without the extension.
        return format!("sqlite {}", code.parse::<u32>().unwrap_or_default() & 0xff);
    }
    code
}

fn remedy(source: &sqlx::Error, table: &str) -> Cow<'static, str> {
    if is_missing(source) {
        return format!(
            "the table {table} is missing: call `migrate()` when the application starts, or run the SQL that `SqlStore` \
             documents"
        )
        .into();
    }
    if is_foreign(source) {
        return format!(
            "the table {table} is not one of this version, which has the columns `id`, `revision`, `expires_at` and `value`: \
             if it belongs to something else, choose another name with `table`; if it holds sessions of an older version, \
             drop it"
        )
        .into();
    }
    match source {
        sqlx::Error::PoolTimedOut => {
            "no connection came free in time: check that the database answers; if it does, give the pool more connections \
             (`max_connections`), or hold them for a shorter time"
        }
        sqlx::Error::PoolClosed => "the application has closed its pool",
        sqlx::Error::Configuration(reason) if reason.to_string().contains("RSA") => {
            "MySQL 8 accepts the password only over TLS, which needs the feature `sql-tls`"
        }
        sqlx::Error::Configuration(_) => "check its URL",
        sqlx::Error::Tls(_) => "check its certificate; TLS needs the feature `sql-tls`",
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => "is it running, and reachable?",
        sqlx::Error::Database(error) => match &*code(source) {
            "42P05" | "26000" => {
                "a pooler such as PgBouncer is in front of it: add `?statement-cache-capacity=0` to its URL, or \
                 `statement_cache_capacity(0)` to the options of the pool"
            }
            "08P01" if error.message().contains("startup parameter") => {
                "the pooler in front of it refuses a parameter that `sqlx` sends: give PgBouncer \
                 `ignore_startup_parameters = extra_float_digits`"
            }
            "42501" | "1142" | "1044" | "1143" => {
                "its user may not do that: sessions need SELECT, INSERT, UPDATE and DELETE on their table, and CREATE to \
                 create it"
            }
            "3F000" | "3D000" | "1049" => "there is no such database, or schema",
            "28P01" | "28000" | "1045" => "check the user and the password in its URL",
            "25006" | "1290" | "1792" | "1836" => "it is read-only: connect to the primary",
            "53300" | "1040" | "1203" => {
                "it has no connection left: raise its `max_connections`, or let pools be smaller"
            }
            "53100" | "1021" | "1114" | "sqlite 13" => "its disk is full",
            "57P03" => "it is starting, or shutting down: wait a little",
            "57014" | "1205" | "3024" | "1969" => "it took too long: does something lock the table?",
            "1153" => "the session is larger than its `max_allowed_packet`",
            "40001" | "40P01" | "1213" => {
                "it rolled the statement back because of concurrent ones, again and again: give sessions a pool whose \
                 transactions are READ COMMITTED"
            }
            "sqlite 5" | "sqlite 6" => "another process, or a transaction of this one, has been writing for too long",
            "sqlite 8" => "it is read-only: may this process write the file and its folder?",
            "sqlite 10" => "its disk fails, or its folder is gone",
            "sqlite 11" | "sqlite 26" => "the file is damaged, or not a database",
            "sqlite 14" => "the file cannot be opened: does its folder exist, and may this process write there?",
            _ => "look at its log",
        },
        _ => "look at its log",
    }
    .into()
}
