//! Clusters and Sentinels: a primary that dies is replaced, and what replicas have confirmed stays ended.

use std::{sync::Arc, time::Duration};

use session_runtime::{
    RedisStore,
    store::{Applied, Change, Digest, Renew, Store, StoreError, UserIndex},
};
use tests::{
    records::{NOW, add, create, ending, load, read, sign_in, update, user, write},
    servers::{Cluster, Kind, Options, RedisServer, Sentinels, prefix, shared_cluster},
    store::listed,
};

use crate::{answered, filled, key};

/// Generous, since the machine may be busy; it is answered in milliseconds.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_replaces_a_primary_and_nothing_ended_comes_back() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let store = RedisStore::open(&sentinels.url()).await.unwrap().wait_for(1, SOON);
    let (deleted, ended, renewed) = (key(), key(), key());
    for key in [&deleted, &ended, &renewed] {
        write(&store, key, &filled()).await;
    }
    store.delete(&deleted).await.unwrap();
    let end = ending(0);
    assert_eq!(store.end(&ended, &end, NOW).await.unwrap(), Applied::Applied { renewed: false }.into());
    let renew = Change { renew: Some(Renew::Privilege { to: Digest::from([2; 16]) }), ..update() };
    assert_eq!(store.apply(&renewed, &renew, NOW).await.unwrap(), Applied::Applied { renewed: true });
    sentinels.kill_primary();
    assert!(store.load(&renewed, NOW).await.is_err(), "there is nobody to answer");
    sentinels.wait_failed_over();
    let seen = answered(async || store.load(&renewed, NOW).await).await.unwrap();
    assert_eq!((seen.verifier, seen.generation), (Digest::from([2; 16]), 1));
    assert_eq!(store.apply(&renewed, &update(), NOW).await.unwrap(), Applied::Moved);
    assert!(load(&store, &deleted).await.is_none());
    assert!(load(&store, &ended).await.is_none());
    // Nobody is left to confirm, also to whoever asks again.
    let store = store.wait_for(1, Duration::from_millis(100));
    let unconfirmed = |error: StoreError| assert!(error.to_string().contains("0 of 1 replicas confirmed"), "{error}");
    unconfirmed(store.end(&ended, &end, NOW).await.unwrap_err());
    unconfirmed(store.end(&renewed, &ending(1), NOW).await.unwrap_err());
    assert!(load(&store, &renewed).await.is_none());
    unconfirmed(store.delete(&renewed).await.unwrap_err());
}

/// It answers as well as before, but for writes; Redis 6.2 says so of a script in words of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_names_another_when_a_primary_is_demoted() {
    let Some(sentinels) = Sentinels::start(Kind::Redis6) else { return };
    let store = RedisStore::open(&sentinels.url()).await.unwrap();
    let (key, other) = (key(), crate::key());
    write(&store, &key, &filled()).await;
    let old = sentinels.primary();
    sentinels.failover();
    let demoted = async || if old.info("replication", "role").as_deref() == Some("slave") { Ok(()) } else { Err(()) };
    answered(demoted).await;
    write(&store, &other, &filled()).await;
    assert!(load(&store, &other).await.is_some());
}

/// A primary that hangs breaks no connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_replaces_a_primary_that_hangs() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let store = RedisStore::open(&sentinels.url()).await.unwrap();
    let key = key();
    write(&store, &key, &filled()).await;
    // Copied, for sure.
    let confirming = store.clone().wait_for(1, SOON);
    let renew = Change { renew: Some(Renew::Privilege { to: Digest::from([2; 16]) }), ..update() };
    confirming.apply(&key, &renew, NOW).await.unwrap();
    sentinels.primary().freeze();
    sentinels.wait_failed_over();
    let limit = Duration::from_millis(1_200);
    let load = async || tokio::time::timeout(limit, store.load(&key, NOW)).await.map_err(drop)?.map_err(drop);
    assert_eq!(answered(load).await.map(|record| record.generation), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_replaces_a_primary() {
    let Some(cluster) = Cluster::start(Kind::Redis) else { return };
    let store = RedisStore::open(&cluster.url()).await.unwrap().wait_for(1, SOON);
    let (ended, kept) = (key(), key());
    write(&store, &kept, &filled()).await;
    write(&store, &ended, &filled()).await;
    let renew = Change { renew: Some(Renew::Privilege { to: Digest::from([2; 16]) }), ..update() };
    assert_eq!(store.apply(&kept, &renew, NOW).await.unwrap(), Applied::Applied { renewed: true });
    store.delete(&ended).await.unwrap();
    let down = cluster.kill_primary_of(&crate::session(&ended));
    assert!(!down.is_up());
    cluster.wait_failed_over();
    assert!(answered(async || store.load(&ended, NOW).await).await.is_none());
    let seen = answered(async || store.load(&kept, NOW).await).await.unwrap();
    assert_eq!(seen.generation, 1);
    // The new primary learns the scripts.
    answered(async || store.apply(&ended, &filled(), NOW).await).await;
    assert!(load(&store, &ended).await.is_some());
}

/// A user's sessions lie on all nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_sessions_on_a_cluster() {
    let Some(cluster) = shared_cluster(Kind::Redis) else { return };
    let store = Arc::new(RedisStore::open(&cluster.url()).await.unwrap().prefix(prefix()));
    let mut keys = Vec::new();
    for _ in 0..40 {
        let key = key();
        store.enter(&user(), &key, NOW).await.unwrap();
        write(&*store, &key, &sign_in(create(), &user(), NOW)).await;
        keys.push(key);
    }
    store.delete(&keys.remove(7)).await.unwrap();
    store.delete_expired(NOW + session_runtime::store::ENTRY_GRACE).await.unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), keys);
    let adding = keys.iter().map(|key| {
        let (store, key) = (store.clone(), *key);
        tokio::spawn(async move { write(&*store, &key, &add(update(), "n", 1)).await })
    });
    for added in adding.collect::<Vec<_>>() {
        added.await.unwrap();
    }
    for key in &keys {
        assert_eq!(read(&*store, key, "n").await, Some(vec![1]));
    }
}

/// A single server that has no replica confirms nothing.
#[tokio::test]
async fn waiting_for_replicas_that_are_not_there_fails() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let store = RedisStore::open(&server.url()).await.unwrap();
    let key = key();
    let waiting = store.clone().wait_for(1, Duration::from_millis(50));
    // Only what ends something is waited for.
    write(&waiting, &key, &filled()).await;
    write(&waiting, &key, &add(update(), "n", 1)).await;
    let renew = Change {
        renew: Some(Renew::Timer {
            from: Digest::from([1; 16]),
            presented: Digest::from([1; 16]),
            to: Digest::from([2; 16]),
        }),
        ..update()
    };
    for _ in 0..2 {
        let error = waiting.apply(&key, &renew, NOW).await.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot change a session for sure; 0 of 1 replicas confirmed it within 50ms"),
            "{error}"
        );
    }
    assert_eq!(store.apply(&key, &renew, NOW).await.unwrap(), Applied::Applied { renewed: true });
    assert!(waiting.delete(&key).await.is_err());
    assert!(load(&store, &key).await.is_none());
    assert!(waiting.delete(&key).await.is_err());
    assert!(!server.ask::<bool>(&["EXISTS", &crate::session(&key)]).unwrap());
}
