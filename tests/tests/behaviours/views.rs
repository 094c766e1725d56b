//! B42, B43, B45, S17: views let in visitors whose session has the required fields, and redirect or reject others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{any, get, post},
};
use http::{Method, StatusCode, header::LOCATION};
use session_runtime::{Session, View, ViewRejection, local_path, view};
use tests::{
    app::{Server, Site, Theme, hours, minutes},
    client::{Reply, Visitor},
    log::Log,
    over_two_stores,
    store::AnyStore,
};

type S = Session<Site>;

#[view(Site, or_redirect = "/login")]
struct SignedIn {
    user: String,
    theme: Theme,
}

#[view(Site)]
struct Coded {
    user: String,
    code: String,
}

#[view(Site, or_status = 404)]
struct Noted {
    note: String,
}

/// Lets in every visitor.
#[view(Site)]
struct Anyone {
    user: Option<String>,
    code: Option<String>,
    visits: u64,
    is_new: bool,
}

const RECENT: Duration = minutes(10);

#[view(Site, or_redirect = "/login?again", fresh = 10m)]
struct Recent {
    user: String,
    authenticated_at: SystemTime,
}

/// Requires a recent sign-in. A guest's session can have a `name` and can be as new, but the guest has not signed in.
#[view(Site, fresh = RECENT)]
struct RecentName {
    name: String,
}

fn routes() -> Router {
    Router::new()
        .route("/account", any(|View(me): View<SignedIn>| async move { format!("{} {:?}", me.user, me.theme) }))
        .route("/code", get(|View(it): View<Coded>| async move { format!("{} {}", it.user, it.code) }))
        .route("/note", get(|View(it): View<Noted>| async move { it.note }))
        .route("/recent", get(|View(me): View<Recent>| async move { format!("{} {:?}", me.user, me.authenticated_at) }))
        .route("/recent-name", get(|View(it): View<RecentName>| async move { it.name }))
        .route("/maybe", get(|view: Option<View<SignedIn>>| async move { view.map_or("guest".into(), |View(me)| me.user) }))
        .route(
            "/anyone",
            get(|View(it): View<Anyone>| async move { format!("{:?} {:?} {} {}", it.user, it.code, it.visits, it.is_new) }),
        )
}

fn leads_to(reply: &Reply) -> (StatusCode, Option<&str>) {
    (reply.status, reply.headers.get(LOCATION).map(|location| location.to_str().unwrap()))
}

