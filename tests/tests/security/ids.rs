//! S1–S8, S54: session ids. An attacker can neither guess nor plant one, and a leaked store or log reveals none.

use std::{collections::BTreeSet, fs, path::Path};

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    routing::{get, post},
};
use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use http::{
    StatusCode,
    header::{COOKIE, HeaderValue},
};
use serde_json::json;
use session_runtime::{Event, Session, Sessions, store::Store as _};
use tests::{
    app::{Server, Site},
    client::{Visitor, send},
    over_stores, over_two_stores,
    store::{AnyStore, Tables},
};

over_stores! {
    // S2
    async fn a_leaked_store_opens_nothing(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        let before = ada.cookie().unwrap();
        ada.post("/name/lovelace").await;
        ada.post("/renew").await;
        let token = ada.cookie().unwrap();
        let dump = dump(&server).await;
        assert!(contains(&dump, b"lovelace"), "the dump has the records");
        for (token, (form, bytes)) in [&before, &token].into_iter().flat_map(|token| forms(token).into_iter().map(move |form| (token, form))) {
            assert!(!contains(&dump, &bytes), "{form} of {token} is in the store");
        }
        // Neither a text in the dump, nor any piece of the dump written as text, is a valid cookie.
        let mut tried = 0;
        for value in texts(&dump) {
            let line = HeaderValue::try_from(format!("__Host-site={value}")).unwrap();
            let reply = send(&server.app, Request::get("/show").header(COOKIE, line).body(Body::empty()).unwrap()).await;
            assert_eq!((&reply.json()["user"], reply.set_cookie()), (&json!(null), None), "{value}");
            tried += 1;
        }
        assert!(tried > 20, "{tried}");
        assert_eq!(ada.get("/show").await.json()["user"], "ada");
    }

    // S5: the ids are properly signed, so only the store can tell that they belong to no session.
    async fn ten_thousand_unknown_ids_leave_nothing_behind(store) {
        let server = Server::new(store);
        let elsewhere = Server::made(AnyStore::memory(), server.keys.clone(), server.clock.clone(), |builder| builder);
        let before = kept(&server.store).await;
        for at in 0..10_000 {
            let mut visitor = elsewhere.visitor();
            visitor.post("/name/x").await;
            let path = ["/show", "/read", "/notice", "/untouched"][at % 4];
            let reply = visitor.at(&server.app).get(path).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{path}");
        }
        assert_eq!(kept(&server.store).await, before);
        assert_eq!(server.controls.calls(), (7_500, 0));
        let heard = server.heard();
        assert!(heard.len() == 7_500 && heard.iter().all(|event| *event == Event::Unknown));
    }
}

