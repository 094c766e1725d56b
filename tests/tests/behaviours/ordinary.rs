//! B2, B45, B50, B52, B60: what ordinary applications need of a session (F12, F30).

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Path,
    middleware::{from_extractor, map_response},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header::CACHE_CONTROL};
use http_body_util::BodyExt as _;
use session_runtime::{
    Event, KeyRing, MemoryStore, Passive, Session, SessionRefusal, Sessions, View, testing::CookieJar, view,
};
use tests::{
    app::{Server, Site, minutes},
    client::Visitor,
    over_stores, over_two_stores,
    store::AnyStore,
};
use tokio::sync::Mutex;

type S = Session<Site>;

#[view(Site)]
struct SignedIn {
    user: String,
}

#[view(Site, or_redirect = "/login")]
struct Member {
    user: String,
}

async fn user(visitor: &mut Visitor) -> Option<String> {
    visitor.get("/show").await.json()["user"].as_str().map(str::to_owned)
}

over_stores! {
    // F30
    async fn a_job_edits_all_sessions_of_a_user_and_no_request_is_refused(store) {
        let server = Server::new(store);
        let (mut phone, mut desk, mut bob) = (server.signed_in("ada").await, server.signed_in("ada").await, server.signed_in("bob").await);
        let sessions = server.sessions.clone();
        let app = server.serving(Router::new().route("/parallel", post(|mut session: S| async move {
            session.visits_mut().add(1);
            let changed = sessions.of("ada").update(|session| session.name_mut().set("Ada".into())).await.unwrap();
            changed.to_string()
        })));
        let reply = phone.at(&app).post("/parallel").await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "2"));
        for visitor in [&mut phone, &mut desk] {
            assert_eq!(visitor.get("/show").await.json()["name"], "Ada");
        }
        assert_eq!(phone.get("/show").await.json()["visits"], 1);
        assert_eq!(bob.get("/show").await.json()["name"], "");
        let again = server.sessions.of("ada").update(|session| session.name_mut().set("Ada".into())).await.unwrap();
        assert_eq!(again, 0, "an equal value is not a change");
        assert!(!server.heard().contains(&Event::Moved));
    }

    // F30: if a request changes the session in the meantime, the edit runs again, and both changes stay.
    async fn an_edit_from_elsewhere_merges_with_a_request_at_the_same_time(store) {
        let server = Server::new(store);
        let ada = server.signed_in("ada").await;
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let (sessions, mut ada) = (server.sessions.clone(), ada.clone());
            tasks.push(tokio::spawn(async move { sessions.of("ada").update(|session| session.visits_mut().add(1)).await.unwrap(); }));
            tasks.push(tokio::spawn(async move { assert_eq!(ada.post("/visit").await.status, 200); }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(ada.clone().get("/show").await.json()["visits"], 16);
    }
}

over_two_stores! {
    // F30, B50
    async fn a_passive_request_does_not_keep_a_session_alive(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/poll", get(|_: Passive, session: S| async move { session.user().map(str::to_owned) .unwrap_or_default() }))
            .route("/view", get(|View(me): View<SignedIn>, _: Passive| async move { me.user }))
            .route("/count", post(|_: Passive, mut session: S| async move { session.visits_mut().add(1) }))
            .route("/saved", post(|_: Passive, mut session: S| async move {
                session.save().await.unwrap();
                session.cart_mut().update(|cart| cart.push("tea".into())).await.unwrap();
            }))
            .merge(Router::new().route("/routes", get(|session: S| async move { session.name().len().to_string() })).route_layer(from_extractor::<Passive>())));
        let ada = server.signed_in("ada").await;
        for _ in 0..2 {
            server.turn(minutes(10));
            for path in ["/poll", "/view", "/routes"] {
                assert_eq!(ada.at(&app).get(path).await.status, 200);
            }
            for path in ["/count", "/saved"] {
                assert_eq!(ada.at(&app).post(path).await.status, 200);
            }
        }
        assert_eq!(ada.clone().at(&app).get("/poll").await.body, "ada");
        server.turn(minutes(10));
        assert_eq!(ada.at(&app).get("/poll").await.body, "", "passive requests do not move the deadline");
    }

    // F30, B50: a request that is not passive keeps its session alive.
    async fn a_request_that_is_not_passive_still_extends_the_idle_time(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        for _ in 0..4 {
            server.turn(minutes(20));
            assert_eq!(user(&mut ada).await.as_deref(), Some("ada"));
        }
    }

    // F30, B60
    async fn a_stream_learns_that_its_session_ended_elsewhere(store) {
        let server = Server::new(store);
        let (held, held_too) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let (keep, keep_too) = (held.clone(), held_too.clone());
        let app = server.serving(Router::new()
            .route("/stream", get(|session: S| async move { *keep.lock().await = Some(session); }))
            .route("/other", get(|session: S| async move { *keep_too.lock().await = Some(session); })));
        let mut ada = server.signed_in("ada").await;
        ada.at(&app).get("/stream").await;
        ada.at(&app).get("/other").await;
        let (mut stream, mut other) = (held.lock().await.take().unwrap(), held_too.lock().await.take().unwrap());
        ada.post("/name/Ada").await;
        assert!(stream.is_live().await.unwrap());
        assert_eq!(stream.name(), "Ada", "the handle shows what other requests stored");
        // A reload keeps the changes that the handle itself has made.
        stream.note_mut().set("mine".into());
        ada.post("/name/Ada-Maria").await;
        stream.reload().await.unwrap();
        assert_eq!((stream.name(), stream.note()), ("Ada-Maria", Some("mine")));
        stream.save().await.unwrap();
        ada.post("/renew").await;
        assert!(!other.is_live().await.unwrap(), "`renew` ends the session for handles under the old id");
        assert!(other.reload().await.unwrap_err().is_moved());
        assert!(!stream.is_live().await.unwrap());
        assert_eq!(stream.user(), None);

        ada.at(&app).get("/stream").await;
        let mut stream = held.lock().await.take().unwrap();
        assert!(stream.is_live().await.unwrap());
        server.sessions.of("ada").revoke_all().await.unwrap();
        assert!(!stream.is_live().await.unwrap());
        assert!(stream.reload().await.unwrap_err().is_gone());
    }

    // F30
    async fn a_save_moves_the_idle_deadline_and_is_live_does_not(store) {
        let server = Server::new(store);
        let held = Arc::new(Mutex::new(None));
        let keep = held.clone();
        let app = server.serving(Router::new().route("/stream", get(|session: S| async move { *keep.lock().await = Some(session); })));
        let ada = server.signed_in("ada").await;
        ada.at(&app).get("/stream").await;
        let mut stream = held.lock().await.take().unwrap();
        server.turn(minutes(20));
        stream.reload().await.unwrap();
        stream.save().await.unwrap();
        server.turn(minutes(20));
        assert!(stream.is_live().await.unwrap());
        server.turn(minutes(20));
        assert!(!stream.is_live().await.unwrap());
    }

    // F30
    async fn a_guest_whose_session_was_never_stored_is_live(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", get(|mut session: S| async move { session.is_live().await.unwrap().to_string() })));
        assert_eq!(Visitor::new(&app).get("/").await.body, "true");
        assert_eq!(server.controls.calls(), (0, 0));
    }

    // F30: a background job does not count as a visitor's activity.
    async fn an_edit_from_elsewhere_does_not_count_as_activity(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        let seen = server.sessions.of("ada").list().await.unwrap()[0].last_seen();
        server.turn(minutes(20));
        server.sessions.of("ada").update(|session| session.visits_mut().add(1)).await.unwrap();
        assert_eq!(server.sessions.of("ada").list().await.unwrap()[0].last_seen(), seen);
        server.turn(minutes(11));
        assert_eq!(user(&mut ada).await, None);
    }

    // F30
    async fn an_edit_from_elsewhere_cannot_sign_in_or_out(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        type Edit = fn(&mut tests::app::SiteFields);
        let edits: [Edit; 4] = [|s| s.user_mut().log_out(), |s| s.user_mut().log_in("bob".into()), |s| s.destroy(), |s| s.renew()];
        for edit in edits {
            let error = server.sessions.of("ada").update(edit).await.unwrap_err().to_string();
            assert!(error.contains("can only change fields"), "{error}");
        }
        assert_eq!(user(&mut ada).await.as_deref(), Some("ada"));
    }
}

