//! Deadlines and clean-up. The caller passes every `now`: a store must not use a clock of its own.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    stores::{Stores, answered, done, ensure, is_same, random_key, shown},
    value,
};
use crate::{
    clock::Timestamp,
    store::{Class, Store, Swapped, Versioned},
};

// S19
pub(super) async fn deadlines_of_every_size_come_back<S: Store>(stores: Arc<Stores<S>>) {
    let years_2038_to_10000 = [2_147_483_648_000, 4_294_967_296_000, 253_402_300_800_000];
    let powers = [40, 46, 47, 63].map(|bits| 1_u64 << bits);
    let odd = [stores.after(61).as_millis() + 1, (1 << 48) - 2, u64::MAX];
    for millis in years_2038_to_10000.into_iter().chain(powers).chain(odd) {
        let value = value(Class::User, Timestamp::from_millis(millis), b"content");
        let rule = format!("a value that expires at {millis} must be written, and come back as it was");
        let (key, held) = stores.created(&value).await;
        stores.assert_holds(&key, Some(&value), &rule).await;
        let again = value.rewritten();
        stores.replaced(&key, Some(&held), &again, &rule).await;
        stores.assert_holds(&key, Some(&again), &rule).await;
    }
}

pub(super) async fn an_expired_value_is_swapped_like_any_other<S: Store>(stores: Arc<Stores<S>>) {
    let later = stores.after(20);
    for is_creation in [true, false] {
        let (old, new) = (value(Class::User, stores.after(10), b"old"), value(Class::User, stores.after(90), b"new"));
        let (key, held) = stores.created(&old).await;
        let loaded = answered(stores.either().load(&key, later).await);
        let before = (!is_creation).then_some(&held);
        let swapped = answered(stores.either().swap(&key, before, Some(&new), later).await);
        let loaded = loaded.as_ref().map(Versioned::value);
        let rule = "an expired value may be absent, but a load and a swap must not answer anything else";
        ensure!(loaded.is_none() || is_same(loaded, Some(&old)), "{rule}: a load answers {}", shown(loaded));
        match swapped {
            Swapped::Done(_) => {
                let rule = "a swap that expects nothing must not replace an expired value that a load answers";
                ensure!(!is_creation || loaded.is_none(), "{rule}");
                stores.assert_holds(&key, Some(&new), "a swap that is done must write the value").await;
            }
            Swapped::Stale(found) => {
                let found = found.as_ref().map(Versioned::value);
                let expected = is_creation.then_some(&old);
                ensure!(is_same(found, expected), "{rule}: a swap answers `Stale` with {}", shown(found));
                let rule = "a swap must agree with a load about what the key holds";
                ensure!(
                    is_same(found, loaded),
                    "{rule}: a load answers {}, and a swap `Stale` with {}",
                    shown(loaded),
                    shown(found)
                );
            }
        }
    }
}

pub(super) async fn a_value_that_has_expired_already_can_be_written<S: Store>(stores: Arc<Stores<S>>) {
    let past = Timestamp::from_millis(stores.now.as_millis().saturating_sub(1_000));
    for expires_at in [Timestamp::from_millis(0), Timestamp::from_millis(1), past, stores.now] {
        let (key, held) = stores.created(&stores.value(b"before")).await;
        let expired = value(Class::User, expires_at, b"expired");
        let rule = "a value that has expired already must be written, or leave nothing";
        stores.replaced(&key, Some(&held), &expired, rule).await;
        let loaded = stores.load(&key).await;
        let loaded = loaded.as_ref().map(Versioned::value);
        ensure!(loaded.is_none() || is_same(loaded, Some(&expired)), "{rule}, and the key holds {}", shown(loaded));
        stores.created(&expired).await;
    }
}

