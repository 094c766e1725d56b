//! B7, F29: when the cookie of a session that has ended elsewhere is removed. B53, F21: which HEAD requests and prefetches take
//! flashes.

use axum::{Router, body::Body, routing::get};
use http::{Method, Request};
use session_runtime::{Event, Session};
use tests::{
    app::{Server, Site, hours, minutes},
    client::{Reply, Visitor, send},
    over_two_stores,
};

const NAVIGATION: &[(&str, &str)] = &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

async fn ask(app: &Router, visitor: &mut Visitor, path: &str, headers: &[(&str, &str)]) -> Reply {
    let cookie = visitor.cookie().map(|value| ("cookie", format!("__Host-site={value}")));
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(cookie);
    let request = headers.fold(Request::get(path), |request, (name, value)| request.header(name, value));
    let reply = send(app, request.body(Body::empty()).unwrap()).await;
    visitor.keep(&reply);
    reply
}

async fn navigate(server: &Server, visitor: &mut Visitor, path: &str) -> Reply {
    ask(&server.app, visitor, path, NAVIGATION).await
}

over_two_stores! {
    // F29
    async fn a_navigation_removes_the_cookie_of_a_session_that_was_revoked(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        server.sessions.of("ada").revoke_all().await.unwrap();
        server.turn(minutes(2));
        let removed = navigate(&server, &mut ada, "/read").await.set_cookie().unwrap();
        assert!(removed.starts_with("__Host-site=; ") && removed.contains("Max-Age=0"), "{removed}");
        assert_eq!(ada.cookie(), None);
        let calls = server.controls.calls();
        server.heard();
        navigate(&server, &mut ada, "/read").await;
        assert_eq!((server.controls.calls(), server.heard()), (calls, vec![]), "no more store calls or events");
    }

    // F29
    async fn a_navigation_removes_the_cookie_of_a_session_that_expired(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        server.turn(hours(13));
        assert!(navigate(&server, &mut ada, "/read").await.set_cookie().is_some());
        assert_eq!(ada.cookie(), None);
    }

    // F29: requests of scripts, frames and images can run at the same time as a sign-in, and must not remove its cookie. A
    // prefetch is not a navigation.
    async fn only_a_navigation_removes_the_cookie(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        server.turn(hours(13));
        for headers in [
            &[][..],
            &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")],
        ] {
            assert_eq!(ask(&server.app, &mut ada, "/read", headers).await.set_cookie(), None, "{headers:?}");
        }
        assert_eq!(ask(&server.app, &mut ada, "/untouched", NAVIGATION).await.set_cookie(), None);
    }

    // F29: the visitor may be signing in again in another tab.
    async fn the_cookie_stays_for_a_minute_after_the_end(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        server.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(navigate(&server, &mut ada, "/read").await.set_cookie(), None);
        let mut late = server.signed_in("bob").await;
        let mut tab = late.clone();
        tab.post("/renew").await;
        assert_eq!(navigate(&server, &mut late, "/read").await.set_cookie(), None);
    }

    // F29: a slow page's response is sent after a sign-in in another tab, and must not remove the cookie of that sign-in.
    async fn a_slow_navigation_never_removes_the_cookie_of_a_sign_in_in_another_tab(store) {
        let server = Server::new(store);
        let ada = server.signed_in("ada").await;
        server.turn(hours(13));
        let browser = std::sync::Arc::new(tokio::sync::Mutex::new(ada));
        let (tab, clock) = (browser.clone(), server.clock.clone());
        let app = server.serving(Router::new().route("/slow", get(|session: Session<Site>| async move {
            drop(session);
            clock.advance(std::time::Duration::from_secs(2));
            tab.lock().await.post("/login/ada").await;
        })));
        let mut slow = browser.lock().await.clone();
        let reply = ask(&app, &mut slow, "/slow", NAVIGATION).await;
        assert_eq!(reply.set_cookie(), None);
        let mut browser = browser.lock().await.clone();
        browser.keep(&reply);
        assert_eq!(browser.get("/show").await.json()["user"], "ada");
    }

    // F29
    async fn a_navigation_that_begins_a_session_sets_its_cookie(store) {
        let server = Server::new(store);
        let mut ada = server.signed_in("ada").await;
        server.turn(hours(13));
        let app = server.serving(Router::new().route("/visit", get(|mut session: Session<Site>| async move {
            session.visits_mut().add(1);
        })));
        let set = ask(&app, &mut ada, "/visit", NAVIGATION).await.set_cookie().unwrap();
        assert!(!set.contains("Max-Age=0"), "{set}");
        assert_eq!(ada.get("/show").await.json()["visits"], 1);
        assert!(!server.heard().contains(&Event::DuplicateCookie));
    }
}

over_two_stores! {
    // F21, B53
    async fn a_head_request_takes_no_flash(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/notice/saved").await;
        visitor.post("/notices/a").await;
        let calls = server.controls.calls().1;
        for path in ["/notice", "/notices"] {
            assert!(visitor.send(Method::HEAD, path).await.status.is_success());
        }
        assert_eq!(server.controls.calls().1, calls, "nothing is written");
        assert_eq!(visitor.get("/notice").await.body, "saved");
        assert_eq!(visitor.get("/notice").await.body, "");
        assert_eq!(visitor.get("/notices").await.body, "a");
        assert_eq!(visitor.get("/notices").await.body, "");
    }

    // F21, B53: a flash that a HEAD request adds is stored for the next response. A counter of attempts counts HEAD requests too.
    async fn every_other_change_of_a_head_request_is_stored(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/", get(|mut session: Session<Site>| async move {
            session.notices_mut().take();
            session.notices_mut().put("new".into());
            session.visits_mut().add(1);
        })));
        let mut visitor = server.visitor();
        visitor.post("/notices/old").await;
        visitor.at(&app).send(Method::HEAD, "/").await;
        assert_eq!(visitor.get("/show").await.json()["visits"], 1);
        assert_eq!(visitor.get("/notices").await.body, "old,new");
    }

    // F21: the browser later shows the prefetched page without another request.
    async fn a_prefetch_takes_a_flash_unless_it_is_refused(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new().route("/refused", get(|mut session: Session<Site>| async move {
            session.notice_mut().take();
            http::StatusCode::SERVICE_UNAVAILABLE
        })));
        let mut visitor = server.visitor();
        visitor.post("/notice/saved").await;
        let prefetch = [NAVIGATION, &[("sec-purpose", "prefetch")]].concat();
        ask(&app, &mut visitor, "/refused", &prefetch).await;
        assert_eq!(ask(&server.app, &mut visitor, "/notice", &prefetch).await.body, "saved");
        assert_eq!(visitor.get("/notice").await.body, "");
    }
}
