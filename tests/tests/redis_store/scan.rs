//! A scan skips the entries of other programs, and reads all nodes of a cluster.

use std::collections::BTreeSet;

use session_runtime::{
    RedisStore, Timestamp,
    store::{Key, Position, Store as _},
};
use tests::servers::{Kind, prefix, shared_cluster};

use crate::{
    key, server,
    values::{NOW, create, remove, value, value_until},
};

async fn all(store: &RedisStore) -> BTreeSet<[u8; 16]> {
    let mut found = BTreeSet::new();
    let mut next = Some(Position::start());
    while let Some(from) = next {
        let batch = store.scan(&from, NOW).await.unwrap().unwrap();
        found.extend(batch.values.iter().map(|(key, _)| key.digest()));
        next = batch.next;
    }
    found
}

#[tokio::test]
async fn a_scan_leaves_out_expired_values_and_foreign_entries() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let mut keys = BTreeSet::new();
        for number in 0..700_u32 {
            let key = key();
            create(&store, &key, &value(number.to_be_bytes())).await;
            keys.insert(key.digest());
        }
        create(&store, &key(), &value_until(Timestamp::from_millis(1), "expired")).await;
        for (name, content) in [
            ("session:s:00112233445566778899aabbccddee", "an older version's, by its length"),
            ("session:00112233445566778899AABBCCDDEEFF", "not as we write it"),
            ("session:+0112233445566778899aabbccddeeff", "nor this"),
            ("sessions:0112233445566778899aabbccddeeff", "another prefix"),
        ] {
            server.ask::<String>(&["SET", name, content]).unwrap();
        }
        server.ask::<u64>(&["RPUSH", &crate::name(&key()), "a list"]).unwrap();
        assert_eq!(all(&store).await, keys, "{kind:?}");
    }
}

#[tokio::test]
async fn a_scan_finds_the_values_on_all_nodes_of_a_cluster() {
    let Some(cluster) = shared_cluster(Kind::Redis) else { return };
    let store = RedisStore::open(&cluster.url()).await.unwrap().prefix(prefix());
    let mut keys = BTreeSet::new();
    for number in 0..300_u32 {
        let key: Key = key();
        let held = create(&store, &key, &value(number.to_be_bytes())).await;
        if number % 3 == 0 {
            remove(&store, &key, &held).await;
        } else {
            keys.insert(key.digest());
        }
    }
    assert_eq!(all(&store).await, keys);
}