over_two_stores! {
    // B42
    async fn a_visitor_with_every_field_is_let_in(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/theme/dark").await;
        let reply = visitor.at(&server.serving(routes())).get("/account").await;
        assert_eq!((reply.status, reply.body.as_str(), reply.vary()), (StatusCode::OK, "ada Dark", Some("Cookie")));
    }

    // B42
    async fn a_guest_is_redirected_to_the_login_with_the_path_to_return_to(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        for (path, next) in [
            ("/account", Some("/login?next=/account")),
            ("/account?tab=2&x=%26", Some("/login?next=/account%3Ftab%3D2%26x%3D%2526")),
        ] {
            let reply = Visitor::new(&app).get(path).await;
            assert_eq!(leads_to(&reply), (StatusCode::SEE_OTHER, next));
            assert_eq!((reply.cache_control(), reply.vary(), reply.set_cookie()), (Some("no-store"), Some("Cookie"), None));
            assert_eq!(leads_to(&Visitor::new(&app).send(Method::HEAD, path).await), (StatusCode::SEE_OTHER, next));
        }
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let reply = Visitor::new(&app).send(method, "/account?tab=2").await;
            assert_eq!(leads_to(&reply), (StatusCode::SEE_OTHER, Some("/login")), "no redirect can repeat the request");
        }
    }

    // B42
    async fn a_refused_visitor_gets_the_status(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        let reply = Visitor::new(&app).get("/code").await;
        assert_eq!(leads_to(&reply), (StatusCode::UNAUTHORIZED, None));
        assert!(reply.body.contains("sign in"), "{}", reply.body);
        assert_eq!((reply.cache_control(), reply.vary(), reply.set_cookie()), (Some("no-store"), Some("Cookie"), None));
        let reply = Visitor::new(&app).get("/note").await;
        assert_eq!((leads_to(&reply), reply.body.as_str()), ((StatusCode::NOT_FOUND, None), "Not Found"), "like a 404 page");
    }

    // B42
    async fn refused_visitors_never_reach_the_handler(store) {
        let server = Server::new(store);
        let ran = Arc::new(AtomicUsize::new(0));
        let count = ran.clone();
        let app = server.serving(Router::new().route("/", post(move |_: View<SignedIn>, mut session: S| async move {
            count.fetch_add(1, Ordering::SeqCst);
            session.visits_mut().add(1);
        })));
        assert_eq!(Visitor::new(&app).post("/").await.status, StatusCode::SEE_OTHER);
        assert_eq!((ran.load(Ordering::SeqCst), server.controls.calls()), (0, (0, 0)));
        let mut visitor = server.signed_in("ada").await;
        assert_eq!(visitor.at(&app).post("/").await.status, StatusCode::OK);
        assert_eq!((ran.load(Ordering::SeqCst), &visitor.get("/show").await.json()["visits"]), (1, &1.into()));
    }

    // B42
    async fn one_missing_field_refuses_the_visitor(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        let mut visitor = server.visitor();
        visitor.post("/code/1234").await;
        assert_eq!(visitor.at(&app).get("/code").await.status, StatusCode::UNAUTHORIZED);
        visitor.post("/login/ada").await;
        assert_eq!(visitor.at(&app).get("/code").await.body, "ada 1234");
        visitor.post("/note/").await;
        assert_eq!(visitor.at(&app).get("/note").await.status, StatusCode::NOT_FOUND);
        visitor.post("/note/x").await;
        assert_eq!(visitor.at(&app).get("/note").await.body, "x");
    }

    // B42, B16
    async fn an_expired_field_counts_as_missing(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/code/1234").await;
        server.turn(minutes(5) - Duration::from_millis(1));
        assert_eq!(visitor.at(&app).get("/code").await.body, "ada 1234");
        server.turn(Duration::from_millis(1));
        assert_eq!(visitor.at(&app).get("/code").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(visitor.at(&app).get("/anyone").await.body, "Some(\"ada\") None 0 false");
    }

    // B42
    async fn optional_fields_may_be_missing(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        assert_eq!(Visitor::new(&app).get("/anyone").await.body, "None None 0 true");
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/visit").await;
        assert_eq!(visitor.at(&app).get("/anyone").await.body, "Some(\"ada\") None 1 false");
        assert_eq!(Visitor::new(&app).get("/maybe").await.body, "guest");
        assert_eq!(visitor.at(&app).get("/maybe").await.body, "ada");
    }

    // B42: a view neither starts nor changes a session.
    async fn a_view_writes_nothing(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        for path in ["/account", "/code", "/anyone", "/recent", "/maybe"] {
            assert_eq!(Visitor::new(&app).get(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(server.controls.calls(), (0, 0), "a guest's request makes no store call");
        let visitor = server.signed_in("ada").await;
        let (loads, swaps) = server.controls.calls();
        for path in ["/account", "/code", "/anyone", "/recent", "/maybe"] {
            assert_eq!(visitor.at(&app).get(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(server.controls.calls(), (loads + 5, swaps));
    }

    // B43, S17
    async fn a_fresh_view_asks_for_a_recent_sign_in(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        let mut visitor = server.visitor();
        visitor.post("/name/Ada").await;
        assert_eq!(visitor.at(&app).get("/recent-name").await.status, StatusCode::UNAUTHORIZED, "a new session is not a sign-in");
        server.turn(minutes(20));
        visitor.post("/login/ada").await;
        server.turn(RECENT - Duration::from_millis(1));
        assert!(visitor.at(&app).get("/recent").await.body.starts_with("ada "));
        assert_eq!(visitor.at(&app).get("/recent-name").await.body, "Ada");
        server.turn(Duration::from_millis(1));
        let reply = visitor.at(&app).get("/recent").await;
        assert_eq!(leads_to(&reply), (StatusCode::SEE_OTHER, Some("/login?again&next=/recent")));
        assert_eq!(visitor.at(&app).get("/recent-name").await.status, StatusCode::UNAUTHORIZED);
        assert!(visitor.at(&app).get("/account").await.status.is_success(), "the session continues");
        // Reading and writing do not make a sign-in recent; signing in again does, and renews the id.
        visitor.post("/name/Ada").await;
        assert_eq!(visitor.at(&app).get("/recent").await.status, StatusCode::SEE_OTHER);
        let before = visitor.cookie();
        visitor.post("/login/ada").await;
        assert_ne!(visitor.cookie(), before);
        assert_eq!(visitor.at(&app).get("/recent").await.status, StatusCode::OK);
    }

    // S17: `remember`, a renewal of the id, and a sign-out that leaves a guest's session do not count as a recent sign-in.
    async fn nothing_but_a_sign_in_is_fresh(store) {
        let server = Server::new(store);
        let app = server.serving(routes());
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/remember").await;
        server.turn(hours(24 * 7));
        assert_eq!(visitor.at(&app).get("/account").await.body, "ada Light");
        visitor.post("/renew").await;
        assert_eq!(visitor.at(&app).get("/recent").await.status, StatusCode::SEE_OTHER);
        visitor.post("/login/ada").await;
        assert_eq!(visitor.at(&app).get("/recent-name").await.status, StatusCode::OK);
        visitor.post("/theme/dark").await;
        visitor.post("/logout").await;
        assert_eq!(visitor.at(&app).get("/recent-name").await.status, StatusCode::UNAUTHORIZED);
    }

    // B45
    async fn a_view_works_before_or_after_a_session_in_one_handler(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/before", post(|View(me): View<SignedIn>, mut session: S| async move {
                *session.theme_mut() = Theme::Dark;
                format!("{} {:?} {:?}", me.user, me.theme, session.theme())
            }))
            .route("/after", post(|mut session: S, View(me): View<SignedIn>| async move {
                session.visits_mut().add(1);
                format!("{} {:?} {}", me.user, me.theme, session.visits())
            }))
            .route("/two", get(|View(me): View<SignedIn>, View(other): View<Anyone>| async move { (Some(me.user) == other.user).to_string() })));
        let mut visitor = server.signed_in("ada").await;
        assert_eq!(visitor.at(&app).post("/before").await.body, "ada Light Dark");
        assert_eq!(visitor.at(&app).post("/after").await.body, "ada Dark 1");
        let (loads, ..) = server.controls.calls();
        assert_eq!(visitor.at(&app).get("/two").await.body, "true");
        assert_eq!(server.controls.calls().0, loads + 1, "the view and the session share one load");
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["theme"], &seen["visits"]), (&"Dark".into(), &1.into()));
        for path in ["/before", "/after"] {
            assert_eq!(Visitor::new(&app).post(path).await.status, StatusCode::SEE_OTHER);
        }
    }

    // B45: a view sees the changes of earlier handles, and the current state of a handle that is still open.
    async fn a_view_sees_the_changes_of_the_same_request(store) {
        async fn sign_in(mut session: S, request: Request, next: Next) -> Response {
            session.user_mut().log_in("eve".into());
            drop(session);
            next.run(request).await
        }
        async fn sign_out(mut session: S, request: Request, next: Next) -> Response {
            session.user_mut().log_out();
            drop(session);
            next.run(request).await
        }
        let server = Server::new(store);
        let signs_in = server.serving(routes().layer(middleware::from_fn(sign_in)));
        let signs_out = server.serving(routes().layer(middleware::from_fn(sign_out)));
        assert_eq!(Visitor::new(&signs_in).get("/account").await.body, "eve Light");
        assert_eq!(Visitor::new(&signs_in).get("/recent").await.status, StatusCode::OK, "after the sign-in");
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/theme/dark").await;
        visitor.post("/name/Ada").await;
        let visitor = visitor.clone();
        assert_eq!(visitor.at(&signs_out).get("/account").await.status, StatusCode::SEE_OTHER);

        let mut visitor = server.signed_in("ada").await;
        visitor.post("/theme/dark").await;
        assert_eq!(visitor.at(&signs_out).get("/recent-name").await.status, StatusCode::UNAUTHORIZED, "after the sign-out");
        let at_hand = server.serving(Router::new().route("/", post(|mut session: S| async move {
            assert!(View::<SignedIn>::of(&session).is_none() && View::<Recent>::of(&session).is_none());
            session.user_mut().log_in("eve".into());
            let View(me) = View::<SignedIn>::of(&session).unwrap();
            assert!(View::<Recent>::of(&session).is_some());
            session.user_mut().log_out();
            assert!(View::<RecentName>::of(&session).is_none());
            me.user
        })));
        assert_eq!(Visitor::new(&at_hand).post("/").await.body, "eve");
    }

    // B42, S47: an outage is not a rejection, so no visitor is sent to the login page because of it.
    async fn an_outage_does_not_make_a_visitor_a_guest(store) {
        let server = Server::new(store);
        let app = server.serving(routes().route("/why", get(|view: Result<View<SignedIn>, ViewRejection>| async move {
            let rejection = view.err().unwrap();
            (rejection.status(), format!("{} {rejection}", rejection.is_refused()))
        })));
        let visitor = server.signed_in("ada").await;
        server.controls.down.store(true, Ordering::SeqCst);
        for path in ["/account", "/code", "/maybe", "/recent"] {
            assert_eq!(leads_to(&visitor.at(&app).get(path).await), (StatusCode::SERVICE_UNAVAILABLE, None), "{path}");
        }
        let reply = visitor.at(&app).get("/why").await;
        assert!(reply.status == StatusCode::SERVICE_UNAVAILABLE && reply.body.starts_with("false The session store"), "{}", reply.body);
        server.controls.down.store(false, Ordering::SeqCst);
        assert_eq!(visitor.at(&app).get("/account").await.status, StatusCode::OK);
        assert!(Visitor::new(&app).get("/why").await.body.starts_with("true "));
    }
}

