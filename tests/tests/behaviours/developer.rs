//! B12, B44, B45: how applications test handlers, add methods to their session, use middleware and `save`, and print a session.

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{Error, Session, testing};
use tests::{
    app::{Server, Site, SiteFields, Theme},
    client::Visitor,
    log::Log,
    over_two_stores,
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
    let site = testing::into_value(handler(testing::session(|it| *it = ada())).await.unwrap());
    assert_eq!((site.cart.len(), site.visits, site.notice, site.notices.len()), (2, 2, None, 2));
    assert_eq!((site.note.as_deref(), site.name.as_str(), site.scratch, site.lucky), (Some("note"), "Ada!", 10, 3));

    let mut session = testing::session(|it| *it = ada());
    session.user_mut().log_in("bob".into());
    assert_eq!((session.user(), session.name(), session.theme()), (Some("bob"), "", &Theme::Dark));
    session.user_mut().log_out();
    assert_eq!((session.user(), session.lucky(), session.theme()), (None, 7, &Theme::Dark));
    session.destroy();
    assert_eq!(session.theme(), &Theme::Light);
    assert!(session.save().await.unwrap_err().to_string().contains("test"));
}

// Methods that the application adds to its session.
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

over_two_stores! {
    async fn methods_of_the_application_can_use_fields_and_core(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut s: S| async move { s.enter("ada") })));
        let mut visitor = Visitor::new(&app);
        assert!(visitor.post("/").await.set_cookie().unwrap().contains("Max-Age"));
        assert_eq!(visitor.at(&server.app).get("/notice").await.body, "Welcome, ada");
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
        // The middleware's write for a visitor who has signed out is dropped.
        assert_eq!(visitor.post("/logout").await.status, StatusCode::OK);
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((seen["user"].as_str(), seen["name"].as_str()), (None, Some("")));
    }

    // B45, S29: the same layer wraps the routes, and wraps them again outside of a middleware.
    async fn nested_layers_count_as_one(store) {
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

    async fn a_destroyed_session_is_new(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", post(|mut s: S| async move {
            assert!(!s.is_new());
            s.destroy();
            assert!(s.is_new() && s.authenticated_at().is_none());
        })));
        assert_eq!(server.signed_in("ada").await.at(&app).post("/").await.status, StatusCode::OK);
    }

    // B45
    async fn save_stores_immediately_and_a_failed_handler_drops_later_changes(store) {
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
        assert!(reply.set_cookie().is_some(), "the saved session can be found again");
        let seen = visitor.at(&server.app).get("/show").await.json();
        assert_eq!((seen["name"].as_str(), seen["note"].as_str()), (Some("saved"), None));
    }

    // B12, S7
    async fn printed_output_shows_no_id(store) {
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
async fn a_missing_layer_is_logged_with_the_call_that_adds_it() {
    let app = Router::new().route("/", get(|session: S| async move { session.name().to_owned() }));
    let log = Log::of_this_thread();
    let reply = Visitor::new(&app).get("/").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    let logged = log.take();
    assert!(
        logged.contains("`sessions.layer()` around the route")
            && logged.contains("`.wrap(…)` in actix-web")
            && logged.contains("Site"),
        "{logged}"
    );
    assert!(!reply.body.contains("layer"), "{}", reply.body); // F12
}

// F31: a derived `Default` would ignore the `#[session(default = 7)]` on `lucky`.
#[tokio::test]
async fn a_session_for_a_test_starts_with_the_defaults_of_a_new_session() {
    let session = testing::session(|site: &mut Site| site.name = "Ada".into());
    assert_eq!((session.name(), session.lucky(), session.visits()), ("Ada", 7, 0));
    assert_eq!(testing::into_value(session).lucky, 7);
}

// F31: a guest without a stored session has no fingerprint to be recognised by.
#[tokio::test]
async fn only_a_stored_session_has_a_fingerprint() {
    let server = Server::new(AnyStore::memory());
    let app =
        server.serving(Router::new().route("/", get(|s: S| async move { format!("{:?} {s:?}", s.fingerprint()) })));
    assert_eq!(testing::session(|_: &mut Site| {}).fingerprint(), None);
    let mut visitor = server.visitor().at(&app);
    let shown = visitor.get("/").await.body;
    assert!(shown.starts_with("None ") && shown.contains("not stored"), "{shown}");
    let mut visitor = visitor.at(&server.app);
    visitor.post("/name/x").await;
    assert!(visitor.at(&app).get("/").await.body.starts_with("Some("));
}
