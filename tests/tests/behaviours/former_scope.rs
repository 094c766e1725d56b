//! B8, B54: after `domain` or `path` has changed, a browser may have two cookies with the same name.

use axum::{Router, body::Body};
use http::{Request, Response, header::SET_COOKIE};
use http_body_util::BodyExt as _;
use session_runtime::{Clock, Event, KeyRing, Session, Sessions, SessionsBuilder, testing::CookieJar};
use tests::{
    app::{Server, Site, hours, minutes},
    client::send,
    over_two_stores,
    store::AnyStore,
};

/// Builds of one application, which share store, keys and clock.
struct Builds {
    store: AnyStore,
    keys: KeyRing,
    clock: Clock,
}

impl Builds {
    fn new(store: AnyStore) -> Self {
        Self { store, keys: KeyRing::generate(), clock: Clock::stopped() }
    }

    fn build(&self, options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>) -> Build {
        let options = |builder: SessionsBuilder<Site>| options(builder.cookie("site"));
        let server = Server::made(self.store.clone(), self.keys.clone(), self.clock.clone(), options);
        let app = server.serving(Router::new().nest("/app", tests::app::routes()));
        Build { server, app }
    }
}

struct Build {
    server: Server,
    app: Router,
}

impl Build {
    async fn post(&self, jar: &mut CookieJar, path: &str) -> Response<Body> {
        let request = Request::post(format!("/app{path}")).body(Body::empty()).unwrap();
        // The test's clock is stopped. In production, time passes between two requests.
        self.server.clock.advance(std::time::Duration::from_millis(1));
        let response = jar.send(&self.app, request).await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response
    }

    async fn user(&self, jar: &mut CookieJar) -> Option<String> {
        let request = Request::get("/app/show").body(Body::empty()).unwrap();
        let body = jar.send(&self.app, request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let shown: serde_json::Value = serde_json::from_slice(&body).unwrap();
        shown["user"].as_str().map(str::to_owned)
    }
}

fn removals(response: &Response<Body>) -> Vec<String> {
    let lines = response.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned());
    lines.filter(|line| line.contains("Max-Age=0")).collect()
}

