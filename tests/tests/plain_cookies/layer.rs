//! The layer: shared jars, layers within layers, services without axum, and calls after the response has been sent.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
    routing::get,
};
use http::Response;
use session_runtime::{Cookies, CookiesLayer, CookiesRejection, Error, KeyRing};
use tests::{client::Visitor, log::Log};
use tower::{Layer as _, ServiceExt as _};

use super::{app, ask};

#[tokio::test]
async fn without_a_layer_the_log_says_what_to_write_and_the_page_does_not() {
    let sentence = "this route has no cookies: put `CookiesLayer::new()` around the route: with `.layer(…)` after the route in axum, `.wrap(…)` in actix-web";
    let app = Router::new().route("/", get(|_: Cookies| async {}));
    let log = Log::of_this_thread();
    let reply = ask(&app, &[]).await;
    assert_eq!(reply.status.as_u16(), 500);
    assert!(reply.body.starts_with("Something went wrong on this site."), "{}", reply.body);
    assert!(log.take().contains(sentence));
    let shown = |cookies: Result<Cookies, CookiesRejection>| async move { cookies.unwrap_err().to_string() };
    assert_eq!(ask(&Router::new().route("/", get(shown)), &[]).await.body, reply.body);
    let debugged = |cookies: Result<Cookies, CookiesRejection>| async move { format!("{:?}", cookies.unwrap_err()) };
    assert!(ask(&Router::new().route("/", get(debugged)), &[]).await.body.contains(sentence));
}

#[tokio::test]
async fn all_handles_of_a_request_share_one_jar() {
    async fn around(cookies: Cookies, request: Request, next: Next) -> Result<Response<Body>, Error> {
        cookies.set("seen", "before")?;
        let response = next.run(request).await;
        assert_eq!(cookies.get("seen").as_deref(), Some("by the handler"));
        cookies.set("last", "after")?;
        Ok(response)
    }
    async fn handler(one: Cookies, two: Cookies) -> Result<(), Error> {
        assert_eq!(one.get("seen").as_deref(), Some("before"));
        two.set("seen", "by the handler")
    }
    let app = Router::new().route("/", get(handler)).layer(from_fn(around)).layer(CookiesLayer::new());
    let mut visitor = Visitor::new(&app);
    assert_eq!(visitor.get("/").await.set_cookies().len(), 2);
    assert_eq!(visitor.cookie_named("seen").as_deref(), Some("by%20the%20handler"));
    assert_eq!(visitor.cookie_named("last").as_deref(), Some("after"));
}

// S29
#[tokio::test]
async fn a_layer_within_a_layer_shares_its_jar_and_has_its_own_keys() {
    async fn around(cookies: Cookies, request: Request, next: Next) -> Response<Body> {
        cookies.set("theme", "light").unwrap();
        let response = next.run(request).await;
        assert!(response.headers().get("set-cookie").is_none(), "the outer layer sends what the inner one collected");
        response
    }
    let keyed = CookiesLayer::new().keys(&KeyRing::generate()).unwrap();
    let handler = |cookies: Cookies| async move {
        cookies.set("theme", "dark")?;
        cookies.signed().set("cart", "apple")
    };
    let app = Router::new().route("/", get(handler)).layer(keyed).layer(from_fn(around)).layer(CookiesLayer::new());
    let lines = ask(&app, &[]).await.set_cookies();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("theme=dark;") && lines[1].starts_with("cart="));
}

#[tokio::test]
async fn any_tower_service_has_cookies() {
    async fn service(request: http::Request<String>) -> Result<Response<String>, Error> {
        let (parts, _) = request.into_parts();
        let Ok(cookies) = Cookies::from_parts(&parts) else { return Ok(Response::new("none".into())) };
        let theme = cookies.get("theme").unwrap_or_default();
        cookies.set("theme", "light")?;
        Ok(Response::new(theme))
    }
    let request = || http::Request::builder().header("cookie", "theme=dark").body(String::new()).unwrap();
    let response = CookiesLayer::new().layer(tower::service_fn(service)).oneshot(request()).await.unwrap();
    assert_eq!(response.headers()["set-cookie"], "theme=light; HttpOnly; SameSite=Lax; Secure; Path=/");
    assert_eq!(response.into_body(), "dark");
    let bare = tower::service_fn(service).oneshot(request()).await.unwrap();
    assert_eq!(bare.into_body(), "none");
}

// S29: the head of the response has already been sent.
#[tokio::test]
async fn setting_a_cookie_after_the_response_is_an_error() {
    let kept: Arc<Mutex<Option<Cookies>>> = Arc::default();
    let keeping = Arc::clone(&kept);
    let app = app(CookiesLayer::new(), move |cookies| *keeping.lock().unwrap() = Some(cookies));
    ask(&app, &[b"theme=dark"]).await;
    let cookies = kept.lock().unwrap().take().unwrap();
    assert_eq!(cookies.get("theme").as_deref(), Some("dark"));
    for error in [cookies.set("theme", "light").unwrap_err(), cookies.remove("theme").unwrap_err()] {
        assert!(error.to_string().starts_with("the response has already left"), "{error}");
    }
}
