//! The ways to connect to a server, and the errors when that fails.

use std::time::{Duration, Instant};

use redis::{Client, aio::ConnectionManager, cluster::ClusterClient};
use session_runtime::{Error, RedisStore, store::Store};
use tests::servers::{Cluster, Kind, Options, RedisServer, Sentinels, prefix, shared, shared_cluster};

use crate::{
    key,
    values::{NOW, create, load, refused, remove, replace, value},
};

/// Writes, reads, attempts a stale swap and removes; leaves one value behind.
async fn works(store: &impl Store) {
    let (key, other) = (key(), crate::key());
    let one = create(store, &key, &value("one")).await;
    let two = replace(store, &key, &one, &value("two")).await;
    let bytes = two.value().to_bytes();
    assert_eq!(load(store, &key).await.as_deref(), Some(&bytes[..]));
    assert_eq!(refused(store.swap(&key, Some(&one), None, NOW).await).as_deref(), Some(&bytes[..]));
    let gone = create(store, &other, &value("three")).await;
    remove(store, &other, &gone).await;
    assert_eq!(load(store, &other).await, None);
}

async fn refusal(url: &str) -> String {
    let error: Error = RedisStore::open(url).await.expect_err(url);
    assert!(error.is_setup(), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_url_can_name_a_socket_or_a_database() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    works(&RedisStore::open(&server.unix_url()).await.unwrap()).await;
    assert_eq!(server.ask::<u64>(&["DBSIZE"]).unwrap(), 1);
    works(&RedisStore::open(&server.url_with_db(5)).await.unwrap()).await;
    assert_eq!(server.ask::<u64>(&["DBSIZE"]).unwrap(), 1, "the second store wrote to another database");
}

#[tokio::test]
async fn a_url_can_hold_a_password_and_a_user() {
    for options in [Options::default().password("p@ss/w:rd?#%"), Options::default().user("ada", "s3cret, too")] {
        let Some(server) = RedisServer::start(Kind::Redis, options) else { return };
        let store = RedisStore::open(&server.url()).await.unwrap();
        works(&store).await;
        works(&RedisStore::open(&server.unix_url()).await.unwrap()).await;
        let port = server.port();
        let said = refusal(&format!("redis://eve:letmein@127.0.0.1:{port}")).await;
        assert!(said.contains("check the user and the password") && !said.contains("letmein"), "{said}");
        let said = refusal(&format!("redis://127.0.0.1:{port}")).await;
        assert!(said.contains("check the user and the password"), "{said}");
        let shown = format!("{store:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("p@ss") && !shown.contains("ada"), "{shown}");
    }
}

#[tokio::test]
async fn tls_requires_a_trusted_authority() {
    let Some(options) = Options::default().tls() else { return };
    let Some(server) = RedisServer::start(Kind::Redis, options) else { return };
    let url = format!("{}?ca={}", server.url(), server.authority().display());
    works(&RedisStore::open(&url).await.unwrap()).await;
    let said = refusal(&server.url()).await;
    assert!(said.contains("certificate"), "an authority that is not trusted: {said}");
    let said = refusal(&format!("{}?ca=/nowhere/ca.pem", server.url())).await;
    assert!(said.contains("cannot read"), "{said}");
}

#[tokio::test]
async fn a_cluster_works_over_tls() {
    let Some(options) = Options::default().tls() else { return };
    let Some(cluster) = Cluster::start_with(Kind::Redis, options) else { return };
    let url = format!("{}?ca={}", cluster.url(), cluster.nodes()[0].authority().display());
    let store = RedisStore::open(&url).await.unwrap();
    // Enough rounds to reach each of the cluster's nodes.
    for _ in 0..20 {
        works(&store).await;
    }
    let said = refusal(&cluster.url()).await;
    assert!(said.contains("certificate"), "an authority that is not trusted: {said}");
    refusal(&cluster.url().replace("rediss", "redis")).await;
}

#[tokio::test]
async fn sentinels_and_their_primary_work_over_tls() {
    let Some(options) = Options::default().tls() else { return };
    let Some(sentinels) = Sentinels::start_with(Kind::Redis, options) else { return };
    let url = format!("{}?ca={}", sentinels.url(), sentinels.sentinels()[0].authority().display());
    let store = RedisStore::open(&url).await.unwrap();
    works(&store).await;
    sentinels.failover();
    let (key, value) = (key(), value("four"));
    crate::answered(|| store.swap(&key, None, Some(&value), NOW)).await;
    assert!(load(&store, &key).await.is_some(), "the server that took over has the value");
    let said = refusal(&sentinels.url()).await;
    assert!(said.contains("certificate"), "an authority that is not trusted: {said}");
    refusal(&url.replace("rediss", "redis").replace("?ca=", "?prefix=")).await;
}

// B37
#[tokio::test]
async fn a_prefix_keeps_two_applications_apart() {
    let Some(server) = shared(Kind::Redis) else { return };
    let (one, other) = (prefix(), prefix());
    let by_url = RedisStore::open(&format!("{}?prefix={one}", server.url())).await.unwrap();
    let by_option = RedisStore::open(&server.url()).await.unwrap().prefix(&*other);
    let key = key();
    let written = create(&by_url, &key, &value("one")).await;
    assert!(load(&by_option, &key).await.is_none());
    assert_eq!(refused(by_option.swap(&key, Some(&written), None, NOW).await), None);
    assert!(load(&by_url, &key).await.is_some());
    assert!(server.ask::<bool>(&["EXISTS", &format!("{one}{}", key.base64url())]).unwrap());
}

/// Both versions of the protocol, RESP2 and RESP3, work.
#[tokio::test]
async fn an_application_can_pass_its_own_connection() {
    let Some(server) = shared(Kind::Redis) else { return };
    for query in ["", "?protocol=resp3"] {
        let client = Client::open(format!("{}/{query}", server.url())).unwrap();
        let connection = ConnectionManager::new(client).await.unwrap();
        let store = RedisStore::from_connection(connection).await.unwrap().prefix(prefix());
        works(&store).await;
    }
}

#[tokio::test]
async fn an_application_can_pass_its_own_cluster_connection() {
    let Some(cluster) = shared_cluster(Kind::Redis) else { return };
    let nodes: Vec<String> = cluster.nodes().iter().map(RedisServer::url).collect();
    let connection = ClusterClient::new(nodes).unwrap().get_async_connection().await.unwrap();
    works(&RedisStore::from_cluster(connection).await.unwrap().prefix(prefix())).await;
}

#[tokio::test]
async fn the_error_about_an_unreachable_server_names_it() {
    let before = Instant::now();
    let said = refusal("redis://eve:letmein@127.0.0.1:1").await;
    assert!(said.starts_with("cannot use the Redis server at 127.0.0.1:1; is it running, and reachable?"), "{said}");
    for url in
        ["redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/mymaster", "redis+unix:///nowhere/redis.sock"]
    {
        let said = refusal(url).await;
        assert!(said.contains("127.0.0.1:1") || said.contains("/nowhere/redis.sock"), "{said}");
    }
    assert!(before.elapsed() < Duration::from_secs(30));
}

/// A store for a single server cannot use a node of a cluster.
#[tokio::test]
async fn a_node_of_a_cluster_is_refused() {
    let Some(cluster): Option<&Cluster> = shared_cluster(Kind::Redis) else { return };
    let store = RedisStore::open(&cluster.nodes()[0].url()).await.unwrap().prefix(prefix());
    let mut moved = 0;
    for _ in 0..20 {
        if let Err(error) = store.load(&key(), NOW).await {
            assert!(error.to_string().contains("redis+cluster://"), "{error}");
            moved += 1;
        }
    }
    assert!(moved > 0);
}
