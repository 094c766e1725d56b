//! S60, F4: only the id that `reauthenticate` gives becomes fresh. Every earlier id keeps working for a while, and is never
//! fresh.

use std::time::Duration;

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::{StatusCode, header::LOCATION};
use session_runtime::{Event, Session, SignIn, View, view};
use tests::{
    app::{Server, Site, minutes},
    client::Visitor,
    over_stores, over_two_stores,
};

type S = Session<Site>;

#[view(Site, or_redirect = "/login", fresh = 10m, stale_redirect = "/confirm")]
struct Recent {
    user: String,
}

/// Returns the application with the usual routes and those of this module.
fn app(server: &Server) -> Router {
    let routes = Router::new()
        .route("/recent", get(|View(me): View<Recent>| async move { me.user }))
        .route("/silent", post(|mut s: S| async move { s.user_mut().log_in_with("ada".into(), SignIn::stale()) }))
        .route("/confirm", post(|mut s: S| async move { s.user_mut().reauthenticate("ada").to_string() }))
        .route(
            "/confirm-and-save",
            post(|mut s: S| async move {
                assert!(s.user_mut().reauthenticate("ada"));
                s.save().await.unwrap();
                *s.name_mut() = "saved".into();
            }),
        )
        .route(
            "/confirm-twice",
            post(|mut s: S| async move {
                for _ in 0..2 {
                    assert!(s.user_mut().reauthenticate("ada"));
                    s.save().await.unwrap();
                }
            }),
        )
        .route(
            "/act-as/{user}",
            post(
                |mut s: S, Path(user): Path<String>| async move { s.user_mut().impersonate(user, minutes(5)).unwrap() },
            ),
        )
        .route("/stop", post(|mut s: S| async move { s.user_mut().stop_impersonating().to_string() }));
    server.serving(tests::app::routes().merge(routes))
}

/// Returns whether the visitor passes a view with `fresh`. If not, they must be signed in.
async fn is_fresh(visitor: &mut Visitor) -> bool {
    let reply = visitor.get("/recent").await;
    let leads_to = reply.headers.get(LOCATION).map(|location| location.to_str().unwrap());
    match leads_to {
        None => assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "ada")),
        Some(path) => assert_eq!(path, "/confirm?next=/recent"),
    }
    leads_to.is_none()
}

/// Confirms the password.
async fn confirm(visitor: &mut Visitor) {
    let reply = visitor.post("/confirm").await;
    assert_eq!((reply.body.as_str(), reply.set_cookie().is_some()), ("true", true));
}

async fn is_signed_in(visitor: &mut Visitor) -> bool {
    visitor.get("/show").await.json()["user"] == "ada"
}

over_stores! {
    // S60, S9: a copy of the id from before the re-authentication is never fresh, even if the owner does not come back.
    async fn a_stolen_id_does_not_become_fresh_when_its_owner_reauthenticates(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut owner = server.signed_in("ada").await.at(&app);
        server.turn(minutes(20));
        let mut thief = owner.clone();
        let before = owner.cookie();
        confirm(&mut owner).await;
        assert_ne!(owner.cookie(), before);
        for _ in 0..4 {
            assert!(!is_fresh(&mut thief).await);
            server.turn(minutes(1));
        }
        assert_eq!(thief.cookie(), before);
        assert!(is_fresh(&mut owner).await);
        assert!(!is_fresh(&mut thief).await);
        server.turn(minutes(1));
        assert!(!is_signed_in(&mut thief).await, "a minute after the browser used the new id");
        assert!(is_signed_in(&mut owner).await);
    }

    // S60: the id is less than a minute old when its owner reauthenticates.
    async fn a_stolen_id_that_is_young_does_not_become_fresh_either(store) {
        let server = Server::with(store, |builder| builder.end_on_replay(true));
        let app = app(&server);
        let mut owner = Visitor::new(&app);
        owner.post("/name/guest").await;
        let mut guest = owner.clone();
        owner.post("/silent").await;
        server.turn(Duration::from_secs(20));
        let mut thief = owner.clone();
        confirm(&mut owner).await;
        assert!(is_fresh(&mut owner).await);
        assert!(!is_fresh(&mut thief).await);
        assert_eq!(thief.post("/note/late").await.status, StatusCode::OK, "a request of another tab");
        server.heard();
        assert_eq!(guest.post("/name/late").await.status, StatusCode::CONFLICT, "a request from before the sign-in");
        assert!(server.heard().contains(&Event::Replayed { recently: true }));
        server.turn(minutes(2));
        assert!(is_fresh(&mut owner).await);
        assert!(!is_signed_in(&mut thief).await);
        assert!(!is_signed_in(&mut owner).await, "`end_on_replay` ends the session");
    }

    // S60: the form is sent twice. Both responses carry an id that works, and only the last one is fresh.
    async fn a_form_that_is_sent_twice_signs_no_browser_out(store) {
        let server = Server::with(store, |builder| builder.end_on_replay(true));
        let app = app(&server);
        let mut before = server.signed_in("ada").await.at(&app);
        server.turn(minutes(20));
        let (mut first, mut second) = (before.clone(), before.clone());
        confirm(&mut first).await;
        confirm(&mut second).await;
        for visitor in [&mut before, &mut first] {
            assert!(!is_fresh(visitor).await);
            assert_eq!(visitor.post("/note/late").await.status, StatusCode::OK);
        }
        // The browser keeps the first of the two new ids.
        server.turn(minutes(5));
        assert!(!is_fresh(&mut first).await, "the user has to confirm again");
        confirm(&mut first).await;
        assert!(is_fresh(&mut first).await);
        assert!(!is_fresh(&mut second).await);
    }
}

