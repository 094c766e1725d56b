//! Sessions in SQLite: each contestant has a file of its own, in WAL mode with `synchronous = NORMAL`.

use axum_session_sqlx::SessionSqlitePool;
use session_runtime::SqlStore;

use super::{AXUM_SESSION, Kept};
use crate::{
    contestants::{
        axum_session,
        hand_sql::{self, SqliteRow},
        hand_stored, hand_written, ours, tower_sessions,
    },
    site::Site,
};

pub const KEPT: [Kept; 5] = [
    Kept::of(
        &hand_written::CONTESTANT,
        &["sqlx"],
        "a row of a column for each field; one statement by primary key for each request; not guarded",
        |url| Box::pin(async move { hand_stored::site(SqliteRow::open(hand_sql::sqlite(&url).await).await) }),
    ),
    Kept::of(&ours::CONTESTANT, &["session-runtime", "sqlx"], "`SqlStore`; eight typed fields", |url| {
        Box::pin(async move {
            let store = SqlStore::from_pool(hand_sql::sqlite(&url).await);
            store.migrate().await.unwrap();
            ours::site(&store)
        })
    }),
    Kept::by_older(&tower_sessions::CONTESTANT, &["tower-sessions-sqlx-store", "sqlx"], "`SqliteStore`; eight keys"),
    Kept::of(&AXUM_SESSION, &["axum_session_sqlx", "sqlx"], IN_FRONT, |url| Box::pin(axum_session_at(url, true))),
    Kept::of(&axum_session::UNSIGNED, &["axum_session_sqlx", "sqlx"], IN_FRONT, |url| {
        Box::pin(axum_session_at(url, false))
    }),
];

const IN_FRONT: &str = "`SessionSqlitePool`, and its own memory before it; eight keys";

async fn axum_session_at(url: String, signed: bool) -> Site {
    axum_session::site(Some(SessionSqlitePool::from(hand_sql::sqlite(&url).await)), signed).await
}
