//! The feed of ended sessions on PostgreSQL: each critical write is announced on a channel ([`announce`](super::announce)), and
//! one connection of each process listens to it.

use std::time::{Duration, Instant};

use sqlx::postgres::{PgListener, PgNotification, PgPool, PgPoolOptions};
use tokio::time::timeout;

use super::{
    super::{Feed, Key, StoreError},
    advice,
    database::Database,
    statements::{CHANNEL, Sql},
};
use crate::id::{Nonce, hex};

/// How long the feed may be silent before the connection is checked.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the server may take to answer such a check, and to deliver the message of the self-test.
const ANSWER: Duration = Duration::from_secs(5);
/// How long it may take to connect and to listen, with the self-test.
const CONNECT: Duration = Duration::from_secs(20);

/// Listens until the connection is lost. Returns `Ok` if no messages would arrive.
pub(super) async fn listen(database: &Database, pool: &PgPool, table: &str, feed: &Feed) -> Result<(), StoreError> {
    let failed = |error| advice::failed("listen for ended sessions", table, error);
    let Ok(connected) = timeout(CONNECT, Box::pin(connect(database, pool, feed))).await else {
        return Err(StoreError::new(format!("PostgreSQL was not ready to announce ended sessions within {CONNECT:?}")));
    };
    let Some(mut listener) = connected.map_err(failed)? else { return Ok(()) };
    feed.connected();
    loop {
        match timeout(SILENCE, Box::pin(listener.try_recv())).await {
            Ok(Ok(Some(message))) => pass_on(&message, feed),
            Ok(Ok(None)) => return Err(StoreError::new("PostgreSQL closed the connection of the feed")),
            Ok(Err(error)) => return Err(failed(error)),
            Err(_) => {
                let check = Box::pin(sqlx::raw_sql("SELECT 1").execute(&mut listener));
                match timeout(ANSWER, check).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return Err(failed(error)),
                    Err(_) => return Err(StoreError::new("PostgreSQL does not answer on the connection of the feed")),
                }
            }
        }
    }
}

/// Returns a connection that receives messages; `None` if no messages would arrive.
async fn connect(database: &Database, pool: &PgPool, feed: &Feed) -> Result<Option<PgListener>, sqlx::Error> {
    // Uses its own connection, since the application's pool may have none to spare.
    let own = PgPoolOptions::new().max_connections(1).acquire_timeout(ANSWER);
    let own = own.connect_lazy_with((*pool.connect_options()).clone());
    let mut listener = Box::pin(PgListener::connect_with(&own)).await?;
    let heard = async {
        listener.listen(CHANNEL).await?;
        delivers(database, &mut listener, feed).await
    };
    let why = match Box::pin(heard).await {
        Ok(true) => return Ok(Some(listener)),
        Ok(false) => "it accepts LISTEN and delivers no messages: is PgBouncer in transaction mode in front of it?",
        Err(error) if advice::is_unsupported(&error) => "it does not support LISTEN",
        Err(error) if advice::cannot_announce(&error) => "its user may not call `pg_notify`",
        Err(error) => return Err(error),
    };
    tracing::warn!(
        target: "session_runtime",
        why,
        "the database has no feed of ended sessions, so open streams learn of an end by `watch_every` only"
    );
    Ok(None)
}

/// Sends a message through the store's pool, and returns whether it arrives.
async fn delivers(database: &Database, listener: &mut PgListener, feed: &Feed) -> Result<bool, sqlx::Error> {
    let test = hex(&Nonce::next().0.to_be_bytes());
    database.execute(&Sql::from(format!("SELECT pg_notify('{CHANNEL}', '{test}')")), &[]).await?;
    let until = Instant::now() + ANSWER;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match timeout(left, Box::pin(listener.try_recv())).await {
            Ok(Ok(Some(message))) if message.payload() == test => return Ok(true),
            Ok(Ok(Some(message))) => pass_on(&message, feed),
            Ok(Ok(None)) => return Err(sqlx::Error::PoolClosed),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(false),
        }
    }
}

fn pass_on(message: &PgNotification, feed: &Feed) {
    let text = message.payload();
    let digest = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten();
    if let Some(digest) = digest {
        feed.wrote(&Key::from_digest(digest.to_be_bytes()));
    }
}
