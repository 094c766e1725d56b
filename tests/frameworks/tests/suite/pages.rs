//! Tests the application's own pages, which replace the answers of the session layer.

use std::sync::atomic::Ordering::SeqCst;

use frameworks::{Framework, over_frameworks, table};
use http::header::CONTENT_TYPE;
use session_runtime::{SessionLimit, SessionRefusal, SessionsBuilder};
use tests::{app::Site, client::Reply};

use crate::{exception, site::Served};

/// Serves a site whose own pages are JSON objects that contain the kind of the refusal.
fn api(framework: Framework, options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>) -> Served {
    Served::with(framework, options, |layer| {
        layer.same_origin().allow_programs().pages(|page| {
            let body = format!(r#"{{"error":"{:?}"}}"#, page.refusal());
            page.json(body)
        })
    })
}

fn assert_json(reply: &Reply, status: u16, refusal: SessionRefusal) {
    let content_type = reply.headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    assert_eq!((reply.status.as_u16(), content_type), (status, Some(&b"application/json"[..])), "{}", reply.body);
    assert_eq!(reply.body, format!(r#"{{"error":"{refusal:?}"}}"#));
    assert_eq!(reply.cache_control(), Some("no-store"));
}

over_frameworks! {
    async fn every_answer_of_the_layer_is_replaced_by_the_applications_page(framework) {
        let site = api(framework, |builder| builder.max_per_user(SessionLimit::Refuse(1)).max_bytes(10_000));
        let mut visitor = site.signed_in("ada").await;
        assert_json(&site.visitor().post("/login/ada").await, 409, SessionRefusal::SignInRefused);
        assert_json(&visitor.post("/large").await, 413, SessionRefusal::TooLarge);
        let has_guards = exception(framework, "page of a guard").is_some();
        if !has_guards {
            assert_json(&site.visitor().get("/hidden").await, 404, SessionRefusal::View);
            let redirect = site.visitor().get("/member").await;
            assert_eq!((redirect.status.as_u16(), &redirect.headers["location"]), (303, &"/login?next=/member".parse().unwrap()));
        }
        let forged = http::Request::post("/visit").header("sec-fetch-site", "cross-site").body(axum::body::Body::empty()).unwrap();
        assert_json(&tests::client::send(&site.app, forged).await, 403, SessionRefusal::OtherSite);
        site.server.controls.down.store(true, SeqCst);
        if !has_guards {
            assert_json(&visitor.get("/show").await, 503, SessionRefusal::StoreDown);
        }
        assert_json(&site.visitor().post("/visit").await, 503, SessionRefusal::StoreDown);
        // The handler passes the error on with `?`.
        assert_json(&site.visitor().post("/reserved").await, 500, SessionRefusal::Broken);
    }

    // The hooks see only answers of the session layers. The outer layer's hook sees such an answer only if the inner layer's hook
    // leaves it as it is.
    async fn an_answer_of_the_application_is_not_replaced(framework) {
        let nested = |layer: session_runtime::SessionLayer<_>| frameworks::Application {
            sessions: Some(layer.clone().pages(|page| match page.status().as_u16() {
                404 => page,
                _ => page.text("inner"),
            })),
            again: Some(layer.pages(|page| page.text("outer"))),
            ..crate::site::nothing()
        };
        let site = Served::serving(framework, |builder| builder, nested);
        let reply = site.visitor().post("/fail/500").await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (500, "failed"));
        assert_eq!(site.visitor().post("/reserved").await.body, "inner");
        if exception(framework, "page of a guard").is_none() {
            assert_eq!(site.visitor().get("/hidden").await.body, "outer");
        }
    }

    // F31
    async fn a_middleware_of_the_application_can_tell_our_answers_from_the_applications(framework) {
        if exception(framework, "marker").is_some() {
            return;
        }
        let site = Served::with(framework, |builder| builder, |layer| layer.same_origin().allow_programs());
        let refusal = |reply: &Reply| reply.headers.get(table::REFUSAL).map(|name| name.to_str().unwrap().to_owned());
        let named = |refusal: SessionRefusal| Some(format!("{refusal:?}"));
        let mut visitor = site.visitor();
        assert_eq!(refusal(&visitor.get("/hidden").await), named(SessionRefusal::View));
        assert_eq!(refusal(&visitor.get("/member").await), named(SessionRefusal::View), "a redirect");
        assert_eq!(refusal(&visitor.post("/reserved").await), named(SessionRefusal::Broken));
        let forged = http::Request::post("/visit").header("sec-fetch-site", "cross-site").body(axum::body::Body::empty()).unwrap();
        assert_eq!(refusal(&tests::client::send(&site.app, forged).await), named(SessionRefusal::OtherSite));
        for path in ["/visit", "/fail/409", "/fail/500"] {
            let reply = visitor.post(path).await;
            assert_eq!(refusal(&reply), None, "{path} is answered by the application: {reply:?}");
        }
        site.server.controls.down.store(true, SeqCst);
        assert_eq!(refusal(&visitor.get("/show").await), named(SessionRefusal::StoreDown));
        assert_eq!(refusal(&site.visitor().post("/visit").await), named(SessionRefusal::StoreDown));
    }
}
