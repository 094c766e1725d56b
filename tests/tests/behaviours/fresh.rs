//! F4, B43, S17: recent and older sign-ins, and users who have to reauthenticate.

use std::time::{Duration, SystemTime};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::{StatusCode, header::LOCATION};
use serde_json::json;
use session_runtime::{Changes, Event, Session, SignIn, View, view};
use tests::{
    app::{Server, Site, hours, minutes},
    client::{Reply, Visitor},
    over_two_stores,
    store::AnyStore,
};

type S = Session<Site>;

#[view(Site, or_redirect = "/login", fresh = 10m, stale_redirect = "/confirm")]
struct Recent {
    user: String,
}

#[view(Site, fresh = 10m, stale_status = 403)]
struct RecentForScripts {
    user: String,
}

#[view(Site, or_redirect = "/login", fresh = 10m)]
struct OneAnswer {
    user: String,
}

/// A page that visitors without a note do not see.
#[view(Site, or_status = 404, fresh = 10m, stale_redirect = "/confirm")]
struct Hidden {
    user: String,
    note: String,
}

fn time(server: &Server) -> SystemTime {
    server.clock.now().into()
}

fn routes(server: &Server) -> Router {
    let clock = server.clock.clone();
    let until = server.clock.clone();
    Router::new()
        .route("/recent", get(|View(me): View<Recent>| async move { me.user }))
        .route("/script", get(|View(me): View<RecentForScripts>| async move { me.user }))
        .route("/one", get(|View(me): View<OneAnswer>| async move { me.user }))
        .route("/hidden", get(|View(it): View<Hidden>| async move { format!("{} {}", it.user, it.note) }))
        .route("/fresh", get(|s: S| async move { s.is_fresh(minutes(10)).to_string() }))
        .route(
            "/silent/{user}",
            post(|mut s: S, Path(user): Path<String>| async move { s.user_mut().log_in_with(user, SignIn::stale()) }),
        )
        .route(
            "/provider/{user}/{ago}",
            post(move |mut s: S, Path((user, ago)): Path<(String, u64)>| async move {
                let at = SystemTime::from(clock.now()) - Duration::from_secs(ago);
                s.user_mut().log_in_with(user, SignIn::authenticated_at(at));
            }),
        )
        .route(
            "/shift/{seconds}",
            post(move |mut s: S, Path(seconds): Path<u64>| async move {
                let end = SystemTime::from(until.now()) + Duration::from_secs(seconds);
                s.user_mut().log_in_with("ada".into(), SignIn::fresh().until(end).remember(true));
            }),
        )
        .route(
            "/confirm/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                let confirmed = s.user_mut().reauthenticate(&user);
                assert_eq!(confirmed && s.is_fresh(minutes(10)), confirmed, "a confirmed session is fresh immediately");
                confirmed.to_string()
            }),
        )
        .route(
            "/act-as/{user}",
            post(
                |mut s: S, Path(user): Path<String>| async move { s.user_mut().impersonate(user, minutes(5)).unwrap() },
            ),
        )
        .route(
            "/confirm-and-fail/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                assert!(s.user_mut().reauthenticate(&user));
                (StatusCode::INTERNAL_SERVER_ERROR, ())
            }),
        )
        .route(
            "/confirm-and-drop/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                assert!(s.user_mut().reauthenticate(&user));
                axum::Extension(Changes::Drop)
            }),
        )
}

async fn answer(visitor: &Visitor, app: &Router, path: &str) -> (StatusCode, Option<String>) {
    leads_to(&visitor.at(app).get(path).await)
}

fn leads_to(reply: &Reply) -> (StatusCode, Option<String>) {
    (reply.status, reply.headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned()))
}

fn to(path: &str) -> (StatusCode, Option<String>) {
    (StatusCode::SEE_OTHER, Some(path.to_owned()))
}

/// Returns an application with the usual routes and those of this module.
fn app(server: &Server) -> Router {
    server.serving(tests::app::routes().merge(routes(server)))
}

