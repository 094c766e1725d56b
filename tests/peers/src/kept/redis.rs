//! Sessions on Redis. Each contestant uses the client that its own guide shows.

use std::sync::Arc;

use ::actix_session::storage::RedisSessionStore;
use ::poem::session::RedisStorage;
use axum_session_redispool::SessionRedisPool;
use fred::prelude::{Builder, ClientLike as _, Config};
use redis_pool::RedisPool;
use session_runtime::RedisStore;

use super::{AXUM_SESSION, Kept};
use crate::{
    contestants::{
        actix_session, axum_session, hand_redis::Hash, hand_stored, hand_written, ours, ours_elsewhere, poem, ruts,
        tower_sessions,
    },
    site::Site,
};

pub const KEPT: [Kept; 10] = [
    Kept::of(
        &hand_written::CONTESTANT,
        &["redis"],
        "a hash of eight entries; `HGETALL`, `HSET` and `PEXPIRE` in a pipeline, `DEL`; not guarded",
        |url| Box::pin(async move { hand_stored::site(Hash::open(&url).await) }),
    ),
    Kept::of(&ours::CONTESTANT, &["session-runtime", "redis"], "`RedisStore`; eight typed fields", |url| {
        Box::pin(async move { ours::site(&RedisStore::open(&url).await.unwrap()) })
    }),
    Kept::of(
        &tower_sessions::CONTESTANT,
        &["tower-sessions-redis-store", "fred"],
        "`RedisStore` over a pool of 6; eight keys",
        |url| {
            Box::pin(async move {
                let pool = Builder::from_config(Config::from_url(&url).unwrap()).build_pool(6).unwrap();
                pool.init().await.unwrap();
                tower_sessions::site_of_0_14(tower_sessions_redis_store::RedisStore::new(pool))
            })
        },
    ),
    Kept::of(&AXUM_SESSION, &["axum_session_redispool", "redis_pool"], IN_FRONT, |url| {
        Box::pin(axum_session_at(url, true))
    }),
    Kept::of(&axum_session::UNSIGNED, &["axum_session_redispool", "redis_pool"], IN_FRONT, |url| {
        Box::pin(axum_session_at(url, false))
    }),
    Kept::of(&ruts::CONTESTANT, &["ruts", "fred"], "`RedisStore`; eight fields in MessagePack", |url| {
        Box::pin(async move {
            let client = Builder::from_config(Config::from_url(&url).unwrap()).build().unwrap();
            client.init().await.unwrap();
            ruts::site(::ruts::store::redis::RedisStore::new(Arc::new(client)).await.unwrap())
        })
    }),
    Kept::of(&actix_session::CONTESTANT, &["actix-session"], "`RedisSessionStore`; eight keys", |url| {
        Box::pin(async move { actix_session::site(RedisSessionStore::new(url).await.unwrap()) })
    }),
    Kept::of(&poem::CONTESTANT, &["poem"], "`ServerSession` in `RedisStorage`; eight keys", |url| {
        Box::pin(async move {
            let client = redis_0_32::Client::open(url).unwrap();
            poem::with(RedisStorage::new(redis_0_32::aio::ConnectionManager::new(client).await.unwrap()))
        })
    }),
    Kept::of(&ours_elsewhere::IN_ACTIX, &["session-runtime", "redis"], "`RedisStore`; eight typed fields", |url| {
        Box::pin(async move { ours_elsewhere::actix(&RedisStore::open(&url).await.unwrap()) })
    }),
    Kept::of(&ours_elsewhere::IN_POEM, &["session-runtime", "redis"], "`RedisStore`; eight typed fields", |url| {
        Box::pin(async move { ours_elsewhere::poem(&RedisStore::open(&url).await.unwrap()) })
    }),
];

const IN_FRONT: &str = "`SessionRedisPool`, and its own memory before it; eight keys";

async fn axum_session_at(url: String, signed: bool) -> Site {
    let pool = RedisPool::from(::redis::Client::open(url).unwrap());
    axum_session::site(Some(SessionRedisPool::from(pool)), signed).await
}
