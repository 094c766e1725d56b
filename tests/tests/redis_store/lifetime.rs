//! Times to live: every key has one, past its deadline, and they only free memory.

use std::time::Duration;

use session_runtime::{
    RedisStore, Timestamp,
    store::{Applied, Change, Digest, Lifetime, Store, UserIndex},
};
use tests::{
    records::{NOW, create, create_until, ending, load, set, sign_in, update, user, write},
    servers::{Kind, Options, RedisServer},
};

use crate::{key, server, session, set_until};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn minutes(minutes: u64) -> Timestamp {
    NOW + Duration::from_secs(60 * minutes)
}

/// In milliseconds, rounded up to whole seconds: some have passed since.
fn time_to_live(server: &RedisServer, key: &str) -> u64 {
    let left: i64 = server.ask(&["PTTL", key]).unwrap();
    u64::try_from(left).expect("a time to live").div_ceil(10_000) * 10_000
}

#[tokio::test]
async fn a_session_stays_for_a_minute_past_its_deadline() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    write(&store, &key, &create_until(minutes(30))).await;
    assert_eq!(time_to_live(&server, &session(&key)), 31 * MINUTE);
    let touch = Change { touch: Some(minutes(60)), ..update() };
    write(&store, &key, &touch).await;
    assert_eq!(time_to_live(&server, &session(&key)), 61 * MINUTE);
    // Who writes anything else leaves it.
    write(&store, &key, &set(update(), "a", [1])).await;
    assert_eq!(time_to_live(&server, &session(&key)), 61 * MINUTE);
    let lifetime = Lifetime { idle_until: minutes(90), ends_at: minutes(20), remembered: false };
    write(&store, &key, &Change { restart: Some(lifetime), ..update() }).await;
    assert_eq!(time_to_live(&server, &session(&key)), 21 * MINUTE);
}

/// Where it may have to be known again, no more than the header, and that for a minute.
#[tokio::test]
async fn of_what_has_ended_nothing_stays_or_its_header_for_a_minute() {
    let Some((server, store)) = server().await else { return };
    let (removed, kept) = (key(), key());
    for key in [&removed, &kept] {
        let begun = set_until(set(create_until(minutes(30)), "a", [1]), "late", &[2], minutes(20));
        write(&store, key, &sign_in(begun, &user(), NOW)).await;
    }
    store.end(&removed, &ending(0), NOW).await.unwrap();
    assert_eq!(server.ask::<u8>(&["EXISTS", &session(&removed)]), Ok(0));
    // There is no replica, so nobody confirms it; it has ended all the same.
    let waiting = store.clone().wait_for(1, Duration::from_millis(20));
    let end = ending(0);
    for _ in 0..2 {
        assert!(waiting.end(&kept, &end, NOW).await.is_err());
        assert_eq!(time_to_live(&server, &session(&kept)), MINUTE);
        assert_eq!(server.ask::<u8>(&["HLEN", &session(&kept)]), Ok(3));
    }
    assert_eq!(store.end(&kept, &end, NOW).await.unwrap().answer, Applied::Applied { renewed: false }, "it is known");
    assert_eq!(store.end(&kept, &ending(0), NOW).await.unwrap().answer, Applied::Gone);
}

#[tokio::test]
async fn what_never_ends_stays_for_400_days_from_the_last_change() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    write(&store, &key, &create()).await;
    assert_eq!(time_to_live(&server, &session(&key)), 400 * DAY + MINUTE);
    server.ask::<bool>(&["PEXPIRE", &session(&key), "1000000"]).unwrap(); // as after 400 days
    write(&store, &key, &set(update(), "a", [1])).await;
    assert_eq!(time_to_live(&server, &session(&key)), 400 * DAY + MINUTE);
}

#[tokio::test]
async fn what_has_expired_already_stays_for_a_minute() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    write(&store, &key, &create_until(Timestamp::from_millis(1))).await;
    assert_eq!(time_to_live(&server, &session(&key)), MINUTE);
}