// F30: a `rotates` field renews the id in a request; an edit from elsewhere cannot renew it.
#[tokio::test]
async fn a_job_changes_a_role_without_renewing_the_id() {
    #[derive(Session)]
    struct Staff {
        #[session(identity)]
        user: Option<String>,
        #[session(rotates)]
        roles: Vec<String>,
        #[session(secret)]
        token: String,
    }
    let sessions = Sessions::<Staff>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let show = |session: Session<Staff>| async move { format!("{:?} {}", session.roles(), session.token()) };
    let app = Router::new().route("/", get(show)).layer(sessions.layer());
    let mut ada = CookieJar::new();
    let sign_in = |session: &mut Session<Staff>| {
        session.user_mut().log_in("ada".into());
        session.token_mut().set("velvet".into());
    };
    ada.session(&sessions, sign_in).await.unwrap();
    let before = ada.clone();
    let adas = sessions.of("ada");
    let changed = adas.update(|session| {
        assert_eq!(session.token(), "velvet");
        session.roles_mut().push("editor".into());
    });
    assert_eq!(changed.await.unwrap(), 1);
    let response = ada.send(&app, http::Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], br#"["editor"] velvet"#);
    assert!(ada.value("__Host-staff").is_some());
    assert_eq!(ada.value("__Host-staff"), before.value("__Host-staff"));
}

