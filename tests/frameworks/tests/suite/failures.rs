//! Tests stores that are down, handlers that panic, and clients that disconnect.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use frameworks::{Application, over_frameworks, table::Gate};
use tests::{app::Server, client::Visitor, log::Log, store::AnyStore};

use crate::site::{Served, errors, nothing};

/// Waits until a server that is told to stop takes no more requests. Most servers then refuse connections; salvo's leaves them
/// without an answer.
fn wait_until_it_takes_no_more(addr: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while takes_requests(addr) {
        assert!(Instant::now() < deadline, "the server still takes requests");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn takes_requests(addr: SocketAddr) -> bool {
    let Ok(mut connection) = TcpStream::connect(addr) else { return false };
    // Rocket gives the requests in progress only two seconds, so this wait must be short.
    connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let request = b"GET /untouched HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    connection.write_all(request).is_ok() && connection.read_exact(&mut [0]).is_ok()
}

over_frameworks! {
    // S47: a store that is down does not sign the visitor out.
    async fn a_load_from_a_store_that_is_down_is_answered_with_503(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        site.server.controls.down.store(true, SeqCst);
        for path in ["/show", "/member"] {
            let reply = visitor.get(path).await;
            assert_eq!(reply.status, 503, "{path}: {}", reply.body);
            assert_eq!(reply.set_cookies(), Vec::<String>::new());
            assert_eq!(reply.headers.get("retry-after").map(|value| value.as_bytes()), Some(&b"1"[..]));
            assert!(!reply.body.contains("StoreError"), "{}", reply.body);
        }
        assert_eq!(visitor.get("/either").await.body, "none", "the handler gets the error");
        site.server.controls.down.store(false, SeqCst);
        assert_eq!(site.show(&mut visitor).await["user"], "ada");
    }

    // The handler passes the error on with `?`.
    async fn an_update_while_the_store_is_down_is_answered_with_503(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        assert_eq!(visitor.post("/cart/tea").await.status, 200);
        let waiting = {
            let mut slow = visitor.clone();
            tokio::spawn(async move { slow.post("/wait/x").await })
        };
        site.gate.reached().await;
        site.server.controls.down.store(true, SeqCst);
        site.gate.open();
        assert_eq!(waiting.await.unwrap().status, 503);
        site.server.controls.down.store(false, SeqCst);
        assert_eq!(site.show(&mut visitor).await["cart"], serde_json::json!(["tea"]));
    }

    // B27
    async fn nothing_of_a_handler_that_panics_is_stored(framework) {
        let site = Served::new(framework);
        let mut visitor = site.signed_in("ada").await;
        let reply = visitor.post("/panic").await;
        assert!(reply.status.is_server_error(), "{reply:?}");
        assert!(!reply.body.contains("a handler of the test panics"), "{}", reply.body);
        assert_eq!(site.show(&mut visitor).await["name"], "");
    }

    // B28
    async fn the_server_keeps_serving_after_a_client_has_disconnected(framework) {
        let (server, gate) = (Server::new(AnyStore::memory()), Gate::new());
        let application = Application { routes: frameworks::table::routes(&gate), sessions: Some(server.sessions.layer()), ..nothing() };
        let addr = framework.listen(application).addr;
        let mut connection = TcpStream::connect(addr).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        connection.write_all(b"POST /wait/left HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n").unwrap();
        gate.reached().await;
        drop(connection);
        gate.open();
        let mut again = TcpStream::connect(addr).unwrap();
        again.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        again.write_all(b"GET /read HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        again.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }

    // A worker that is shut down finishes its requests, and what they changed is stored.
    async fn a_request_in_progress_is_stored_and_answered_while_its_server_stops(framework) {
        let (server, gate) = (Server::new(AnyStore::memory()), Gate::new());
        let application = Application {
            routes: frameworks::table::routes(&gate),
            sessions: Some(server.sessions.layer()),
            ..nothing()
        };
        let mut visitor = Visitor::new(&framework.serve(application.clone()));
        assert_eq!(visitor.post("/login/ada").await.status, 200);
        let cookie = visitor.cookies();
        let stopped = framework.listen(application);
        let mut connection = TcpStream::connect(stopped.addr).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!(
            "POST /wait/last HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: same-origin\r\ncookie: {cookie}\r\n\
             content-length: 0\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).unwrap();
        gate.reached().await;
        let addr = stopped.addr;
        stopped.stop();
        wait_until_it_takes_no_more(addr);
        gate.open();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200") && reply.ends_with("waited"), "{reply}");
        assert_eq!(visitor.get("/show").await.json()["name"], "last");
    }

    // The answer shows nothing internal, and the log has one sentence for the operator. (With routes of rocket's macros, the
    // server would not start: see `tests/rocket.rs`. These routes are made without the macros.)
    async fn a_route_without_the_layer_is_answered_with_500(framework) {
        let log = Log::of_this_thread();
        let application = Application { routes: frameworks::table::routes(&Gate::new()), cookies: None, ..nothing() };
        let mut visitor = Visitor::new(&framework.serve(application));
        let no_session = "this route has no `Site` session: put `sessions.layer()` around the route";
        let no_cookies = "this route has no cookies: put `CookiesLayer::new()` around the route";
        for (path, sentence) in [("/read", no_session), ("/member", no_session), ("/theme", no_cookies)] {
            let reply = visitor.get(path).await;
            assert_eq!(reply.status, 500, "{path}");
            assert!(!reply.body.contains("Site") && !reply.body.contains("layer"), "{}", reply.body);
            let errors = errors(&log);
            assert!(errors.len() == 1 && errors[0].contains(sentence), "{path}: {errors:?}");
        }
        assert_eq!(visitor.get("/untouched").await.status, 200);
    }
}