// B16: by the runtime's clock, not by the server's.
#[tokio::test]
async fn the_server_has_not_removed_what_is_no_longer_served() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    write(&store, &key, &create_until(minutes(30))).await;
    assert!(store.load(&key, minutes(30)).await.unwrap().is_none());
    assert!(server.ask::<bool>(&["EXISTS", &session(&key)]).unwrap());
}

#[tokio::test]
async fn the_server_removes_what_has_expired() {
    let Some((server, store)) = server().await else { return };
    let (key, other) = (key(), key());
    write(&store, &key, &create_until(minutes(30))).await;
    write(&store, &other, &create_until(minutes(30))).await;
    // As after half an hour.
    server.ask::<bool>(&["PEXPIRE", &session(&key), "1"]).unwrap();
    crate::answered(async || if load(&store, &key).await.is_none() { Ok(()) } else { Err(()) }).await;
    assert_eq!(store.delete_expired(minutes(30)).await.unwrap(), 0);
    assert!(load(&store, &other).await.is_some());
}

#[tokio::test]
async fn a_user_stays_for_400_days_from_the_last_sign_in() {
    let Some((server, store)) = server().await else { return };
    store.enter(&user(), &key(), NOW).await.unwrap();
    let name = format!("session:u:{}", user().hex());
    assert_eq!(time_to_live(&server, &name), 400 * DAY + MINUTE);
}

/// Where the server can, it frees fields too, a minute past their deadline; and a field written without one stays.
#[tokio::test]
async fn fields_are_freed_where_the_server_can() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let store = RedisStore::open(&server.url()).await.unwrap();
        let key = key();
        let create = Change::create(Digest::from([1; 16]), NOW, minutes(30), minutes(600));
        let create = set_until(set_until(set(create, "a", [1]), "code", b"1", minutes(5)), "late", b"2", minutes(9));
        write(&store, &key, &create).await;
        if kind.expires_fields() {
            let left = ["HPTTL", &session(&key), "FIELDS", "3", "code", "late", "a"];
            let near = |left: i64| if left < 0 { left } else { (left + 9_999) / 10_000 * 10_000 };
            let seen: Vec<i64> = server.ask(&left).unwrap();
            let minute = MINUTE as i64;
            assert_eq!(seen.into_iter().map(near).collect::<Vec<_>>(), [6 * minute, 10 * minute, -1], "{kind:?}");
            // As after five minutes.
            server.ask::<Vec<i64>>(&["HPEXPIRE", &session(&key), "0", "FIELDS", "1", "code"]).unwrap();
            let fields = load(&store, &key).await.unwrap().fields;
            assert!(fields.get("code").is_none() && fields.get("late").is_some() && fields.get("a").is_some());
            write(&store, &key, &set(update(), "late", [3])).await;
            let left: Vec<i64> = server.ask(&["HPTTL", &session(&key), "FIELDS", "1", "late"]).unwrap();
            assert_eq!(left, [-1], "{kind:?}");
        }
        assert_eq!(load(&store, &key).await.unwrap().fields.get("a").unwrap().value, [1], "{kind:?}");
    }
}

/// B18: only where it is asked for, nothing that no server takes.
#[tokio::test]
async fn far_deadlines_of_fields_are_taken_by_every_server() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let store = RedisStore::open(&server.url()).await.unwrap();
        let key = key();
        let far = Timestamp::from_millis(u64::MAX - 1);
        write(&store, &key, &set_until(create(), "code", b"1", far)).await;
        write(&store, &key, &set_until(update(), "past", b"1", Timestamp::from_millis(0))).await;
        let fields = load(&store, &key).await.unwrap().fields;
        assert_eq!(fields.get("code").unwrap().expires, far, "{kind:?}");
        if kind.expires_fields() {
            let left: Vec<i64> = server.ask(&["HPTTL", &session(&key), "FIELDS", "1", "code"]).unwrap();
            assert!(left[0] > 399 * DAY as i64, "{kind:?}");
        }
    }
}
