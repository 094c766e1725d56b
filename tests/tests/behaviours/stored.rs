//! F15, F16, F17, F18, F22: a change that is reported as stored is stored, and a handle shows what is stored.

use std::time::Duration;

use axum::{
    Router,
    response::IntoResponse,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{Changes, Error, Event, Session};
use tests::{
    app::{Server, Site, minutes},
    client::Visitor,
    over_stores, over_two_stores,
};
use tokio::sync::mpsc::unbounded_channel;

type S = Session<Site>;

over_stores! {
    // F15, B47: after a handle has found that its session ended, the handle shows a guest, and each write through it fails.
    async fn no_update_succeeds_after_the_session_has_ended(store) {
        let server = Server::new(store);
        let sessions = server.sessions.clone();
        let app = server.serving(Router::new().route("/", post(move |mut s: S| async move {
            assert_eq!((s.user(), s.name()), (Some("ada"), "Ada"));
            sessions.of("ada").revoke_all().await.unwrap();
            for _ in 0..3 {
                let error = s.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap_err();
                assert!(error.is_gone(), "{error}");
                assert_eq!((s.user(), s.name(), s.cart().len(), s.is_new()), (None, "", 0, true));
            }
            *s.name_mut() = "lost".into();
            assert!(s.save().await.unwrap_err().is_gone());
            assert!(s.save().await.unwrap_err().is_gone(), "`save` fails even with nothing left to store");
            // A sign-in starts a new session.
            s.user_mut().log_in("bob".into());
            s.save().await.unwrap();
            s.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap();
        })));
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/name/Ada").await;
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::OK);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["cart"][0]), (&"bob".into(), &"".into(), &"tea".into()));
    }

    // F15: writes also fail after a sign-in in another request has renewed the session.
    async fn no_update_succeeds_after_the_session_was_renewed(store) {
        let server = Server::new(store);
        let routes = server.app.clone();
        let app = server.serving(Router::new().route("/", post(move |mut s: S, headers: http::HeaderMap| async move {
            let cookie = headers["cookie"].to_str().unwrap().split_once('=').unwrap().1.to_owned();
            Visitor::with_cookie(&routes, "__Host-site", &cookie).post("/login/ada").await;
            for _ in 0..3 {
                assert!(s.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap_err().is_moved());
                assert!(s.save().await.unwrap_err().is_moved());
            }
        })));
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        let reply = visitor.at(&app).post("/").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None));
    }

    // F22, B49: after its write was merged with another request's write, the handle shows what is stored.
    async fn a_handle_shows_what_is_stored_after_its_own_write(store) {
        let server = Server::new(store);
        let routes = server.app.clone();
        let app = server.serving(Router::new().route("/{how}", post(move |mut s: S, headers: http::HeaderMap, axum::extract::Path(how): axum::extract::Path<String>| async move {
            let cookie = headers["cookie"].to_str().unwrap().split_once('=').unwrap().1.to_owned();
            let mut other = Visitor::with_cookie(&routes, "__Host-site", &cookie);
            let before = s.visits();
            s.visits_mut().add(1);
            other.post("/visit").await;
            other.post("/note/theirs").await;
            match how.as_str() {
                "save" => s.save().await?,
                _ => {
                    s.save().await?;
                    other.post("/note/again").await;
                    s.cart_mut().update(|cart| cart.push("tea".into())).await?;
                }
            }
            Ok::<_, Error>(format!("{} {:?}", s.visits() - before, s.note()))
        })));
        let mut visitor = server.visitor();
        visitor.post("/visit").await;
        assert_eq!(visitor.at(&app).post("/save").await.body, r#"2 Some("theirs")"#);
        assert_eq!(visitor.at(&app).post("/update").await.body, r#"2 Some("again")"#);
    }
}

over_two_stores! {
    // F15, B47: a guest's session that was never stored cannot be stored after the head of the response has been sent.
    async fn an_update_after_the_response_fails_as_save_does(store) {
        let server = Server::new(store);
        let (sender, mut receiver) = unbounded_channel();
        let app = server.serving(Router::new().route("/", get(move |s: S| async move { sender.send(s).ok().unwrap() })));
        assert_eq!(Visitor::new(&app).get("/").await.status, StatusCode::OK);
        let mut late = receiver.recv().await.unwrap();
        let error = late.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap_err();
        assert!(error.to_string().contains("a new session needs one"), "{error}");
        late.visits_mut().add(1);
        assert!(late.save().await.is_err());
    }

    // F16, B48: a failed handler's changes are dropped, including a sign-in; ending or renewing the session still happens.
    async fn a_handler_that_fails_or_times_out_stores_no_changes(store) {
        let server = Server::new(store);
        for status in [408, 499, 500, 503, 504] {
            let status = StatusCode::from_u16(status).unwrap();
            let app = server.serving(Router::new()
                .route("/", post(move |mut s: S| async move {
                    *s.name_mut() = "half done".into();
                    s.visits_mut().add(1);
                    drop(s.notice_mut().take());
                    // The handle is dropped before the response, as by a timeout within the layer.
                    drop(s);
                    status
                }))
                .route("/login", post(move |mut s: S| async move {
                    s.user_mut().log_in("mallory".into());
                    drop(s);
                    status
                }))
                .route("/logout", post(move |mut s: S| async move {
                    s.user_mut().log_out();
                    status
                })));
            let mut visitor = server.visitor();
            visitor.post("/notice/hello").await;
            assert_eq!(visitor.at(&app).post("/").await.status, status);
            assert_eq!(visitor.at(&app).post("/login").await.set_cookie(), None, "{status}");
            let seen = visitor.get("/show").await.json();
            assert_eq!((&seen["name"], &seen["visits"], &seen["notice"]), (&"".into(), &0.into(), &"hello".into()), "{status}");
            visitor.post("/login/ada").await;
            assert_eq!(visitor.at(&app).post("/logout").await.status, status);
            assert_eq!(visitor.get("/show").await.json()["user"].as_str(), None, "{status}");
        }
    }

    // F16: a handler can keep or drop its changes, whatever its status.
    async fn a_handler_decides_whether_its_changes_are_kept(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/keep", post(|mut s: S| async move {
                s.visits_mut().add(1);
                (StatusCode::BAD_GATEWAY, axum::Extension(Changes::Keep)).into_response()
            }))
            .route("/drop", post(|mut s: S| async move {
                s.visits_mut().add(1);
                (StatusCode::OK, axum::Extension(Changes::Drop)).into_response()
            })));
        let mut visitor = server.visitor();
        visitor.post("/visit").await;
        visitor.at(&app).post("/keep").await;
        visitor.at(&app).post("/drop").await;
        assert_eq!(visitor.get("/show").await.json()["visits"], 2);
    }

    // F17, B50: `update` keeps a session alive as `save` does.
    async fn an_update_moves_the_idle_deadline(store) {
        let server = Server::new(store);
        let (sender, mut receiver) = unbounded_channel();
        let app = server.serving(Router::new().route("/", get(move |s: S| async move { sender.send(s).ok().unwrap() })));
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        visitor.at(&app).get("/").await;
        let mut socket = receiver.recv().await.unwrap();
        for _ in 0..6 {
            server.turn(minutes(20));
            socket.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap();
        }
        // An update that changes nothing moves the deadline too.
        server.turn(minutes(20));
        socket.cart_mut().update(|_| ()).await.unwrap();
        server.turn(minutes(20));
        assert_eq!(visitor.get("/read").await.body, "ada");
    }
}