pub(super) async fn cleaning_up_removes_nothing_live<S: Store>(stores: Arc<Stores<S>>) {
    let soon = stores.after(10);
    let before = Timestamp::from_millis(soon.as_millis() - 1);
    let mut live = Vec::new();
    for class in [Class::User, Class::List, Class::Revocation, Class::Marker, Class::Unknown] {
        for expires_at in [soon, stores.after(90), Timestamp::NEVER] {
            let value = value(class, expires_at, b"live");
            live.push((stores.created(&value).await.0, value));
        }
    }
    // This value's deadline is moved to a later time: the original deadline must not count.
    let (key, held) = stores.created(&value(Class::User, stores.after(5), b"moved")).await;
    let moved = value(Class::User, stores.after(90), b"moved");
    stores.replaced(&key, Some(&held), &moved, "a swap may move a deadline to a later time").await;
    live.push((key, moved));
    answered(stores.either().delete_expired(before).await);
    for (key, value) in &live {
        let rule = "a clean-up must remove no value before it expires";
        stores.assert_holds(key, Some(value), rule).await;
    }
}

pub(super) async fn cleaning_up_removes_the_expired_and_counts_them<S: Store>(stores: Arc<Stores<S>>) {
    // First removes all values that expire before `later`, from other checks or earlier runs, so that they are not counted.
    let (soon, later) = (stores.after(200), stores.after(20_000));
    answered(stores.either().delete_expired(later).await);
    let live = value(Class::User, stores.after(30_000), b"live");
    let (stays, _) = stores.created(&live).await;
    let mut expired = Vec::new();
    for class in [Class::Guest, Class::User, Class::List, Class::Revocation, Class::Tombstone] {
        for _ in 0..20 {
            expired.push(stores.created(&value(class, soon, b"expired")).await);
        }
    }
    // This value's deadline is moved to an earlier time.
    let (key, held) = stores.created(&value(Class::User, Timestamp::NEVER, b"moved")).await;
    let moved = value(Class::User, soon, b"moved");
    let moved = stores.replaced(&key, Some(&held), &moved, "a swap may move a deadline to an earlier time").await;
    expired.push((key, moved));
    let (key, held) = expired.swap_remove(0);
    stores.remove(&key, &held).await;
    let (removed, count) = (answered(stores.either().delete_expired(later).await), expired.len());
    for (key, _) in &expired {
        stores.assert_holds(key, None, "a clean-up must remove every value that expired long ago").await;
    }
    stores.assert_holds(&stays, Some(&live), "a clean-up must remove no value before it expires").await;
    let rule = "a clean-up must say how many values it removed";
    ensure!(removed == count as u64, "{rule}: it removed {count}, and said {removed}");
    let again = answered(stores.either().delete_expired(later).await);
    ensure!(again == 0, "a clean-up that finds nothing must answer 0, and this one answered {again}");
}

pub(super) async fn cleaning_up_is_left_to_the_server<S: Store>(stores: Arc<Stores<S>>) {
    stores.created(&value(Class::User, stores.after(10), b"expires")).await;
    let removed = answered(stores.either().delete_expired(stores.after(20)).await);
    let rule = "a store whose server removes expired values has nothing to remove itself";
    ensure!(removed == 0, "{rule}: a clean-up must answer 0, and this one answered {removed}");
}

// Finds stores that send seconds where the server expects milliseconds: they lose values a thousand times too early.
pub(super) async fn a_server_keeps_values_until_they_expire<S: Store>(stores: Arc<Stores<S>>) {
    let now = || Timestamp::from(SystemTime::now());
    let mut written = Vec::new();
    for seconds in [20, 600, 86_400] {
        let (key, began) = (random_key(), now());
        let value = value(Class::User, began + Duration::from_secs(seconds), b"lives");
        let rule = "a swap that expects nothing must write the value to a key that holds nothing";
        done(answered(stores.either().swap(&key, None, Some(&value), began).await), rule);
        written.push((key, value, seconds));
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for (key, value, seconds) in &written {
        for handle in stores.handles() {
            let loaded = answered(handle.load(key, now()).await);
            // If the test was held up, the value may have expired by now.
            let expired = value.expires_at().passed(now());
            ensure!(
                expired || is_same(loaded.as_ref().map(Versioned::value), Some(value)),
                "a server must keep a value until it expires, and after two seconds it has lost one that lives for {seconds} \
                 seconds: see `Value::time_to_live`, and in which unit the server counts"
            );
        }
    }
}
