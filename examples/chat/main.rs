//! A chat with one room. A web socket closes when its session ends, and says why.
//!
//! ```text
//! cargo run -p examples --features ws --bin chat
//! ```
//!
//! Sign in with the same name in two browsers. Then log out the other browser from one of them.

#[path = "../address.rs"]
mod address;
mod pages;

use std::error::Error;

use axum::{
    Form, Router,
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    http::header::CONTENT_TYPE,
    response::{Redirect, Response},
    routing::{get, post},
};
use maud::Markup;
use serde::Deserialize;
use session_runtime::{Ended, KeyRing, MemoryStore, Session, Sessions, View, view};
use tokio::sync::broadcast::{self, error::RecvError};

#[derive(Session)]
struct Chat {
    #[session(identity)]
    name: Option<String>,
}

/// A visitor who is signed in. Other visitors get the status 401.
#[view(Chat)]
struct Member {
    name: String,
}

#[derive(Clone)]
struct App {
    sessions: Sessions<Chat>,
    /// Sends what a member says to all open sockets.
    room: broadcast::Sender<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let sessions = Sessions::<Chat>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build()?;
    let layer = sessions.layer().same_origin(); // other sites can neither post here nor open a socket
    let router = Router::new()
        .route("/", get(home))
        .route("/socket", get(socket))
        .route("/log-in", post(log_in))
        .route("/log-out", post(log_out))
        .route("/log-out-others", post(log_out_others))
        .route("/chat.js", get(([(CONTENT_TYPE, "text/javascript")], include_str!("chat.js"))))
        .with_state(App { sessions, room: broadcast::Sender::new(100) })
        .layer(layer);
    let listener = address::listen().await?;
    println!("the chat is open at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn home(session: Session<Chat>) -> Markup {
    pages::home(session.name())
}

/// Opens a socket. Messages on a socket are not requests, so `keep_alive` keeps the session alive while the socket is open.
async fn socket(
    upgrade: WebSocketUpgrade,
    State(app): State<App>,
    View(me): View<Member>,
    session: Session<Chat>,
) -> Response {
    let ended = session.ended().keep_alive();
    upgrade.max_message_size(4_096).on_upgrade(|socket| talk(socket, me.name, app.room, ended))
}

/// Passes this member's messages to the room, and the room's messages to this member, until the session ends or the browser
/// leaves.
async fn talk(mut socket: WebSocket, name: String, room: broadcast::Sender<String>, mut ended: Ended) {
    let mut heard = room.subscribe();
    loop {
        let message = tokio::select! {
            end = &mut ended => {
                Message::Close(Some(CloseFrame { code: close_code::POLICY, reason: end.as_str().into() }))
            }
            said = socket.recv() => match said {
                Some(Ok(Message::Text(text))) => {
                    // Cannot fail, because this socket is subscribed to the room itself.
                    let _ = room.send(format!("{name}: {text}"));
                    continue;
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            line = heard.recv() => match line {
                Ok(line) => Message::text(line),
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        let is_last = matches!(message, Message::Close(_));
        if socket.send(message).await.is_err() || is_last {
            return;
        }
    }
}

#[derive(Deserialize)]
struct LogIn {
    name: String,
}

/// A real chat asks for a password first.
async fn log_in(mut session: Session<Chat>, Form(form): Form<LogIn>) -> Redirect {
    session.name_mut().log_in(form.name);
    Redirect::to("/")
}

async fn log_out(mut session: Session<Chat>) -> Redirect {
    session.name_mut().log_out();
    Redirect::to("/")
}

/// Ends the member's other sessions, and with them their sockets.
async fn log_out_others(
    State(app): State<App>,
    View(me): View<Member>,
    session: Session<Chat>,
) -> Result<Redirect, session_runtime::Error> {
    app.sessions.of(&me.name).revoke_others(&session).await?;
    Ok(Redirect::to("/"))
}