// B45
#[tokio::test]
async fn a_missing_layer_is_logged_with_the_call_that_adds_it() {
    for path in ["/account", "/maybe", "/recent"] {
        let log = Log::of_this_thread();
        let reply = Visitor::new(&routes()).get(path).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
        let logged = log.take();
        assert!(logged.contains("`sessions.layer()` around the route") && logged.contains("Site"), "{logged}");
        assert!(!reply.body.contains("layer"), "{}", reply.body); // F12
    }
}

// B42: a nested router shortens the path, but `next` is the visitor's full path.
#[tokio::test]
async fn next_is_the_path_that_the_visitor_asked_for() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(Router::new().nest("/my", Router::new().nest("/own", routes())));
    let reply = Visitor::new(&app).get("/my/own/account?tab=2").await;
    assert_eq!(leads_to(&reply), (StatusCode::SEE_OTHER, Some("/login?next=/my/own/account%3Ftab%3D2")));
}

// B42: a path that a browser would take for another host is not a valid `next`.
#[tokio::test]
async fn next_never_leads_to_another_host() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(routes().fallback(|_: View<SignedIn>| async {}));
    let long = format!("/{}", "a".repeat(2048));
    for path in ["//evil.example/account", "//account", &long] {
        assert_eq!(leads_to(&Visitor::new(&app).get(path).await), (StatusCode::SEE_OTHER, Some("/login")), "{path}");
    }
    let reply = Visitor::new(&app).get("/a/%5C%0d%0aevil?b=c+d'").await;
    let location = leads_to(&reply).1.unwrap().to_owned();
    let next = location.strip_prefix("/login?next=").unwrap();
    assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/%".contains(&byte)), "{next}");
}

