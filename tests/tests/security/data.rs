//! S46, S48, S59: no stored bytes, however malformed, harm more than their own field. Each visitor sees only their own session.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Event, Session};
use tests::{
    app::{Server, Site, show},
    client::Visitor,
    log::Log,
    over_databases, over_two_stores,
    store::AnyStore,
};
use tokio::sync::Barrier;

over_two_stores! {
    // S46, S59: the planted bytes are MessagePack that claims a false length, nests too deeply or has another type, and bytes
    // that are not MessagePack.
    async fn planted_bytes_damage_only_their_own_field(store) {
        let server = Server::new(store);
        let nested = vec![0x91; 200_000];
        let keyed = [&[0x81, 0xa1, b'a'][..]; 50_000].concat();
        let junk: Vec<&[u8]> = vec![
            b"", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff\x00", b"\xd8\x00", b"\xa4ab", b"\x92\xa1a", b"\xa2\xff\xfe", b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
            b"\x81\xa5class\xa4Evil", b"\x80\x04\x95cos\nsystem\n(", &nested, &keyed,
        ];
        for field in ["cart", "notices", "name", "theme", "visits", "lucky", "code"] {
            let mut visitor = server.signed_in("ada").await;
            visitor.post("/note/stays").await;
            let key = server.key().await;
            for bytes in &junk {
                let case = format!("{field}: {}", bytes[..bytes.len().min(16)].escape_ascii());
                server.store.plant(&key, field, bytes, server.clock.now()).await;
                server.heard();
                let reply = visitor.get("/show").await;
                assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{case}");
                let seen = reply.json();
                assert_eq!((&seen["user"], &seen["note"]), (&json!("ada"), &json!("stays")), "{case}");
                let default = match field {
                    "cart" | "notices" => json!([]),
                    "name" => json!(""),
                    "theme" => json!("Light"),
                    "visits" => json!(0),
                    "lucky" => json!(7),
                    _ => json!(null),
                };
                assert_eq!(seen[field], default, "{case}");
                assert_eq!(server.heard(), [Event::Undecodable { field }], "{case}");
            }
            // The field and the session still work.
            for path in ["/cart/tea", "/name/ada", "/visit", "/theme/dark", "/code/1", "/notices/hi"] {
                assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{field}: {path}");
            }
            let seen = visitor.get("/show").await.json();
            let fields = ["cart", "name", "visits", "theme", "code", "notices"].map(|field| &seen[field]);
            assert_eq!(json!(fields), json!([["tea"], "ada", 1, "Dark", "1", ["hi"]]), "{field}");
        }
    }
}

/// A hundred users send a hundred requests each, all concurrently, some to read and some to write.
async fn a_hundred_users(store: AnyStore) {
    let server = Server::new(store);
    let app = server.serving(
        Router::new()
            .route(
                "/say/{what}",
                post(|mut session: Session<Site>, Path(what): Path<String>| async move {
                    *session.name_mut() = what;
                    // Lets other requests run between this request's write and its answer.
                    tokio::task::yield_now().await;
                    Json(show(&session))
                }),
            )
            .route(
                "/show",
                get(|session: Session<Site>| async move {
                    tokio::task::yield_now().await;
                    Json(show(&session))
                }),
            ),
    );
    let barrier = Arc::new(Barrier::new(100));
    let users: Vec<_> = (0..100)
        .map(|at| {
            let (mut visitor, app, barrier) = (server.visitor(), app.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                let user = format!("user{at}");
                visitor.post(&format!("/login/{user}")).await;
                let mut visitor: Visitor = visitor.at(&app);
                let (cookie, mut said) = (visitor.cookie(), String::new());
                barrier.wait().await;
                for request in 0..100 {
                    let reply = match request % 3 {
                        0 => {
                            said = format!("{user}-{request}");
                            visitor.post(&format!("/say/{said}")).await
                        }
                        _ => visitor.get("/show").await,
                    };
                    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None));
                    let seen = reply.json();
                    assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (Some(&*user), Some(&*said)));
                }
                assert_eq!(visitor.cookie(), cookie);
            })
        })
        .collect();
    for user in users {
        user.await.unwrap();
    }
    for at in 0..100 {
        assert_eq!(server.sessions.of(&format!("user{at}")).count().await.unwrap(), 1);
    }
}

