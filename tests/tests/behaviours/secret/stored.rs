//! How secrets are stored, and what an attacker who can read or write the store gets from them.

use std::{fs, path::Path as File};

use axum::{
    Json, Router,
    routing::{get, post},
};
use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use serde_json::json;
use session_runtime::{
    Clock, KeyRing, Session,
    store::{Key, Store as _},
    testing,
};
use tests::{
    app::minutes,
    over_stores, over_two_stores,
    store::{AnyStore, Tables},
};

use super::{DECODED, House, Open, Vault, nothing};

/// For each secret field, a path that writes it and the name under which it is stored.
const WRITES: [(&str, &str); 8] = [
    ("/token/velvet-antler-token", "token"),
    ("/code/velvet-antler-code", "code"),
    ("/cards/velvet-antler-cards", "cards"),
    ("/notice/velvet-antler-notice", "notice"),
    ("/notices/velvet-antler-notices", "notices"),
    ("/print/velvet-antler-print", "finger"),
    ("/spied/velvet-antler-spied", "spied"),
    ("/pin/1987654321", "pin"),
];

fn all() -> serde_json::Value {
    json!({
        "token": "velvet-antler-token",
        "code": "velvet-antler-code",
        "code_expires": true,
        "cards": ["velvet-antler-cards"],
        "notice": "velvet-antler-notice",
        "notices": ["velvet-antler-notices"],
        "print": "velvet-antler-print",
        "spied": "velvet-antler-spied",
        "pin": 1_987_654_321,
        "name": "",
    })
}

/// Returns all bytes that the store holds for a session.
async fn dump(house: &House, key: &Key) -> Vec<u8> {
    fn files(folder: &File, into: &mut Vec<u8>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            into.extend(path.to_str().unwrap().bytes());
            match path.is_dir() {
                true => files(&path, into),
                false => into.extend(fs::read(&path).unwrap()),
            }
        }
    }
    let held = house.store.load(key, house.clock.now()).await.unwrap().unwrap();
    let mut bytes = format!("{held:?}").into_bytes();
    bytes.extend(held.value().to_bytes());
    match &house.store {
        AnyStore::Memory(_) => {}
        AnyStore::File(_, folder) => files(folder.path(), &mut bytes),
        AnyStore::Redis(_, shelf) => bytes.extend(shelf.dump()),
        AnyStore::Sql(_, Tables::InFile(folder)) => files(folder.path(), &mut bytes),
        AnyStore::Sql(_, tables) => bytes.extend(tables.dump()),
    }
    bytes
}

/// Returns the encodings in which a text may be stored: plain, hexadecimal, and base64 at each of its three offsets.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for shift in 0..3 {
        let whole = &bytes[shift..bytes.len() - (bytes.len() - shift) % 3];
        all.push(Base64Unpadded::encode_string(whole).into_bytes());
        all.push(Base64UrlUnpadded::encode_string(whole).into_bytes());
    }
    all
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

over_stores! {
    // B12, B38, S2
    async fn a_store_shows_no_secret(store) {
        let house = House::new(store);
        let mut visitor = house.visitor();
        visitor.post("/name/an-open-word").await;
        for (path, _) in WRITES {
            visitor.post(path).await;
        }
        let key = house.key();
        let bytes = dump(&house, &key).await;
        assert!(holds(&bytes, b"an-open-word"), "the plain field is found, so the test searches the right bytes");
        for spelling in spellings("velvet-antler") {
            assert!(!holds(&bytes, &spelling), "{}", String::from_utf8_lossy(&spelling));
        }
        assert!(!holds(&bytes, &1_987_654_321_u32.to_be_bytes()), "the number is not stored in plain form");
        let swaps = house.swaps();
        assert!(swaps.len() > WRITES.len());
        assert!(!format!("{swaps:?}").contains("velvet"), "the values that were sent to the store show no secret");
        assert!(!swaps.iter().any(|value| holds(&value.to_bytes(), b"velvet")));
        // The visitor still reads every secret in plain form.
        let mut seen = all();
        seen["name"] = "an-open-word".into();
        assert_eq!(visitor.get("/show").await.json(), seen);
    }
}