// The whole round trip: the login page gives `next` to `local_path`.
#[tokio::test]
async fn after_the_login_the_visitor_returns_to_the_requested_page() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(routes().route(
        "/login",
        post(|mut session: S, request: Request| async move {
            session.user_mut().log_in("ada".into());
            let query = axum::extract::Query::<std::collections::BTreeMap<String, String>>::try_from_uri(request.uri());
            let next = query.unwrap().0.remove("next").unwrap_or_default();
            axum::response::Redirect::to(local_path(&next).unwrap_or("/"))
        }),
    ));
    let mut visitor = Visitor::new(&app);
    let reply = visitor.get("/account?tab=2&x=%26").await;
    let login = leads_to(&reply).1.unwrap().to_owned();
    assert_eq!(leads_to(&visitor.post(&login).await).1, Some("/account?tab=2&x=%26"));
    assert_eq!(visitor.get("/account?tab=2&x=%26").await.body, "ada Light");
    let evil = visitor.post("/login?next=//evil.example").await;
    assert_eq!(leads_to(&evil).1, Some("/"));
}

// Services without extractors use `from_parts`.
#[tokio::test]
async fn a_view_can_be_made_from_request_parts() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(Router::new().route(
        "/",
        get(|request: Request| async move {
            let (parts, _) = request.into_parts();
            match View::<SignedIn>::from_parts(&parts).await {
                Ok(View(me)) => Response::new(me.user.into()),
                Err(rejection) => rejection.into_http(),
            }
        }),
    ));
    assert_eq!(leads_to(&Visitor::new(&app).get("/").await).1, Some("/login?next=/"));
    assert_eq!(server.signed_in("ada").await.at(&app).get("/").await.body, "ada");
}
