//! Tests requests that pages of other sites make.

use frameworks::{Framework, over_frameworks};
use http::{Method, Request};
use tests::client::{Reply, send};

use crate::site::Served;

fn guarded(framework: Framework) -> Served {
    Served::with(framework, |builder| builder, |layer| layer.trust("https://app.example.com").unwrap())
}

async fn ask(site: &Served, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    send(&site.app, request.body(axum::body::Body::empty()).unwrap()).await
}

over_frameworks! {
    // S36
    async fn only_this_origin_and_trusted_origins_may_change_anything(framework) {
        let site = guarded(framework);
        for (headers, status) in [
            (&[("sec-fetch-site", "same-origin")][..], 200),
            (&[("sec-fetch-site", "none")], 200),
            (&[("sec-fetch-site", "cross-site")], 403),
            (&[("sec-fetch-site", "same-site")], 403),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")], 200),
            (&[("host", "a.test"), ("origin", "https://a.test")], 200),
            (&[("host", "a.test"), ("origin", "https://b.test")], 403),
            (&[("host", "a.test"), ("referer", "https://a.test/page")], 200),
            (&[], 403),
        ] {
            let reply = ask(&site, Method::POST, "/visit", headers).await;
            assert_eq!(reply.status.as_u16(), status, "{headers:?}: {}", reply.body);
            assert_eq!(reply.set_cookie().is_some(), status == 200, "{headers:?}: a refused request must not set a cookie");
        }
        let read = ask(&site, Method::GET, "/read", &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(read.status, 200);
    }

    // F3
    async fn a_cross_site_websocket_handshake_is_refused(framework) {
        let site = guarded(framework);
        let headers = [("sec-fetch-site", "cross-site"), ("upgrade", "websocket"), ("connection", "upgrade")];
        assert_eq!(ask(&site, Method::GET, "/read", &headers).await.status, 403);
    }

    async fn programs_can_be_allowed(framework) {
        let site = Served::with(framework, |builder| builder, |layer| layer.same_origin().allow_programs());
        assert_eq!(ask(&site, Method::POST, "/visit", &[]).await.status, 200);
        assert_eq!(ask(&site, Method::POST, "/visit", &[("sec-fetch-site", "cross-site")]).await.status, 403);
    }
}
