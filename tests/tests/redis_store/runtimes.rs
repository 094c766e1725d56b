//! Programs with several Tokio runtimes, such as those with actix-web: each runtime has a connection of its own.

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use session_runtime::{RedisStore, store::Store as _};
use tests::servers::{Cluster, Kind, Options, Proxy, RedisServer, Sentinels};
use tokio::runtime::Runtime;

use crate::{
    answered, key,
    values::{NOW, create, load, remove, replace, value},
};

/// Generous, because the machine may be busy; the answer normally takes milliseconds.
const SOON: Duration = Duration::from_secs(5);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn wide() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn clients(server: &RedisServer) -> usize {
    server.info("clients", "connected_clients").unwrap().parse().unwrap()
}

async fn soon<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, call).await.expect("the call hangs")
}

#[test]
fn each_runtime_has_one_connection() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let runtimes = [runtime(), wide(), runtime()];
    let store = runtimes[0].block_on(RedisStore::open(&server.url_through(&proxy))).unwrap();
    for _ in 0..3 {
        for runtime in &runtimes {
            runtime.block_on(async {
                let tasks = (0..10).map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { soon(store.load(&key(), NOW)).await.unwrap() })
                });
                for task in tasks.collect::<Vec<_>>() {
                    task.await.unwrap();
                }
            });
        }
    }
    assert_eq!(proxy.connections(), runtimes.len());
}

#[test]
fn a_runtime_that_stands_still_or_shuts_down_does_not_stop_the_calls_of_another() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let (first, second) = (runtime(), runtime());
    let store = first.block_on(RedisStore::open(&server.url())).unwrap();
    let key = key();
    // The first runtime has not shut down, but nothing runs on it.
    let held = second.block_on(soon(create(&store, &key, &value("one"))));
    drop(first);
    second.block_on(soon(replace(&store, &key, &held, &value("two"))));
}

/// Two calls begin on a runtime that shuts down before the answers. The call that moves to another runtime is sent again from
/// there.
#[test]
fn a_runtime_that_shuts_down_during_a_call_does_not_stop_the_calls_of_another() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let (first, second) = (wide(), runtime());
    let store = first.block_on(RedisStore::open(&server.url())).unwrap();
    let key = key();
    let held = second.block_on(create(&store, &key, &value("one")));
    server.freeze();
    let (moved, lost) = (store.clone(), store.clone());
    let mut moved = Box::pin(async move { moved.load(&key, NOW).await });
    first.block_on(async {
        tokio::spawn(async move { lost.load(&key, NOW).await });
        assert!(poll_fn(|context| Poll::Ready(moved.as_mut().poll(context))).await.is_pending());
    });
    drop(first);
    server.thaw();
    let seen = second.block_on(soon(moved)).unwrap().unwrap();
    assert_eq!(seen.value().to_bytes(), held.value().to_bytes());
    second.block_on(soon(replace(&store, &key, &held, &value("two"))));
}

#[test]
fn the_connections_of_runtimes_that_have_shut_down_are_closed() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let lasting = runtime();
    let store = lasting.block_on(RedisStore::open(&server.url())).unwrap();
    let before = clients(&server);
    for _ in 0..100 {
        runtime().block_on(soon(store.load(&key(), NOW))).unwrap();
    }
    lasting.block_on(async {
        answered(async || if clients(&server) == before { Ok(()) } else { Err(()) }).await;
        soon(store.load(&key(), NOW)).await.unwrap();
    });
    assert_eq!(clients(&server), before);
}

#[test]
fn a_runtime_that_cannot_connect_gets_an_error_with_advice() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let (first, second) = (wide(), runtime());
    let store = first.block_on(RedisStore::open(&server.url_through(&proxy))).unwrap();
    proxy.refuse();
    let said = second.block_on(soon(store.load(&key(), NOW))).unwrap_err().to_string();
    assert!(said.starts_with("Redis did not load a value; is it running, and reachable?"), "{said}");
    proxy.accept();
    second.block_on(answered(async || store.load(&key(), NOW).await));
}

// B57: only the first runtime writes, and so learns that the server has become a replica, which still answers reads.
#[test]
fn all_runtimes_follow_a_failover_that_one_notices() {
    let Some((first, second)) = wide().block_on(crate::failover::pair(Kind::Redis)) else { return };
    let proxy = Proxy::start(first.addr());
    let (writer, reader) = (wide(), runtime());
    let store = writer.block_on(RedisStore::open(&first.url_through(&proxy))).unwrap();
    let key = key();
    let held = writer.block_on(create(&store, &key, &value("one")));
    reader.block_on(load(&store, &key)).unwrap();
    // A removal waits until the replica has it, and all that was written before.
    let other = crate::key();
    let gone = writer.block_on(create(&store, &other, &value("one")));
    writer.block_on(remove(&store.clone().wait_for(1, SOON), &other, &gone));
    crate::failover::fail_over(&proxy, &first, &second);
    let two = value("two");
    writer.block_on(answered(async || store.swap(&key, Some(&held), Some(&two), NOW).await));
    let before = first.command_stats().calls("get");
    let seen = reader.block_on(soon(load(&store, &key)));
    assert_eq!(seen.unwrap(), two.to_bytes());
    assert_eq!(first.command_stats().calls("get"), before, "the reader does not read from the old server");
}

#[test]
fn each_runtime_connects_to_a_cluster() {
    let Some(cluster) = Cluster::start(Kind::Redis) else { return };
    let (first, second) = (runtime(), runtime());
    let store = first.block_on(RedisStore::open(&cluster.url())).unwrap();
    for _ in 0..20 {
        let key = key();
        let held = second.block_on(soon(create(&store, &key, &value("one"))));
        first.block_on(soon(replace(&store, &key, &held, &value("two"))));
    }
    drop(first);
    second.block_on(soon(store.load(&key(), NOW))).unwrap();
}

/// The client of the Sentinels has connections too, so each runtime needs a client of its own.
#[test]
fn each_runtime_finds_the_primary_through_sentinels() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let (first, second) = (runtime(), runtime());
    let store = first.block_on(RedisStore::open(&sentinels.url())).unwrap();
    let key = key();
    let held = second.block_on(soon(create(&store, &key, &value("one"))));
    drop(first);
    let held = second.block_on(soon(replace(&store, &key, &held, &value("two"))));
    runtime().block_on(soon(replace(&store, &key, &held, &value("three"))));
}
