//! Every key has a time to live, which ends after the value's deadline. Times to live only free
//! memory; the runtime's clock decides whether a value has expired.

use std::time::Duration;

use session_runtime::{Timestamp, store::Store};
use tests::servers::{Kind, RedisServer};

use crate::{
    answered, key, name, server,
    values::{NOW, create, load, replace, value, value_until},
};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn minutes(minutes: u64) -> Timestamp {
    NOW + Duration::from_secs(60 * minutes)
}

/// Returns the time to live in milliseconds, rounded up to tens of seconds, because some time has passed.
fn time_to_live(server: &RedisServer, key: &str) -> u64 {
    let left: i64 = server.ask(&["PTTL", key]).unwrap();
    u64::try_from(left).expect("a time to live").div_ceil(10_000) * 10_000
}

#[tokio::test]
async fn a_value_stays_for_a_minute_past_its_deadline() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let key = key();
        let mut held = create(&store, &key, &value_until(minutes(30), "")).await;
        assert_eq!(time_to_live(&server, &name(&key)), 31 * MINUTE, "{kind:?}");
        for (end, expected) in [(minutes(60), 61), (minutes(20), 21), (Timestamp::from_millis(1), 1)] {
            held = replace(&store, &key, &held, &value_until(end, "")).await;
            assert_eq!(time_to_live(&server, &name(&key)), expected * MINUTE, "{kind:?}");
        }
    }
}

/// B18: no key lives for ever, and no time to live exceeds a server's range.
#[tokio::test]
async fn a_value_that_does_not_expire_stays_for_400_days_from_the_last_write() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        for end in [Timestamp::NEVER, Timestamp::from_millis((1 << 48) - 2), minutes(401 * 24 * 60)] {
            let key = key();
            let held = create(&store, &key, &value_until(end, "")).await;
            assert_eq!(time_to_live(&server, &name(&key)), 400 * DAY + MINUTE, "{kind:?}");
            server.ask::<bool>(&["PEXPIRE", &name(&key), "1000000"]).unwrap(); // simulates 400 days
            replace(&store, &key, &held, &value_until(end, "")).await;
            assert_eq!(time_to_live(&server, &name(&key)), 400 * DAY + MINUTE, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_write_does_not_change_the_time_to_live() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let key = key();
        let old = create(&store, &key, &value_until(minutes(30), "")).await;
        replace(&store, &key, &old, &value_until(minutes(40), "")).await;
        for before in [None, Some(&old)] {
            store.swap(&key, before, Some(&value("")), NOW).await.unwrap();
            assert_eq!(time_to_live(&server, &name(&key)), 41 * MINUTE, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_value_that_has_expired_already_stays_for_a_minute() {
    let Some((server, store)) = server(Kind::Redis).await else { return };
    let key = key();
    create(&store, &key, &value_until(Timestamp::from_millis(1), "")).await;
    assert_eq!(time_to_live(&server, &name(&key)), MINUTE);
    assert!(load(&store, &key).await.is_some());
}

// B16: the server removes a value by its own clock, not by the runtime's.
#[tokio::test]
async fn the_server_removes_what_has_expired() {
    let Some((server, store)) = server(Kind::Redis).await else { return };
    let (key, other) = (key(), key());
    create(&store, &key, &value_until(minutes(30), "")).await;
    create(&store, &other, &value_until(minutes(30), "")).await;
    assert!(store.load(&key, minutes(30)).await.unwrap().is_some(), "no time has passed for the server");
    // Simulates half an hour.
    server.ask::<bool>(&["PEXPIRE", &name(&key), "1"]).unwrap();
    answered(async || if load(&store, &key).await.is_none() { Ok(()) } else { Err(()) }).await;
    assert_eq!(store.delete_expired(minutes(30)).await.unwrap(), 0);
    assert!(load(&store, &other).await.is_some());
}