over_two_stores! {
    // F4
    async fn a_sign_in_can_say_that_it_is_not_fresh(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/silent/ada").await.status, StatusCode::OK);
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["authenticated_at"]), (&json!("ada"), &json!(null)));
        assert_eq!(visitor.get("/fresh").await.body, "false");
        assert_eq!(answer(&visitor, &app, "/recent").await, to("/confirm?next=/recent"));
        // In every other respect, a sign-in that is not fresh is an ordinary one.
        let listed = server.sessions.of("ada").list().await.unwrap();
        assert_eq!((listed.len(), listed[0].signed_in_at()), (1, Some(time(&server))));
        assert_eq!(visitor.post("/confirm/ada").await.body, "true");
        assert_eq!(visitor.get("/recent").await.body, "ada");
    }

    // F4: an identity provider reports when it authenticated the user.
    async fn a_sign_in_is_as_fresh_as_its_authentication(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        visitor.post("/provider/ada/540").await;
        assert_eq!(visitor.get("/recent").await.body, "ada");
        server.turn(minutes(1));
        assert_eq!(answer(&visitor, &app, "/recent").await, to("/confirm?next=/recent"));
        assert_eq!(server.sessions.of("ada").list().await.unwrap()[0].signed_in_at(), Some(time(&server) - minutes(1)));
    }

    // F4, B43
    async fn guests_and_users_who_are_not_fresh_get_different_answers(store) {
        let server = Server::new(store);
        let app = app(&server);
        let guest = Visitor::new(&app);
        let mut stale = Visitor::new(&app);
        stale.post("/silent/ada").await;
        assert_eq!(answer(&guest, &app, "/recent?a=1").await, to("/login?next=/recent%3Fa%3D1"));
        assert_eq!(answer(&stale, &app, "/recent?a=1").await, to("/confirm?next=/recent%3Fa%3D1"));
        assert_eq!(answer(&guest, &app, "/script").await, (StatusCode::UNAUTHORIZED, None));
        assert_eq!(answer(&stale, &app, "/script").await, (StatusCode::FORBIDDEN, None));
        for visitor in [&guest, &stale] {
            assert_eq!(answer(visitor, &app, "/one").await, to("/login?next=/one"), "guests and stale users get the same answer");
        }
    }

    // B43: a page that a user may not see does not show that it asks for a fresh sign-in.
    async fn a_missing_value_takes_precedence_over_a_sign_in_that_is_not_fresh(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut stale = Visitor::new(&app);
        stale.post("/silent/ada").await;
        let mut acting = server.signed_in("root").await.at(&app);
        assert_eq!(acting.post("/act-as/ada").await.status, StatusCode::OK);
        for visitor in [&Visitor::new(&app), &stale, &acting] {
            assert_eq!(answer(visitor, &app, "/hidden").await, (StatusCode::NOT_FOUND, None));
        }
        for visitor in [&mut stale, &mut acting] {
            visitor.post("/note/seen").await;
        }
        assert_eq!(answer(&stale, &app, "/hidden").await, to("/confirm?next=/hidden"));
        assert_eq!(answer(&acting, &app, "/hidden").await, (StatusCode::FORBIDDEN, None));
        assert_eq!(stale.post("/confirm/ada").await.body, "true");
        assert_eq!(stale.get("/hidden").await.body, "ada seen");
    }

    // F4: reauthentication is not a sign-in.
    async fn reauthentication_changes_nothing_but_freshness(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        visitor.post("/login/ada").await;
        visitor.post("/cart/tea").await;
        let other = server.signed_in("ada").await;
        for _ in 0..22 {
            server.turn(minutes(30) - Duration::from_secs(1));
            assert_eq!(visitor.get("/show").await.json()["user"], "ada");
            assert_eq!(other.at(&app).get("/show").await.json()["user"], "ada");
        }
        assert_eq!(answer(&visitor, &app, "/recent").await, to("/confirm?next=/recent"));
        assert_eq!(visitor.post("/confirm/ada").await.body, "true");
        assert_eq!(visitor.get("/recent").await.body, "ada");
        assert_eq!(visitor.get("/show").await.json()["cart"], json!(["tea"]));
        assert_eq!(server.sessions.of("ada").count().await.unwrap(), 2, "no session ended");
        let listed = server.sessions.of("ada").list().await.unwrap();
        assert_eq!(listed[0].authenticated_at(), Some(time(&server)));
        // `absolute` still counts from the sign-in.
        for _ in 0..2 {
            server.turn(minutes(29));
            assert_eq!(visitor.get("/show").await.json()["user"], "ada");
        }
        server.turn(minutes(3));
        assert_eq!(visitor.get("/show").await.json()["user"], json!(null));
    }

    // F4, S60: another user may have signed in at the identity provider.
    async fn only_the_user_who_is_signed_in_can_reauthenticate(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        assert_eq!(visitor.post("/confirm/ada").await.body, "false", "a guest cannot reauthenticate");
        visitor.post("/silent/ada").await;
        let reply = visitor.post("/confirm/bob").await;
        assert_eq!((reply.body.as_str(), reply.set_cookie()), ("false", None));
        assert_eq!(visitor.get("/fresh").await.body, "false");
    }

    // F4, B48
    async fn a_handler_that_fails_makes_no_session_fresh(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        visitor.post("/silent/ada").await;
        server.turn(minutes(2));
        for path in ["/confirm-and-fail/ada", "/confirm-and-drop/ada"] {
            assert_eq!(visitor.post(path).await.set_cookie(), None, "{path}");
            assert_eq!(visitor.get("/fresh").await.body, "false", "{path}");
        }
    }

    // F4, B23: another user has signed in meanwhile. The late request sees a guest, and is refused.
    async fn a_late_reauthentication_is_refused_after_another_user_signed_in(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        visitor.post("/silent/ada").await;
        let mut tab = visitor.clone();
        visitor.post("/silent/bob").await;
        assert_eq!(tab.post("/confirm/ada").await.status, StatusCode::CONFLICT);
        assert_eq!(visitor.get("/fresh").await.body, "false");
    }

    // F4: `until` ends a session at that time, even if the session is remembered or in use.
    async fn a_sign_in_can_say_when_its_session_ends(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut visitor = Visitor::new(&app);
        visitor.post("/shift/7200").await;
        for path in ["/remember", "/forget", "/remember", "/name/Ada", "/confirm/ada"] {
            server.turn(minutes(20));
            assert_eq!(visitor.post(path).await.status, StatusCode::OK);
            assert_eq!(visitor.get("/show").await.json()["user"], "ada", "{path}");
        }
        server.turn(minutes(20));
        assert_eq!(visitor.get("/show").await.json()["user"], json!(null));
        // The next sign-in has no `until`.
        visitor.post("/login/ada").await;
        visitor.post("/remember").await;
        server.turn(hours(24));
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
        // An `until` that has passed ends the session immediately.
        visitor.post("/shift/0").await;
        server.turn(Duration::from_secs(1));
        assert_eq!(visitor.get("/show").await.json()["user"], json!(null));
    }
}

