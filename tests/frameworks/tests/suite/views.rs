//! Tests handlers that require fields of the session, and the answers to visitors who lack them.

use std::sync::atomic::Ordering::SeqCst;

use frameworks::over_frameworks;
use http::{Method, header::LOCATION};
use tests::{app::minutes, client::Reply};

use crate::{exception, site::Served};

fn location(reply: &Reply) -> Option<&str> {
    reply.headers.get(LOCATION)?.to_str().ok()
}

over_frameworks! {
    async fn a_visitor_with_every_field_is_let_in(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        visitor.post("/note/secret").await;
        for (path, body) in [("/member", "ada"), ("/hidden", "secret"), ("/fresh", "ada")] {
            let reply = visitor.get(path).await;
            assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, body), "{path}");
        }
    }

    async fn a_guest_is_redirected_to_the_login_with_the_way_back(framework) {
        let site = Served::new(framework);
        let mut guest = site.visitor();
        let reply = guest.get("/member?tab=2&x=%20").await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (303, Some("/login?next=/member%3Ftab%3D2%26x%3D%2520")));
        assert_eq!((reply.vary(), reply.cache_control()), (Some("Cookie"), Some("no-store")));
        let reply = guest.send(Method::HEAD, "/member").await;
        assert_eq!(location(&reply), Some("/login?next=/member"));
        let reply = guest.post("/member").await;
        assert_eq!(location(&reply), Some("/login"), "a link cannot repeat a POST");
    }

    async fn a_refused_visitor_gets_the_status(framework) {
        let site = Served::new(framework);
        let reply = site.visitor().get("/hidden").await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (404, None));
        assert!(!reply.body.contains("Hidden") && !reply.body.contains("note"), "{}", reply.body);
    }

    async fn a_fresh_view_asks_for_a_recent_sign_in(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        site.server.turn(minutes(11));
        assert_eq!(location(&visitor.get("/fresh").await), Some("/confirm?next=/fresh"));
        assert_eq!(visitor.get("/member").await.status, 200);
    }

    async fn redirects_get_the_path_that_the_application_is_mounted_at(framework) {
        let site = Served::with(framework, |builder| builder, |layer| layer.mounted_at("/app").unwrap());
        assert_eq!(location(&site.visitor().get("/member").await), Some("/app/login?next=/app/member"));
    }

    async fn the_layer_of_a_view_guards_a_route(framework) {
        if exception(framework, "guarded").is_some() {
            return;
        }
        let site = Served::new(framework);
        let reply = site.visitor().get("/guarded").await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (303, Some("/login?next=/guarded")));
        assert_eq!(site.gate.guarded.load(SeqCst), 0, "no handler ran");
        assert_eq!(site.signed_in("ada").await.get("/guarded").await.body, "plain");
    }
}