over_two_stores! {
    // F5, B54
    async fn visitors_can_sign_in_after_the_cookie_got_a_domain(store) {
        let builds = Builds::new(store);
        let (one, two) = (builds.build(|b| b), builds.build(|b| b.domain("example.com")));
        let mut jar = CookieJar::new();
        one.post(&mut jar, "/name/guest").await;
        two.post(&mut jar, "/login/ada").await;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        two.post(&mut jar, "/logout").await;
        assert_eq!(two.user(&mut jar).await, None);
        two.post(&mut jar, "/login/ada").await;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        // The minute in which a replaced id is recognised has passed.
        builds.clock.advance(minutes(2));
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        assert!(!two.server.heard().contains(&Event::DuplicateCookie));
    }

    // F5
    async fn an_ended_session_does_not_prevent_signing_in(store) {
        let builds = Builds::new(store);
        let (one, two) = (builds.build(|b| b), builds.build(|b| b.domain("example.com")));
        let mut jar = CookieJar::new();
        one.post(&mut jar, "/login/ada").await;
        builds.clock.advance(hours(13));
        two.post(&mut jar, "/login/ada").await;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        two.post(&mut jar, "/name/ada").await;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
    }

    // F5
    async fn visitors_can_sign_in_after_the_path_was_widened(store) {
        let builds = Builds::new(store);
        let (one, two) = (builds.build(|b| b.path("/app")), builds.build(|b| b));
        let mut jar = CookieJar::new();
        one.post(&mut jar, "/name/guest").await;
        two.post(&mut jar, "/login/ada").await;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        two.post(&mut jar, "/logout").await;
        two.post(&mut jar, "/login/bob").await;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("bob"));
    }

    // F5: every request also sends the former cookie, whose id was replaced. That cookie is the visitor's own, and not stolen.
    async fn a_former_cookie_beside_the_current_one_is_not_a_replay(store) {
        let builds = Builds::new(store);
        let (one, two) = (builds.build(|b| b), builds.build(|b| b.domain("example.com").end_on_replay(true)));
        let mut jar = CookieJar::new();
        one.post(&mut jar, "/name/guest").await;
        two.post(&mut jar, "/login/ada").await;
        builds.clock.advance(minutes(5));
        two.server.heard();
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        assert_eq!(two.server.heard(), []);
    }

    // F5
    async fn a_sign_in_removes_the_cookie_of_the_former_domain(store) {
        let builds = Builds::new(store);
        let one = builds.build(|b| b);
        let two = builds.build(|b| b.domain("example.com").former_domain("host-only"));
        let mut jar = CookieJar::new();
        one.post(&mut jar, "/name/guest").await;
        let response = two.post(&mut jar, "/login/ada").await;
        let [removal] = &*removals(&response) else { panic!("{response:?}") };
        assert!(removal.starts_with("site=;") && !removal.contains("Domain"), "{removal}");
        let loads = two.server.controls.calls().0;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        assert_eq!(two.server.controls.calls().0, loads + 1, "one cookie needs one look-up");
    }

    // F5
    async fn a_log_out_removes_the_cookies_of_each_former_domain_and_path(store) {
        let builds = Builds::new(store);
        let one = builds.build(|b| b.domain("www.example.com").path("/app"));
        let two = builds.build(|b| b.domain("example.com").former_domain("www.example.com").former_path("/app"));
        let mut jar = CookieJar::new();
        one.post(&mut jar, "/login/ada").await;
        assert_eq!(two.user(&mut jar).await.as_deref(), Some("ada"));
        let response = two.post(&mut jar, "/logout").await;
        assert_eq!(removals(&response).len(), 4);
        assert_eq!(jar.value("site"), None);
    }

    // F5, B8: another host may have planted either of the two cookies.
    async fn two_live_sessions_of_one_name_count_as_none(store) {
        let server = Server::with(store, |builder| builder.cookie("site"));
        let (a, b) = (server.signed_in("ada").await.cookie().unwrap(), server.signed_in("bob").await.cookie().unwrap());
        server.heard();
        let request = Request::get("/show").header("cookie", format!("site={a}; site={b}")).body(Body::empty()).unwrap();
        let reply = send(&server.app, request).await;
        assert_eq!((reply.json()["user"].as_str(), reply.set_cookie()), (None, None));
        assert_eq!(server.heard(), [Event::DuplicateCookie]);
    }

    // F5, S32: another host of the domain plants a validly signed cookie.
    async fn a_strangers_ended_session_locks_no_visitor_out(store) {
        let server = Server::with(store, |builder| builder.cookie("site"));
        let mut stranger = server.signed_in("mallory").await;
        let planted = stranger.cookie().unwrap();
        stranger.post("/logout").await;
        let ours = server.signed_in("ada").await.cookie().unwrap();
        for line in [format!("site={planted}; site={ours}"), format!("site={ours}; site={planted}")] {
            let request = Request::get("/show").header("cookie", line).body(Body::empty()).unwrap();
            assert_eq!(send(&server.app, request).await.json()["user"], "ada");
        }
    }

    // F5
    async fn eight_cookies_cost_at_most_eight_look_ups(store) {
        let server = Server::with(store, |builder| builder.cookie("site"));
        let mut cookies = Vec::new();
        for _ in 0..8 {
            let mut visitor = server.signed_in("ada").await;
            cookies.push(format!("site={}", visitor.cookie().unwrap()));
            visitor.post("/logout").await;
        }
        let ours = format!("site={}", server.signed_in("bob").await.cookie().unwrap());
        cookies[3] = ours;
        let loads = server.controls.calls().0;
        let request = Request::get("/show").header("cookie", cookies.join("; ")).body(Body::empty()).unwrap();
        assert_eq!(send(&server.app, request).await.json()["user"], "bob");
        assert_eq!(server.controls.calls().0, loads + 8);
    }
}

// F5
#[tokio::test]
async fn a_former_domain_that_is_todays_is_an_error_at_start() {
    #[derive(Session)]
    #[session(cookie = "shop", domain = "example.com")]
    struct Shop {
        theme: String,
    }
    let builder = Sessions::<Shop>::builder().store(session_runtime::MemoryStore::new()).keys(KeyRing::generate());
    let variables = [("SESSION_FORMER_DOMAIN", "example.com")];
    let error = builder.variables("SESSION_", variables).unwrap().build().unwrap_err().to_string();
    assert_eq!(
        error,
        "`former_domain` (`example.com`) is today's `domain`; name the previous domain, or drop it \
         (`former_domain` is from the variable SESSION_FORMER_DOMAIN)"
    );
}
