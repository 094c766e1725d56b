//! B1–B11: the cookies of a response.

use axum::{Router, body::Body, routing::get};
use http::{Method, Request, StatusCode, header::COOKIE};
use session_runtime::{Clock, Event, KeyRing, Session, Sessions};
use tests::{
    app::{Server, Site, hours, minutes},
    client::{Visitor, send},
    log::Log,
    over_two_stores,
    store::AnyStore,
};

over_two_stores! {
    // B1, S5
    async fn a_route_that_does_not_use_its_session_costs_nothing(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        let before = server.controls.calls();
        let reply = visitor.get("/untouched").await;
        assert_eq!((reply.set_cookie(), reply.vary(), reply.cache_control()), (None, None, None));
        assert_eq!(server.controls.calls(), before);
    }

    // B2, B3
    async fn reading_a_session_sets_vary_and_no_cookie(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        let reply = visitor.get("/read").await;
        assert_eq!((reply.body.as_str(), reply.vary(), reply.set_cookie()), ("ada", Some("Cookie"), None));
        assert_eq!(server.visitor().get("/read").await.vary(), Some("Cookie"));
    }

    // B3
    async fn a_second_write_keeps_the_id_and_sends_no_cookie(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        let first = visitor.post("/name/ada").await;
        assert!(first.set_cookie().is_some());
        assert_eq!(first.cache_control(), Some("no-store"));
        assert_eq!(visitor.post("/name/bob").await.set_cookie(), None);
        assert_eq!(visitor.get("/read").await.body, "bob");
    }

    // B4, S5
    async fn reading_stores_nothing(store) {
        let server = Server::new(store);
        for path in ["/read", "/show", "/notice", "/untouched"] {
            let reply = server.visitor().get(path).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{path}");
        }
        server.visitor().send(Method::OPTIONS, "/read").await;
        server.visitor().send(Method::HEAD, "/read").await;
        for path in ["/logout", "/destroy", "/clear", "/renew", "/remember", "/note", "/name/"] {
            assert_eq!(server.visitor().post(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(server.controls.calls(), (0, 0));
    }

    // B5, S20, S25
    async fn the_removal_cookie_repeats_every_attribute(store) {
        let server = Server::with(store, |builder| builder.cookie("__Secure-site").domain("example.com").path("/").partitioned(true));
        let mut visitor = server.visitor();
        let set = visitor.post("/name/ada").await.set_cookie().unwrap();
        let removed = visitor.post("/destroy").await.set_cookie().unwrap();
        let attributes = |line: &str| -> Vec<String> {
            let mut all: Vec<_> = line.split("; ").skip(1).map(str::to_owned).collect();
            all.retain(|attribute| !attribute.starts_with("Max-Age") && !attribute.starts_with("Expires"));
            all.sort();
            all
        };
        assert_eq!(attributes(&set), attributes(&removed));
        assert!(attributes(&set).len() >= 6, "{set}");
        assert!(removed.starts_with("__Secure-site=;") && removed.contains("Max-Age=0"), "{removed}");
        assert_eq!(visitor.cookie(), None);
    }

    // B6, S4, S39
    async fn an_invalid_token_is_anonymous_and_never_reaches_the_store(store) {
        let server = Server::new(store);
        let good = server.signed_in("ada").await.cookie().unwrap();
        let mut bad: Vec<Vec<u8>> = vec![
            b"".to_vec(), b"x".to_vec(), b"../../etc/passwd".to_vec(), b"%2e%2e".to_vec(), b"\xff\xfe\x80".to_vec(),
            vec![b'A'; good.len()], vec![b'A'; 1 << 20], format!("{good}=").into_bytes(), format!("\"{good}\"").into_bytes(),
        ];
        for at in 0..good.len() {
            let mut flipped = good.clone().into_bytes();
            flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
            bad.push(flipped);
            bad.push(good.as_bytes()[..at].to_vec());
        }
        let before = server.controls.calls();
        server.heard();
        for value in bad {
            let mut line = b"__Host-site=".to_vec();
            line.extend(value);
            let Ok(line) = http::HeaderValue::from_bytes(&line) else { continue };
            let request = Request::get("/show").header(COOKIE, line.clone()).body(Body::empty()).unwrap();
            let reply = send(&server.app, request).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::OK, None), "{line:?}");
            assert_eq!(reply.json()["user"], serde_json::Value::Null, "{line:?}");
        }
        assert_eq!(server.controls.calls(), before);
        assert!(server.heard().iter().all(|event| *event == Event::Refused));
    }

    // B7, S3
    async fn an_unknown_id_is_never_adopted_nor_removed(store) {
        let server = Server::new(store);
        let cookie = {
            let mut visitor = server.visitor();
            visitor.post("/name/ada").await;
            let cookie = visitor.cookie().unwrap();
            visitor.post("/destroy").await;
            cookie
        };
        let mut visitor = Visitor::with_cookie(&server.app, "__Host-site", &cookie);
        let reply = visitor.get("/show").await;
        assert_eq!(reply.set_cookie(), None);
        assert_eq!(reply.json()["is_new"], true);
        assert!(server.heard().contains(&Event::Unknown));
        visitor.post("/name/bob").await;
        assert_ne!(visitor.cookie().unwrap(), cookie);
        assert_eq!(Visitor::with_cookie(&server.app, "__Host-site", &cookie).get("/read").await.body, "");
    }

    // B7, S11
    async fn an_id_that_a_sign_in_just_replaced_reads_as_anonymous_and_writes_nowhere(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/guest").await;
        let mut late = visitor.clone();
        visitor.post("/login/ada").await;
        let seen = late.get("/show").await;
        assert_eq!((seen.json()["name"].as_str(), seen.set_cookie()), (Some(""), None));
        let wrote = late.post("/name/late").await;
        assert_eq!((wrote.status, wrote.set_cookie()), (StatusCode::CONFLICT, None));
        assert!(server.heard().contains(&Event::Replayed { recently: true }));
        assert_eq!(visitor.get("/read").await.body, "guest");
        // A sign-in with the old id is an exception, because the answer to the earlier sign-in may have been lost.
        assert!(late.post("/login/ada").await.set_cookie().is_some());
        // After a minute, a request with the old id counts as a new visitor's.
        let mut later = Visitor::with_cookie(&server.app, "__Host-site", &late.cookie().unwrap());
        late.post("/login/ada").await;
        server.turn(minutes(1));
        server.heard();
        assert_eq!(later.get("/show").await.json()["is_new"], true);
        assert!(server.heard().contains(&Event::Replayed { recently: false }));
        assert!(later.post("/name/new").await.set_cookie().is_some());
    }

    // B8, S31, S32, S33
    async fn two_cookies_of_our_name_count_as_none(store) {
        let server = Server::new(store);
        let (a, b) = (server.signed_in("ada").await.cookie().unwrap(), server.signed_in("bob").await.cookie().unwrap());
        for lines in [vec![format!("__Host-site={a}; __Host-site={b}")], vec![format!("__Host-site={a}"), format!("__Host-site={a}")]] {
            server.heard();
            let mut request = Request::get("/show");
            for line in lines {
                request = request.header(COOKIE, line);
            }
            let reply = send(&server.app, request.body(Body::empty()).unwrap()).await;
            assert_eq!((reply.json()["user"].as_str(), reply.set_cookie()), (None, None));
            assert_eq!(server.heard(), [Event::DuplicateCookie]);
        }
        let request = Request::get("/show").header(COOKIE, "a=1").header(COOKIE, format!("b=2; __Host-site={a}"));
        assert_eq!(send(&server.app, request.body(Body::empty()).unwrap()).await.json()["user"], "ada");
    }

    // B8: if the cookie's name has no prefix, another host of the domain could have planted one of the two cookies.
    async fn the_verified_one_of_two_unprefixed_cookies_counts(store) {
        let server = Server::with(store, |builder| builder.cookie("site"));
        let (a, b) = (server.signed_in("ada").await, server.signed_in("bob").await);
        let (a, b) = (a.cookie().unwrap(), b.cookie().unwrap());
        for (line, user) in [
            (format!("site=planted; site={a}"), Some("ada")),
            (format!("site={a}; site=planted"), Some("ada")),
            (format!("site={a}; site={a}"), Some("ada")),
            (format!("site={a}; site={b}"), None),
        ] {
            let request = Request::get("/show").header(COOKIE, &line).body(Body::empty()).unwrap();
            assert_eq!(send(&server.app, request).await.json()["user"].as_str(), user, "{line}");
        }
    }

    // S31: a careless parser would mistake some of these names for ours. The other cookies in the header may contain any bytes.
    async fn only_the_exact_cookie_name_is_ours(store) {
        let server = Server::new(store);
        let good = server.signed_in("ada").await.cookie().unwrap();
        for (name, mine) in [
            (&b"__Host-site"[..], true), (b"%5F%5FHost-site", false), (b"\xe2\x80\x80__Host-site", false),
            (b"\xc2\xa0__Host-site", false), (b"__Host-site\xe3\x80\x80", false), (b"__host-site", false), (b"__HOST-SITE", false),
            (b"junk=\xff\xfe; __Host-site", true), (b"=nameless; valueless; %ff; \t__Host-site", true), (b"junk=\xc3\xa9; __Host-site", true),
        ] {
            let mut line = name.to_vec();
            line.push(b'=');
            line.extend(good.as_bytes());
            let request = Request::get("/show").header(COOKIE, http::HeaderValue::from_bytes(&line).unwrap()).body(Body::empty());
            let user = send(&server.app, request.unwrap()).await.json()["user"].as_str().map(str::to_owned);
            assert_eq!(user.is_some(), mine, "{}", name.escape_ascii());
        }
    }

    // B9, S45
    async fn a_session_under_an_old_key_is_signed_again_with_the_current_one(store) {
        let old_key: Vec<u8> = (0..32).map(|at: u8| at.wrapping_mul(37) ^ 0x5a).collect();
        let new_key: Vec<u8> = (0..32).map(|at: u8| at.wrapping_mul(91) ^ 0xc3).collect();
        let before = Server::made(store.clone(), KeyRing::from_bytes(&old_key).unwrap(), Clock::stopped(), |builder| builder);
        let mut visitor = before.signed_in("ada").await;
        let ring = KeyRing::from_bytes(&new_key).unwrap().with_previous(&old_key).unwrap();
        let after = Server::made(store.clone(), ring, before.clock.clone(), |builder| builder);
        let mut visitor_after = visitor.at(&after.app);
        let reply = visitor_after.get("/show").await;
        assert_eq!((reply.json()["user"].as_str(), reply.set_cookie()), (Some("ada"), None), "a read alone writes nothing");
        before.clock.advance(tests::app::minutes(1));
        assert!(visitor_after.get("/show").await.set_cookie().is_some());
        assert_ne!(visitor_after.cookie(), visitor.cookie());
        assert_eq!(visitor_after.get("/show").await.set_cookie(), None);
        // On this server, the old key has been removed from the key ring.
        let later = Server::made(store, KeyRing::from_bytes(&new_key).unwrap(), before.clock.clone(), |builder| builder);
        assert_eq!(visitor.at(&later.app).get("/show").await.json()["user"].as_str(), None);
        assert_eq!(visitor_after.at(&later.app).get("/show").await.json()["user"], "ada");
        assert_eq!(visitor.get("/show").await.json()["user"], "ada");
    }

    // B10, S6, S40
    async fn two_kinds_of_session_share_nothing(store) {
        #[derive(Session)]
        #[session(cookie = "__Host-admin", idle = 10m)]
        struct Admin {
            name: String,
        }

        let keys = KeyRing::generate();
        let server = Server::made(store.clone(), keys.clone(), Clock::stopped(), |builder| builder);
        let admins = Sessions::<Admin>::builder().store(store).keys(keys).clock(server.clock.clone()).build().unwrap();
        let routes = Router::new()
            .route("/both", get(|site: Session<Site>, admin: Session<Admin>| async move { format!("{}+{}", site.name(), admin.name()) }))
            .route("/write", get(|mut site: Session<Site>, mut admin: Session<Admin>| async move {
                *site.name_mut() = "site".into();
                *admin.name_mut() = "admin".into();
            }));
        let app = server.serving(routes).layer(admins.layer());
        let mut visitor = Visitor::new(&app);
        let reply = visitor.get("/write").await;
        assert_eq!(reply.set_cookies().len(), 2);
        assert_eq!(reply.vary(), Some("Cookie"));
        assert_eq!(visitor.get("/both").await.body, "site+admin");
        let (site, admin) = (visitor.cookie_named("__Host-site").unwrap(), visitor.cookie_named("__Host-admin").unwrap());
        let swapped = format!("__Host-site={admin}; __Host-admin={site}");
        let request = Request::get("/both").header(COOKIE, swapped).body(Body::empty()).unwrap();
        assert_eq!(send(&app, request).await.body, "+");
        server.turn(minutes(11));
        assert_eq!(visitor.get("/both").await.body, "site+");
    }

    // S6
    async fn two_apps_with_one_key_share_nothing(store) {
        let keys = KeyRing::generate();
        let one = Server::made(store.clone(), keys.clone(), Clock::stopped(), |builder| builder.app("one"));
        let two = Server::made(store, keys, one.clock.clone(), |builder| builder.app("two"));
        let visitor = one.signed_in("ada").await;
        assert_eq!(visitor.at(&one.app).get("/show").await.json()["user"], "ada");
        assert_eq!(visitor.at(&two.app).get("/show").await.json()["user"].as_str(), None);
    }

    // B11, B3
    async fn a_persistent_cookie_lasts_as_long_as_the_session(store) {
        let server = Server::with(store, |builder| builder.persistent(true));
        let mut visitor = server.visitor();
        let set = visitor.post("/name/ada").await.set_cookie().unwrap();
        assert!(set.contains("; Max-Age=1800"), "{set}");
        server.turn(minutes(1) / 2);
        assert_eq!(visitor.get("/read").await.set_cookie(), None, "the deadline need not move yet");
        server.turn(minutes(10));
        let refreshed = visitor.get("/read").await.set_cookie().unwrap();
        assert!(refreshed.contains("; Max-Age=1800"), "{refreshed}");
        assert_eq!(visitor.get("/read").await.set_cookie(), None);
    }

    // B11, S25
    async fn the_default_cookie_has_the_safe_attributes(store) {
        let server = Server::new(store);
        let set = server.visitor().post("/name/ada").await.set_cookie().unwrap();
        let (pair, attributes) = set.split_once("; ").unwrap();
        assert!(pair.starts_with("__Host-site="));
        let mut attributes: Vec<_> = attributes.split("; ").collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
        server.turn(hours(1));
    }
}

// S53
#[tokio::test]
async fn without_secure_only_requests_from_localhost_are_served() {
    let server = Server::with(AnyStore::memory(), |builder| builder.cookie("site").secure(false));
    for (host, status) in [("localhost:3000", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("example.com", 500)] {
        let request = Request::get("/read").header("host", host).body(Body::empty()).unwrap();
        let log = Log::of_this_thread();
        let reply = send(&server.app, request).await;
        assert_eq!(reply.status, status, "{host}");
        let said = log.take();
        assert!(status == 200 || said.contains("`Secure`") && said.contains("`plain_http = true`"), "{said}");
        assert!(!reply.body.contains("`Secure`"), "{}", reply.body); // F12
    }
    // F28: a header that a proxy adds shows that the request came through one.
    for header in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "X-Real-IP"] {
        let proxied = Request::get("/read").header("host", "127.0.0.1:3000").header(header, "203.0.113.9");
        let reply = send(&server.app, proxied.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 500, "{header}");
        assert!(!reply.body.contains("plain_http"), "{}", reply.body); // F12
    }
}

// F28, S53
#[tokio::test]
async fn plain_http_serves_every_host_with_a_cookie_without_secure() {
    let server = Server::with(AnyStore::memory(), |builder| builder.cookie("site").secure(false).plain_http(true));
    for host in ["192.168.1.20:3000", "0.0.0.0:3000", "app:3000", "localhost"] {
        let request = Request::post("/name/ada").header("host", host).header("x-real-ip", "10.0.0.9");
        let reply = send(&server.app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 200, "{host}");
        assert!(!reply.set_cookie().unwrap().contains("Secure"));
    }
}