// F4, S19: a time in the future counts as the present, so that the wrong clock of another server does not keep a session fresh.
#[tokio::test]
async fn an_authentication_time_in_the_future_counts_as_the_present() {
    let server = Server::new(AnyStore::memory());
    let clock = server.clock.clone();
    let app = server.serving(routes(&server).route(
        "/ahead",
        post(move |mut s: S| async move {
            let at = SystemTime::from(clock.now()) + hours(5);
            s.user_mut().log_in_with("ada".into(), SignIn::authenticated_at(at));
            assert!(s.is_fresh(minutes(10)));
        }),
    ));
    let mut visitor = Visitor::new(&app);
    visitor.post("/ahead").await;
    server.turn(minutes(10));
    assert_eq!(visitor.get("/fresh").await.body, "false");
}

// F4, B45: the first handle of a request signs in another user, while the second handle still shows the previous user.
#[tokio::test]
async fn a_reauthentication_of_a_user_who_left_in_the_same_request_is_dropped() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(tests::app::routes().merge(routes(&server)).route(
        "/two",
        post(|mut first: S, mut second: S| async move {
            first.user_mut().log_in_with("bob".into(), SignIn::stale());
            drop(first);
            assert!(second.user_mut().reauthenticate("ada"), "the second handle still shows ada");
            *second.name_mut() = "hers".into();
        }),
    ));
    let mut visitor = Visitor::new(&app);
    visitor.post("/silent/ada").await;
    server.heard();
    assert_eq!(visitor.post("/two").await.status, StatusCode::OK);
    assert!(server.heard().contains(&Event::Moved));
    let seen = visitor.get("/show").await.json();
    assert_eq!((&seen["user"], &seen["name"]), (&json!("bob"), &json!("")));
    assert_eq!(visitor.get("/fresh").await.body, "false");
}

// S60: a thief has the id from before the owner reauthenticated.
#[tokio::test]
async fn an_id_from_before_a_reauthentication_does_not_become_fresh_by_a_renewal() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(routes(&server).route("/renew", post(|mut s: S| async move { s.renew() })).route(
        "/renew-and-confirm",
        post(|mut s: S| async move {
            s.renew();
            assert!(s.user_mut().reauthenticate("ada"));
        }),
    ));
    let mut owner = server.signed_in("ada").await.at(&app);
    let mut thief = owner.clone();
    server.turn(minutes(20));
    assert_eq!(owner.post("/confirm/ada").await.body, "true");
    assert_eq!(owner.get("/fresh").await.body, "true");
    assert_eq!(thief.get("/fresh").await.body, "false");
    assert_eq!(thief.post("/renew").await.status, StatusCode::OK);
    assert_eq!(thief.get("/fresh").await.body, "false");
    // A request with the previous id becomes fresh when it reauthenticates, because that takes the user's password.
    assert_eq!(thief.post("/renew-and-confirm").await.status, StatusCode::OK);
    assert_eq!(thief.get("/fresh").await.body, "true");
}

// F4, F30: the application is mounted below a path of its site.
#[tokio::test]
async fn redirects_lead_below_the_path_at_which_the_application_is_mounted() {
    let server = Server::new(AnyStore::memory());
    let layer = || server.sessions.layer().mounted_at("/app/").unwrap();
    let inside = Router::new().nest("/app", routes(&server).layer(layer()));
    let outside = Router::new().nest("/app", routes(&server)).layer(layer());
    for app in [inside, outside] {
        let mut visitor = Visitor::new(&app);
        assert_eq!(answer(&visitor, &app, "/app/recent?a").await, to("/app/login?next=/app/recent%3Fa"));
        visitor.post("/app/silent/ada").await;
        assert_eq!(answer(&visitor, &app, "/app/recent").await, to("/app/confirm?next=/app/recent"));
    }
    // A proxy in front of the application removes the prefix.
    let app = routes(&server).layer(layer());
    assert_eq!(answer(&Visitor::new(&app), &app, "/recent").await, to("/app/login?next=/app/recent"));
    for bad in ["app", "//", "/app//", "/a//b", "//evil.example", "/a b", "https://a", "/a?b", "/\\a"] {
        let error = server.sessions.layer().mounted_at(bad).unwrap_err();
        assert!(error.is_setup() && error.to_string().contains(bad), "{error}");
    }
}
