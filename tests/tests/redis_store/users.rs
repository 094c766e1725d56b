//! The index on the server: entries that heal, and those that many sign-ins leave behind.

use std::time::Duration;

use session_runtime::{
    Timestamp,
    store::{Change, ENTRY_CALLED_OFF, ENTRY_GRACE, Sign, Store, User, UserIndex},
};
use tests::{
    records::{NOW, create, numbered, sign_in, update, user, write},
    store::listed,
};

use crate::server;

fn name() -> String {
    format!("session:u:{}", user().hex())
}

/// B41: what is read heals, and what is only written to does too, now and then.
#[tokio::test]
async fn entries_of_ended_sessions_do_not_pile_up() {
    let Some((server, store)) = server().await else { return };
    let mut most = 0;
    for number in 0..200 {
        let now = NOW + Duration::from_secs(120 * number);
        let key = numbered(1, number);
        store.enter(&user(), &key, now).await.unwrap();
        write(&store, &key, &sign_in(create(), &user(), now)).await;
        store.delete(&key).await.unwrap();
        most = most.max(server.ask::<u64>(&["ZCARD", &name()]).unwrap());
    }
    assert!(most <= 16, "{most} entries of one session at a time");
    store.delete_expired(NOW + Duration::from_secs(120 * 200) + ENTRY_GRACE).await.unwrap();
    assert!(store.entries(&user()).await.unwrap().is_empty());
    assert!(!server.ask::<bool>(&["EXISTS", &name()]).unwrap());
}

/// The clock stands, or goes back: the order is the order of entering, and no moment is lost by more than a millisecond
/// for a thousand entries.
#[tokio::test]
async fn the_order_is_that_of_entering_whatever_the_clock_says() {
    let Some((_server, store)) = server().await else { return };
    let mut keys = Vec::new();
    for number in 0..1_100 {
        let key = numbered(2, number);
        let now = if number == 1_050 { Timestamp::from_millis(NOW.as_millis() - 5_000) } else { NOW };
        store.enter(&user(), &key, now).await.unwrap();
        keys.push(key);
    }
    let entries = store.entries(&user()).await.unwrap();
    let last = entries[1_099].at;
    assert_eq!(listed(entries), keys);
    assert!(last.since(NOW) <= Duration::from_millis(2), "{last:?}");
}

/// B40: also within the minute in which an entry may stand for a sign-in about to come.
#[tokio::test]
async fn who_signs_out_or_in_as_another_leaves_the_list_at_once() {
    let Some((server, store)) = server().await else { return };
    let other = User::new(*b"\xa3bob");
    for (number, sign) in [(0, Sign::Out), (1, Sign::In { user: other.as_bytes().into(), at: NOW })] {
        let key = numbered(3, number);
        store.enter(&user(), &key, NOW).await.unwrap();
        write(&store, &key, &sign_in(create(), &user(), NOW)).await;
        // Who signs in once more stays.
        write(&store, &key, &sign_in(update(), &user(), NOW)).await;
        assert_eq!(server.ask::<u64>(&["ZCARD", &name()]).unwrap(), 1);
        write(&store, &key, &Change { sign: Some(sign), ..update() }).await;
        assert!(!server.ask::<bool>(&["EXISTS", &name()]).unwrap());
    }
}

// B41: what says that a sign-in is called off is no time, and sets no clock back.
#[tokio::test]
async fn calling_off_leaves_the_time_alone() {
    let Some((_server, store)) = server().await else { return };
    let (stale, called_off) = (numbered(1, 1), numbered(1, 2));
    store.enter(&user(), &stale, NOW).await.unwrap();
    store.enter(&user(), &called_off, NOW + ENTRY_GRACE * 2).await.unwrap();
    store.enter(&user(), &called_off, ENTRY_CALLED_OFF).await.unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [called_off]);
}
