//! B25, B27, B30: when a session is written, and which values survive.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use serde_json::json;
use session_runtime::{Event, KeyRing, Session, Sessions};
use tests::{
    app::{Server, Site},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};

type S = Session<Site>;

over_stores! {
    // B25, B27
    async fn a_set_or_cleared_field_overwrites_a_concurrent_write(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        ada.post("/name/acme").await;
        // Another tab writes between the load and the commit of each of these requests.
        let between = Arc::new(tokio::sync::Mutex::new(ada.clone()));
        let others = [Arc::clone(&between), Arc::clone(&between), Arc::clone(&between)];
        let [first, second, third] = others;
        let app = server.serving(tests::app::routes()
            .route("/switch", post(move |mut s: S| async move {
                s.note_mut().clear();
                s.lucky_mut().reset();
                s.name_mut().set("ac".into());
                s.name_mut().push_str("me");
                first.lock().await.post("/note/token").await;
                first.lock().await.post("/name/bolt").await;
                first.lock().await.post("/lucky/8").await;
                s.visits_mut().add(1);
            }))
            .route("/in-place", post(move |mut s: S| async move {
                s.name_mut().retain(char::is_alphabetic);
                second.lock().await.post("/name/late").await;
                s.visits_mut().add(1);
            }))
            .route("/set-alone", post(move |mut s: S| async move {
                s.name_mut().set("late".into());
                third.lock().await.post("/name/later").await;
            }))
            .route("/lucky/{to}", post(|mut s: S, Path(to): Path<u32>| async move { s.lucky_mut().set(to) })));
        *between.lock().await = ada.at(&app);
        let mut ada = ada.at(&app);
        ada.post("/switch").await;
        let shown = ada.get("/show").await.json();
        assert_eq!((&shown["note"], &shown["lucky"], &shown["name"]), (&json!(null), &json!(7), &json!("acme")));
        // An in-place edit that leaves the value as it was is not a change.
        ada.post("/in-place").await;
        assert_eq!(ada.get("/show").await.json()["name"], "late");
        // A request that only sets an equal value stores nothing, so the other request's value stays.
        ada.post("/set-alone").await;
        assert_eq!(ada.get("/show").await.json()["name"], "later");
    }

    // `rename`, `alias`: a field that is stored under an older name can be read, and moves to its new name when it is written.
    async fn a_renamed_field_keeps_its_value(store) {
        #[derive(Session)]
        #[session(kind = "S", cookie = "__Host-s")]
        struct Old {
            hits: u64,
            name: String,
            #[session(atomic)]
            basket: Vec<String>,
        }
        #[derive(Session)]
        #[session(kind = "S", cookie = "__Host-s")]
        struct New {
            #[session(counter, alias = "hits")]
            visits: u64,
            #[session(rename = "full_name", alias = "name")]
            title: String,
            #[session(atomic, alias = "basket")]
            cart: Vec<String>,
        }
        let keys = KeyRing::generate();
        let old = Sessions::<Old>::builder().store(store.clone()).keys(keys.clone()).build().unwrap();
        let new = Sessions::<New>::builder().store(store).keys(keys).build().unwrap();
        let old = Router::new()
            .route("/", post(|mut s: Session<Old>| async move {
                *s.hits_mut() = 41;
                *s.name_mut() = "ada".into();
                s.basket_mut().update(|basket| basket.push("tea".into())).await
            }))
            .route("/", get(|s: Session<Old>| async move { format!("{} {} {:?}", s.hits(), s.name(), s.basket()) }))
            .layer(old.layer());
        let new = Router::new()
            .route("/", get(|s: Session<New>| async move { format!("{} {} {:?}", s.visits(), s.title(), s.cart()) }))
            .route("/", post(|mut s: Session<New>| async move {
                s.visits_mut().add(1);
                s.title_mut().push('!');
                s.cart_mut().update(|cart| cart.push("milk".into())).await
            }))
            .layer(new.layer());
        let mut visitor = Visitor::new(&old);
        visitor.post("/").await;
        let mut visitor = visitor.at(&new);
        assert_eq!(visitor.get("/").await.body, r#"41 ada ["tea"]"#);
        assert_eq!(visitor.post("/").await.status, 200);
        assert_eq!(visitor.get("/").await.body, r#"42 ada! ["tea", "milk"]"#);
        assert_eq!(visitor.post("/").await.status, 200);
        assert_eq!(visitor.get("/").await.body, r#"43 ada!! ["tea", "milk", "milk"]"#);
        assert_eq!(visitor.at(&old).get("/").await.body, "0  []", "values that moved are removed under their old names");
    }
}

over_two_stores! {
    // B27
    async fn setting_an_equal_value_writes_nothing(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        for path in ["/name/ada", "/note/x", "/theme/dark", "/cart/tea"] {
            visitor.post(path).await;
        }
        visitor.post("/note").await;
        let before = server.controls.calls().1;
        for path in ["/name/ada", "/note", "/theme/dark", "/logout"] {
            visitor.post(path).await;
        }
        visitor.get("/notice").await;
        visitor.get("/notices").await;
        assert_eq!(server.controls.calls().1, before);
    }

    // B25
    async fn last_write_in_a_request_wins(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/renew-twice", post(|mut s: S| async move { s.renew(); *s.name_mut() = "renewed".into(); s.renew(); }))
            .route("/renew-destroy", post(|mut s: S| async move { s.renew(); s.destroy(); }))
            .route("/destroy-write", post(|mut s: S| async move { s.destroy(); *s.name_mut() = "after".into(); }))
            .route("/write-clear", post(|mut s: S| async move { *s.name_mut() = "before".into(); s.clear(); }))
            .route("/write-clear-write", post(|mut s: S| async move { *s.name_mut() = "a".into(); s.clear(); s.note_mut().set("b".into()); }))
            .route("/in-out", post(|mut s: S| async move { s.user_mut().log_in("ada".into()); s.user_mut().log_out(); }))
            .route("/in-in", post(|mut s: S| async move {
                s.user_mut().log_in("ada".into());
                *s.name_mut() = "of ada".into();
                s.user_mut().log_in("bob".into());
            }))
            .route("/out-write", post(|mut s: S| async move { s.user_mut().log_out(); s.notice_mut().put("bye".into()); })));
        let start = || async {
            let mut visitor = server.visitor();
            visitor.post("/name/start").await;
            (visitor.at(&app), visitor)
        };
        for (path, name, note, same_id) in [
            ("/renew-twice", "renewed", None, false),
            ("/renew-destroy", "", None, false),
            ("/destroy-write", "after", None, false),
            ("/write-clear", "", None, false),
            ("/write-clear-write", "", Some("b"), false),
        ] {
            let (mut visitor, before) = start().await;
            assert_eq!(visitor.post(path).await.status, 200, "{path}");
            let seen = visitor.at(&server.app).get("/show").await.json();
            assert_eq!((seen["name"].as_str().unwrap(), seen["note"].as_str()), (name, note), "{path}");
            assert_eq!(visitor.cookie() == before.cookie(), same_id, "{path}");
            let old = before.at(&server.app).get("/show").await.json();
            assert_eq!(old["name"], "", "{path}: the old id opens nothing");
        }
        let (mut visitor, _) = start().await;
        visitor.post("/in-out").await;
        assert_eq!(visitor.at(&server.app).get("/show").await.json()["user"].as_str(), None);
        let (mut visitor, _) = start().await;
        visitor.post("/in-in").await;
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (Some("bob"), Some("")));
        let mut visitor = server.signed_in("ada").await.at(&app);
        visitor.post("/out-write").await;
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((seen["user"].as_str(), seen["notice"].as_str()), (None, Some("bye")));
    }

    // B30
    async fn unreadable_fields_show_their_defaults_and_the_others_stay(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        let key = server.key().await;
        for (name, value) in [("note", &b"\xc1"[..]), ("visits", b"\xa1x"), ("cart", b"\x93\x01"), ("from_a_newer_build", b"\x2a")] {
            server.store.plant(&key, name, value, server.clock.now()).await;
        }
        server.heard();
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["name"], &seen["note"], &seen["visits"], &seen["cart"]), (&json!("ada"), &json!(null), &json!(0), &json!([])));
        let mut unreadable: Vec<_> = server.heard();
        unreadable.sort_by_key(|event| format!("{event:?}"));
        assert_eq!(unreadable, ["cart", "note", "visits"].map(|field| Event::Undecodable { field }));
        // The three fields can be written again, and a field that this build does not know survives.
        for path in ["/note/new", "/visit", "/cart/tea"] {
            assert_eq!(visitor.post(path).await.status, 200);
        }
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["note"], &seen["visits"], &seen["cart"]), (&json!("new"), &json!(1), &json!(["tea"])));
        assert_eq!(server.stored(&key).await.unwrap().field("from_a_newer_build"), Some(&b"\x2a"[..]));
    }

    // A field with `default = 7` reads as 7 until another value is stored. Even 0 counts as another value.
    async fn a_default_is_read_until_a_value_is_stored(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/get", get(|s: S| async move { s.lucky().to_string() }))
            .route("/zero", post(|mut s: S| async move { *s.lucky_mut() = 0 }))
            .route("/reset", post(|mut s: S| async move { s.lucky_mut().reset() })));
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.get("/get").await.body, "7");
        visitor.post("/zero").await;
        assert_eq!(visitor.get("/get").await.body, "0");
        visitor.post("/reset").await;
        assert_eq!(visitor.get("/get").await.body, "7");
    }

    // `alias` during a rolling deploy: clearing a field also removes a value that the older build wrote under the old name.
    async fn clearing_a_field_removes_its_value_under_an_older_name(store) {
        let (old, new) = two_builds(store);
        let mut visitor = Visitor::new(&new);
        visitor.post("/nick").await;
        visitor.at(&old).post("/nick").await;
        visitor.post("/no-nick").await;
        assert_eq!(visitor.get("/").await.body, "None None 0");
    }

    // `alias` and `device`: moving a field to its new name does not undo a change by the request that signs out.
    async fn a_device_field_under_an_older_name_can_be_changed_with_the_sign_out(store) {
        let (old, new) = two_builds(store);
        for (path, seen) in [("/out", r#"None Some("old") 5"#), ("/out-no-tint", "None None 5"), ("/out-hit", r#"None Some("old") 6"#)] {
            let mut visitor = Visitor::new(&old);
            visitor.post("/").await;
            let mut visitor = visitor.at(&new);
            assert_eq!(visitor.post(path).await.status, 200, "{path}");
            assert_eq!(visitor.get("/").await.body, seen, "{path}");
        }
    }
}

