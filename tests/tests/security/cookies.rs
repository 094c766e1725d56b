//! S25–S34, S52: the `Set-Cookie` header, and the cookies of a request.

use axum::{Router, body::Body, routing::post};
use http::{HeaderValue, Request, header::COOKIE};
use session_runtime::{Event, KeyRing, MemoryStore, SameSite, Session, Sessions, SessionsBuilder};
use tests::{
    app::{Server, Site, minutes},
    client::{Visitor, send},
    over_two_stores,
    store::AnyStore,
};

type S = Session<Site>;

/// Returns the first cookie that a server with these options sets, without its value.
async fn set(options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>) -> String {
    let server = Server::with(AnyStore::memory(), options);
    let mut visitor = server.visitor();
    let reply = visitor.post("/name/ada").await;
    let set = reply.set_cookie().unwrap();
    let (name, rest) = set.split_once('=').unwrap();
    let (value, attributes) = rest.split_once("; ").unwrap();
    assert_eq!(value.len(), 92, "{set}");
    assert_eq!(visitor.get("/read").await.body, "ada", "{set}");
    format!("{name}=…; {attributes}")
}

// S25, S26, S52
#[tokio::test]
async fn the_set_cookie_header_is_exact() {
    assert_eq!(set(|builder| builder).await, "__Host-site=…; HttpOnly; SameSite=Lax; Secure; Path=/");
    assert_eq!(
        set(|builder| builder.persistent(true)).await,
        "__Host-site=…; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800"
    );
    // Browsers let only servers set a cookie with this prefix, not scripts.
    assert_eq!(
        set(|builder| builder.cookie("__Host-Http-site")).await,
        "__Host-Http-site=…; HttpOnly; SameSite=Lax; Secure; Path=/"
    );
    assert_eq!(
        set(|builder| builder.same_site(SameSite::None).partitioned(true)).await,
        "__Host-site=…; HttpOnly; SameSite=None; Partitioned; Secure; Path=/"
    );
    assert_eq!(
        set(|builder| builder.cookie("__Secure-site").domain("example.com").path("/")).await,
        "__Secure-site=…; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com"
    );
}

// F14, S7: a trace of the response's headers shows no token.
#[tokio::test]
async fn set_cookie_headers_are_marked_as_sensitive() {
    let server = Server::with(AnyStore::memory(), |builder| builder);
    let mut visitor = server.visitor();
    for path in ["/name/ada", "/destroy"] {
        let reply = visitor.post(path).await;
        assert!(reply.set_cookie().is_some());
        assert!(reply.headers.get_all(http::header::SET_COOKIE).iter().all(HeaderValue::is_sensitive), "{path}");
        assert!(!format!("{:?}", reply.headers).contains("__Host-site"), "{path}");
    }
    let keys = KeyRing::generate();
    let handler = async |cookies: session_runtime::Cookies| cookies.private().set("coupon", "TEN").unwrap();
    let app = Router::new().route("/", post(handler)).layer(session_runtime::CookiesLayer::new().keys(&keys).unwrap());
    let reply = Visitor::new(&app).post("/").await;
    assert!(reply.headers.get(http::header::SET_COOKIE).is_some_and(HeaderValue::is_sensitive));
}

// S25, S27, S28: cookies that browsers would drop or misread are rejected at start.
#[test]
fn a_cookie_that_no_browser_keeps_is_refused() {
    type B = SessionsBuilder<Site>;
    type Options = fn(B) -> B;
    let long: &'static str = Box::leak("n".repeat(4096).into_boxed_str());
    let refused: [(Options, &str); 22] = [
        (|b| b.secure(false), "`__Host-` prefix without `Secure`"),
        (|b| b.domain("example.com"), "`__Host-` prefix with a domain"),
        (|b| b.path("/shop"), "`__Host-` prefix with a path"),
        (|b| b.cookie("__Secure-site").secure(false), "`__Secure-` prefix without `Secure`"),
        (|b| b.cookie("__Http-site").secure(false), "`__Http-` prefix without `Secure`"),
        (|b| b.cookie("__Http-site").http_only(false), "`__Http-` prefix without `HttpOnly`"),
        (|b| b.cookie("__Host-Http-site").http_only(false), "`__Host-Http-` prefix without `HttpOnly`"),
        (|b| b.cookie("__Host-Http-site").secure(false), "`__Host-Http-` prefix without `Secure`"),
        (|b| b.cookie("__Host-Http-site").path("/a"), "`__Host-Http-` prefix with a path"),
        (|b| b.cookie("__Host-Http-site").domain("a.b"), "`__Host-Http-` prefix with a domain"),
        (|b| b.cookie("__hOST-site").secure(false), "`__Host-` prefix without `Secure`"),
        (|b| b.cookie("site").secure(false).same_site(SameSite::None), "`SameSite=None` and without `Secure`"),
        (|b| b.cookie("site").secure(false).partitioned(true), "`Partitioned` and without `Secure`"),
        (|b| b.cookie(""), "no name"),
        (|b| b.cookie("a=b"), "a character that no cookie's name may have"),
        (|b| b.cookie("a\r\nSet-Cookie: b"), "a character that no cookie's name may have"),
        (|b| b.cookie("site").path("/a;b"), "a character that a cookie's path may not"),
        (|b| b.cookie("site").path("/\r\n"), "a character that a cookie's path may not"),
        (|b| b.cookie("site").path("shop"), "does not begin with `/`"),
        (|b| b.cookie("site").domain("a\r\nb"), "is not a host name"),
        (|b| b.cookie("site").domain(".example.com"), "begins with a dot"),
        (|b| b.cookie("site").domain("a;b"), "is not a host name"),
    ];
    let builder = || Sessions::<Site>::builder().store(MemoryStore::new()).keys(KeyRing::generate());
    for (options, said) in refused {
        let error = options(builder()).build().unwrap_err();
        assert!(error.is_setup() && error.to_string().contains(said), "{said}: {error}");
    }
    let error = builder().cookie(long).build().unwrap_err();
    assert!(error.is_setup() && error.to_string().contains("4096 bytes"), "{error}");
}

