//! S29, S35: the layer as a tower service: merged headers, bodies of any type, and streams.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    response::IntoResponse,
    routing::{get, post},
};
use http::{
    Request, Response, StatusCode,
    header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY},
};
use http_body_util::Full;
use session_runtime::Session;
use tests::{
    app::{Server, Site},
    client::{Visitor, send},
    store::AnyStore,
};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};

type S = Session<Site>;

// B2, S29, S35
#[tokio::test]
async fn session_headers_are_merged_with_those_of_the_handler() {
    let server = Server::new(AnyStore::memory());
    let write = |headers: [(http::HeaderName, &'static str); 1]| {
        post(move |mut s: S| async move {
            s.visits_mut().add(1);
            headers
        })
    };
    let app = server.serving(
        Router::new()
            .route("/vary", write([(VARY, "Accept-Encoding")]))
            .route("/vary-cookie", write([(VARY, "accept, COOKIE")]))
            .route("/vary-any", write([(VARY, "*")]))
            .route("/cached", write([(CACHE_CONTROL, "public, max-age=3600")]))
            .route("/not-stored", write([(CACHE_CONTROL, "private, No-Store")]))
            .route("/other-cookie", write([(SET_COOKIE, "other=1; Path=/")]))
            .route("/our-cookie", write([(SET_COOKIE, "__Host-site=forged; Secure; Path=/")]))
            .route("/read", get(|s: S| async move { ([(CACHE_CONTROL, "public")], s.name().to_owned()) })),
    );
    let post = |path: &'static str| {
        let mut visitor = Visitor::new(&app);
        async move { visitor.post(path).await }
    };
    assert_eq!(post("/vary").await.vary(), Some("Accept-Encoding, Cookie"));
    assert_eq!(post("/vary-cookie").await.vary(), Some("accept, COOKIE"));
    assert_eq!(post("/vary-any").await.vary(), Some("*"));
    assert_eq!(post("/cached").await.cache_control(), Some("no-store"));
    assert_eq!(post("/not-stored").await.cache_control(), Some("private, No-Store"));
    let cookies = post("/other-cookie").await.set_cookies();
    assert!(cookies.len() == 2 && cookies[0].starts_with("other=1"), "{cookies:?}");
    let cookie = post("/our-cookie").await.set_cookie().unwrap();
    assert!(!cookie.contains("forged"), "{cookie}");
    assert_eq!(
        Visitor::new(&app).get("/read").await.cache_control(),
        Some("public"),
        "reading leaves caching to the handler"
    );
}

#[tokio::test]
async fn a_plain_tower_service_with_another_body_works() {
    let server = Server::new(AnyStore::memory());
    let service = server.sessions.layer().layer(service_fn(|request: Request<Full<bytes::Bytes>>| async move {
        let (parts, _) = request.into_parts();
        let mut session = S::from_parts(&parts).await.unwrap();
        session.visits_mut().add(1);
        Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from(session.visits().to_string())))
    }));
    let response = service.clone().oneshot(Request::new(Full::default())).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
    server.controls.down.store(true, std::sync::atomic::Ordering::SeqCst);
    let response = service.oneshot(Request::new(Full::default())).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!response.headers().contains_key(SET_COOKIE));
}

// F31: `TraceLayer` gives a response a body without `Default`.
#[tokio::test]
async fn a_body_type_without_a_default_can_be_replaced_by_an_error_page() {
    let server = Server::new(AnyStore::memory());
    let layers = ServiceBuilder::new()
        .layer(server.sessions.layer().same_origin())
        .layer(server.sessions.layer())
        .map_response(|response: Response<Body>| response.map(|body| http_body_util::Limited::new(body, 1_000)));
    let app = Router::new()
        .route(
            "/",
            post(|mut s: S| async move {
                s.visits_mut().add(1);
                "counted"
            }),
        )
        .layer(layers);
    let ask = |site: &'static str| {
        let request = Request::post("/").header("sec-fetch-site", site).body(Body::empty()).unwrap();
        send(&app, request)
    };
    let reply = ask("same-origin").await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "counted"));
    let reply = ask("cross-site").await;
    assert!(reply.status == 403 && !reply.body.is_empty(), "{reply:?}");
    server.controls.down.store(true, std::sync::atomic::Ordering::SeqCst);
    let reply = ask("same-origin").await;
    assert!(reply.status == 503 && !reply.body.is_empty(), "{reply:?}");
}

// The head of a response waits for the commit; the body does not.
#[tokio::test]
async fn a_streaming_response_has_its_cookie_before_its_body() {
    let server = Server::new(AnyStore::memory());
    let app = server.serving(Router::new().route(
        "/",
        get(|mut s: S| async move {
            s.visits_mut().add(1);
            drop(s);
            let (sender, receiver) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, Infallible>>(1);
            std::mem::forget(sender); // the stream never ends
            Body::new(http_body_util::StreamBody::new(Frames(receiver))).into_response()
        }),
    ));
    let response = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
}

struct Frames(tokio::sync::mpsc::Receiver<Result<bytes::Bytes, Infallible>>);

impl futures_core::Stream for Frames {
    type Item = Result<http_body::Frame<bytes::Bytes>, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|item| item.map(|bytes| bytes.map(http_body::Frame::data)))
    }
}

// S7
#[tokio::test]
async fn an_id_outside_of_our_cookie_is_ignored() {
    let server = Server::new(AnyStore::memory());
    let token = server.signed_in("ada").await.cookie().unwrap();
    let request = Request::get(format!("/show?__Host-site={token}&sid={token}"))
        .header("x-session-id", &token)
        .header("authorization", format!("Bearer {token}"))
        .header(COOKIE, format!("sid={token}"));
    assert_eq!(send(&server.app, request.body(Body::empty()).unwrap()).await.json()["user"].as_str(), None);
}
