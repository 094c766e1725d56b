//! Clusters, Sentinels, and two servers behind one name: a primary that dies or is demoted is replaced, and the end of a
//! session is not lost if replicas have confirmed it.

use std::time::Duration;

use session_runtime::{
    RedisStore,
    store::{Store, StoreError},
};
use tests::servers::{Cluster, Kind, Options, Proxy, RedisServer, Sentinels};

use crate::{
    answered, key,
    values::{NOW, create, load, refused, remove, replace, value},
};

/// Generous, because the machine may be busy; the answer normally takes milliseconds.
const SOON: Duration = Duration::from_secs(5);

fn unconfirmed<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let said = answer.unwrap_err().to_string();
    assert!(said.starts_with("Redis wrote a value, and may lose it in a failover; 0 of 1 replicas"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_replaces_a_primary_and_removed_values_stay_removed() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let store = RedisStore::open(&sentinels.url()).await.unwrap().wait_for(1, SOON);
    let (ended, kept) = (key(), key());
    let old = create(&store, &kept, &value("one")).await;
    let held = replace(&store, &kept, &old, &value("two")).await;
    let gone = create(&store, &ended, &value("three")).await;
    remove(&store, &ended, &gone).await;
    sentinels.kill_primary();
    assert!(store.load(&kept, NOW).await.is_err(), "no server answers");
    sentinels.wait_failed_over();
    let seen = answered(async || store.load(&kept, NOW).await).await.unwrap();
    assert_eq!(seen.value().to_bytes(), held.value().to_bytes());
    assert_eq!(
        refused(store.swap(&kept, Some(&old), Some(&value("late")), NOW).await).unwrap(),
        held.value().to_bytes()
    );
    assert!(load(&store, &ended).await.is_none());
    // No replica is left to confirm anything, however often the store asks.
    let store = store.wait_for(1, Duration::from_millis(100));
    for _ in 0..2 {
        unconfirmed(store.swap(&kept, Some(&held), None, NOW).await);
        assert!(load(&store, &kept).await.is_none());
    }
}

/// A demoted primary still answers reads, and rejects only writes. Redis 6.2 has its own error text for a script that writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_follows_sentinel_when_a_primary_is_demoted() {
    let Some(sentinels) = Sentinels::start(Kind::Redis6) else { return };
    let store = RedisStore::open(&sentinels.url()).await.unwrap();
    let (key, other) = (key(), crate::key());
    let held = create(&store, &key, &value("one")).await;
    let old = sentinels.primary();
    sentinels.failover();
    let demoted = async || if old.info("replication", "role").as_deref() == Some("slave") { Ok(()) } else { Err(()) };
    answered(demoted).await;
    replace(&store, &key, &held, &value("two")).await;
    create(&store, &other, &value("three")).await;
    assert!(load(&store, &other).await.is_some());
}

