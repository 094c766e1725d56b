//! S36, F3: pages of other origins in a real browser, and their attempts to act for a signed-in visitor: forms, scripts and
//! WebSockets. Everything listens on 127.0.0.1; Chromium resolves every name below `localhost` to it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::ws::{Message, WebSocketUpgrade},
    response::{Html, IntoResponse, Response},
    routing::{any, get, post},
};
use http::{HeaderValue, Method, header::CONTENT_TYPE};
use serde_json::Value;
use session_runtime::{KeyRing, MemoryStore, Session, Sessions};
use tests::browser::Browser;
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;

#[derive(Session)]
struct Shop {
    #[session(identity)]
    user: Option<u64>,
}

/// The acts so far, and the number of rejected requests.
#[derive(Clone, Default)]
struct Done(Arc<Mutex<(Vec<Act>, usize)>>);

/// An act, and the user for whom it was done.
type Act = (String, Option<u64>);

impl Done {
    fn act(&self, how: &str, session: &Session<Shop>) {
        self.0.lock().unwrap().0.push((how.to_owned(), session.user()));
    }

    /// Returns the acts and the rejections since the last call.
    fn take(&self) -> (Vec<Act>, usize) {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A shop that only its own pages and those of `front` may use.
fn shop(front: &str, done: &Done) -> Router {
    let sessions = Sessions::<Shop>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let cors = CorsLayer::new()
        .allow_origin(front.parse::<HeaderValue>().unwrap())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE])
        .allow_credentials(true);
    let (bought, socket, refused) = (done.clone(), done.clone(), done.clone());
    let buy = async move |session: Session<Shop>| {
        bought.act("buy", &session);
        "bought"
    };
    let connect = async move |session: Session<Shop>, upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |mut connection| {
            while let Some(Ok(Message::Text(_))) = connection.recv().await {
                socket.act("socket", &session);
                let _ = connection.send("bought".into()).await;
            }
        })
    };
    Router::new()
        .route("/", get(async || Html("<title>shop</title>")))
        .route("/login", post(async |mut session: Session<Shop>| session.user_mut().log_in(7)))
        .route("/buy", post(buy))
        .route("/ws", any(connect))
        .layer(sessions.layer().same_origin().trust(front).unwrap().pages(move |page| {
            refused.0.lock().unwrap().1 += 1;
            let sentence = page.forged().map(ToString::to_string).unwrap_or_default();
            page.text(sentence)
        }))
        .layer(cors)
}

async fn serve(listener: TcpListener, app: Router) {
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Submits a form into a frame; the page cannot read the answer.
const FORM: &str = r#"
    return new Promise(resolve => {
        const frame = document.createElement("iframe"), form = document.createElement("form");
        frame.name = "answer";
        document.body.append(frame, form);
        Object.assign(form, { method: "post", action: "SHOP/buy", target: "answer" });
        frame.onload = () => resolve("sent");
        form.submit();
    });"#;

/// Sends a request that needs no CORS permission, from a script.
const SIMPLE: &str = r#"
    return fetch("SHOP/buy", { method: "POST", mode: "no-cors", credentials: "include" }).then(() => "sent");"#;

/// Sends a request that needs CORS permission, from a script, and reads the answer.
const READ: &str = r#"
    return fetch("SHOP/buy", {
        method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: "{}"
    }).then(answer => answer.text(), () => "refused");"#;

const SOCKET: &str = r#"
    return new Promise(resolve => {
        const socket = new WebSocket("SHOP/ws".replace("http", "ws"));
        socket.onopen = () => socket.send("buy");
        socket.onmessage = message => resolve(message.data);
        socket.onerror = () => resolve("refused");
    });"#;

async fn open() -> Option<Browser> {
    Browser::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("origins_browser")).await
}

// F3, F30, S36, S38
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_cannot_act_for_a_visitor_and_trusted_ones_can() {
    let Some(browser) = open().await else { return };
    let ((listener, port), (pages, elsewhere)) = (listen().await, listen().await);
    let at = |host: &str, port: u16| format!("http://{host}:{port}");
    let (own, front) = (at("api.shop.localhost", port), at("app.shop.localhost", elsewhere));
    let done = Done::default();
    serve(listener, shop(&front, &done)).await;
    let page = get(async || -> Response { Html("<title>page</title><body>").into_response() });
    serve(pages, Router::new().route("/", page)).await;

    let run = async |page: &str, script: &str| -> (Value, Vec<Act>, usize) {
        browser.go(page).await;
        let said = browser.script(&script.replace("SHOP", &own)).await;
        let (acts, refused) = done.take();
        (said, acts, refused)
    };
    let act = |how: &str| vec![(how.to_owned(), Some(7))];

    let login = r#"return fetch("/login", { method: "POST" }).then(answer => answer.status);"#;
    assert_eq!(run(&own, login).await.0, 200);
    assert_eq!(run(&own, FORM).await, ("sent".into(), act("buy"), 0), "the visitor is signed in");
    assert_eq!(run(&own, SOCKET).await, ("bought".into(), act("socket"), 0));

    // The first three are on the shop's site, so the browser sends the cookie and only the layer protects the shop. The other two
    // are on other sites.
    for other in [
        at("api.shop.localhost", elsewhere),
        at("blog.shop.localhost", elsewhere),
        at("shop.localhost", elsewhere),
        at("evil.localhost", elsewhere),
        at("127.0.0.1", elsewhere),
    ] {
        for (script, said) in [(FORM, "sent"), (SIMPLE, "sent"), (SOCKET, "refused")] {
            assert_eq!(run(&other, script).await, (said.into(), vec![], 1), "{other} {script}");
        }
        let (said, acts, _) = run(&other, READ).await;
        assert_eq!((said, acts), ("refused".into(), vec![]), "{other} has no CORS permission");
    }

    for (script, said, how) in
        [(FORM, "sent", "buy"), (SIMPLE, "sent", "buy"), (READ, "bought", "buy"), (SOCKET, "bought", "socket")]
    {
        assert_eq!(run(&front, script).await, (said.into(), act(how), 0), "{front} {script}");
    }
}
