//! B12, B44, B45: what a developer meets.

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{Error, Event, Session, testing};
use tests::{
    app::{Server, Site, SiteFields, Theme},
    client::Visitor,
    over_stores,
    store::AnyStore,
};

type S = Session<Site>;

fn ada() -> Site {
    Site {
        user: Some("ada".into()),
        cart: vec!["tea".into()],
        theme: Theme::Dark,
        code: None,
        notice: Some("hi".into()),
        notices: vec!["a".into()],
        visits: 1,
        name: "Ada".into(),
        note: None,
        lucky: 3,
        scratch: 9,
    }
}

// B44
#[tokio::test]
async fn a_handler_can_be_tested_with_a_plain_struct() {
    async fn handler(mut session: S) -> Result<S, Error> {
        session.cart_mut().update(|cart| cart.push("milk".into())).await?;
        session.visits_mut().add(1);
        assert_eq!(session.notice_mut().take().as_deref(), Some("hi"));
        session.notices_mut().put("b".into());
        session.note_mut().set("note".into());
        session.name_mut().push('!');
        *session.scratch_mut() += 1;
        Ok(session)
    }
    let site = testing::into_value(handler(testing::session(ada())).await.unwrap());
    assert_eq!((site.cart.len(), site.visits, site.notice, site.notices.len()), (2, 2, None, 2));
    assert_eq!((site.note.as_deref(), site.name.as_str(), site.scratch, site.lucky), (Some("note"), "Ada!", 10, 3));

    let mut session = testing::session(ada());
    session.user_mut().log_in("bob".into());
    assert_eq!((session.user(), session.name(), session.theme()), (Some("bob"), "", &Theme::Dark));
    session.user_mut().log_out();
    assert_eq!((session.user(), session.lucky(), session.theme()), (None, 7, &Theme::Dark));
    session.destroy();
    assert_eq!(session.theme(), &Theme::Light);
    assert!(session.save().await.unwrap_err().to_string().contains("test"));
}

// DESIGN 2: an application's own verbs.
trait Verbs {
    fn enter(&mut self, user: &str);
}

impl Verbs for SiteFields {
    fn enter(&mut self, user: &str) {
        self.user_mut().log_in(user.to_owned());
        self.notice_mut().put(format!("Welcome, {user}"));
        self.renew();
        self.remember(true);
    }
}

