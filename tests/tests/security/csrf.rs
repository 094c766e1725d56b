//! S36, S38: a page of another site makes a visitor's browser send requests. `tests/same_origin.rs` has the table of headers.

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header::COOKIE};
use tests::{
    app::{Server, routes},
    client::{Reply, send},
    over_two_stores,
};

const PATHS: [&str; 6] = ["/login/mallory", "/logout", "/name/x", "/cart/x", "/destroy", "/renew"];

/// Sends a request as a browser would, from a page with these headers.
async fn ask(app: &Router, method: Method, path: &str, cookie: Option<&str>, from: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("host", "site.example");
    for (name, value) in from {
        request = request.header(*name, *value);
    }
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, format!("__Host-site={cookie}"));
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

over_two_stores! {
    // S36, S38: requests are sent with the visitor's cookie and without it, because a forged sign-in needs no cookie.
    async fn one_line_keeps_other_sites_from_changing_anything(store) {
        let server = Server::new(store);
        let app = routes().layer(server.sessions.layer().same_origin());
        let ada = server.signed_in("ada").await.cookie().unwrap();
        let before = server.controls.calls();
        server.heard();
        for from in [
            &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")][..],
            &[("sec-fetch-site", "same-site"), ("origin", "https://blog.site.example")],
            &[("origin", "https://evil.test")],
            &[("origin", "null")],
            &[("referer", "https://evil.test/https://site.example/")],
            &[],
        ] {
            for path in PATHS {
                for cookie in [Some(&*ada), None] {
                    let reply = ask(&app, Method::POST, path, cookie, from).await;
                    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::FORBIDDEN, None), "{path} {from:?}");
                }
            }
        }
        assert_eq!((server.controls.calls(), server.heard()), (before, vec![]), "a refused request does not ask for its session");

        // Pages of any site may send requests that only read, and the site's own pages may change anything.
        for from in [&[("sec-fetch-site", "cross-site")][..], &[]] {
            assert_eq!(ask(&app, Method::GET, "/show", Some(&ada), from).await.json()["user"], "ada");
        }
        for from in [&[("sec-fetch-site", "same-origin")][..], &[("origin", "https://site.example")]] {
            assert_eq!(ask(&app, Method::POST, "/name/mine", Some(&ada), from).await.status, StatusCode::OK);
        }
        let signed_in = ask(&app, Method::POST, "/login/bob", None, &[("sec-fetch-site", "same-origin")]).await;
        assert!(signed_in.status == StatusCode::OK && signed_in.set_cookie().is_some());
        assert_eq!(ask(&app, Method::GET, "/read", Some(&ada), &[]).await.body, "mine");
    }
}
