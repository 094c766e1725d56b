//! Plain cookies beside a session. One response can set both, whichever layer is outside. The session's cookie takes precedence.

use std::sync::atomic::Ordering;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    routing::post,
};
use session_runtime::{Cookies, CookiesLayer, Session};
use tests::{
    app::{Server, Site},
    client::{Reply, Visitor},
    store::AnyStore,
};

type S = Session<Site>;

/// Returns the routes within both layers: with the `CookiesLayer` outside, and with the session layer outside.
fn both_orders(server: &Server, routes: &Router) -> [Router; 2] {
    [
        routes.clone().layer(server.sessions.layer()).layer(CookiesLayer::new()),
        routes.clone().layer(CookiesLayer::new()).layer(server.sessions.layer()),
    ]
}

fn names(reply: &Reply) -> Vec<String> {
    let mut names: Vec<_> = reply.set_cookies().iter().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    names.sort();
    names
}

// S29, S35
#[tokio::test]
async fn a_session_and_a_plain_cookie_can_be_set_in_one_response() {
    let server = Server::new(AnyStore::memory());
    let routes = Router::new()
        .route(
            "/in",
            post(|mut session: S, cookies: Cookies| async move {
                session.user_mut().log_in("ada".into());
                cookies.set("theme", "dark")
            }),
        )
        .route(
            "/out",
            post(|mut session: S, cookies: Cookies| async move {
                assert_eq!((session.user(), cookies.get("theme").as_deref()), (Some("ada"), Some("dark")));
                session.user_mut().log_out();
                cookies.remove("theme")
            }),
        );
    for app in both_orders(&server, &routes) {
        let mut visitor = Visitor::new(&app);
        for path in ["/in", "/out"] {
            let reply = visitor.post(path).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            assert_eq!(names(&reply), ["__Host-site", "theme"]);
            assert_eq!((reply.vary(), reply.cache_control()), (Some("Cookie"), Some("no-store")));
        }
        assert_eq!((visitor.cookie_named("__Host-site"), visitor.cookie_named("theme")), (None, None));
    }
}

// S29
#[tokio::test]
async fn the_name_of_a_sessions_cookie_is_reserved() {
    let server = Server::new(AnyStore::memory());
    let routes = Router::new().route(
        "/",
        post(|mut session: S, cookies: Cookies| async move {
            session.user_mut().log_in("ada".into());
            let sentence =
                "the cookie `__Host-site` is a session's, and only the session writes it; choose another name for this one";
            assert_eq!(cookies.set("__Host-site", "mine").unwrap_err().to_string(), sentence);
            assert_eq!(cookies.remove("__Host-site").unwrap_err().to_string(), sentence);
            cookies.set("__Host-Site", "another name")
        }),
    );
    for app in both_orders(&server, &routes) {
        let reply = Visitor::new(&app).post("/").await;
        assert_eq!(names(&reply), ["__Host-Site", "__Host-site"]);
        assert!(!reply.set_cookies().iter().any(|line| line.contains("mine")));
    }
}

// S29: if the `CookiesLayer` is outside, the name is reserved even if no handler uses the session.
#[tokio::test]
async fn an_unused_session_reserves_its_cookies_name() {
    let server = Server::new(AnyStore::memory());
    let routes = Router::new().route("/", post(|cookies: Cookies| async move { cookies.set("__Host-site", "mine") }));
    let [outside, _] = both_orders(&server, &routes);
    let reply = Visitor::new(&outside).post("/").await;
    assert_eq!((reply.status.as_u16(), names(&reply)), (500, vec![]));
}

// S29: a middleware sets a cookie with the name of the session's cookie before the handler asks for its session.
#[tokio::test]
async fn a_cookie_that_was_set_before_the_session_was_known_is_dropped() {
    let server = Server::new(AnyStore::memory());
    let routes = Router::new()
        .route("/in", post(|mut session: S| async move { session.user_mut().log_in("ada".into()) }))
        .route("/read", post(|session: S| async move { session.name().to_owned() }))
        .layer(from_fn(async |cookies: Cookies, request: Request, next: Next| {
            let _ = cookies.set("__Host-site", "mine");
            next.run(request).await
        }));
    for app in both_orders(&server, &routes) {
        let reply = Visitor::new(&app).post("/in").await;
        assert_eq!(names(&reply), ["__Host-site"]);
        assert!(!reply.set_cookies()[0].contains("mine"));
        assert_eq!(Visitor::new(&app).post("/read").await.set_cookies(), [""; 0]);
    }
}

// The store is down, so the session cannot be stored, and the session layer replaces the response with an error page. A
// `CookiesLayer` outside it sees the error: it sets no new cookies, and only removes cookies. A `CookiesLayer` inside
// it has already set its cookies.
#[tokio::test]
async fn an_outer_layer_drops_new_cookies_if_the_session_cannot_be_stored() {
    let server = Server::new(AnyStore::memory());
    let routes = Router::new().route(
        "/",
        post(|mut session: S, cookies: Cookies| async move {
            session.note_mut().set("x".into());
            cookies.set("theme", "dark")?;
            cookies.remove("coupon")
        }),
    );
    server.controls.down.store(true, Ordering::SeqCst);
    let [outside, inside] = both_orders(&server, &routes);
    let reply = Visitor::new(&outside).post("/").await;
    assert_eq!((reply.status.as_u16(), names(&reply)), (503, vec!["coupon".to_owned()]));
    let reply = Visitor::new(&inside).post("/").await;
    assert_eq!((reply.status.as_u16(), names(&reply)), (503, vec!["coupon".to_owned(), "theme".to_owned()]));
}
