//! What to tell whoever runs the service when the database refuses: what was tried, and what to do.

use super::super::StoreError;
use crate::error::Error;

/// `cannot load a session; its tables are missing: call `migrate()` …: error returned from database: …`
pub(super) fn failed(doing: &str, source: sqlx::Error) -> StoreError {
    StoreError::new(format!("cannot {doing}; {}", remedy(&source))).because(source)
}

/// The same, at start.
pub(super) fn refused(place: &str, source: sqlx::Error) -> Error {
    Error::setup(format!("cannot use {place}; {}: {source}", remedy(&source))).because(source)
}

/// Whether the connection is of no more use, while another may be.
pub(super) fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // Databases end connections when they are shut down or told to, and that lay idle for long; so do poolers.
        sqlx::Error::Database(_) => {
            let code = code(error);
            code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P05" | "1053" | "1927" | "4031")
        }
        _ => false,
    }
}

/// Whether the database undid the statement because of another at the same time, or SQLite did not begin it since somebody
/// kept making tables meanwhile (SQLITE_SCHEMA).
pub(super) fn is_lost_race(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "40001" | "40P01" | "1213" | "sqlite 17")
}

/// Whether something could not be made since it is there already.
pub(super) fn is_made(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "23505" | "42P07" | "42710")
}

/// Whether a table is not there.
pub(super) fn is_missing(error: &sqlx::Error) -> bool {
    remedy(error) == MISSING
}

/// Whether a file is in somebody else's hands for the moment.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    matches!(&*code(error), "sqlite 5" | "sqlite 6")
}

/// What a database calls the error: SQLSTATE of PostgreSQL, the numbers of MySQL and SQLite.
fn code(error: &sqlx::Error) -> String {
    let Some(error) = error.as_database_error() else { return String::new() };
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return error.number().to_string();
    }
    let code = error.code().unwrap_or_default().into_owned();
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The kind, without what an extended one adds.
        return format!("sqlite {}", code.parse::<u32>().unwrap_or_default() & 0xff);
    }
    code
}

fn remedy(source: &sqlx::Error) -> &'static str {
    match source {
        sqlx::Error::PoolTimedOut => {
            "no connection came free in time: let the pool be larger (`max_connections`), hold connections for less long, \
             or see whether the database answers"
        }
        sqlx::Error::PoolClosed => "the application has closed its pool",
        sqlx::Error::Configuration(reason) if reason.to_string().contains("RSA") => {
            "MySQL 8 wants the password over TLS, which takes the feature `sql-tls`"
        }
        sqlx::Error::Configuration(_) => "check its URL",
        sqlx::Error::Tls(_) => "check its certificate; TLS takes the feature `sql-tls`",
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => "is it running, and reachable?",
        sqlx::Error::Database(error) => match &*code(source) {
            "42P01" | "1146" => MISSING,
            "42703" | "1054" => FOREIGN,
            "sqlite 1" if error.message().starts_with("no such column") => FOREIGN,
            "sqlite 1" if error.message().starts_with("no such table") => MISSING,
            "42501" | "1142" | "1044" | "1143" => {
                "its user may not do that: sessions need SELECT, INSERT, UPDATE and DELETE on both tables, and to make them \
                 CREATE"
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
            "sqlite 5" | "sqlite 6" => "another process, or a transaction of this one, has been writing for too long",
            "sqlite 8" => "it is read-only: may this process write the file and its folder?",
            "sqlite 10" => "its disk fails, or its folder is gone",
            "sqlite 11" | "sqlite 26" => "the file is damaged, or no database",
            "sqlite 14" => "the file cannot be opened: does its folder exist, and may this process write there?",
            _ => "look at its log",
        },
        _ => "look at its log",
    }
}

const FOREIGN: &str = "a table of this name is there and is none of ours: choose another name with `table`";

const MISSING: &str =
    "its tables are missing: call `migrate()` when the application starts, or run the SQL that `SqlStore` documents";
