//! What is no session: it reads as none, is removed, and takes nothing healthy along. B29

use session_runtime::store::{Applied, Store, UserIndex};
use tests::{
    records::{NOW, load, set, update, user, write},
    servers::RedisServer,
    store::listed,
};

use crate::{filled, key, server, session, set_until};

fn exists(server: &RedisServer, key: &str) -> bool {
    server.ask(&["EXISTS", key]).unwrap()
}

/// Ways to spoil a session, as commands on its key.
const SPOILT: [&[&str]; 9] = [
    &["SET", "KEY", "text"],
    &["RPUSH", "KEY", "a list"],
    &["HSET", "KEY", "theme", "a hash of somebody else's"],
    &["EVAL", "redis.call('HDEL', KEYS[1], '\\255')", "1", "KEY"],
    &["EVAL", "redis.call('HSET', KEYS[1], '\\255', 'x')", "1", "KEY"],
    &[
        "EVAL",
        "redis.call('HSET', KEYS[1], '\\255', '\\2' .. string.sub(redis.call('HGET', KEYS[1], '\\255'), 2))",
        "1",
        "KEY",
    ],
    &["EVAL", "redis.call('HSET', KEYS[1], '\\254', 'x')", "1", "KEY"],
    &["EVAL", "redis.call('HSET', KEYS[1], '\\253', '123')", "1", "KEY"],
    &["EVAL", "redis.call('HSET', KEYS[1], 'theme', '\\193\\0\\0')", "1", "KEY"],
];

fn spoil(server: &RedisServer, how: &[&str], key: &str) {
    let whole = matches!(how[0], "SET" | "RPUSH") || how[2] == "theme";
    if whole {
        server.ask::<u64>(&["DEL", key]).unwrap();
    }
    let command: Vec<&str> = how.iter().map(|word| if *word == "KEY" { key } else { word }).collect();
    server.ask::<redis::Value>(&command).unwrap();
}

#[tokio::test]
async fn garbage_reads_as_none_and_is_removed() {
    let Some((server, store)) = server().await else { return };
    for how in SPOILT {
        let (key, healthy) = (key(), key());
        write(&store, &key, &filled()).await;
        write(&store, &healthy, &filled()).await;
        spoil(&server, how, &session(&key));
        assert!(load(&store, &key).await.is_none(), "{how:?}");
        assert!(!exists(&server, &session(&key)), "{how:?}");
        assert!(load(&store, &healthy).await.is_some());
        // And may be made anew.
        write(&store, &key, &filled()).await;
        assert!(load(&store, &key).await.is_some(), "{how:?}");
    }
}

#[tokio::test]
async fn no_change_is_made_to_garbage() {
    let Some((server, store)) = server().await else { return };
    // What spoils only a field, or the nonces and the birth in a way that no change looks at, is left to the load.
    for how in &SPOILT[..6] {
        let key = key();
        write(&store, &key, &filled()).await;
        spoil(&server, how, &session(&key));
        assert_eq!(store.apply(&key, &set(update(), "a", [1]), NOW).await.unwrap(), Applied::Gone, "{how:?}");
        write(&store, &key, &set(tests::records::create(), "b", [2])).await;
        let fields = load(&store, &key).await.unwrap().fields;
        assert_eq!(fields.iter().map(|entry| entry.name).collect::<Vec<_>>(), ["b"], "{how:?}");
    }
}

#[tokio::test]
async fn the_entry_of_garbage_stands_for_nothing() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    store.enter(&user(), &key, NOW).await.unwrap();
    server.ask::<String>(&["SET", &session(&key), "text"]).unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [key]);
    store.delete_expired(NOW + session_runtime::store::ENTRY_GRACE).await.unwrap();
    assert!(store.entries(&user()).await.unwrap().is_empty());
}

/// Any bytes are values, also those that look like our own marks.
#[tokio::test]
async fn values_that_look_like_deadlines_are_values() {
    let Some((_server, store)) = server().await else { return };
    let key = key();
    let marked = [&[0xc1][..], &[0; 8], b"x"].concat();
    write(&store, &key, &set(set_until(filled(), "b", &marked, NOW), "a", &marked)).await;
    let fields = load(&store, &key).await.unwrap().fields;
    assert_eq!(fields.get("a").unwrap().value, marked);
    assert_eq!(fields.get("b").unwrap().value, marked);
    assert!(fields.get("a").unwrap().is_live(NOW) && !fields.get("b").unwrap().is_live(NOW));
}
