//! Sessions in PostgreSQL.

use axum_session_sqlx::SessionPgPool;
use session_runtime::SqlStore;

use super::{AXUM_SESSION, Kept};
use crate::{
    contestants::{
        axum_session,
        hand_sql::{self, PostgresRow},
        hand_stored, hand_written, ours, ruts, tower_sessions,
    },
    site::Site,
};

pub const KEPT: [Kept; 6] = [
    Kept::of(
        &hand_written::CONTESTANT,
        &["sqlx"],
        "a row of a column for each field; one statement by primary key for each request; not guarded",
        |url| Box::pin(async move { hand_stored::site(PostgresRow::open(hand_sql::postgres(&url).await).await) }),
    ),
    Kept::of(&ours::CONTESTANT, &["session-runtime", "sqlx"], "`SqlStore`; eight typed fields", |url| {
        Box::pin(async move {
            let store = SqlStore::from_pool(hand_sql::postgres(&url).await);
            store.migrate().await.unwrap();
            ours::site(&store)
        })
    }),
    Kept::by_older(&tower_sessions::CONTESTANT, &["tower-sessions-sqlx-store", "sqlx"], "`PostgresStore`; eight keys"),
    Kept::of(&AXUM_SESSION, &["axum_session_sqlx", "sqlx"], IN_FRONT, |url| Box::pin(axum_session_at(url, true))),
    Kept::of(&axum_session::UNSIGNED, &["axum_session_sqlx", "sqlx"], IN_FRONT, |url| {
        Box::pin(axum_session_at(url, false))
    }),
    Kept::by_older(&ruts::CONTESTANT, &["ruts", "sqlx"], "`PostgresStore`; eight fields in MessagePack"),
];

const IN_FRONT: &str = "`SessionPgPool`, and its own memory before it; eight keys";

async fn axum_session_at(url: String, signed: bool) -> Site {
    axum_session::site(Some(SessionPgPool::from(hand_sql::postgres(&url).await)), signed).await
}