// S48
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ten_thousand_requests_see_their_own_users_in_memory() {
    a_hundred_users(AnyStore::memory()).await;
}

// S48
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ten_thousand_requests_see_their_own_users_in_files() {
    a_hundred_users(AnyStore::file().await).await;
}

// S48
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn ten_thousand_requests_see_their_own_users_on_redis() {
    let Some(store) = AnyStore::redis().await else { return };
    a_hundred_users(store).await;
}

over_databases! {
    // S48
    async fn ten_thousand_requests_see_their_own_users(make) {
        a_hundred_users(make().await?).await;
    }
}

over_two_stores! {
    // S46 (symfony CVE-2016-4423): no visitor can fill the store. A write beyond the limit is rejected as a whole, with an error.
    async fn a_session_grows_to_its_limit_and_no_further(store) {
        let server = Server::with(store, |builder| builder.max_bytes(2_000));
        let app = server.serving(Router::new()
            .route("/name/{bytes}", post(|mut s: Session<Site>, Path(bytes): Path<usize>| async move {
                *s.name_mut() = "x".repeat(bytes);
                s.note_mut().set("written with it".into());
            }))
            .route("/save/{bytes}", post(|mut s: Session<Site>, Path(bytes): Path<usize>| async move {
                *s.name_mut() = "x".repeat(bytes);
                s.save().await.err().map(|error| format!("{} {error}", error.is_too_large())).unwrap_or_default()
            }))
            .route("/cart/{bytes}", post(|mut s: Session<Site>, Path(bytes): Path<usize>| async move {
                s.cart_mut().update(|cart| cart.push("x".repeat(bytes))).await.err().is_some_and(|error| error.is_too_large()).to_string()
            })));
        let mut visitor = server.visitor();
        assert_eq!(visitor.at(&app).post("/name/2000").await.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(visitor.cookie(), None, "no session began");
        visitor.post("/name/small").await;
        let mut visitor = visitor.at(&app);
        let log = Log::of_this_thread();
        let reply = visitor.post("/name/1990").await;
        assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
        let logged = log.take();
        assert!(logged.contains("`max_bytes`") && logged.contains("`name` (1993), `note`"), "{logged}");
        assert!(!reply.body.contains("name") && !reply.body.contains("1993"), "{}", reply.body); // F12
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["name"], &seen["note"]), (&json!("small"), &json!(null)));
        // A value counts with its header and its name: 3 and 4 bytes for `name`, so a text of 1993 bytes just fits.
        assert_eq!(visitor.post("/save/1993").await.body, "");
        assert!(visitor.post("/save/1994").await.body.starts_with("true the session would have 2001 bytes"));
        assert_eq!(visitor.post("/cart/1").await.body, "true");
        assert_eq!(visitor.post("/save/10").await.body, "", "a write that makes the session smaller is always accepted");
        assert_eq!(visitor.post("/cart/1000").await.body, "false");
        assert_eq!(visitor.post("/cart/1000").await.body, "true");
        // After the limit was lowered, a session that is too large can still be made smaller.
        let strict = Server::made(server.store.clone(), server.keys.clone(), server.clock.clone(), |builder| builder.max_bytes(100));
        let app = strict.serving(Router::new().route("/", post(|mut s: Session<Site>| async move {
            s.cart_mut().update(|cart| cart[0].truncate(500)).await.is_ok().to_string()
        })));
        assert_eq!(visitor.at(&app).post("/").await.body, "true");
    }
}
