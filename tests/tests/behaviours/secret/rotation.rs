//! S45, B9: secrets after a change of keys.

use std::time::{Duration, SystemTime};

use serde_json::json;
use session_runtime::Clock;
use tests::{app::minutes, over_two_stores};

use super::{House, key, keys, nothing};

/// Returns the id of the key that sealed a value.
fn sealed_by(raw: &[u8]) -> &[u8] {
    &raw[1..5]
}

over_two_stores! {
    // S45: the next write of a session reseals its secrets, and signs the cookie again. A visitor who only reads causes a write
    // once a minute.
    async fn a_secret_under_an_older_key_is_resealed_with_the_current_one(store) {
        let clock = Clock::stopped();
        let old = House::with_keys(&store, &keys(&[1]), &clock);
        let mut visitor = old.visitor();
        for path in ["/token/velvet", "/code/antler", "/cards/a", "/name/ada"] {
            visitor.post(path).await;
        }
        let (key, before) = (old.key(), visitor.get("/show").await.json());
        let names = ["token", "code", "cards"];
        let stored = old.stored(&key).await;

        let house = House::with_keys(&store, &keys(&[2, 1]), &clock);
        let mut visitor = visitor.at(&house.app);
        assert_eq!((visitor.get("/show").await.set_cookie(), house.writes()), (None, 0), "a read alone writes nothing");
        clock.advance(minutes(1));
        let reply = visitor.get("/show").await;
        assert_eq!(reply.json(), before);
        assert!(reply.set_cookie().is_some(), "the cookie is signed again");
        assert_eq!(house.writes(), 1);
        let sealed = house.stored(&key).await;
        assert_eq!(sealed.fields.len(), 4);
        for ((name, before, deadline), (sealed_name, after, sealed_deadline)) in stored.fields.iter().zip(&sealed.fields) {
            assert_eq!((name, deadline), (sealed_name, sealed_deadline), "the deadline stays");
            if names.contains(&&**name) {
                assert_ne!(sealed_by(after), sealed_by(before), "{name}");
            } else {
                assert_eq!(after, before, "{name}: no key sealed it");
            }
        }

        // The secrets are resealed only once. After that, the older key can be removed.
        assert_eq!(visitor.get("/show").await.set_cookie(), None);
        assert_eq!(house.writes(), 1);
        let new = House::with_keys(&store, &keys(&[2]), &clock);
        assert_eq!(visitor.at(&new.app).get("/show").await.json(), before);
        assert_eq!(new.undecodable(), Vec::<&str>::new());
    }

    // A secret is resealed even if the cookie is already signed with the current key, because a server without that key may have
    // written the secret later.
    async fn a_secret_is_sealed_again_whatever_key_signed_the_cookie(store) {
        let clock = Clock::stopped();
        let old = House::with_keys(&store, &keys(&[1]), &clock);
        let mut visitor = old.visitor();
        visitor.post("/token/velvet").await;
        let key = old.key();
        let older = old.raw(&key, "token").await.unwrap();
        let house = House::with_keys(&store, &keys(&[2, 1]), &clock);
        let mut visitor = visitor.at(&house.app);
        visitor.post("/name/ada").await;
        assert_eq!(house.writes(), 1, "the same write stores the name and reseals the token");
        assert_ne!(sealed_by(&house.raw(&key, "token").await.unwrap()), sealed_by(&older));
        house.plant(&key, "token", &older).await;
        clock.advance(minutes(1));
        let reply = visitor.get("/show").await;
        assert_eq!((reply.json()["token"].as_str(), reply.set_cookie()), (Some("velvet"), None));
        assert_eq!(house.writes(), 2);
        assert_ne!(sealed_by(&house.raw(&key, "token").await.unwrap()), sealed_by(&older));
    }

    // S45, B9: between the two steps of a rotation, one server signs with the new key and another with the old one. Each opens
    // what the other wrote, and reads stay reads.
    async fn servers_with_different_current_keys_do_not_rewrite_each_others_sessions(store) {
        let clock = Clock::stopped();
        let ahead = House::with_keys(&store, &keys(&[2, 1]), &clock);
        let behind = House::with_keys(&store, &keys(&[1, 2]), &clock);
        let mut visitor = ahead.visitor();
        visitor.post("/token/velvet").await;
        let before = visitor.get("/show").await.json();
        for written in [(1, 0), (2, 0)] {
            for _ in 0..5 {
                for house in [&behind, &ahead] {
                    visitor = visitor.at(&house.app);
                    let reply = visitor.get("/show").await;
                    assert_eq!((reply.json(), reply.set_cookie()), (before.clone(), None));
                }
            }
            assert_eq!((ahead.writes(), behind.writes()), written);
            clock.advance(minutes(1));
            visitor = visitor.at(&ahead.app);
            visitor.get("/show").await;
        }
        // Now the old key is removed. The session still opens, because the server that signs with the new key wrote it.
        let after = House::with_keys(&store, &keys(&[2]), &clock);
        assert_eq!(visitor.at(&after.app).get("/show").await.json(), before);
        assert_eq!(after.undecodable(), Vec::<&str>::new());
    }

    // S45: a key that has expired, or was removed, opens no secret.
    async fn a_key_that_is_gone_opens_no_secret(store) {
        let clock = Clock::stopped();
        let old = House::with_keys(&store, &keys(&[1]), &clock);
        let mut visitor = old.visitor();
        visitor.post("/token/velvet").await;
        let (key, sealed) = (old.key(), old.raw(&old.key(), "token").await.unwrap());
        let end = SystemTime::from(clock.now()) + minutes(5);
        let ending = keys(&[2]).with_previous_until(&super::key(1), end).unwrap();
        let house = House::with_keys(&store, &ending, &clock);
        let mut visitor = visitor.at(&house.app);
        clock.advance(minutes(1));
        assert_eq!(visitor.get("/show").await.json()["token"], "velvet");
        // The cookie is now signed with the current key. A value under the older key is stored again, as another server might do.
        house.plant(&key, "token", &sealed).await;
        clock.advance(minutes(4) - Duration::from_millis(1));
        let mut late = visitor.clone();
        assert_eq!(visitor.get("/show").await.json()["token"], "velvet");
        house.plant(&key, "token", &sealed).await;
        clock.advance(Duration::from_millis(1));
        assert_eq!(late.get("/show").await.json(), nothing());
        assert_eq!(house.undecodable(), ["token"]);
        assert_eq!(house.raw(&key, "token").await.unwrap(), sealed, "a value that cannot be opened is not changed");

        let without = House::with_keys(&store, &keys(&[2]), &clock);
        assert_eq!(late.at(&without.app).get("/show").await.json(), nothing());
        assert_eq!(without.undecodable(), ["token"]);
        late.at(&without.app).post("/token/new").await;
        assert_eq!(late.at(&without.app).get("/show").await.json()["token"], json!("new"));
    }
}