over_two_stores! {
    // S3: the session that a write begins has a new id, not the id that the request sent.
    async fn an_unknown_id_is_never_adopted_by_a_write(store) {
        let server = Server::new(store);
        let elsewhere = Server::made(AnyStore::memory(), server.keys.clone(), server.clock.clone(), |builder| builder);
        for path in ["/name/ada", "/login/ada", "/cart/tea", "/visit", "/remember", "/renew"] {
            let mut visitor = elsewhere.visitor();
            visitor.post("/name/x").await;
            let offered = visitor.cookie().unwrap();
            let mut visitor = visitor.at(&server.app);
            let reply = visitor.post(path).await;
            let writes = !matches!(path, "/remember" | "/renew");
            assert_eq!(reply.set_cookie().is_some(), writes, "{path}");
            assert_eq!(visitor.cookie().unwrap() != offered, writes, "{path}");
            let mut again = Visitor::with_cookie(&server.app, "__Host-site", &offered);
            assert_eq!(again.get("/show").await.json()["is_new"], true, "{path}");
        }
    }

    // S6, S54: another kind of session and another application use the same keys, the same store and the same cookie name.
    async fn another_kind_and_another_application_share_nothing(store) {
        #[derive(Session)]
        #[session(cookie = "__Host-site")]
        struct Twin {
            #[session(identity)]
            user: Option<String>,
            name: String,
        }
        let server = Server::new(store.clone());
        let mut ada = server.signed_in("ada").await;
        ada.post("/name/lovelace").await;
        let builder = || Sessions::<Twin>::builder().store(store.clone()).keys(server.keys.clone()).clock(server.clock.clone());
        let twin = builder().build().unwrap();
        let elsewhere = builder().app("elsewhere").build().unwrap();
        for sessions in [&twin, &elsewhere] {
            let app = Router::new()
                .route("/", get(|s: Session<Twin>| async move { Json(json!([s.is_new(), s.user(), s.name()])) }))
                .route("/", post(|mut s: Session<Twin>| async move { s.user_mut().log_in("ada".into()) }))
                .layer(sessions.layer());
            assert_eq!(ada.at(&app).get("/").await.json(), json!([true, null, ""]));
            let ours = sessions.of("ada");
            assert_eq!((ours.count().await.unwrap(), ours.revoke_all().await.unwrap()), (0, 0));
            // In the other direction, a cookie of the other kind or application opens no session here.
            let mut other = Visitor::new(&app);
            other.post("/").await;
            assert_eq!(other.get("/").await.json(), json!([false, "ada", ""]));
            assert_eq!(other.at(&server.app).get("/show").await.json()["is_new"], true);
            assert_eq!(server.sessions.of("ada").count().await.unwrap(), 1);
        }
        assert_eq!((twin.of("ada").count().await.unwrap(), elsewhere.of("ada").count().await.unwrap()), (1, 1));
        assert_eq!(server.sessions.of("ada").revoke_all().await.unwrap(), 1);
        assert_eq!((twin.of("ada").count().await.unwrap(), elsewhere.of("ada").count().await.unwrap()), (1, 1));
    }

    // S7: `Debug` and `Display` of the crate's public types.
    async fn no_public_type_prints_a_token(store) {
        let server = Server::new(store.clone());
        let mut visitor = server.signed_in("ada").await;
        let list = server.sessions.of("ada").list().await.unwrap();
        let app = server.serving(Router::new().route("/", get(|s: Session<Site>, request: Request| async move {
            format!("{s:?} {request:?}").replace(&format!("{:?}", request.headers()), "")
        })));
        let key = server.key().await;
        let held = store.load(&key, server.clock.now()).await.unwrap().unwrap();
        let printed = [
            visitor.at(&app).get("/").await.body,
            format!("{:?} {:?} {:?}", server.sessions, server.sessions.layer(), server.sessions.of("ada")),
            format!("{:?} {:?} {:?}", server.keys, server.clock, server.heard()),
            format!("{list:?} {:?} {} {}", list[0].handle(), list[0].handle(), json!(list[0].handle())),
            format!("{key:?} {} {held:?} {:?}", key.hex(), server.stored(&key).await),
        ]
        .concat();
        let token = visitor.cookie().unwrap();
        for (form, bytes) in forms(&token) {
            assert!(!contains(printed.as_bytes(), &bytes), "{form} is in {printed}");
        }
        assert!(printed.len() > 500 && visitor.get("/show").await.json()["user"] == "ada");
    }
}

// S1, S43: no dependency could make ids predictable, or compress values so that their length reveals secrets.
#[test]
fn randomness_comes_only_from_the_operating_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session-runtime");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
    let (dependencies, _) = dependencies.split_once("[dev-dependencies]").unwrap();
    let names: BTreeSet<_> = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).collect();
    assert!(names.contains("getrandom"), "{names:?}");
    for other in ["rand", "rand_core", "fastrand", "oorandom", "uuid", "nanoid", "ulid", "xid", "cuid2"] {
        assert!(!names.contains(other), "{other}");
    }
    for compressor in ["flate2", "miniz_oxide", "zstd", "brotli", "lz4_flex", "snap"] {
        assert!(!names.contains(compressor), "{compressor}");
    }
    let mut files = Vec::new();
    collect(&root.join("src"), &mut |path, bytes| files.push((path.to_owned(), String::from_utf8(bytes).unwrap())));
    let uses: Vec<_> = files.iter().filter(|(_, text)| text.contains("getrandom::")).collect();
    assert!(uses.len() == 1 && uses[0].0.ends_with("src/id.rs"), "only `id.rs` asks for random bytes");
    assert!(files.len() > 50, "the test reads all source files");
}

