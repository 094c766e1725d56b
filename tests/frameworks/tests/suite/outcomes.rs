//! Tests the table of outcomes in `docs/behaviours.md`, row by row.

use std::sync::atomic::Ordering::SeqCst;

use frameworks::over_frameworks;
use session_runtime::{Event, SessionLimit};
use tests::client::Reply;

use crate::site::Served;

/// Asserts that the reply is a page instead of the handler's answer, and that the page shows nothing internal.
fn assert_page(reply: &Reply, status: u16) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
    assert_eq!(reply.cache_control(), Some("no-store"));
    assert!(!reply.body.is_empty() && reply.body != "done" && reply.body != "waited", "{}", reply.body);
    for internal in ["Site", "StoreError", "memory", "swap", "nonce", "name"] {
        assert!(!reply.body.contains(internal), "`{internal}` in: {}", reply.body);
    }
}

over_frameworks! {
    async fn a_commit_to_a_store_that_is_down_is_answered_with_503(framework) {
        let site = Served::new(framework);
        site.server.controls.down.store(true, SeqCst);
        let mut visitor = site.visitor();
        // A visitor without a cookie needs no load, so the commit is the first call.
        let reply = visitor.post("/visit").await;
        assert_page(&reply, 503);
        assert_eq!(reply.headers.get("retry-after").map(|value| value.as_bytes()), Some(&b"1"[..]));
        assert_eq!(reply.set_cookie(), None);
    }

    async fn a_sign_in_beyond_the_limit_is_answered_with_409(framework) {
        let site = Served::with(framework, |builder| builder.max_per_user(SessionLimit::Refuse(1)), |layer| layer);
        site.signed_in("ada").await;
        let mut second = site.visitor();
        let reply = second.post("/login/ada").await;
        assert_page(&reply, 409);
        assert_eq!(reply.set_cookie(), None);
        assert!(site.server.heard().contains(&Event::SignInRefused));
    }

    async fn a_session_that_is_too_large_is_answered_with_413(framework) {
        let site = Served::with(framework, |builder| builder.max_bytes(10_000), |layer| layer);
        let mut visitor = site.visitor();
        let reply = visitor.post("/large").await;
        assert_page(&reply, 413);
        assert_eq!(reply.set_cookie(), None);
    }

    // B23: another request of the visitor signed in first.
    async fn a_post_that_a_sign_in_overtook_is_answered_with_409(framework) {
        let site = Served::new(framework);
        let mut visitor = site.visitor();
        visitor.post("/visit").await;
        for (method, status) in [(http::Method::POST, 409), (http::Method::GET, 200)] {
            let mut slow = visitor.clone();
            let overtaken = method.clone();
            let waiting = tokio::spawn(async move { slow.send(overtaken, "/wait/overtaken").await });
            site.gate.reached().await;
            visitor.post("/login/ada").await;
            site.gate.open();
            let reply = waiting.await.unwrap();
            if status == 409 {
                assert_page(&reply, 409);
            } else {
                assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "waited"));
            }
            assert_eq!(reply.set_cookie(), None);
            assert!(site.server.heard().contains(&Event::Moved), "{method}");
            assert_eq!(site.show(&mut visitor).await["name"], "");
        }
    }

    // B23: a sign-in has just replaced the request's id.
    async fn a_late_post_is_answered_with_409(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        let mut late = visitor.clone();
        visitor.post("/login/ada").await;
        for path in ["/logout", "/name/late", "/cart/late", "/member"] {
            let reply = late.post(path).await;
            assert_eq!((reply.status.as_u16(), reply.set_cookie()), (409, None), "{path}");
            if path != "/member" || crate::exception(framework, "page of a guard").is_none() {
                assert_page(&reply, 409);
            }
        }
        assert_eq!(site.show(&mut visitor).await["user"], "ada");
        assert_eq!(late.get("/member").await.status, 303);
        visitor.post("/logout").await;
        assert_eq!(late.post("/logout").await.status, 200);
    }

    // B22: another request ended the session.
    async fn a_change_to_an_ended_session_is_dropped_without_an_error(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        let mut slow = visitor.clone();
        let waiting = tokio::spawn(async move { slow.post("/wait/ended").await });
        site.gate.reached().await;
        visitor.post("/logout").await;
        site.gate.open();
        let reply = waiting.await.unwrap();
        assert_eq!((reply.status.as_u16(), reply.set_cookie()), (200, None));
        assert!(site.server.heard().contains(&Event::Gone));
    }

    // B27, F16: the status says whether the handler failed.
    async fn changes_of_a_failed_handler_are_discarded(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        for failed in ["500", "503", "408", "499", "500-drop", "200-drop", "404-drop"] {
            let reply = visitor.post(&format!("/fail/{failed}")).await;
            assert_eq!(reply.status.as_str(), &failed[..3], "the handler's answer stays");
            assert_eq!(site.show(&mut visitor).await["name"], "", "{failed}");
        }
        for kept in ["200", "404", "422", "502-keep"] {
            visitor.post(&format!("/name/before-{kept}")).await;
            visitor.post(&format!("/fail/{kept}")).await;
            assert_eq!(site.show(&mut visitor).await["name"], "failed", "{kept}");
        }
    }

    async fn a_log_out_by_a_failed_handler_is_stored(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        let mut other_tab = visitor.clone();
        let reply = visitor.post("/fail-and-log-out").await;
        assert_eq!(reply.status, 500);
        assert!(reply.set_cookie().is_some_and(|line| line.contains("Max-Age=0")));
        assert!(site.show(&mut other_tab).await["user"].is_null());
    }
}