over_stores! {
    async fn own_verbs_reach_fields_and_core(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut s: S| async move { s.enter("ada") })));
        let mut visitor = Visitor::new(&app);
        assert!(visitor.post("/").await.set_cookie().unwrap().contains("Max-Age"));
        assert_eq!(visitor.at(&server.app).get("/notice").await.body, "Welcome, ada");
    }

    // B45
    async fn two_handles_in_one_handler_fold_by_policy(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut a: S, mut b: S| async move {
            *a.name_mut() = "a".into();
            b.note_mut().set("b".into());
            a.visits_mut().add(1);
            b.visits_mut().add(2);
            a.notices_mut().put("from a".into());
            b.notices_mut().put("from b".into());
            drop(a);
            assert_eq!(b.name(), "", "a handle is a copy");
        })).route("/later", post(|mut a: S, request: Request| async move {
            *a.name_mut() = "first".into();
            a.visits_mut().add(1);
            a.notices_mut().put("one".into());
            drop(a);
            let (mut parts, _) = request.into_parts();
            let mut b = <S as axum::extract::FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap();
            assert_eq!((b.name(), b.visits()), ("first", 1), "a later handle sees what an earlier one folded");
            assert_eq!(b.notices_mut().take(), ["one"]);
            b.visits_mut().add(1);
            b.notices_mut().put("two".into());
        })));
        let mut visitor = Visitor::new(&app);
        visitor.post("/").await;
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((seen["name"].as_str(), seen["note"].as_str(), &seen["visits"]), (Some("a"), Some("b"), &3.into()));
        let mut notices: Vec<_> = seen["notices"].as_array().unwrap().iter().map(|notice| notice.as_str().unwrap()).collect();
        notices.sort_unstable();
        assert_eq!(notices, ["from a", "from b"]);
        let mut visitor = Visitor::new(&app);
        visitor.post("/later").await;
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["visits"], &seen["notices"]), (&2.into(), &serde_json::json!(["two"])));
    }

    // B45, DESIGN: `take` takes what it saw; what another handle put meanwhile stays.
    async fn a_handle_takes_no_flash_that_it_did_not_see(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/list", post(|mut a: S, mut b: S| async move {
                a.notices_mut().put("put".into());
                drop(a);
                b.notices_mut().take().join(",")
            }))
            .route("/one", post(|mut a: S, mut b: S| async move {
                a.notice_mut().put("put".into());
                drop(a);
                b.notice_mut().take().unwrap_or_default()
            })));
        let mut visitor = server.visitor();
        visitor.post("/notices/old").await;
        assert_eq!(visitor.at(&app).post("/list").await.body, "old");
        assert_eq!(visitor.get("/notices").await.body, "put");
        visitor.post("/notice/old").await;
        assert_eq!(visitor.at(&app).post("/one").await.body, "old");
        assert_eq!(visitor.get("/notice").await.body, "put");
    }

    // B21, B45: after `save` a handle sees what others wrote; after `update`, the others' part of that field alone.
    async fn what_others_wrote_is_never_taken_or_undone_unseen(store) {
        let server = Server::new(store);
        let visitor = |app: &Router, headers: &http::HeaderMap| {
            let cookie = headers["cookie"].to_str().unwrap().split_once('=').unwrap().1.to_owned();
            Visitor::with_cookie(app, "__Host-site", &cookie)
        };
        let (one, two) = (server.app.clone(), server.app.clone());
        let app = server.serving(Router::new()
            .route("/save", post(move |mut s: S, headers: http::HeaderMap| async move {
                let mut other = visitor(&one, &headers);
                assert_eq!((s.visits(), s.notice()), (0, None));
                s.notices_mut().put("mine".into());
                for path in ["/notices/theirs", "/visit", "/notice/new"] {
                    other.post(path).await;
                }
                s.save().await.unwrap();
                format!("{} {} {}", s.notices_mut().take().join(","), s.visits(), s.notice_mut().take().unwrap_or_default())
            }))
            .route("/update", post(move |mut s: S, headers: http::HeaderMap| async move {
                let mut other = visitor(&two, &headers);
                assert_eq!((s.notice(), s.name()), (Some("old"), "first"));
                for path in ["/notice/new", "/name/theirs", "/cart/theirs"] {
                    other.post(path).await;
                }
                s.cart_mut().update(|cart| cart.push("mine".into())).await.unwrap();
                s.name_mut().push_str(""); // nothing, to what this handle saw
                s.notice_mut().take().unwrap_or_default()
            })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        assert_eq!(visitor.at(&app).post("/save").await.body, "theirs,mine 1 new");
        visitor.post("/notice/old").await;
        assert_eq!(visitor.at(&app).post("/update").await.body, "old");
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["notice"], &seen["name"], &seen["cart"]), (&"new".into(), &"theirs".into(), &serde_json::json!(["theirs", "mine"])));
    }

    // B45, S13: signing in by a handle that did not see another one's sign-in shows nobody the other's fields.
    async fn two_handles_that_sign_in_two_users_mix_nothing(store) {
        for (before, saved) in [(None, false), (None, true), (Some("ada"), false), (Some("ada"), true)] {
            let server = Server::new(store.clone());
            let app = server.serving(Router::new().route("/", post(move |mut a: S, mut b: S| async move {
                a.user_mut().log_in("bob".into());
                *a.name_mut() = "bob's".into();
                if saved {
                    a.save().await.unwrap();
                }
                drop(a);
                b.user_mut().log_in("ada".into());
                b.note_mut().set("ada's".into());
            })));
            let mut visitor = match before {
                Some(user) => server.signed_in(user).await,
                None => server.visitor(),
            };
            visitor.post("/name/first").await;
            let mut visitor = visitor.at(&app);
            assert_eq!(visitor.post("/").await.status, StatusCode::OK);
            let seen = visitor.at(&server.app).get("/show").await.json();
            assert_eq!((&seen["user"], &seen["name"], &seen["note"]), (&"ada".into(), &"".into(), &"ada's".into()), "{before:?} {saved}");
        }
    }

    // B21, B45: also where updates wait for the commit, since the session is new or changes hands.
    async fn no_update_of_several_handles_is_lost(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/two", post(|mut a: S, mut b: S| async move {
                a.cart_mut().update(|cart| cart.push("a".into())).await.unwrap();
                let count = b.cart_mut().update(|cart| { cart.push("b".into()); cart.len() }).await.unwrap();
                assert_eq!((count, b.cart().len()), (2, 2));
                a.cart_mut().update(|cart| cart.push("c".into())).await.unwrap();
            }))
            .route("/save", post(|mut a: S, mut b: S| async move {
                a.cart_mut().update(|cart| cart.push("a".into())).await.unwrap();
                *b.name_mut() = "b".into();
                b.save().await.unwrap();
                a.cart_mut().update(|cart| cart.push("b".into())).await.unwrap();
                b.cart_mut().update(|cart| cart.push("c".into())).await.unwrap();
            }))
            .route("/log-in", post(|mut a: S, mut b: S, mut c: S| async move {
                a.user_mut().log_in("ada".into());
                drop(a);
                b.cart_mut().update(|cart| cart.push("a".into())).await.unwrap();
                c.cart_mut().update(|cart| cart.push("b".into())).await.unwrap();
                b.save().await.unwrap();
                c.cart_mut().update(|cart| cart.push("c".into())).await.unwrap();
            })));
        for path in ["/two", "/save", "/log-in"] {
            let mut visitor = Visitor::new(&app);
            assert_eq!(visitor.post(path).await.status, StatusCode::OK, "{path}");
            let seen = visitor.at(&server.app).get("/show").await.json();
            assert_eq!(seen["cart"], serde_json::json!(["a", "b", "c"]), "{path}");
        }
    }

    // B45: what cannot be joined is refused, not dropped.
    async fn updates_that_two_sign_ins_hold_back_conflict(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut a: S, mut b: S| async move {
            for (handle, item) in [(&mut a, "a"), (&mut b, "b")] {
                handle.user_mut().log_in("ada".into());
                handle.cart_mut().update(|cart| cart.push(item.into())).await.unwrap();
            }
        })));
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::CONFLICT);
    }

    // B45: what is written after `destroy` is for a new session, also if another handle was first to end the old one.
    async fn two_handles_that_destroy_leave_what_came_after(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut a: S, mut b: S| async move {
            a.destroy();
            drop(a);
            b.destroy();
            b.note_mut().set("after".into());
        })));
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/name/first").await;
        let mut visitor = visitor.at(&app);
        visitor.post("/").await;
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["user"], &seen["name"], &seen["note"]), (&serde_json::Value::Null, &"".into(), &"after".into()));
    }

    // B45, S13: what a handle does for a visitor who has signed out by another one lands nowhere.
    async fn an_update_for_a_visitor_who_has_left_lands_nowhere(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut a: S, mut b: S| async move {
            *a.name_mut() = "ada's".into();
            b.user_mut().log_out();
            b.save().await.unwrap();
            assert!(a.cart_mut().update(|cart| cart.push("ada's".into())).await.unwrap_err().is_moved());
        })));
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/theme/dark").await;
        let mut visitor = visitor.at(&app);
        assert_eq!(visitor.post("/").await.status, StatusCode::OK);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["name"], &seen["cart"], &seen["theme"]), (&"".into(), &serde_json::json!([]), &"Dark".into()));
    }

    // B45
    async fn a_middleware_may_hold_a_session_across_next(store) {
        async fn last_seen(mut session: S, request: Request, next: Next) -> Response {
            let path = request.uri().path().to_owned();
            let response = next.run(request).await;
            *session.name_mut() = path;
            session.visits_mut().add(1);
            response
        }
        let server = Server::new(store);
        let app = server.serving(tests::app::routes().layer(middleware::from_fn(last_seen)));
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/login/ada").await.status, StatusCode::OK);
        assert_eq!(visitor.post("/note/x").await.status, StatusCode::OK);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["user"], &seen["note"], &seen["name"], &seen["visits"]), (&"ada".into(), &"x".into(), &"/note/x".into(), &2.into()));
        // What it would write for a visitor who has left belongs to nobody.
        assert_eq!(visitor.post("/logout").await.status, StatusCode::OK);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (None, Some("")));
    }

    // B45, S29: the layer around part of the routes and around all of them.
    async fn the_layer_within_itself_is_one_layer(store) {
        async fn count(mut session: S, request: Request, next: Next) -> Response {
            session.visits_mut().add(1);
            next.run(request).await
        }
        let server = Server::new(store);
        let app = server.serving(server.serving(tests::app::routes()).layer(middleware::from_fn(count)));
        let mut visitor = Visitor::new(&app);
        assert!(visitor.post("/name/ada").await.set_cookie().is_some());
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["name"], &seen["visits"]), (&"ada".into(), &1.into()));
        assert_eq!(server.controls.calls().1, 1, "one commit");
    }

    // B45
    async fn a_handle_that_outlives_the_response_saves_and_warns(store) {
        let server = Server::new(store);
        let (go, done) = (std::sync::Arc::new(tokio::sync::Notify::new()), std::sync::Arc::new(tokio::sync::Semaphore::new(0)));
        let (go_on, finished) = (go.clone(), done.clone());
        let app = server.serving(Router::new()
            .route("/dropped", post({
                let (go, done) = (go_on.clone(), finished.clone());
                |mut s: S| async move {
                    tokio::spawn(async move {
                        go.notified().await;
                        *s.name_mut() = "late".into();
                        drop(s);
                        done.add_permits(1);
                    });
                }
            }))
            .route("/saved", post({
                let (go, done) = (go_on, finished);
                |mut s: S| async move {
                    tokio::spawn(async move {
                        go.notified().await;
                        s.note_mut().set("late".into());
                        s.save().await.unwrap();
                        s.renew();
                        assert!(s.save().await.unwrap_err().to_string().contains("already left"));
                        done.add_permits(1);
                    });
                }
            })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        for path in ["/dropped", "/saved"] {
            server.heard();
            assert_eq!(visitor.at(&app).post(path).await.status, StatusCode::OK);
            go.notify_one();
            done.acquire().await.unwrap().forget();
            assert_eq!(server.heard().contains(&Event::Late), path == "/dropped", "{path}");
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while visitor.get("/read").await.body != "late" {
            assert!(std::time::Instant::now() < deadline);
        }
        assert_eq!(visitor.get("/show").await.json()["note"], "late");
    }

    // B45: also if the session began with this very response.
    async fn a_handle_that_outlives_the_first_response_saves_too(store) {
        let server = Server::new(store);
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let app = server.serving(Router::new().route("/", post(move |mut first: S, late: S| async move {
            *first.name_mut() = "ada".into();
            sender.send(late).ok().unwrap();
        })));
        let mut visitor = Visitor::new(&app);
        visitor.post("/").await;
        let mut late = receiver.recv().await.unwrap();
        late.visits_mut().add(1);
        late.save().await.unwrap();
        assert_eq!((late.name(), late.is_new()), ("ada", false));
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((&seen["name"], &seen["visits"]), (&"ada".into(), &1.into()));
    }

    // S20: a sign-out that comes too late for a cookie still ends what it can.
    async fn a_sign_out_after_the_response_ends_the_session(store) {
        let server = Server::new(store);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sender = std::sync::Arc::new(std::sync::Mutex::new(Some(sender)));
        let app = server.serving(Router::new().route("/", get(move |s: S| async move {
            let _ = sender.lock().unwrap().take().unwrap().send(s);
        })));
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/theme/dark").await;
        visitor.at(&app).get("/").await;
        let mut session = receiver.await.ok().unwrap();
        session.user_mut().log_out();
        session.save().await.unwrap();
        assert_eq!(visitor.get("/show").await.json()["is_new"], true);
    }

    async fn what_was_ended_is_new(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut s: S| async move {
            assert!(!s.is_new());
            s.destroy();
            assert!(s.is_new() && s.authenticated_at().is_none());
        })));
        assert_eq!(server.signed_in("ada").await.at(&app).post("/").await.status, StatusCode::OK);
    }

    // B45
    async fn save_stores_at_once_and_the_rest_waits(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut s: S| async move {
            *s.name_mut() = "saved".into();
            s.save().await.unwrap();
            assert!(!s.is_new());
            s.note_mut().set("never".into());
            StatusCode::INTERNAL_SERVER_ERROR
        })));
        let mut visitor = Visitor::new(&app);
        let reply = visitor.post("/").await;
        assert!(reply.set_cookie().is_some(), "what was saved can be found again");
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((seen["name"].as_str(), seen["note"].as_str()), (Some("saved"), None));
    }

    // B12, S7
    async fn nothing_printed_shows_an_id(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        let app = server.serving(Router::new().route("/", get(|s: S, request: Request| async move {
            format!("{s:?} {:#?}", request.extensions())
        })));
        let token = visitor.cookie().unwrap();
        let printed = visitor.at(&app).get("/").await.body + &format!("{:?} {:?} {:?}", server.sessions, server.keys, server.heard());
        for at in (0..token.len() - 12).step_by(4) {
            assert!(!printed.contains(&token[at..at + 12]), "{printed}");
        }
        let fingerprint = visitor.get("/show").await.json()["fingerprint"].as_str().unwrap().to_owned();
        assert!(printed.contains(&fingerprint) && fingerprint.len() >= 8, "{printed}");
    }
}

// B45
#[tokio::test]
async fn a_missing_layer_is_a_sentence_that_says_what_to_write() {
    let app = Router::new().route("/", get(|session: S| async move { session.name().to_owned() }));
    let reply = Visitor::new(&app).get("/").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.body.contains(".layer(sessions.layer())") && reply.body.contains("Site"), "{}", reply.body);
}

// B45: a first use after the response.
#[tokio::test]
async fn a_new_session_cannot_begin_after_the_response() {
    let server = Server::new(AnyStore::memory());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sender = std::sync::Arc::new(std::sync::Mutex::new(Some(sender)));
    let app = server.serving(Router::new().route(
        "/",
        get(move |s: S| async move {
            let _ = sender.lock().unwrap().take().unwrap().send(s);
            Body::empty()
        }),
    ));
    Visitor::new(&app).get("/").await;
    let mut session = receiver.await.ok().unwrap();
    *session.name_mut() = "too late".into();
    assert!(session.save().await.unwrap_err().to_string().contains("new session"));
    assert_eq!(server.controls.calls(), (0, 0, 0));
}
