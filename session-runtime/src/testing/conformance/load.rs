//! Checks that every value is loaded as it was written.

use std::sync::Arc;

use super::{
    stores::{Stores, answered, ensure, is_same, random_key, shown},
    value,
};
use crate::{
    event::Events,
    id::{Digest, Nonce},
    key::Scope,
    record::{Entry, Lifetime, Record},
    store::{Class, Key, Store, Value, Versioned},
    value::{EndReason, ListEntry, Marker, Revocation, Tombstone, UserList},
};

pub(super) async fn an_absent_key_holds_nothing<S: Store>(stores: Arc<Stores<S>>) {
    stores.assert_holds(&random_key(), None, "a load of a key that was never written must answer `None`").await;
}

pub(super) async fn values_of_every_class_come_back<S: Store>(stores: Arc<Stores<S>>) {
    let (scope, now, end) = (Scope::new("suite", "Suite"), stores.now, stores.after(60));
    let lifetime = Lifetime { idle_until: end, ends_at: end, remembered: true };
    let mut guest = Record::new(Digest::from([1; 16]), now, lifetime);
    guest.fields.push(Entry { name: "name", value: b"\xc4\x03\x00\xff\n", expires: end });
    let user = Record { user: Some(b"\0\xff".as_slice().into()), signed_in_at: now, ..guest.clone() };
    let list =
        UserList { entries: vec![ListEntry { key: random_key(), at: now, ends_at: end, is_impersonation: false }] };
    for value in [
        Value::session(scope, Arc::new(guest)),
        Value::session(scope, Arc::new(user)),
        Value::list(scope, Arc::new(list)),
        Value::revocation(scope, Revocation { nonce: Nonce(1), at: now, renewed: true }, end),
        Value::tombstone(scope, Tombstone { nonce: Nonce(1), reason: EndReason::Ended }, end),
        Value::marker(scope, Marker { keys: vec![[1; 4]] }, end),
        value(Class::Unknown, end, b"of a newer version"),
    ] {
        let (key, _) = stores.created(&value).await;
        stores.assert_holds(&key, Some(&value), "a value of any class must come back to the byte").await;
    }
}

pub(super) async fn contents_of_every_size_come_back<S: Store>(stores: Arc<Stores<S>>) {
    for length in [0, 1, 225, 226, 255, 256, 4_000, 65_505, 65_506, 65_536, 70_000, 200_000] {
        // Each block of 256 bytes has every byte value once, in a different order from the block before it.
        let content: Vec<u8> = (0..length).map(|at| (at * 7 + at / 256) as u8).collect();
        let value = stores.value(content);
        let (key, _) = stores.created(&value).await;
        let rule = format!("a value with a content of {length} bytes must come back to the byte");
        stores.assert_holds(&key, Some(&value), &rule).await;
    }
}

pub(super) async fn any_bytes_come_back_and_can_be_replaced<S: Store>(stores: Arc<Stores<S>>) {
    let binary: Vec<u8> = (0..=255).collect();
    let texts = ["1", "';--", "\r\n\r\n", "{\"a\":1}", "nil\0nil"].map(|text| text.as_bytes().to_vec());
    for bytes in [vec![0], vec![0xff; 7], vec![0; 8], vec![0xff; 8], vec![1; Value::HEADER_BYTES - 1], binary]
        .into_iter()
        .chain(texts)
    {
        let value = Value::from_bytes(bytes.clone());
        let (key, _) = stores.created(&value).await;
        let rule =
            format!("the bytes {bytes:x?} are not a session, but must come back: only the engine interprets values");
        stores.assert_holds(&key, Some(&value), &rule).await;
        // If no swap could replace such bytes, a damaged session would stay for ever.
        let (loaded, next) = (stores.load(&key).await, stores.value(b"repaired"));
        let rule = format!("the bytes {bytes:x?} are not a session, but a swap must replace them");
        stores.replaced(&key, loaded.as_ref(), &next, &rule).await;
        stores.assert_holds(&key, Some(&next), &rule).await;
    }
}

// S48
pub(super) async fn keys_do_not_collide<S: Store>(stores: Arc<Stores<S>>) {
    let key = |at: usize, byte: u8| {
        let mut digest = stores.now.as_millis().to_be_bytes().repeat(2);
        digest.iter_mut().skip(at).take(1).for_each(|to| *to ^= byte);
        Key::from_digest(std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default()))
    };
    // Each differs from the base key, `key(16, 0)`, in one byte: some only in the case of a letter, some in a byte that is not
    // text.
    let keys = (0..16).flat_map(|at| [key(at, 0x20), key(at, 0xff)]).chain([key(16, 0)]);
    let mut written = Vec::new();
    for key in keys {
        let value = stores.value(key.digest());
        stores.replaced(&key, None, &value, "a key that differs from others in one byte holds nothing yet").await;
        written.push((key, value));
    }
    for (key, value) in &written {
        stores.assert_holds(key, Some(value), "values of keys that differ in one byte must be kept apart").await;
    }
}

pub(super) async fn several_values_are_loaded_at_once<S: Store>(stores: Arc<Stores<S>>) {
    let mut expected = Vec::new();
    for number in 0..150_u8 {
        // Every third key holds nothing.
        let value = (number % 3 > 0).then(|| stores.value([number]));
        let key = match &value {
            Some(value) => stores.created(value).await.0,
            None => random_key(),
        };
        expected.push((key, value));
    }
    // Keys that are repeated, next to their first position and far from it.
    for number in [140, 1, 3, 3, 1, 1] {
        expected.extend(expected.get(number).cloned());
    }
    for length in [0, 1, 2, 63, 64, 65, expected.len()] {
        let expected = expected.get(expected.len() - length..).unwrap_or_default();
        let keys: Vec<_> = expected.iter().map(|(key, _)| *key).collect();
        for handle in stores.handles() {
            let loaded = answered(handle.load_many(&keys, stores.now).await);
            let rule = "`load_many` must answer a value, or `None`, for each key, in the order of the keys";
            ensure!(loaded.len() == length, "{rule}: it answered {} for {length} keys", loaded.len());
            for (number, (found, (_, value))) in loaded.iter().zip(expected).enumerate() {
                let found = found.as_ref().map(Versioned::value);
                ensure!(
                    is_same(found, value.as_ref()),
                    "{rule}: key {number} of {length} holds {}, and it answered {}",
                    shown(value.as_ref()),
                    shown(found)
                );
            }
        }
    }
}

pub(super) async fn observing_changes_nothing<S: Store>(stores: Arc<Stores<S>>) {
    let value = stores.value(b"before");
    let (key, _) = stores.created(&value).await;
    for handle in stores.handles() {
        handle.observe(Events::default());
        handle.observe(Events::default());
    }
    stores.assert_holds(&key, Some(&value), "`observe` must change no value").await;
}
