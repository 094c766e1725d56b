//! S35: no cache may serve one visitor's page to another visitor, however little of the session the page used.

use std::sync::atomic::Ordering;

use axum::{
    Router,
    routing::{get, post},
};
use http::{StatusCode, header::CACHE_CONTROL};
use session_runtime::{Session, View, view};
use tests::{
    app::{Server, Site, minutes},
    client::Visitor,
    over_two_stores,
};

type S = Session<Site>;

#[view(Site)]
struct Member {
    user: String,
}

#[view(Site, or_redirect = "/login")]
struct Sent {
    user: String,
}

/// Returns routes whose handlers allow every cache to store the answer.
fn cacheable() -> Router {
    const FOR_ALL: [(http::HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=600")];
    Router::new()
        .route("/static", get(|| async { (FOR_ALL, "static") }))
        .route("/asks", get(|_: S| async { (FOR_ALL, "asked") }))
        .route("/has", get(|s: S| async move { (FOR_ALL, s.user().is_some().to_string()) }))
        .route("/new", get(|s: S| async move { (FOR_ALL, s.is_new().to_string()) }))
        .route("/member", get(|View(member): View<Member>| async move { (FOR_ALL, member.user) }))
        .route("/maybe", get(|member: Option<View<Member>>| async move { (FOR_ALL, member.is_some().to_string()) }))
        .route("/sent", get(|View(sent): View<Sent>| async move { (FOR_ALL, sent.user) }))
        .route(
            "/write",
            get(|mut s: S| async move {
                s.visits_mut().add(1);
                FOR_ALL
            }),
        )
        .route(
            "/renew",
            get(|mut s: S| async move {
                s.renew();
                FOR_ALL
            }),
        )
        .route(
            "/destroy",
            get(|mut s: S| async move {
                s.destroy();
                FOR_ALL
            }),
        )
        .route(
            "/broken",
            post(|mut s: S| async move {
                s.visits_mut().add(1);
                (StatusCode::INTERNAL_SERVER_ERROR, FOR_ALL)
            }),
        )
}

/// Returns the status, whether the answer varies by cookie, whether it sets a cookie, and its `Cache-Control`.
async fn answer(visitor: &mut Visitor, path: &str) -> (u16, bool, bool, Option<String>) {
    let reply = match path {
        "/broken" => visitor.post(path).await,
        path => visitor.get(path).await,
    };
    let varies = reply.vary() == Some("Cookie");
    (reply.status.as_u16(), varies, reply.set_cookie().is_some(), reply.cache_control().map(str::to_owned))
}

over_two_stores! {
    // S35
    async fn each_kind_of_answer_tells_caches_what_it_depends_on(store) {
        let public = || Some("public, max-age=600".to_owned());
        let secret = || Some("no-store".to_owned());
        let server = Server::with(store, |builder| builder.persistent(true));
        let app = server.serving(cacheable());
        for (path, guest, user) in [
            ("/static", (200, false, false, public()), (200, false, false, public())),
            ("/asks", (200, true, false, public()), (200, true, false, public())),
            ("/has", (200, true, false, public()), (200, true, false, public())),
            ("/new", (200, true, false, public()), (200, true, false, public())),
            ("/member", (401, true, false, secret()), (200, true, false, public())),
            ("/maybe", (200, true, false, public()), (200, true, false, public())),
            ("/sent", (303, true, false, secret()), (200, true, false, public())),
            ("/write", (200, true, true, secret()), (200, true, false, public())),
            ("/renew", (200, true, false, public()), (200, true, true, secret())),
            ("/destroy", (200, true, false, public()), (200, true, true, secret())),
            ("/broken", (500, true, false, public()), (500, true, false, public())),
        ] {
            assert_eq!(answer(&mut Visitor::new(&app), path).await, guest, "a guest at {path}");
            assert_eq!(answer(&mut server.signed_in("ada").await.at(&app), path).await, user, "ada at {path}");
        }
        // The first of these reads moves the deadline of the session and of its cookie.
        let mut reader = server.signed_in("ada").await.at(&app);
        server.turn(minutes(5));
        for path in ["/asks", "/maybe"] {
            assert_eq!(answer(&mut reader, path).await, (200, true, path == "/asks", if path == "/asks" { secret() } else { public() }), "{path}");
        }
        // A visitor whose session has ended gets the answer for a guest.
        let mut ended = server.signed_in("ada").await.at(&app);
        server.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(answer(&mut ended, "/has").await, (200, true, false, public()));
    }

    // S35, S47
    async fn an_error_page_is_not_kept_by_caches(store) {
        let server = Server::new(store);
        let app = server.serving(cacheable());
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        let mut old = visitor.clone();
        visitor.post("/login/ada").await;
        let conflict = old.post("/name/late").await;
        assert_eq!((conflict.status, conflict.vary(), conflict.cache_control()), (StatusCode::CONFLICT, Some("Cookie"), Some("no-store")));
        server.controls.down.store(true, Ordering::SeqCst);
        for path in ["/asks", "/member", "/sent", "/write"] {
            let expected = (503, true, false, Some("no-store".to_owned()));
            assert_eq!(answer(&mut visitor.at(&app), path).await, expected, "{path}");
        }
        assert_eq!(answer(&mut Visitor::new(&app), "/write").await, (503, true, false, Some("no-store".to_owned())));
    }
}