/// A primary that hangs does not close its connections, so the store must not wait until they close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_replaces_a_primary_that_hangs() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let store = RedisStore::open(&sentinels.url()).await.unwrap();
    let (key, other) = (key(), crate::key());
    let held = create(&store, &key, &value("one")).await;
    // Waits until the replica has the data.
    let gone = create(&store, &other, &value("two")).await;
    remove(&store.clone().wait_for(1, SOON), &other, &gone).await;
    sentinels.primary().freeze();
    sentinels.wait_failed_over();
    let limit = Duration::from_millis(1_200);
    let load = async || tokio::time::timeout(limit, store.load(&key, NOW)).await.map_err(drop)?.map_err(drop);
    let seen = answered(load).await.unwrap();
    assert_eq!(seen.value().to_bytes(), held.value().to_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_replaces_a_primary() {
    let Some(cluster) = Cluster::start(Kind::Redis) else { return };
    let store = RedisStore::open(&cluster.url()).await.unwrap().wait_for(1, SOON);
    let (ended, kept) = (key(), key());
    let held = create(&store, &kept, &value("one")).await;
    let gone = create(&store, &ended, &value("two")).await;
    remove(&store, &ended, &gone).await;
    let down = cluster.kill_primary_of(&crate::name(&ended));
    assert!(!down.is_up());
    cluster.wait_failed_over();
    assert!(answered(async || store.load(&ended, NOW).await).await.is_none());
    let seen = answered(async || store.load(&kept, NOW).await).await.unwrap();
    assert_eq!(seen.value().to_bytes(), held.value().to_bytes());
    // The new primary learns the scripts.
    let again = create(&store, &ended, &value("three")).await;
    replace(&store, &ended, &again, &value("four")).await;
}

/// A single server without a replica confirms nothing.
#[tokio::test]
async fn waiting_for_replicas_that_are_not_there_fails() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let store = RedisStore::open(&server.url()).await.unwrap().wait_for(1, Duration::from_millis(50));
        let key = key();
        // These two writes succeed, because only writes that end or renew a session wait for replicas.
        let old = create(&store, &key, &value("one")).await;
        let held = replace(&store, &key, &old, &value("two")).await;
        // A refused swap also has to wait until replicas have the value that it returns.
        unconfirmed(store.swap(&key, Some(&old), None, NOW).await);
        assert!(load(&store, &key).await.is_some());
        for _ in 0..2 {
            unconfirmed(store.swap(&key, Some(&held), None, NOW).await);
            assert!(load(&store, &key).await.is_none());
        }
        assert_eq!(
            server.ask::<u64>(&["DBSIZE"]).unwrap(),
            0,
            "{kind:?}: nothing that the store wrote for a confirmation is left"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_value_in_a_refusal_is_confirmed_too() {
    for kind in Kind::ALL {
        let Some((primary, _replica)) = pair(kind).await else { continue };
        let store = RedisStore::open(&primary.url()).await.unwrap().wait_for(1, SOON);
        let key = key();
        let old = create(&store, &key, &value("one")).await;
        let held = replace(&store, &key, &old, &value("two")).await;
        let left: u64 = primary.ask(&["PTTL", &crate::name(&key)]).unwrap();
        assert_eq!(refused(store.swap(&key, Some(&old), None, NOW).await).unwrap(), held.value().to_bytes());
        assert_eq!(load(&store, &key).await.unwrap(), held.value().to_bytes());
        assert!(primary.ask::<u64>(&["PTTL", &crate::name(&key)]).unwrap() > left - 60_000, "{kind:?}");
        remove(&store, &key, &held).await;
        assert_eq!(refused(store.swap(&key, Some(&held), None, NOW).await), None);
    }
}

/// Starts a server and its replica.
pub(crate) async fn pair(kind: Kind) -> Option<(RedisServer, RedisServer)> {
    let primary = RedisServer::start(kind, Options::default())?;
    let follow = Options::default().config(format!("replicaof 127.0.0.1 {}", primary.port()));
    let replica = RedisServer::start(kind, follow)?;
    let linked = async || match replica.info("replication", "master_link_status").as_deref() {
        Some("up") => Ok(()),
        _ => Err(()),
    };
    answered(linked).await;
    Some((primary, replica))
}

/// Fails over between two servers behind one name. Open connections stay with the old server.
pub(crate) fn fail_over(proxy: &Proxy, from: &RedisServer, to: &RedisServer) {
    to.writable();
    let port = to.port().to_string();
    from.ask::<String>(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
    proxy.lead_to(to.addr());
}

// B57: the primary endpoint of a managed service fails over like this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_follow_a_failover_behind_one_name() {
    for kind in Kind::ALL {
        let Some((first, second)) = pair(kind).await else { continue };
        let proxy = Proxy::start(first.addr());
        let store = RedisStore::open(&first.url_through(&proxy)).await.unwrap();
        let (one, other) = (key(), key());
        let mut held = create(&store, &one, &value("one")).await;
        let gone = create(&store, &other, &value("one")).await;
        remove(&store.clone().wait_for(1, SOON), &other, &gone).await;
        for (from, to) in [(&first, &second), (&second, &first)] {
            fail_over(&proxy, from, to);
            let two = value("two");
            answered(async || match tokio::time::timeout(SOON, store.swap(&one, Some(&held), Some(&two), NOW)).await {
                Ok(answer) => answer.map(|_| ()),
                Err(_) => panic!("{kind:?}: the swap hangs"),
            })
            .await;
            held = store.load(&one, NOW).await.unwrap().unwrap();
            assert_eq!(held.value().to_bytes(), two.to_bytes());
            let there: Vec<u8> = to.ask(&["GET", &crate::name(&one)]).unwrap();
            assert_eq!(there, two.to_bytes(), "{kind:?}: the server that took over has the value");
            let synced = async || match from.info("replication", "master_link_status").as_deref() {
                Some("up") => Ok(()),
                _ => Err(()),
            };
            answered(synced).await;
        }
    }
}

// B57: the old server is now a replica that has lost its primary, so it refuses reads too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_follow_a_failover_behind_one_name() {
    let Some((first, second)) = pair(Kind::Redis).await else { return };
    let proxy = Proxy::start(first.addr());
    let store = RedisStore::open(&first.url_through(&proxy)).await.unwrap();
    let (one, other) = (key(), key());
    create(&store, &one, &value("one")).await;
    let gone = create(&store, &other, &value("one")).await;
    remove(&store.clone().wait_for(1, SOON), &other, &gone).await;
    first.ask::<String>(&["CONFIG", "SET", "replica-serve-stale-data", "no"]).unwrap();
    second.writable();
    first.read_only();
    // While a connection is younger than a second, the store does not replace it because of such an answer, but returns the
    // error.
    let down = answered(async || match store.load(&one, NOW).await {
        Err(error) => Ok(error.to_string()),
        Ok(_) => Err(()),
    });
    let said = down.await;
    assert!(said.contains("its master is down"), "{said}");
    proxy.lead_to(second.addr());
    let before = std::time::Instant::now();
    assert!(answered(async || store.load(&one, NOW).await).await.is_some());
    assert!(before.elapsed() < SOON, "the load took {:?}", before.elapsed());
}

/// Until the failover is over, the store does not reconnect to the same server over and over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_seldom_reconnects_to_a_server_that_stays_a_replica() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let proxy = Proxy::start(server.addr());
    let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
    let key = key();
    let held = create(&store, &key, &value("one")).await;
    server.read_only();
    let (from, before) = (std::time::Instant::now(), proxy.connections());
    for _ in 0..300 {
        assert!(store.swap(&key, Some(&held), None, NOW).await.is_err());
    }
    let most = from.elapsed().as_secs() as usize + 2;
    assert!(proxy.connections() - before <= most, "{} new connections", proxy.connections() - before);
}