/// Returns the routes of an older build, and of a newer one that has renamed fields, on one store.
fn two_builds(store: AnyStore) -> (Router, Router) {
    #[derive(Session)]
    #[session(kind = "S", cookie = "__Host-s")]
    struct Old {
        #[session(identity)]
        user: Option<u64>,
        nick: Option<String>,
        #[session(device)]
        tint: Option<String>,
        #[session(counter, device)]
        hits: u64,
    }
    #[derive(Session)]
    #[session(kind = "S", cookie = "__Host-s")]
    struct New {
        #[session(identity)]
        user: Option<u64>,
        #[session(alias = "nick")]
        name: Option<String>,
        #[session(device, alias = "tint")]
        theme: Option<String>,
        #[session(counter, device, alias = "hits")]
        visits: u64,
    }
    let keys = KeyRing::generate();
    let old = Sessions::<Old>::builder().store(store.clone()).keys(keys.clone()).build().unwrap();
    let new = Sessions::<New>::builder().store(store).keys(keys).build().unwrap();
    let old = Router::new()
        .route("/nick", post(|mut s: Session<Old>| async move { s.nick_mut().set("old".into()) }))
        .route(
            "/",
            post(|mut s: Session<Old>| async move {
                s.tint_mut().set("old".into());
                s.hits_mut().add(5);
                s.user_mut().log_in(1);
            })
            .get(|s: Session<Old>| async move { format!("{:?} {:?} {:?} {}", s.user(), s.nick(), s.tint(), s.hits()) }),
        )
        .layer(old.layer());
    let new = Router::new()
        .route("/nick", post(|mut s: Session<New>| async move { s.name_mut().set("new".into()) }))
        .route("/no-nick", post(|mut s: Session<New>| async move { s.name_mut().clear() }))
        .route("/out", post(|mut s: Session<New>| async move { s.user_mut().log_out() }))
        .route(
            "/out-no-tint",
            post(|mut s: Session<New>| async move {
                s.user_mut().log_out();
                s.theme_mut().clear();
            }),
        )
        .route(
            "/out-hit",
            post(|mut s: Session<New>| async move {
                s.user_mut().log_out();
                s.visits_mut().add(1);
            }),
        )
        .route(
            "/",
            get(|s: Session<New>| async move {
                assert_eq!(s.user(), None);
                format!("{:?} {:?} {}", s.name(), s.theme(), s.visits())
            }),
        )
        .layer(new.layer());
    (old, new)
}
