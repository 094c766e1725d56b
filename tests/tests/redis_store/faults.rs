//! Faults of a server: the call fails, but never returns a wrong answer. Later calls work without a restart of the application.

use std::time::{Duration, Instant};

use session_runtime::{
    RedisStore,
    store::{Store, StoreError, Swapped, Value, Versioned},
};
use tests::servers::{Kind, Options, Proxy, RedisServer};

use crate::{
    answered, key, server,
    values::{NOW, create, done, load, refused, remove, replace, tombstone, value},
};

fn sentence<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    answer.unwrap_err().to_string()
}

// B32
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_while_a_server_is_down_and_work_after_its_restart() {
    let Some((server, store)) = server(Kind::Redis).await else { return };
    let key = key();
    let held = create(&store, &key, &value("one")).await;
    server.kill();
    let before = Instant::now();
    for _ in 0..3 {
        let said = sentence(store.load(&key, NOW).await);
        assert!(said.starts_with("Redis did not load a value; is it running, and reachable?"), "{said}");
        let said = sentence(store.swap(&key, Some(&held), Some(&value("two")), NOW).await);
        assert!(said.starts_with("Redis did not write a value; is it running, and reachable?"), "{said}");
        assert!(store.swap(&key, Some(&held), None, NOW).await.is_err());
    }
    assert!(before.elapsed() < Duration::from_secs(20), "each call fails quickly");
    server.restart();
    // The server is now empty and has no scripts. The first call already gets an answer.
    assert!(store.load(&key, NOW).await.unwrap().is_none());
    assert_eq!(refused(store.swap(&key, Some(&held), Some(&value("two")), NOW).await), None);
    let held = create(&store, &key, &value("three")).await;
    replace(&store, &key, &held, &value("four")).await;
}

// B32
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_is_replaced() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
    let key = key();
    let mut held = create(&store, &key, &value("one")).await;
    for _ in 0..5 {
        proxy.cut();
        held = replace(&store, &key, &held, &value("more")).await;
    }
    assert_eq!(load(&store, &key).await.unwrap(), held.value().to_bytes());
}

/// Performs the swap, and returns the written value. Like the engine, it counts the swap as done if an earlier attempt wrote the
/// value.
async fn written(
    store: &RedisStore,
    key: &session_runtime::store::Key,
    before: &Versioned,
    after: &Value,
) -> Versioned {
    match store.swap(key, Some(before), Some(after), NOW).await.unwrap() {
        Swapped::Stale(Some(current)) if current.value().revision() == after.revision() => current,
        answer => done::<StoreError>(Ok(answer), after),
    }
}

// B34: the answer is lost with the connection, so the write is sent again, and takes effect once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_recognised() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let proxy = Proxy::start(server.addr());
        let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
        let key = key();
        let mut held = create(&store, &key, &value("one")).await;
        for _ in 0..5 {
            proxy.swallow_next_answer();
            held = written(&store, &key, &held, &value("two")).await;
            proxy.swallow_next_request();
            held = written(&store, &key, &held, &value("three")).await;
        }
        assert_eq!(load(&store, &key).await.unwrap(), held.value().to_bytes(), "{kind:?}");
        proxy.swallow_next_answer();
        assert_eq!(
            refused(store.swap(&key, Some(&held), None, NOW).await),
            None,
            "{kind:?}: the attempt whose answer was lost had removed it"
        );
        assert_eq!(proxy.swallowed(), 11);
    }
}

// B33: a call that is given up soon leaves the connection usable, and its write is not applied twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_work_again_after_a_server_hung() {
    let Some((server, store)) = server(Kind::Redis).await else { return };
    let key = key();
    let held = create(&store, &key, &value("one")).await;
    server.freeze();
    let two = value("two");
    for _ in 0..2 {
        let call = tokio::time::timeout(Duration::from_millis(200), store.swap(&key, Some(&held), Some(&two), NOW));
        assert!(call.await.is_err(), "the server is silent");
    }
    server.thaw();
    let held = written(&store, &key, &held, &two).await;
    server.pause(Duration::from_millis(300));
    replace(&store, &key, &held, &value("three")).await;
}

/// If a call is given up after a second or more, the store replaces the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_hangs_is_replaced() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
    let key = key();
    create(&store, &key, &value("one")).await;
    let before = proxy.connections();
    proxy.delay(Duration::from_secs(4));
    assert!(tokio::time::timeout(Duration::from_millis(1_100), store.load(&key, NOW)).await.is_err());
    proxy.delay(Duration::ZERO);
    let load = tokio::time::timeout(Duration::from_secs(2), store.load(&key, NOW)).await;
    assert!(load.expect("another connection gives an answer").unwrap().is_some());
    assert_eq!(proxy.connections(), before + 1);
}

#[tokio::test]
async fn a_server_without_memory_refuses_writes_and_lets_sessions_end() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let (key, other, third) = (key(), key(), key());
        let held = create(&store, &key, &value("one")).await;
        let third_held = create(&store, &third, &value("one")).await;
        server.fill();
        for before in [Some(&held), None] {
            let to = if before.is_some() { &key } else { &other };
            let said = sentence(store.swap(to, before, Some(&value("two")), NOW).await);
            assert!(said.contains("it is out of memory: raise its `maxmemory`"), "{kind:?}: {said}");
        }
        assert_eq!(load(&store, &key).await.unwrap(), held.value().to_bytes(), "{kind:?}");
        assert!(load(&store, &other).await.is_none());
        remove(&store, &key, &held).await;
        // There is no space for the tombstone, but the session has ended.
        let gone = tombstone(NOW + Duration::from_secs(60));
        replace(&store, &third, &third_held, &gone).await;
        assert!(load(&store, &third).await.is_none(), "{kind:?}");
        assert_eq!(refused(store.swap(&third, Some(&third_held), Some(&gone), NOW).await), None, "{kind:?}");
        server.make_room();
        create(&store, &other, &value("three")).await;
    }
}

#[tokio::test]
async fn a_replica_refuses_writes() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let key = key();
        let held = create(&store, &key, &value("one")).await;
        server.read_only();
        for after in [Some(&value("two")), None] {
            let said = sentence(store.swap(&key, Some(&held), after, NOW).await);
            assert!(said.contains("it is a replica"), "{kind:?}: {said}");
        }
        assert!(load(&store, &key).await.is_some());
        server.writable();
        answered(async || store.swap(&key, Some(&held), None, NOW).await).await;
    }
}

#[tokio::test]
async fn the_error_names_a_lack_of_replicas() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let key = key();
        let held = create(&store, &key, &value("one")).await;
        server.ask::<String>(&["CONFIG", "SET", "min-replicas-to-write", "1"]).unwrap();
        for after in [Some(&value("two")), None] {
            let said = sentence(store.swap(&key, Some(&held), after, NOW).await);
            assert!(said.contains("too few replicas are connected"), "{kind:?}: {said}");
        }
        server.ask::<String>(&["CONFIG", "SET", "min-replicas-to-write", "0"]).unwrap();
        remove(&store, &key, &held).await;
    }
}
