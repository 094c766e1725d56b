//! B62: the feed on Redis and Valkey, when its connection is cut, when the user lacks the rights, and after a failover.

use futures_util::StreamExt as _;
use redis::{Client, aio::ConnectionManager};
use session_runtime::{RedisStore, SessionEnd};
use tests::{
    app::hours,
    log::Log,
    servers::{Kind, Options, PATIENCE, Proxy, RedisServer, Sentinels, shared_cluster},
    store::AnyStore,
};

use super::{hears, logged, polls, rarely_and_often, watched};
use crate::watch::{OFTEN, Two, is_over, soon};

async fn at(url: &str) -> AnyStore {
    AnyStore::on_redis(RedisStore::open(url).await.unwrap())
}

/// Returns the number of connections that subscribe to a channel.
fn subscribers(server: &RedisServer) -> usize {
    server.ask::<String>(&["CLIENT", "LIST", "TYPE", "pubsub"]).unwrap().lines().count()
}

// B62
#[tokio::test]
async fn a_feed_that_the_server_closes_comes_back() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let [rarely, often] = rarely_and_often(&at(&server.url()).await);
        hears(&rarely).await;
        let (_one, _other) = (watched(&rarely, "ada").await, watched(&rarely, "ada").await);
        assert_eq!(subscribers(&server), 1, "{kind:?}: all streams share one connection");
        for _ in 0..2 {
            server.ask::<u64>(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
            polls(&often).await;
            hears(&rarely).await;
        }
    }
}

// B62
#[tokio::test]
async fn a_feed_whose_network_is_cut_comes_back() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let [rarely, often] = rarely_and_often(&at(&server.url_through(&proxy)).await);
    hears(&rarely).await;
    let log = Log::of_this_thread();
    let (_, ended) = watched(&often, "ada").await;
    proxy.refuse();
    assert!(logged(&log, "feed of ended sessions was interrupted").await > 0);
    let mut ended = ended;
    assert!(!is_over(&mut ended).await, "an outage of the store does not end the session");
    proxy.accept();
    hears(&rarely).await;
    often.there.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(soon(ended).await, SessionEnd::Revoked);
}

// B62
#[tokio::test]
async fn a_server_that_restarts_with_its_data_ends_no_stream() {
    let options = Options::default().config("appendonly yes").config("appendfsync always");
    let Some(server) = RedisServer::start(Kind::Redis, options) else { return };
    let [rarely, often] = rarely_and_often(&at(&server.url()).await);
    hears(&rarely).await;
    let (_, mut ended) = watched(&often, "ada").await;
    server.restart();
    hears(&rarely).await;
    assert!(!is_over(&mut ended).await);
    often.there.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(soon(ended).await, SessionEnd::Revoked);
}

// B62
#[tokio::test]
async fn a_server_that_restarts_empty_ends_all_streams() {
    let Some(server) = RedisServer::start(Kind::Valkey, Options::default()) else { return };
    let [rarely, often] = rarely_and_often(&at(&server.url()).await);
    hears(&rarely).await;
    let (_, ended) = watched(&often, "ada").await;
    server.restart();
    assert_eq!(soon(ended).await, SessionEnd::Unknown);
    hears(&rarely).await;
}

// B62: since Redis 7, a new user has no right to any channel. Such a user can still write, and the streams then poll the store.
#[tokio::test]
async fn a_user_without_the_right_to_a_channel_writes_and_polls() {
    const MAY_NOT_LISTEN: &str = "the Redis user may not listen for ended sessions";
    const MAY_NOT_ANNOUNCE: &str = "the Redis user may not announce ended sessions";
    for kind in Kind::ALL {
        for (rights, sentence) in [
            ("resetchannels +@all", MAY_NOT_LISTEN),
            ("allchannels +@all -subscribe -publish", MAY_NOT_LISTEN),
            ("allchannels +@all -publish", MAY_NOT_ANNOUNCE),
        ] {
            let options = Options::default().config(format!("user quiet on >quiet ~* {rights}"));
            let Some(server) = RedisServer::start(kind, options) else { continue };
            let log = Log::of_this_thread();
            let two = Two::new(at(&server.url().replace("://", "://quiet:quiet@")).await, OFTEN);
            for _ in 0..3 {
                polls(&two).await;
            }
            assert_eq!(logged(&log, sentence).await, 1, "{kind:?}, {rights}");
            polls(&two).await;
            assert!(!log.take().contains("the Redis user may not"), "{kind:?}, {rights}");
        }
    }
}

// B62: each node of a cluster also delivers the messages of the other nodes.
#[tokio::test]
async fn streams_hear_of_ends_on_every_node_of_a_cluster() {
    let Some(cluster) = shared_cluster(Kind::Redis) else { return };
    let two = Two::new(at(&cluster.url()).await, hours(1));
    hears(&two).await;
    let mut streams = Vec::new();
    for _ in 0..12 {
        streams.push(watched(&two, "ada").await);
    }
    two.there.sessions.of("ada").revoke_all().await.unwrap();
    for (_, ended) in streams {
        assert_eq!(soon(ended).await, SessionEnd::Revoked);
    }
}

// B62
#[tokio::test]
async fn the_feed_follows_sentinel_to_the_next_primary() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let two = Two::new(at(&sentinels.url()).await, hours(1));
    hears(&two).await;
    sentinels.kill_primary();
    sentinels.wait_failed_over();
    let up = async || two.there.sessions.of("ada").count().await.is_ok();
    while !up().await {
        tokio::time::sleep(OFTEN).await; // polls
    }
    hears(&two).await;
}

// B62: the feed needs a connection of its own, and the application's connection does not reveal the server's address.
#[tokio::test]
async fn a_store_over_the_applications_connection_has_no_feed_and_polls() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let log = Log::of_this_thread();
    let client = Client::open(server.url()).unwrap();
    let store = RedisStore::from_connection(ConnectionManager::new(client).await.unwrap()).await.unwrap();
    let two = Two::new(AnyStore::on_redis(store), OFTEN);
    for _ in 0..3 {
        polls(&two).await;
    }
    assert_eq!(logged(&log, "the session store does not announce ended sessions").await, 1);
    assert_eq!(subscribers(&server), 0);
    // The store still announces the ends of its own sessions to other processes.
    let mut others = Client::open(server.url()).unwrap().get_async_pubsub().await.unwrap();
    others.subscribe("session:ended").await.unwrap();
    polls(&two).await;
    let message = tokio::time::timeout(PATIENCE, others.on_message().next()).await.unwrap().unwrap();
    assert_eq!(message.get_payload_bytes().len(), 16);
}
