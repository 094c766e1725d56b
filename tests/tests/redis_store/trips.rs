//! Each call is one round trip, and the commands are those that were meant.

use std::time::Duration;

use session_runtime::{
    KeyRing, RedisStore, Sessions,
    store::{Store, UserIndex},
};
use tests::{
    app::{Site, routes},
    client::Visitor,
    records::{NOW, create_until, load, set, update, user, write},
    servers::{Kind, Options, Proxy, RedisServer},
};

use crate::{filled, key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_is_one_round_trip() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
    let key = key();
    let mut before = proxy.round_trips();
    let mut trips = || {
        let now = proxy.round_trips();
        now - std::mem::replace(&mut before, now)
    };
    write(&store, &key, &filled()).await;
    assert_eq!(trips(), 1, "a new session");
    load(&store, &key).await.unwrap();
    assert_eq!(trips(), 1, "a load");
    write(&store, &key, &set(update(), "a", [1])).await;
    assert_eq!(trips(), 1, "a change");
    store.enter(&user(), &key, NOW).await.unwrap();
    assert_eq!(trips(), 1, "an entry");
    store.delete(&key).await.unwrap();
    assert_eq!(trips(), 1, "an end");
    store.delete_expired(NOW).await.unwrap();
    assert_eq!(trips(), 0, "cleaning up");
}

/// Through the whole: a request that loads its session asks once, one that changes it once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_asks_no_more_than_it_must() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
    let sessions = Sessions::<Site>::builder().store(store).keys(KeyRing::generate()).clean_every(Duration::ZERO);
    let app = routes().layer(sessions.build().unwrap().layer());
    let mut visitor = Visitor::new(&app);
    let mut before = proxy.round_trips();
    let mut trips = || {
        let now = proxy.round_trips();
        now - std::mem::replace(&mut before, now)
    };
    visitor.get("/untouched").await;
    assert_eq!(trips(), 0, "untouched, by a stranger");
    visitor.post("/name/ada").await;
    assert_eq!(trips(), 1, "new");
    visitor.get("/untouched").await;
    assert_eq!(trips(), 0, "untouched");
    assert_eq!(visitor.get("/read").await.body, "ada");
    assert_eq!(trips(), 1, "read");
    visitor.post("/name/bob").await;
    assert_eq!(trips(), 2, "write: its load, and its save");
}

#[tokio::test]
async fn a_change_is_one_script_and_few_commands() {
    let Some((server, store)) = crate::server().await else { return };
    let key = key();
    server.reset_command_stats();
    write(&store, &key, &set(create_until(NOW + Duration::from_secs(1800)), "theme", [1])).await;
    let stats = server.command_stats();
    let expected = [("evalsha", 1), ("hlen", 1), ("hset", 1), ("pexpire", 1)];
    assert_eq!(stats.all().iter().map(|(name, calls)| (name.as_str(), *calls)).collect::<Vec<_>>(), expected);
    server.reset_command_stats();
    write(&store, &key, &set(update(), "a", [1])).await;
    load(&store, &key).await.unwrap();
    let stats = server.command_stats();
    let expected = [("evalsha", 1), ("hgetall", 1), ("hmget", 1), ("hset", 1)];
    assert_eq!(stats.all().iter().map(|(name, calls)| (name.as_str(), *calls)).collect::<Vec<_>>(), expected);
}
