//! What befalls a server: each is an error of the call, never a wrong answer, and passes without a restart of ours.

use std::time::{Duration, Instant};

use session_runtime::{
    RedisStore,
    store::{Applied, Store, StoreError, UserIndex},
};
use tests::{
    records::{NOW, add, ending, load, read, set, update, user, write},
    servers::{Kind, Options, Proxy, RedisServer},
};

use crate::{answered, filled, key, server};

fn sentence<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    answer.unwrap_err().to_string()
}

// B32
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    write(&store, &key, &filled()).await;
    server.kill();
    let before = Instant::now();
    for _ in 0..3 {
        assert!(sentence(store.load(&key, NOW).await).contains("is it running"));
        assert!(sentence(store.apply(&key, &update(), NOW).await).contains("cannot change a session"));
        assert!(store.delete(&key).await.is_err());
        assert!(store.enter(&user(), &key, NOW).await.is_err());
        assert!(store.entries(&user()).await.is_err());
        assert!(store.leave(&user(), &[key]).await.is_err());
    }
    assert!(before.elapsed() < Duration::from_secs(20), "each call fails at once");
    server.restart();
    // Empty, without scripts; and the first call is answered.
    assert!(store.load(&key, NOW).await.unwrap().is_none());
    assert_eq!(store.apply(&key, &update(), NOW).await.unwrap(), Applied::Gone);
    write(&store, &key, &filled()).await;
}

// B32
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_is_replaced() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
    let key = key();
    write(&store, &key, &filled()).await;
    for _ in 0..5 {
        proxy.cut();
        write(&store, &key, &add(update(), "n", 1)).await;
    }
    assert_eq!(read(&store, &key, "n").await, Some(vec![5]));
}

// B34: the answer is lost with the connection, so the change is sent again, and counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_answer_is_lost_counts_once() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
    let key = key();
    write(&store, &key, &filled()).await;
    for _ in 0..5 {
        proxy.swallow_next_answer();
        write(&store, &key, &add(update(), "n", 1)).await;
        proxy.swallow_next_request();
        write(&store, &key, &add(update(), "n", 1)).await;
    }
    assert_eq!(proxy.swallowed(), 10);
    assert_eq!(read(&store, &key, "n").await, Some(vec![10]));
}

// B33: a call that is given up leaves the connection usable, and what it asked for counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_and_goes_on() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    write(&store, &key, &filled()).await;
    server.freeze();
    let change = add(update(), "n", 1);
    for _ in 0..2 {
        let call = tokio::time::timeout(Duration::from_millis(200), store.apply(&key, &change, NOW));
        assert!(call.await.is_err(), "nobody answers");
    }
    server.thaw();
    write(&store, &key, &change).await;
    assert_eq!(read(&store, &key, "n").await, Some(vec![1]));
    server.pause(Duration::from_millis(300));
    write(&store, &key, &add(update(), "n", 1)).await;
    assert_eq!(read(&store, &key, "n").await, Some(vec![2]));
}

#[tokio::test]
async fn a_server_without_memory_refuses_writes_whole() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let store = RedisStore::open(&server.url()).await.unwrap();
        let (key, other) = (key(), key());
        write(&store, &key, &set(filled(), "b", [1])).await;
        let before = load(&store, &key).await;
        server.fill();
        let mut change = add(set(update(), "a", [1]), "n", 1);
        change.unset.push("b".into());
        change.keep = Some(vec![]);
        assert!(sentence(store.apply(&key, &change, NOW).await).contains("raise its `maxmemory`"), "{kind:?}");
        let answer = store.apply(&other, &filled(), NOW).await;
        assert!(answer.is_err(), "{kind:?}: {answer:?}");
        assert!(sentence(store.enter(&user(), &key, NOW).await).contains("maxmemory"));
        assert_eq!(load(&store, &key).await, before, "{kind:?}");
        assert!(load(&store, &other).await.is_none());
        // Whoever logs out is logged out, also where the session's header stays.
        assert_eq!(store.end(&key, &ending(0), NOW).await.unwrap(), Applied::Applied { renewed: false }.into());
        assert!(load(&store, &key).await.is_none());
        server.make_room();
        write(&store, &key, &filled()).await;
        server.fill();
        let error = sentence(store.clone().wait_for(1, Duration::from_millis(50)).end(&key, &ending(0), NOW).await);
        assert!(error.contains("0 of 1 replicas confirmed"), "{error}");
        assert!(load(&store, &key).await.is_none());
        server.make_room();
        write(&store, &other, &filled()).await;
    }
}

#[tokio::test]
async fn a_replica_refuses_writes() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let store = RedisStore::open(&server.url()).await.unwrap();
        let key = key();
        write(&store, &key, &filled()).await;
        server.read_only();
        assert!(sentence(store.apply(&key, &set(update(), "a", [1]), NOW).await).contains("it is a replica"));
        assert!(sentence(store.delete(&key).await).contains("it is a replica"));
        assert!(sentence(store.enter(&user(), &key, NOW).await).contains("it is a replica"));
        assert!(load(&store, &key).await.is_some());
        server.writable();
        answered(async || store.delete(&key).await).await;
    }
}