over_two_stores! {
    // S40: the stored bytes of a secret cannot be decrypted in another field or in another session.
    async fn a_value_copied_to_another_field_or_session_reads_as_absent(store) {
        let house = House::new(store);
        let (mut ada, mut bob) = (house.visitor(), house.visitor());
        ada.post("/token/of-ada").await;
        ada.post("/spied/spied-of-ada").await;
        let of_ada = house.key();
        bob.post("/token/of-bob").await;
        bob.post("/name/bob").await;
        let of_bob = house.key();
        assert!(of_ada != of_bob);
        let (token, spied) = (house.raw(&of_ada, "token").await.unwrap(), house.raw(&of_ada, "spied").await.unwrap());

        house.plant(&of_bob, "token", &token).await;
        assert_eq!(house.undecodable(), Vec::<&str>::new());
        let seen = bob.get("/show").await.json();
        assert_eq!((&seen["token"], &seen["name"]), (&json!(null), &json!("bob")));
        assert_eq!(house.undecodable(), ["token"], "the load reports the field once");

        DECODED.set(0);
        house.plant(&of_ada, "spied", &token).await;
        house.plant(&of_ada, "token", &spied).await;
        assert_eq!(ada.get("/show").await.json(), nothing());
        assert_eq!((house.undecodable(), DECODED.get()), (vec!["token", "spied"], 0));

        house.plant(&of_ada, "token", &token).await;
        assert_eq!(ada.get("/show").await.json()["token"], "of-ada", "the value is readable again in its own field");
    }

    // S39, B30: a damaged value reads as absent, no decoder sees it, and the rest of the session works.
    async fn a_damaged_value_is_absent_and_never_decoded(store) {
        let house = House::new(store);
        let mut visitor = house.visitor();
        visitor.post("/spied/velvet-antler").await;
        visitor.post("/name/ada").await;
        let key = house.key();
        let whole = house.raw(&key, "spied").await.unwrap();
        assert_eq!(visitor.get("/show").await.json()["spied"], "velvet-antler");
        let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
        damaged.extend((0..whole.len()).map(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            flipped
        }));
        damaged.push([&whole[..], b"\0"].concat());
        // The value in plain form, as a field without `secret` would be stored. It is rejected too.
        damaged.push(b"\xadvelvet-antler".to_vec());
        DECODED.set(0);
        for bytes in damaged {
            house.plant(&key, "spied", &bytes).await;
            let reply = visitor.get("/show").await;
            let seen = reply.json();
            assert_eq!((reply.status.as_u16(), &seen["spied"], &seen["name"]), (200, &json!(""), &json!("ada")));
            assert_eq!(house.undecodable(), ["spied"]);
        }
        assert_eq!(DECODED.get(), 0);
        house.plant(&key, "spied", &whole).await;
        assert_eq!(visitor.get("/show").await.json()["spied"], "velvet-antler");
        assert_eq!(DECODED.get(), 1, "a readable value is decoded, so the count works");
    }

    // S39, B30: when a field becomes secret, or stops being secret, its old value is unreadable, but the field works.
    async fn a_field_that_became_secret_starts_from_its_default(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let open = House::of::<Open>(&store, &keys, &clock, Router::new().route("/show", get(
            |s: Session<Open>| async move { Json(json!([s.token(), s.spied(), s.name()])) },
        ).post(|mut s: Session<Open>| async move {
            s.token_mut().set("before".into());
            *s.spied_mut() = "before".into();
            *s.name_mut() = "ada".into();
        })));
        let mut visitor = open.visitor();
        visitor.post("/show").await;
        let key = open.key();
        let vault = House::with_keys(&store, &keys, &clock);
        let mut visitor = visitor.at(&vault.app);
        DECODED.set(0);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["token"], &seen["spied"], &seen["name"]), (&json!(null), &json!(""), &json!("ada")));
        assert_eq!((vault.undecodable(), DECODED.get()), (vec!["token", "spied"], 0));
        // Unreadable values can be replaced and removed like any others.
        visitor.post("/token/after").await;
        assert_eq!(vault.undecodable(), ["token", "spied"]);
        assert_eq!(visitor.get("/show").await.json()["token"], "after");
        assert_eq!(vault.undecodable(), ["spied"]);

        let mut visitor = visitor.at(&open.app);
        assert_eq!(visitor.get("/show").await.json(), json!([null, "before", "ada"]));
        assert_eq!(open.undecodable(), ["token"]);
        let mut visitor = visitor.at(&vault.app);
        vault.plant(&key, "token", b"\xa5plain").await;
        visitor.post("/token").await;
        assert_eq!(vault.raw(&key, "token").await, None, "cleared");
    }

    // Under each policy, a write starts from the default and replaces an unreadable value.
    async fn a_write_replaces_an_unreadable_value(store) {
        let house = House::new(store);
        let mut visitor = house.visitor();
        for (path, _) in WRITES {
            visitor.post(path).await;
        }
        let key = house.key();
        for (_, name) in WRITES {
            house.plant(&key, name, b"garbage").await;
        }
        assert_eq!(visitor.get("/show").await.json(), nothing());
        assert_eq!(house.undecodable().len(), WRITES.len());
        for path in ["/notice", "/notices"] {
            assert_eq!(visitor.get(path).await.body, "");
        }
        for (path, _) in WRITES {
            assert_eq!(visitor.post(path).await.status, 200, "{path}");
        }
        house.undecodable();
        assert_eq!(visitor.get("/show").await.json(), all());
        assert_eq!(house.undecodable(), Vec::<&str>::new());
    }

    // B27, B15
    async fn an_equal_value_is_not_written_and_deadlines_hold(store) {
        let house = House::new(store);
        let mut visitor = house.visitor();
        for (path, _) in WRITES {
            visitor.post(path).await;
        }
        let (key, writes) = (house.key(), house.writes());
        for path in ["/token/velvet-antler-token", "/print/velvet-antler-print", "/pin/1987654321"] {
            visitor.post(path).await;
        }
        assert_eq!(house.writes(), writes);
        house.clock.advance(minutes(4));
        visitor.post("/code/velvet-antler-code").await;
        assert_eq!(house.writes(), writes + 1, "setting the field again restarts its deadline");
        house.clock.advance(minutes(4));
        assert_eq!(visitor.get("/show").await.json(), all());
        house.clock.advance(minutes(1));
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["code"], &seen["code_expires"], &seen["token"]), (&json!(null), &json!(false), &all()["token"]));
        assert_eq!(house.undecodable(), Vec::<&str>::new(), "an expired value is not reported as unreadable");
        assert!(house.raw(&key, "token").await.is_some());
    }

    // A session keeps its secrets when its id is renewed. A sign-out keeps only secrets that are `device` fields.
    async fn secrets_survive_a_renewal_and_device_secrets_a_sign_out(store) {
        let house = House::new(store);
        let mut visitor = house.visitor();
        visitor.post("/login/ada").await;
        for (path, _) in WRITES {
            visitor.post(path).await;
        }
        let before = visitor.cookie();
        visitor.post("/renew").await;
        assert_ne!(visitor.cookie(), before);
        assert_eq!(visitor.get("/show").await.json(), all());
        visitor.post("/logout").await;
        let mut left = nothing();
        left["print"] = "velvet-antler-print".into();
        assert_eq!(visitor.get("/show").await.json(), left);
        assert_eq!(house.undecodable(), Vec::<&str>::new());
    }

    // `alias`: the encryption of a value is bound to its stored name. The value moves to today's name when it is written. A
    // sign-out does not change the stored bytes of device fields.
    async fn a_secret_under_an_older_name_moves(store) {
        #[derive(Session)]
        #[session(kind = "Vault", cookie = "__Host-vault")]
        struct Older {
            #[session(identity, unlisted)]
            user: Option<String>,
            #[session(device, secret)]
            print: String,
        }
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let older = House::of::<Older>(&store, &keys, &clock, Router::new().route("/", post(
            |mut s: Session<Older>| async move { s.user_mut().log_in("ada".into()); *s.print_mut() = "whorl".into(); },
        )));
        for (path, print, moves) in [("/print/loop", "loop", true), ("/logout", "whorl", false)] {
            let mut visitor = older.visitor();
            visitor.post("/").await;
            let key = older.key();
            let raw = older.raw(&key, "print").await.unwrap();
            let house = House::with_keys(&store, &keys, &clock);
            let mut visitor = visitor.at(&house.app);
            assert_eq!(visitor.get("/show").await.json()["print"], "whorl", "the field is read under its older name");
            visitor.post(path).await;
            assert_eq!(house.raw(&key, "print").await, (!moves).then(|| raw.clone()));
            assert_eq!(house.raw(&key, "finger").await.is_some_and(|moved| moved != raw), moves);
            assert_eq!(visitor.get("/show").await.json()["print"], print);
            assert_eq!(house.undecodable(), Vec::<&str>::new());
            // A value that was copied to the new name cannot be decrypted.
            house.plant(&key, "finger", &raw).await;
            assert_eq!(visitor.get("/show").await.json()["print"], "");
            assert_eq!(house.undecodable(), ["finger"]);
        }
    }
}

// B44: without a store there is nothing to encrypt.
#[tokio::test]
async fn a_handler_with_secrets_is_tested_with_a_plain_struct() {
    let vault = Vault {
        user: None,
        token: Some("before".into()),
        code: None,
        cards: Vec::new(),
        notice: Some("hi".into()),
        notices: Vec::new(),
        print: String::new(),
        spied: String::new(),
        pin: 1,
        name: String::new(),
    };
    let mut session = testing::session(|it| *it = vault);
    session.token_mut().set("after".into());
    session.cards_mut().update(|cards| cards.push("one".into())).await.unwrap();
    assert_eq!(session.notice_mut().take().as_deref(), Some("hi"));
    assert!(!format!("{session:?}").contains("after"), "B12");
    let vault = testing::into_value(session);
    assert_eq!((vault.token.as_deref(), vault.cards, vault.notice), (Some("after"), vec!["one".to_owned()], None));
}
