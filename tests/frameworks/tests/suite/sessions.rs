//! Tests the headers that a session adds to a response (cookie, `Vary`, `Cache-Control`), and what requests do to sessions.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use frameworks::{Application, over_frameworks, table};
use http::{
    Method, Request,
    header::{COOKIE, SET_COOKIE},
};
use session_runtime::Event;
use tests::{
    app::minutes,
    client::{Visitor, send},
};
use tower::ServiceExt as _;

use crate::site::{Served, nothing};

over_frameworks! {
    // B1
    async fn a_route_that_does_not_use_its_session_costs_nothing(framework) {
        let site = Served::new(framework);
        let reply = site.visitor().get("/untouched").await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "plain"));
        assert_eq!((reply.vary(), reply.cache_control(), reply.set_cookie()), (None, None, None));
        assert_eq!(site.server.controls.calls(), (0, 0));
    }

    // B2, S29, S35
    async fn a_response_says_that_it_depends_on_the_session(framework) {
        let site = Served::new(framework);
        let mut visitor = site.visitor();
        let read = visitor.get("/read").await;
        assert_eq!((read.vary(), read.cache_control(), read.set_cookie()), (Some("Cookie"), Some("private"), None));
        let write = visitor.post("/visit").await;
        assert_eq!((write.vary(), write.cache_control()), (Some("Cookie"), Some("no-store")));
        let cookie = write.set_cookie().unwrap();
        for attribute in ["__Host-site=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let second = visitor.post("/visit").await;
        assert_eq!(second.set_cookie(), None, "the id stays");
        assert_eq!(site.show(&mut visitor).await["visits"], 2);
    }

    // B2, S29: the handler's headers stay.
    async fn our_headers_join_those_of_the_handler(framework) {
        let site = Served::new(framework);
        let reply = site.visitor().get("/headers").await;
        assert_eq!(reply.vary(), Some("Accept-Encoding, Cookie"));
        assert_eq!(reply.cache_control(), Some("no-store"), "a cached cookie would go to other visitors");
        let cookies = reply.set_cookies();
        assert!(cookies.len() == 2 && cookies.iter().any(|line| line.starts_with("other=1")), "{cookies:?}");
    }

    // B11, B20
    async fn a_sign_in_renews_the_id_and_a_log_out_removes_the_cookie(framework) {
        let site = Served::new(framework);
        let mut visitor = site.visitor();
        visitor.post("/visit").await;
        let guest = visitor.clone();
        let before = visitor.cookie();
        visitor.post("/login/ada").await;
        assert_ne!(visitor.cookie(), before);
        assert_eq!(site.show(&mut visitor).await["user"], "ada");
        assert!(site.show(&mut guest.clone()).await["user"].is_null(), "the previous id opens nothing");
        let mut other_tab = visitor.clone();
        let reply = visitor.post("/logout").await;
        assert!(reply.set_cookie().is_some_and(|line| line.contains("Max-Age=0")), "{reply:?}");
        assert!(site.show(&mut other_tab).await["user"].is_null());
    }

    // B26
    async fn concurrent_requests_all_count(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        let at_once = (0..16).map(|_| {
            let mut visitor = visitor.clone();
            async move { visitor.post("/visit").await.status.as_u16() }
        });
        for status in futures_util::future::join_all(at_once).await {
            assert_eq!(status, 200);
        }
        assert_eq!(site.show(&mut visitor).await["visits"], 16);
    }

    // B53
    async fn a_head_request_takes_no_flash(framework) {
        let site = Served::new(framework);
        let mut visitor = site.visitor();
        visitor.post("/notice/hello").await;
        let head = visitor.send(Method::HEAD, "/notice").await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
        assert_eq!(visitor.get("/notice").await.body, "hello");
        assert_eq!(visitor.get("/notice").await.body, "");
    }

    async fn a_passive_request_does_not_keep_a_session_alive(framework) {
        let site = Served::new(framework);
        let mut visitor = site.visitor();
        visitor.post("/visit").await;
        for _ in 0..3 {
            site.server.turn(minutes(9));
            assert_eq!(visitor.get("/polled").await.body, "1");
        }
        site.server.turn(minutes(4));
        assert_eq!(visitor.get("/polled").await.body, "0");
    }

    // S53
    async fn without_secure_only_requests_from_localhost_are_served(framework) {
        let insecure = |builder: session_runtime::SessionsBuilder<_>| builder.cookie("site").secure(false);
        let site = Served::with(framework, insecure, |layer| layer);
        let ask = async |headers: &[(&str, &str)]| {
            let request = headers.iter().fold(Request::get("/read"), |request, (name, value)| request.header(*name, *value));
            send(&site.app, request.body(axum::body::Body::empty()).unwrap()).await
        };
        assert_eq!(ask(&[("host", "localhost:8000")]).await.status, 200);
        for foreign in [&[("host", "shop.example")][..], &[("host", "localhost"), ("x-forwarded-for", "10.0.0.1")]] {
            let reply = ask(foreign).await;
            assert_eq!(reply.status, 500, "{foreign:?}");
            assert!(!reply.body.contains("Secure") && !reply.body.contains("Site"), "{}", reply.body);
        }
    }

    // B7: only a navigation removes the cookie of a session that has ended.
    async fn a_navigation_removes_the_cookie_of_an_ended_session(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        let kept = visitor.clone();
        site.server.sessions.of("ada").revoke_all().await.unwrap();
        site.server.turn(minutes(2));
        let script = visitor.get("/read").await;
        assert_eq!(script.set_cookie(), None);
        let cookie = format!("__Host-site={}", kept.cookie().unwrap());
        let request = Request::get("/read").header("cookie", cookie);
        let request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        let page = send(&site.app, request.body(axum::body::Body::empty()).unwrap()).await;
        assert!(page.set_cookie().is_some_and(|line| line.contains("Max-Age=0")), "{page:?}");
    }

    // The response's head waits for the commit. The commit does not wait for the end of the body.
    async fn a_streaming_response_has_its_cookie_before_its_body(framework) {
        let site = Served::new(framework);
        let request = Request::post("/stream").body(axum::body::Body::empty()).unwrap();
        let response = site.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key(SET_COOKIE));
        assert_eq!(site.server.controls.swaps.load(SeqCst), 1);
    }

    // B29
    async fn a_handle_that_outlives_the_response_can_save(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        assert_eq!(visitor.post("/late/later").await.body, "goes on");
        assert_eq!(site.show(&mut visitor).await["name"], "");
        site.gate.reached().await;
        site.gate.open();
        site.gate.reached().await;
        assert_eq!(site.show(&mut visitor).await["name"], "later");
    }

    // B45: the head has left without a cookie, so a new session can no longer begin.
    async fn a_guests_change_after_the_head_of_a_stream_is_an_error_or_an_event(framework) {
        let site = Served::new(framework);
        for path in ["/late-stream/save", "/late-stream/drop"] {
            let request = Request::post(path).body(axum::body::Body::empty()).unwrap();
            let response = site.app.clone().oneshot(request).await.unwrap();
            assert_eq!((response.status().as_u16(), response.headers().get(SET_COOKIE)), (200, None));
            site.gate.reached().await;
            site.gate.open();
            site.gate.reached().await;
            let saved = site.gate.saved.lock().unwrap().take().unwrap();
            if path == "/late-stream/save" {
                let error = saved.unwrap_err();
                assert!(error.contains("the response has already left"), "{error}");
            } else {
                assert!(site.server.heard().contains(&Event::Late));
            }
        }
        assert_eq!(site.server.controls.calls(), (0, 0), "nothing is stored that no cookie opens");
    }

    // S32
    async fn two_cookies_of_our_name_count_as_none(framework) {
        let site = Served::new(framework);
        let token = site.signed_in("ada").await.cookie().unwrap();
        let mut visitor = Visitor::with_cookie(&site.app, "__Host-site", &format!("{token}; __Host-site=other"));
        assert!(site.show(&mut visitor).await["user"].is_null());
    }

    // B8
    async fn several_cookie_headers_are_read_as_one(framework) {
        let site = Served::new(framework);
        let token = site.signed_in("ada").await.cookie().unwrap();
        let ours = format!("__Host-site={token}");
        let ask = async |path: &str, lines: &[&str]| {
            let request = lines.iter().fold(Request::get(path), |request, line| request.header(COOKIE, *line));
            send(&site.app, request.body(axum::body::Body::empty()).unwrap()).await
        };
        for lines in [["a=1; b=2", ours.as_str(), "theme=dark"], [ours.as_str(), "theme=dark", "a=1"]] {
            assert_eq!(ask("/show", &lines).await.json()["user"], "ada", "{lines:?}");
            assert_eq!(ask("/theme", &lines).await.body, "dark", "{lines:?}");
        }
        let twice = ask("/show", &[ours.as_str(), "__Host-site=other"]).await;
        assert!(twice.json()["user"].is_null(), "two cookies of our name count as none");
    }

    // S27, S29
    async fn a_session_in_several_cookies_is_set_read_and_removed(framework) {
        let in_cookies = |layer| Application { sessions: Some(layer), desk: Some(table::desk_in_cookies()), ..nothing() };
        let site = Served::serving(framework, |builder| builder, in_cookies);
        let mut visitor = site.visitor();
        let names = |lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| line.split_once('=').unwrap().0.to_owned()).collect()
        };
        let three = ["__Host-desk", "__Host-desk-2", "__Host-desk-3"];
        let written = visitor.post("/paper").await;
        assert_eq!(names(&written.set_cookies()), three);
        assert_eq!((written.vary(), written.cache_control()), (Some("Cookie"), Some("no-store")));
        let read = visitor.get("/paper").await;
        assert_eq!((read.body.as_str(), read.set_cookies().len()), ("8000 1", 0));
        let emptied = visitor.post("/no-paper").await.set_cookies();
        assert_eq!(names(&emptied), three);
        let removed: Vec<_> = emptied.iter().map(|line| line.contains("; Max-Age=0;")).collect();
        assert_eq!(removed, [false, true, true], "{emptied:?}");
        assert_eq!(visitor.get("/paper").await.body, "0 1");
    }

    async fn a_session_expires_by_the_servers_clock(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        site.server.turn(minutes(30) + Duration::from_secs(61));
        assert!(site.show(&mut visitor).await["user"].is_null());
    }
}
