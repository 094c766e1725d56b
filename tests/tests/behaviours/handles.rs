//! B21, B45: several handles on one session in one request.

use axum::{Router, extract::Request, routing::post};
use http::StatusCode;
use session_runtime::Session;
use tests::{
    app::{Server, Site},
    client::Visitor,
    over_stores, over_two_stores,
};

type S = Session<Site>;

over_stores! {
    // B21, B45, B49, F22: after `save` and `update`, a handle sees the writes of others and bases its next changes on them.
    async fn after_a_save_a_handle_sees_what_others_wrote(store) {
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
                s.name_mut().push('!');
                s.notice_mut().take().unwrap_or_default()
            })));
        let mut visitor = server.visitor();
        visitor.post("/name/first").await;
        assert_eq!(visitor.at(&app).post("/save").await.body, "theirs,mine 1 new");
        visitor.post("/notice/old").await;
        assert_eq!(visitor.at(&app).post("/update").await.body, "new");
        let seen = visitor.get("/show").await.json();
        assert_eq!((seen["notice"].as_str(), &seen["name"]), (None, &"theirs!".into()));
        assert_eq!(seen["cart"], serde_json::json!(["theirs", "mine"]));
    }
}

over_two_stores! {
    // B45
    async fn changes_of_two_handles_are_merged_by_policy(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut a: S, mut b: S| async move {
            *a.name_mut() = "a".into();
            b.note_mut().set("b".into());
            a.visits_mut().add(1);
            b.visits_mut().add(2);
            a.notices_mut().put("from a".into());
            b.notices_mut().put("from b".into());
            drop(a);
            assert_eq!(b.name(), "", "an open handle does not show the changes of another");
        })).route("/later", post(|mut a: S, request: Request| async move {
            *a.name_mut() = "first".into();
            a.visits_mut().add(1);
            a.notices_mut().put("one".into());
            drop(a);
            let (mut parts, _) = request.into_parts();
            let mut b = <S as axum::extract::FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap();
            assert_eq!((b.name(), b.visits()), ("first", 1), "a later handle shows the changes of an earlier one");
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

    // B45: `take` removes only what its handle saw. A flash that another handle added meanwhile stays.
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

    // B45, S13: two handles sign in different users without seeing each other; neither user gets the other's fields.
    async fn two_handles_that_sign_in_two_users_do_not_mix_their_fields(store) {
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

    // B21, B45: an update waits for the commit if the session is new or its user changes. Such updates are not lost either.
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

    // B45: updates that cannot be merged are rejected, not dropped.
    async fn updates_of_two_handles_that_both_sign_in_conflict(store) {
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

    // B45: a write after `destroy` belongs to a new session, even if another handle ended the old one first.
    async fn a_write_after_two_destroys_is_stored(store) {
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

    // B45, S13: handle `b` signs the visitor out. The changes that handle `a` made for that visitor are dropped.
    async fn an_update_for_a_visitor_who_has_left_is_dropped(store) {
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
}