over_two_stores! {
    // S29: this holds whatever a request does to its session and its cookie.
    async fn a_response_has_one_cookie_of_our_name(store) {
        let server = Server::with(store, |builder| builder.persistent(true).rotate_every(minutes(10)));
        let app = server.serving(Router::new()
            .route("/much", post(|mut a: S, mut b: S| async move {
                a.renew();
                a.user_mut().log_in("bob".into());
                b.visits_mut().add(1);
                a.remember(true);
                a.save().await.unwrap();
                a.renew();
                a.remember(false);
            }))
            .route("/leave", post(|mut a: S| async move {
                a.user_mut().log_in("bob".into());
                a.save().await.unwrap();
                a.user_mut().log_out();
                a.save().await.unwrap();
                a.destroy();
            }))
            .route("/leave-and-come", post(|mut a: S| async move {
                a.user_mut().log_out();
                a.destroy();
                *a.name_mut() = "new".into();
            })));
        for path in ["/much", "/leave", "/leave-and-come"] {
            let mut visitor = server.signed_in("ada").await;
            server.turn(minutes(11));
            let mut there = visitor.at(&app);
            let reply = there.post(path).await;
            let lines = reply.set_cookies();
            assert_eq!(lines.len(), 1, "{path}: {lines:?}");
            // No line has two cookies: the only comma is in a date.
            assert_eq!(lines[0].matches("__Host-site=").count(), 1, "{path}: {lines:?}");
            assert_eq!(lines[0].matches(',').count(), lines[0].matches("Expires=Thu, ").count(), "{path}: {lines:?}");
            assert_eq!(reply.cache_control(), Some("no-store"));
            assert_ne!(there.cookie(), visitor.cookie(), "{path}");
            assert_eq!(visitor.get("/show").await.json()["user"].as_str(), None, "{path}");
        }
    }
}

// S34: a request with an oversized header makes the server call no store, and cannot hide a second session cookie.
#[tokio::test]
async fn an_oversized_cookie_header_counts_as_none() {
    let server = Server::new(AnyStore::memory());
    let token = server.signed_in("ada").await.cookie().unwrap();
    let ours = format!("__Host-site={token}");
    let loads = server.controls.calls().0;
    for lines in [
        vec![ours.clone(), "a=b;".repeat(1 << 18)],
        vec!["a=b;".repeat(1 << 18), ours.clone()],
        vec![ours.clone(), ";".repeat(100_000)],
        vec![ours.clone(), "\\".repeat(100_000)],
        std::iter::once(ours.clone()).chain((0..2_000).map(|at| format!("a{at}=b"))).collect(),
    ] {
        server.heard();
        let mut request = Request::get("/show");
        for line in &lines {
            request = request.header(COOKIE, HeaderValue::try_from(line).unwrap());
        }
        let reply = send(&server.app, request.body(Body::empty()).unwrap()).await;
        assert_eq!((reply.json()["user"].as_str(), reply.set_cookie()), (None, None));
        assert_eq!(server.heard(), [Event::Refused]);
    }
    assert_eq!(server.controls.calls().0, loads, "the request causes no load");
    assert_eq!(Visitor::with_cookie(&server.app, "__Host-site", &token).get("/show").await.json()["user"], "ada");
}
