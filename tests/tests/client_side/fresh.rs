//! F4: recent and older sign-ins, with the session in the visitor's cookie.

use std::time::{Duration, SystemTime};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use session_runtime::{Clock, CookieStore, KeyRing, Session, Sessions, SignIn};
use tests::{app::minutes, client::Visitor};

use crate::site::{Prefs, over_forms, routes};

type S = Session<Prefs>;

fn app(store: CookieStore, clock: &Clock) -> Router {
    let sessions =
        Sessions::<Prefs>::builder().store(store).keys(KeyRing::generate()).clock(clock.clone()).build().unwrap();
    let now = clock.clone();
    routes()
        .route(
            "/silent/{user}",
            post(|mut s: S, Path(user): Path<String>| async move {
                s.user_mut().log_in_with(user, SignIn::stale());
            }),
        )
        .route(
            "/shift/{user}",
            post(move |mut s: S, Path(user): Path<String>| async move {
                let end = SystemTime::from(now.now()) + minutes(60);
                s.user_mut().log_in_with(user, SignIn::authenticated_at(end - minutes(65)).until(end));
            }),
        )
        .route(
            "/confirm/{user}",
            post(|mut s: S, Path(user): Path<String>| async move { s.user_mut().reauthenticate(&user).to_string() }),
        )
        .route("/fresh", get(|s: S| async move { s.is_fresh(minutes(10)).to_string() }))
        .layer(sessions.layer())
}

over_forms! {
    // S60: another tab's cookie still contains the time of the older sign-in. That tab stays signed in, but its session does not
    // become fresh, however young the cookie is.
    async fn reauthentication_makes_this_cookie_fresh_and_refuses_no_other_tab(store) {
        let clock = Clock::stopped();
        let app = app(store, &clock);
        let mut visitor = Visitor::new(&app);
        visitor.post("/silent/ada").await;
        assert_eq!(visitor.get("/fresh").await.body, "false");
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
        let mut young = visitor.clone();
        assert_eq!(visitor.clone().post("/confirm/ada").await.body, "true");
        assert_eq!(young.get("/fresh").await.body, "false");
        clock.advance(minutes(20));
        let mut tab = visitor.clone();
        assert_eq!(visitor.post("/confirm/bob").await.body, "false");
        assert_eq!(visitor.post("/confirm/ada").await.body, "true");
        assert_eq!(visitor.get("/fresh").await.body, "true");
        assert_eq!(tab.get("/fresh").await.body, "false");
        assert_eq!(tab.post("/name/Ada").await.status, StatusCode::OK);
        clock.advance(minutes(10));
        assert_eq!(visitor.get("/fresh").await.body, "false");
    }

    async fn log_in_with_sets_the_time_of_the_sign_in_and_the_end_of_the_session(store) {
        let clock = Clock::stopped();
        let app = app(store, &clock);
        let mut visitor = Visitor::new(&app);
        visitor.post("/shift/ada").await;
        assert_eq!(visitor.get("/fresh").await.body, "true");
        clock.advance(minutes(5));
        assert_eq!(visitor.get("/fresh").await.body, "false");
        for path in ["/remember", "/name/Ada", "/forget"] {
            clock.advance(minutes(15));
            assert_eq!(visitor.post(path).await.status, StatusCode::OK);
            assert_eq!(visitor.get("/show").await.json()["user"], "ada", "{path}");
        }
        clock.advance(minutes(10) - Duration::from_millis(1));
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
        clock.advance(Duration::from_millis(1));
        assert_eq!(visitor.get("/show").await.json()["user"], json!(null));
    }
}