// F16: the changes of a handler that panics are not stored.
#[tokio::test]
async fn a_handler_that_panics_stores_nothing() {
    let server = Server::new(tests::store::AnyStore::memory());
    let app = server.serving(Router::new().route(
        "/",
        post(|mut s: S| async move {
            *s.name_mut() = "half done".into();
            assert!(s.name().is_empty(), "the handler's own mistake");
        }),
    ));
    let mut visitor = server.visitor();
    visitor.post("/visit").await;
    let mut same = visitor.at(&app);
    assert!(tokio::spawn(async move { same.post("/").await }).await.unwrap_err().is_panic());
    assert_eq!(visitor.get("/show").await.json()["name"], "");
}

mod older {
    use session_runtime::Session;

    #[derive(Session)]
    #[session(cookie = "__Host-flash", kind = "Flashes")]
    pub(super) struct Flashes {
        #[session(flash)]
        pub(super) list: Vec<String>,
        #[session(flash)]
        pub(super) one: Option<String>,
        #[session(counter)]
        pub(super) count: u64,
        #[session(atomic)]
        pub(super) cart: Vec<String>,
        pub(super) plain: Vec<String>,
    }
}

/// The same fields, in types that cannot decode the older build's values.
#[derive(Session)]
#[session(cookie = "__Host-flash", kind = "Flashes")]
struct Flashes {
    #[session(flash)]
    list: Vec<(u8, String)>,
    #[session(flash)]
    one: Option<(u8, String)>,
    #[session(counter)]
    count: u64,
    #[session(atomic)]
    cart: Vec<(u8, String)>,
    plain: Vec<(u8, String)>,
}

over_two_stores! {
    // F18, B51: this holds for the fields of each policy.
    async fn an_unreadable_value_is_replaced_at_the_next_write(store) {
        use session_runtime::{KeyRing, Sessions};
        let (keys, never) = (KeyRing::generate(), Duration::ZERO);
        let before = Sessions::<older::Flashes>::builder().store(store.clone()).keys(keys.clone()).clean_every(never).build().unwrap();
        let after = Sessions::<Flashes>::builder().store(store.clone()).keys(keys).clean_every(never).build().unwrap();
        let old = Router::new().route("/", post(|mut s: Session<older::Flashes>| async move {
            s.list_mut().put("old".into());
            s.one_mut().put("old".into());
            s.count_mut().add(1);
            s.plain_mut().push("old".into());
            s.cart_mut().update(|cart| cart.push("old".into())).await
        })).layer(before.layer());
        let new = Router::new()
            .route("/put", post(|mut s: Session<Flashes>| async move {
                let item = (1, "new".to_owned());
                s.list_mut().put(item.clone());
                s.one_mut().put(item.clone());
                s.count_mut().add(1);
                s.plain_mut().push(item.clone());
                s.cart_mut().update(|cart| cart.push(item.clone())).await
            }))
            .route("/take", post(|mut s: Session<Flashes>| async move {
                format!("{} {} {} {}", s.list_mut().take().len(), s.one_mut().take().is_some(), s.plain().len(), s.cart().len())
            }))
            .layer(after.layer());
        let mut visitor = Visitor::new(&old);
        visitor.post("/").await;
        let mut visitor = visitor.at(&new);
        assert_eq!(visitor.post("/take").await.body, "0 false 0 0");
        for round in 1..4 {
            assert_eq!(visitor.post("/put").await.status, StatusCode::OK);
            assert_eq!(visitor.post("/take").await.body, format!("1 true {round} {round}"));
        }
    }

    // B48: the dropped changes of a failed request are reported.
    async fn the_dropped_changes_of_a_failed_request_are_an_event(store) {
        let server = Server::new(store);
        server.visitor().post("/fail/login").await;
        assert_eq!(server.heard(), [Event::DroppedOnFailure]);
    }
}