over_two_stores! {
    // S60: the response with the new id was lost.
    async fn after_a_lost_answer_the_user_confirms_again(store) {
        let server = Server::with(store, |builder| builder.end_on_replay(true));
        let app = app(&server);
        for path in ["/confirm", "/confirm-and-save", "/confirm-twice"] {
            let mut visitor = server.signed_in("ada").await.at(&app);
            server.turn(minutes(12));
            visitor.clone().post(path).await;
            server.turn(minutes(3));
            assert!(!is_fresh(&mut visitor).await, "{path}");
            visitor.clone().post(path).await;
            visitor.post(path).await;
            assert!(is_fresh(&mut visitor).await, "{path}");
        }
    }

    // S60, S11: the timer does not give a fresh id to a copy from before the re-authentication.
    async fn a_renewal_by_the_timer_does_not_make_an_older_id_fresh(store) {
        let server = Server::with(store, |builder| builder.rotate_every(minutes(2)));
        let app = app(&server);
        let mut owner = server.signed_in("ada").await.at(&app);
        server.turn(minutes(1));
        let mut thief = owner.clone();
        confirm(&mut owner).await;
        server.turn(minutes(3));
        let before = thief.cookie();
        assert!(!is_fresh(&mut thief).await);
        assert_ne!(thief.cookie(), before, "the timer renewed the id");
        assert!(!is_fresh(&mut thief).await);
    }

    // S60, S11: the timer renewed the id in a request of the thief. Less than a minute later, the owner reauthenticates with
    // the id from before that renewal.
    async fn an_owner_with_the_id_before_a_renewal_gets_a_fresh_one_and_the_thief_does_not(store) {
        let server = Server::with(store, |builder| builder.rotate_every(minutes(15)));
        let app = app(&server);
        let mut owner = server.signed_in("ada").await.at(&app);
        server.turn(minutes(16));
        let mut thief = owner.clone();
        assert!(thief.post("/note/renewed").await.set_cookie().is_some());
        assert!(!is_fresh(&mut thief).await);
        server.turn(Duration::from_secs(30));
        confirm(&mut owner).await;
        assert!(!is_fresh(&mut thief).await);
        assert!(is_fresh(&mut owner).await);
    }

    // S11: requests with the id before the last renewal by the timer still succeed when the user reauthenticates.
    async fn a_reauthentication_soon_after_a_renewal_by_the_timer_refuses_no_request(store) {
        let server = Server::with(store, |builder| builder.rotate_every(minutes(15)).end_on_replay(true));
        let app = app(&server);
        let mut visitor = server.signed_in("ada").await.at(&app);
        server.turn(minutes(16));
        let mut late = visitor.clone();
        assert!(visitor.post("/note/renewed").await.set_cookie().is_some());
        assert!(is_signed_in(&mut visitor).await);
        server.turn(Duration::from_secs(59));
        confirm(&mut visitor).await;
        assert_eq!(late.post("/name/late").await.status, StatusCode::OK);
        server.turn(Duration::from_secs(1));
        assert_eq!(late.post("/name/late").await.status, StatusCode::CONFLICT, "its minute is over");
        assert!(is_fresh(&mut visitor).await);
    }

    // S60: an administrator reauthenticated. A thief with the id from before starts an impersonation and stops it.
    async fn an_impersonation_does_not_make_an_older_id_fresh(store) {
        let server = Server::new(store);
        let app = app(&server);
        let mut owner = server.signed_in("ada").await.at(&app);
        server.turn(minutes(20));
        let mut thief = owner.clone();
        confirm(&mut owner).await;
        assert_eq!(thief.post("/act-as/bob").await.status, StatusCode::OK);
        assert_eq!(thief.post("/stop").await.body, "true");
        assert!(!is_fresh(&mut thief).await);
    }
}