// F30
#[tokio::test]
async fn an_optional_session_is_none_outside_the_layer() {
    let server = Server::new(AnyStore::memory());
    let shown = |session: Option<S>| async move {
        session.map_or("no layer".to_owned(), |session| format!("{:?}", session.user()))
    };
    let inside = server.serving(Router::new().route("/inside", get(shown)));
    let app = Router::new().route("/outside", get(shown)).merge(inside);
    let mut ada = server.signed_in("ada").await.at(&app);
    assert_eq!(ada.get("/outside").await.body, "no layer");
    assert_eq!(ada.get("/inside").await.body, "Some(\"ada\")");
    assert_eq!(Visitor::new(&app).get("/inside").await.body, "None");
    server.controls.down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(ada.get("/inside").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

// F30, B42
#[tokio::test]
async fn one_line_guards_a_whole_router() {
    let server = Server::new(AnyStore::memory());
    let guarded = Router::new()
        .route("/orders", get(async || "orders"))
        .route("/refund", post(async || "refunded"))
        .route("/me", get(|View(me): View<Member>| async move { me.user }))
        .route_layer(View::<Member>::layer());
    let app = server.serving(Router::new().nest("/admin", guarded).route("/", get(async || "home")));
    let mut guest = Visitor::new(&app);
    for path in ["/admin/orders", "/admin/me"] {
        let reply = guest.get(path).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        assert_eq!(reply.headers["location"], format!("/login?next={path}"));
    }
    assert_eq!(guest.post("/admin/refund").await.headers["location"], "/login");
    assert_eq!(guest.get("/admin/nowhere").await.status, StatusCode::NOT_FOUND);
    assert_eq!(guest.get("/").await.body, "home");
    let mut ada = server.signed_in("ada").await.at(&app);
    let loads = server.controls.calls().0;
    assert_eq!(ada.get("/admin/me").await.body, "ada");
    assert_eq!(server.controls.calls().0, loads + 1, "the handler's own view costs no second look-up");
    assert_eq!(ada.post("/admin/refund").await.body, "refunded");
}

// F30, B2, S35
#[tokio::test]
async fn a_page_that_reads_a_session_is_private_unless_the_handler_says_otherwise() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(
        Router::new()
            .route("/reads", get(|session: S| async move { session.name().to_owned() }))
            .route("/public", get(|session: S| async move { ([(CACHE_CONTROL, "public")], session.name().to_owned()) }))
            .route("/untouched", get(async || "static")),
    );
    let mut ada = server.signed_in("ada").await.at(&app);
    for (path, expected) in [("/reads", Some("private")), ("/public", Some("public")), ("/untouched", None)] {
        assert_eq!(ada.get(path).await.cache_control(), expected, "{path}");
        assert_eq!(Visitor::new(&app).get(path).await.cache_control(), expected, "{path}");
    }
}

/// Replaces the body of a refused response with the name of the `SessionRefusal` in the response's extensions.
async fn named(response: Response) -> Response {
    match response.extensions().get::<SessionRefusal>() {
        Some(refusal) => (response.status(), response.headers().clone(), format!("{refusal:?}")).into_response(),
        None => response,
    }
}

// F12, F30, B52
#[tokio::test]
async fn a_middleware_can_tell_why_a_request_was_refused() {
    let server = Server::with(AnyStore::memory(), |builder| {
        builder.max_bytes(1000).max_per_user(session_runtime::SessionLimit::Refuse(1))
    });
    let routes = Router::new()
        .route(
            "/long/{length}",
            post(|mut s: S, Path(length): Path<usize>| async move {
                *s.name_mut() = "x".repeat(length);
            }),
        )
        .route(
            "/handled/{length}",
            post(|mut s: S, Path(length): Path<usize>| async move {
                *s.name_mut() = "x".repeat(length);
                s.save().await
            }),
        )
        .route("/view", get(|View(me): View<SignedIn>| async move { me.user }))
        .merge(tests::app::routes());
    let app = server.serving(routes).layer(map_response(named));
    let outside = Router::new().route("/", get(|session: S| async move { session.name().to_owned() }));
    let outside = outside.layer(map_response(named));
    let mut ada = server.signed_in("ada").await.at(&app);
    let mut late = ada.clone();
    let said = |reply: tests::client::Reply| (reply.status.as_u16(), reply.body);
    let expected = |status: u16, name: &str| (status, name.to_owned());
    assert_eq!(said(ada.post("/long/2000").await), expected(413, "TooLarge"));
    assert_eq!(said(ada.post("/handled/2000").await), expected(413, "TooLarge"));
    ada.post("/renew").await;
    assert_eq!(said(late.post("/name/late").await), expected(409, "Changed"));
    assert_eq!(said(Visitor::new(&app).post("/login/ada").await), expected(409, "SignInRefused"));
    assert_eq!(said(Visitor::new(&app).get("/view").await), expected(401, "View"));
    assert_eq!(said(Visitor::new(&outside).get("/").await), expected(500, "Broken"));
    server.controls.down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(said(ada.get("/read").await), expected(503, "StoreDown"));
}

// `max_len` limits the number of items, not their sizes, so the type of the items need not be `Bounded`.
#[tokio::test]
async fn a_list_of_the_applications_own_type_can_have_a_limit() {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Line {
        sku: String,
    }

    #[derive(Session)]
    struct Basket {
        #[session(max_len = 2)]
        lines: Vec<Line>,
    }

    let builder = Sessions::<Basket>::builder().store(MemoryStore::new());
    let sessions = builder.keys(KeyRing::generate()).build().unwrap();
    let add = post(|mut s: Session<Basket>| async move {
        s.lines_mut().push(Line { sku: "a long name of goods".repeat(20) });
    });
    let app = Router::new().route("/", add).layer(sessions.layer());
    let mut visitor = Visitor::new(&app);
    for status in [200, 200, 413] {
        assert_eq!(visitor.post("/").await.status.as_u16(), status);
    }
}
