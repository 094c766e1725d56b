//! B29: entries that are not values. The store loads a string of any bytes, and the engine interprets it. An entry that is not a
//! string reads as absent and is removed, and does not affect other entries.

use session_runtime::store::{Class, Store, Swapped, Versioned};
use tests::servers::{Kind, RedisServer};

use crate::{
    key, name, server,
    values::{NOW, create, load, refused, remove, replace, value},
};

fn exists(server: &RedisServer, key: &str) -> bool {
    server.ask(&["EXISTS", key]).unwrap()
}

/// Commands that put something other than a string under a key.
const OTHERS: [&[&str]; 3] =
    [&["RPUSH", "KEY", "a list"], &["HSET", "KEY", "field", "of a hash"], &["ZADD", "KEY", "1", "of a set"]];

fn spoil(server: &RedisServer, how: &[&str], key: &str) {
    server.ask::<u64>(&["DEL", key]).unwrap();
    let command: Vec<&str> = how.iter().map(|word| if *word == "KEY" { key } else { word }).collect();
    server.ask::<redis::Value>(&command).unwrap();
}

#[tokio::test]
async fn a_key_without_a_string_reads_as_absent_and_is_removed() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        for how in OTHERS {
            let (key, healthy) = (key(), key());
            create(&store, &healthy, &value("healthy")).await;
            spoil(&server, how, &name(&key));
            assert!(load(&store, &key).await.is_none(), "{kind:?}, {how:?}");
            assert!(!exists(&server, &name(&key)), "{kind:?}, {how:?}");
            assert!(load(&store, &healthy).await.is_some());
            create(&store, &key, &value("again")).await;
        }
    }
}

#[tokio::test]
async fn a_swap_of_a_key_without_a_string_is_refused_and_removes_the_entry() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        for how in OTHERS {
            let key = key();
            let before = create(&store, &key, &value("one")).await;
            let after = value("two");
            for (before, after) in [(None, Some(&after)), (Some(&before), Some(&after)), (Some(&before), None)] {
                spoil(&server, how, &name(&key));
                assert_eq!(refused(store.swap(&key, before, after, NOW).await), None, "{kind:?}, {how:?}");
                assert!(!exists(&server, &name(&key)), "{kind:?}, {how:?}");
            }
        }
    }
}

/// The engine replaces or removes damaged values like any others, by their revision.
#[tokio::test]
async fn strings_of_any_bytes_are_loaded_replaced_and_removed() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        for text in ["", "x", "seven b", "of eight", "of nine b", "of twenty-six bytes and more"] {
            let (key, other) = (key(), key());
            for key in [&key, &other] {
                server.ask::<String>(&["SET", &name(key), text]).unwrap();
            }
            let damaged = store.load(&key, NOW).await.unwrap().unwrap();
            assert_eq!(damaged.value().to_bytes(), text.as_bytes(), "{kind:?}");
            assert_eq!(damaged.value().class(), Class::Unknown, "{kind:?}: {text}");
            assert_eq!(refused(store.swap(&key, None, Some(&value("x")), NOW).await).as_deref(), Some(text.as_bytes()));
            let stale = Versioned::new(value("another"));
            assert_eq!(
                refused(store.swap(&key, Some(&stale), None, NOW).await).as_deref(),
                Some(text.as_bytes()),
                "{kind:?}"
            );
            replace(&store, &key, &damaged, &value("healthy")).await;
            remove(&store, &other, &damaged).await;
            // By now neither key holds the damaged value.
            for key in [&key, &other] {
                let refused = store.swap(key, Some(&damaged), Some(&value("late")), NOW).await;
                assert!(matches!(refused, Ok(Swapped::Stale(_))), "{kind:?}: {text}");
            }
            assert_eq!(load(&store, &other).await, None, "{kind:?}: {text}");
        }
    }
}

/// Revisions and contents can hold any byte.
#[tokio::test]
async fn every_byte_round_trips() {
    let every: Vec<u8> = (0..=255).collect();
    for kind in Kind::ALL {
        let Some((_server, store)) = server(kind).await else { continue };
        let key = key();
        let mut held = create(&store, &key, &value(&every)).await;
        for _ in 0..50 {
            let next = value(&every);
            held = replace(&store, &key, &held, &next).await;
            assert_eq!(load(&store, &key).await.unwrap(), next.to_bytes(), "{kind:?}");
        }
        remove(&store, &key, &held).await;
    }
}

#[tokio::test]
async fn a_value_of_eight_megabytes_can_be_stored() {
    for kind in Kind::ALL {
        let Some((_server, store)) = server(kind).await else { continue };
        let key = key();
        let large = vec![0xff; 8 << 20];
        let before = create(&store, &key, &value(&large)).await;
        let held = replace(&store, &key, &before, &value(&large)).await;
        let refused = refused(store.swap(&key, Some(&before), Some(&value(&large)), NOW).await);
        assert_eq!(refused.unwrap(), held.value().to_bytes(), "{kind:?}");
        remove(&store, &key, &held).await;
    }
}