/// Returns all bytes in the store, including the names of files and keys.
async fn dump(server: &Server) -> Vec<u8> {
    let mut dump = Vec::new();
    match &server.store {
        AnyStore::File(_, folder) => collect(folder.path(), &mut |path, bytes| {
            dump.extend(path.as_os_str().as_encoded_bytes());
            dump.push(b'\n');
            dump.extend(bytes);
            dump.push(b'\n');
        }),
        AnyStore::Sql(_, Tables::InFile(folder)) => collect(folder.path(), &mut |_, bytes| dump.extend(bytes)),
        AnyStore::Sql(_, tables) => dump = tables.dump(),
        AnyStore::Redis(_, shelf) => dump = shelf.dump(),
        // Each value, after its key.
        AnyStore::Memory(store) => {
            let keys: Vec<_> = server.controls.keys.lock().unwrap().clone();
            for key in keys {
                dump.extend(key.digest());
                dump.extend(key.hex().into_bytes());
                let Some(held) = store.load(&key, server.clock.now()).await.unwrap() else { continue };
                dump.extend(held.value().to_bytes());
                dump.extend(format!("\n{held:?}\n").into_bytes());
            }
        }
    }
    dump
}

/// Visits the names and contents of all files in a folder.
fn collect(folder: &Path, see: &mut dyn FnMut(&Path, Vec<u8>)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, see),
            false => see(&path, fs::read(&path).unwrap()),
        }
    }
}

/// Counts the sessions, files, keys or rows in the store.
async fn kept(store: &AnyStore) -> usize {
    match store {
        AnyStore::Memory(store) => store.len(),
        AnyStore::File(_, folder) => {
            let mut files = 0;
            collect(folder.path(), &mut |_, _| files += 1);
            files
        }
        AnyStore::Redis(_, shelf) => shelf.keys().len(),
        AnyStore::Sql(_, tables) => tables.rows().await,
    }
}

/// Returns a token and its three secret parts, each as bytes, in hexadecimal, and in base64 at every offset.
fn forms(token: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = Base64UrlUnpadded::decode_vec(token).unwrap();
    let (selector, verifier, mac) = (&bytes[5..21], &bytes[21..53], &bytes[53..]);
    let mut forms = vec![("the text".to_owned(), token.as_bytes().to_vec())];
    for (name, part) in [("the selector", selector), ("the verifier", verifier), ("the MAC", mac)] {
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push((name.to_owned(), part.to_vec()));
        forms.push((format!("{name} in hexadecimal"), hex.to_uppercase().into_bytes()));
        forms.push((format!("{name} in hexadecimal"), hex.into_bytes()));
        forms.push((format!("{name} in decimals"), format!("{part:?}").trim_matches(['[', ']']).as_bytes().to_vec()));
        for skipped in 0..3 {
            // Whole characters only: the last one depends on the next byte.
            let whole = &part[skipped..][..(part.len() - skipped) / 3 * 3];
            forms.push((format!("{name} in base64"), Base64Unpadded::encode_string(whole).into_bytes()));
            forms.push((format!("{name} in base64url"), Base64UrlUnpadded::encode_string(whole).into_bytes()));
        }
    }
    forms
}

fn contains(dump: &[u8], part: &[u8]) -> bool {
    dump.windows(part.len()).any(|window| window == part)
}

/// Returns the cookie values that an attacker would try: the texts in the dump, and pieces of the dump that are as long as a
/// token, encoded like a token.
fn texts(dump: &[u8]) -> BTreeSet<String> {
    let octet = |byte: &u8| byte.is_ascii_graphic() && !b"\",;\\".contains(byte);
    let runs = dump.split(|byte| !octet(byte)).filter(|run| run.len() >= 4);
    let whole = runs.clone().map(|run| String::from_utf8(run.to_vec()).unwrap());
    let pieces = runs.flat_map(|run| run.windows(92)).map(|piece| String::from_utf8(piece.to_vec()).unwrap());
    let encoded = dump.windows(69).step_by(7).map(Base64UrlUnpadded::encode_string);
    whole.chain(pieces.step_by(3)).chain(encoded).collect()
}
