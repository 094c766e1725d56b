//! B1–B12, B22–B28, B42: the headers of responses, and which changes are kept.

use axum::{
    Router,
    body::Body,
    extract::Path,
    routing::{get, post},
};
use http::{Method, Request, StatusCode, header::COOKIE as HEADER};
use session_runtime::{Clock, CookieStore, Event, KeyRing, Session, SessionEnd, Sessions, View, view};
use tests::{
    app::minutes,
    client::{Visitor, send},
};

use crate::site::{COOKIE, Prefs, Server, over_forms};

over_forms! {
    // B1, S5
    async fn a_route_that_does_not_use_its_session_costs_nothing(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        let reply = visitor.get("/untouched").await;
        assert_eq!((reply.set_cookie(), reply.vary(), reply.cache_control()), (None, None, None));
    }

    // B2, B3, B27
    async fn reading_a_session_sets_vary_and_no_cookie(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        let first = visitor.post("/name/ada").await;
        assert_eq!((first.vary(), first.cache_control()), (Some("Cookie"), Some("no-store")));
        let reply = visitor.get("/show").await;
        assert_eq!((reply.json()["name"].as_str(), reply.vary(), reply.set_cookie()), (Some("ada"), Some("Cookie"), None));
        for same in ["/name/ada", "/note", "/forget"] {
            assert_eq!(visitor.post(same).await.set_cookie(), None, "{same}");
        }
        assert_eq!(visitor.get("/notice").await.set_cookie(), None);
    }

    // B4, S5
    async fn reading_stores_nothing(store) {
        let server = Server::new(store);
        for path in ["/show", "/notice", "/untouched"] {
            let reply = server.visitor().get(path).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{path}");
        }
        for path in ["/logout", "/destroy", "/clear", "/renew", "/remember", "/note"] {
            assert_eq!(server.visitor().post(path).await.set_cookie(), None, "{path}");
        }
    }

    // B5, B26, S20, S25
    async fn the_removal_repeats_every_attribute(store) {
        let server = Server::new(store);
        for path in ["/destroy", "/clear", "/logout"] {
            let mut visitor = server.signed_in("ada").await;
            let set = visitor.post("/name/ada").await.set_cookie().unwrap();
            let (_, attributes) = set.split_once("; ").unwrap();
            assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/");
            let removed = visitor.post(path).await.set_cookie().unwrap();
            let expected = format!("{COOKIE}=; {attributes}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
            assert_eq!(removed, expected, "{path}");
            assert_eq!(visitor.cookie(), None);
            assert_eq!(visitor.get("/show").await.json()["user"], serde_json::Value::Null);
        }
    }

    // B8, S32: two cookies of a name that starts with `__Host-` open no session, even if both hold the same one. Two cookies of
    // another name open a session if exactly one valid session is among them.
    async fn cookies_of_two_sessions_open_neither(store) {
        for (name, both) in [(COOKIE, None), ("prefs", Some("ada"))] {
            let server = Server::with(store.clone(), |builder| builder.cookie(name));
            let mut visitor = server.visitor();
            visitor.post("/name/ada").await;
            let (ours, mut other) = (visitor.cookie().unwrap(), server.visitor());
            other.post("/name/bob").await;
            let theirs = other.cookie().unwrap();
            let shown = async |cookies: &[&str]| {
                let lines = cookies.iter().fold(Request::get("/show"), |request, line| request.header(HEADER, *line));
                let shown = send(&server.app, lines.body(Body::empty()).unwrap()).await;
                assert_eq!(shown.set_cookie(), None);
                shown.json()["name"].as_str().map(str::to_owned).filter(|name| !name.is_empty())
            };
            let (ours, theirs) = (format!("{name}={ours}"), format!("{name}={theirs}"));
            assert_eq!(shown(&[&format!("a=b; {ours}; junk")]).await.as_deref(), Some("ada"));
            assert_eq!(shown(&["a=b", &ours]).await.as_deref(), Some("ada"));
            assert_eq!(shown(&[&ours, &ours]).await.as_deref(), both);
            assert_eq!(shown(&[&format!("{name}=junk; {ours}")]).await.as_deref(), both);
            assert_eq!(shown(&[&format!("{ours}; {theirs}")]).await, None);
            assert!(server.heard().contains(&Event::DuplicateCookie));
        }
    }

    // B9, S45
    async fn a_session_under_an_old_key_is_signed_again_with_the_current_one(store) {
        let (old, clock) = ([1, 77], Clock::stopped());
        let key = |seed: [u8; 2]| -> Vec<u8> { (0..32).map(|at: u8| at.wrapping_mul(seed[1]).wrapping_add(seed[0]) ^ (at << 3)).collect() };
        let ring = KeyRing::from_bytes(&key(old)).unwrap();
        let before = Server::made(store.clone(), ring, clock.clone(), |builder| builder);
        let mut visitor = before.visitor();
        visitor.post("/name/ada").await;
        let ring = KeyRing::from_bytes(&key([9, 131])).unwrap();
        let both = Server::made(store.clone(), ring.clone().with_previous(&key(old)).unwrap(), clock.clone(), |builder| builder);
        // While some servers still sign with the old key, each signs again only when it writes the session.
        let second = KeyRing::from_bytes(&key(old)).unwrap().with_previous(&key([9, 131])).unwrap();
        let behind = Server::made(store.clone(), second, clock.clone(), |builder| builder);
        let mut visitor = visitor.at(&both.app);
        for at in [&both, &behind, &both] {
            visitor = visitor.at(&at.app);
            assert_eq!(visitor.get("/show").await.set_cookie(), None);
        }
        clock.advance(minutes(1));
        let reply = visitor.get("/show").await;
        assert!(reply.set_cookie().is_some() && reply.json()["name"] == "ada");
        for at in [&behind, &both] {
            visitor = visitor.at(&at.app);
            assert_eq!(visitor.get("/show").await.set_cookie(), None, "the cookie is signed again only once");
        }
        let after = Server::made(store, ring, clock, |builder| builder);
        assert_eq!(visitor.at(&after.app).get("/show").await.json()["name"], "ada");
    }

    // B10, S6, S40
    async fn two_kinds_of_session_share_nothing(store) {
        let (keys, clock) = (KeyRing::generate(), Clock::stopped());
        let one = Server::made(store.clone(), keys.clone(), clock.clone(), |builder| builder);
        let other = Server::made(store.clone(), keys.clone(), clock.clone(), |builder| builder.cookie("__Host-admin"));
        let app = Server::made(store, keys, clock, |builder| builder.app("forum"));
        let mut visitor = one.visitor();
        visitor.post("/name/ada").await;
        let value = visitor.cookie().unwrap();
        assert_eq!(Visitor::with_cookie(&other.app, "__Host-admin", &value).get("/show").await.json()["name"], "");
        assert_eq!(Visitor::with_cookie(&app.app, COOKIE, &value).get("/show").await.json()["name"], "");
        assert_eq!(Visitor::with_cookie(&one.app, COOKIE, &value).get("/show").await.json()["name"], "ada");
    }

    // B11
    async fn a_persistent_cookie_ends_with_its_session(store) {
        let server = Server::with(store, |builder| builder.persistent(true));
        let mut visitor = server.visitor();
        let set = visitor.post("/name/ada").await.set_cookie().unwrap();
        assert!(set.ends_with("; Max-Age=1800"), "{set}");
        server.turn(minutes(10));
        let set = visitor.get("/show").await.set_cookie().unwrap();
        assert!(set.ends_with("; Max-Age=1800"), "{set}");
    }

    // B24, B25
    async fn last_write_in_a_request_wins(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/name/ada").await;
        let reply = visitor.post("/renew").await;
        assert!(reply.set_cookie().is_some() && server.heard().contains(&Event::Renewed));
        assert_eq!(visitor.get("/show").await.json()["name"], "ada");
        visitor.post("/anew/bob").await;
        let shown = visitor.get("/show").await.json();
        assert_eq!((shown["name"].as_str(), shown["user"].as_str()), (Some("bob"), None));
        assert_eq!(server.heard(), [Event::SignedOut, Event::Ended { why: SessionEnd::LoggedOut }, Event::Created]);
    }

    // S13: a guest's data survives the first sign-in, except fields that grant rights; after a sign-out, only device fields are
    // left.
    async fn a_sign_in_keeps_the_guests_data_and_a_sign_out_only_the_device_fields(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        for path in ["/name/cart", "/role/admin", "/theme/dark", "/login/ada"] {
            visitor.post(path).await;
        }
        let shown = visitor.get("/show").await.json();
        assert_eq!((&shown["name"], &shown["user"], shown["roles"].as_array().unwrap().len()), (&"cart".into(), &"ada".into(), 0));
        visitor.post("/role/editor").await;
        visitor.post("/login/bob").await;
        let shown = visitor.get("/show").await.json();
        assert_eq!((&shown["name"], &shown["user"], &shown["theme"]), (&"".into(), &"bob".into(), &"dark".into()));
        visitor.post("/name/bobs").await;
        visitor.post("/logout").await;
        let shown = visitor.get("/show").await.json();
        assert_eq!((&shown["name"], shown["user"].as_str(), &shown["theme"]), (&"".into(), None, &"dark".into()));
    }

    // If a handler fails, its writes are dropped, except those that it has saved. If the handler ended the session, the session
    // still ends.
    async fn only_a_save_or_an_end_survives_a_failed_handler(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        for how in ["write", "login"] {
            assert_eq!(visitor.post(&format!("/fail/{how}")).await.set_cookie(), None);
            let shown = visitor.get("/show").await.json();
            assert_eq!((&shown["user"], &shown["name"]), (&"ada".into(), &"".into()));
        }
        let reply = visitor.post("/save/saved").await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(visitor.get("/show").await.json()["name"], "saved");
        visitor.post("/fail/logout").await;
        assert_eq!(visitor.cookie(), None);
    }

    // B28: after the response has been sent, no cookie can carry the change, so `save` is an error.
    async fn a_save_after_the_response_is_an_error(store) {
        let late = Router::new().route("/late/{name}", post(|mut session: Session<Prefs>, Path(name): Path<String>| async move {
            let (left, waits) = tokio::sync::oneshot::channel::<()>();
            let told = tokio::spawn(async move {
                waits.await.unwrap();
                *session.name_mut() = name;
                session.save().await.unwrap_err().to_string()
            });
            TOLD.with_borrow_mut(|waiting| *waiting = Some((left, told)));
        }));
        let keys = KeyRing::generate();
        let sessions = Sessions::<Prefs>::builder().store(store).keys(keys).build().unwrap();
        let app = crate::site::routes().merge(late).layer(sessions.layer());
        let mut visitor = Visitor::new(&app);
        visitor.post("/name/ada").await;
        assert_eq!(visitor.post("/late/bob").await.set_cookie(), None);
        let (left, told) = TOLD.take().unwrap();
        left.send(()).unwrap();
        let told = told.await.unwrap();
        assert!(told.starts_with("the response has already left") && told.contains("cookie"), "{told}");
        assert_eq!(visitor.get("/show").await.json()["name"], "ada");
    }

    // B42
    async fn a_view_of_the_user_answers_401_to_guests(store) {
        let sessions = Sessions::<Prefs>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
        let account = Router::new().route("/account", get(|View(me): View<SignedIn>| async move { me.user }));
        let app = crate::site::routes().merge(account).layer(sessions.layer());
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.get("/account").await.status, StatusCode::UNAUTHORIZED);
        visitor.post("/login/ada").await;
        assert_eq!(visitor.get("/account").await.body, "ada");
        assert_eq!(visitor.send(Method::HEAD, "/account").await.status, StatusCode::OK);
    }
}

type Waiting = (tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<String>);

thread_local! {
    /// A task with a session handle, and the sender that tells the task that the response has been sent.
    static TOLD: std::cell::RefCell<Option<Waiting>> = const { std::cell::RefCell::new(None) };
}

#[view(Prefs)]
struct SignedIn {
    user: String,
}

// A documented limit of `CookieStore`: the cookie of the last response replaces the whole session, including the fields that a
// concurrent request has changed.
#[tokio::test]
async fn the_last_of_two_concurrent_requests_wins() {
    let server = Server::new(CookieStore::encrypted());
    let mut first = server.visitor();
    first.post("/name/ada").await;
    let mut second = first.clone();
    first.post("/note/one").await;
    second.post("/theme/dark").await;
    let shown = second.get("/show").await.json();
    assert_eq!((&shown["theme"], shown["note"].as_str()), (&"dark".into(), None));
}
