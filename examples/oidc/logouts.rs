//! [`Logouts`]: the logouts of the last minutes, in a table that all servers share.
//!
//! A token that ended sessions is not accepted again, and a sign-in that was under way during its logout does not survive it.

use sqlx::SqlitePool;

use super::token::{Refusal, now};

/// How long a logout is remembered. A token is accepted for at most seven minutes, with the difference of the clocks.
const KEPT: i64 = 15 * 60;

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS logouts (
        id          TEXT PRIMARY KEY NOT NULL,      -- `jti` of the token
        sid         TEXT,                           -- NULL: all sessions of the user
        user        TEXT,
        at          INTEGER NOT NULL,               -- by the provider's clock
        recorded_at INTEGER NOT NULL,               -- by this server's clock
        is_done     BOOLEAN NOT NULL DEFAULT FALSE  -- whether the sessions have been ended
    );
    CREATE INDEX IF NOT EXISTS logouts_recorded_at ON logouts (recorded_at);";

/// What a token of the provider ends. Times are seconds since 1970.
pub(crate) struct Logout<'a> {
    pub(crate) id: &'a str,
    pub(crate) sid: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
    pub(crate) at: i64,
}

/// How far a logout has come.
#[derive(PartialEq, Eq)]
pub(crate) enum Progress {
    Begun,
    Done,
}

#[derive(Clone)]
pub(crate) struct Logouts(SqlitePool);

impl Logouts {
    pub(crate) async fn open(pool: SqlitePool) -> Result<Self, sqlx::Error> {
        sqlx::raw_sql(TABLE).execute(&pool).await?;
        Ok(Self(pool))
    }

    /// Records the logout, unless it is recorded. Returns whether its sessions have been ended already.
    pub(crate) async fn begin(&self, logout: &Logout<'_>) -> Result<Progress, sqlx::Error> {
        sqlx::query("DELETE FROM logouts WHERE recorded_at < $1").bind(now() - KEPT).execute(&self.0).await?;
        sqlx::query(
            "INSERT INTO logouts (id, sid, user, at, recorded_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(logout.id)
        .bind(logout.sid)
        .bind(logout.user)
        .bind(logout.at)
        .bind(now())
        .execute(&self.0)
        .await?;
        let is_done = sqlx::query_scalar("SELECT is_done FROM logouts WHERE id = $1");
        let is_done: bool = is_done.bind(logout.id).fetch_one(&self.0).await?;
        Ok(if is_done { Progress::Done } else { Progress::Begun })
    }

    /// Records that the logout's sessions have been ended.
    pub(crate) async fn finish(&self, id: &str) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE logouts SET is_done = TRUE WHERE id = $1").bind(id).execute(&self.0).await?;
        Ok(())
    }

    /// Returns whether a logout ends the session of a sign-in whose ID token was issued at `issued_at`.
    pub(crate) async fn includes(&self, user: &str, sid: Option<&str>, issued_at: i64) -> Result<bool, sqlx::Error> {
        let found = "SELECT EXISTS (SELECT 1 FROM logouts WHERE at >= $3 AND (sid = $2 OR sid IS NULL AND user = $1))";
        sqlx::query_scalar(found).bind(user).bind(sid).bind(issued_at).fetch_one(&self.0).await
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        eprintln!("the table of logouts does not answer: {error}");
        Self::Unavailable
    }
}

impl From<session_runtime::Error> for Refusal {
    fn from(error: session_runtime::Error) -> Self {
        eprintln!("sessions could not be ended: {error}");
        Self::Unavailable
    }
}
