//! The session, and the pages that use it.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::{
        Redirect, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures_util::{Stream, StreamExt as _, stream};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use session_runtime::{Session, Sessions};

use super::{backchannel, logouts::Logouts, provider::Provider, sign_in, sign_in::Pending, signals};

#[derive(Session)]
pub(crate) struct Member {
    /// The provider's name for the user: `sub` of the ID token.
    #[session(identity)]
    pub(crate) user: Option<String>,
    /// The provider's name for its own session: `sid` of the ID token.
    #[session(index)]
    pub(crate) sid: Option<String>,
    /// The sign-in that this browser has begun.
    #[session(secret, expires = 10m)]
    pub(crate) pending: Option<Pending>,
}

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) sessions: Sessions<Member>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) logouts: Logouts,
}

/// The largest token that a route reads, in bytes.
const LARGEST: usize = 32 * 1024;

pub(crate) fn router(app: App) -> Router {
    let pages = Router::new()
        .route("/", get(home))
        .route("/live", get(live))
        .route("/login", get(sign_in::begin))
        .route("/callback", get(sign_in::finish))
        .route("/log-out", post(log_out))
        .layer(app.sessions.layer().same_origin());
    // The provider calls these routes, not a browser: they have no session, and no rule about origins.
    let provider = Router::new()
        .route("/backchannel-logout", post(backchannel::receive))
        .route("/security-events", post(signals::receive))
        .layer(DefaultBodyLimit::max(LARGEST));
    pages.merge(provider).with_state(app)
}

async fn home(session: Session<Member>) -> Markup {
    page(html! {
        @if let Some(user) = session.user() {
            p { "Signed in as " span #user { (user) } "." }
            form action="/log-out" method="post" { button { "Sign out here" } }
            // Loads the page again when the session ends.
            script { (PreEscaped("new EventSource('/live').addEventListener('ended', () => location.reload())")) }
        } @else {
            p { a href="/login" { "Sign in" } }
        }
    })
}

/// Sends the event `ended`, with the reason, when the session ends.
async fn live(session: Session<Member>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let user = session.user().unwrap_or_default();
    let begin = stream::iter([Ok(Event::default().event("user").data(user))]);
    let events = session.until_ended(begin.chain(stream::pending()));
    let events = events.with_last(|end| Ok(Event::default().event("ended").data(end.to_string())));
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn log_out(mut session: Session<Member>) -> Redirect {
    session.user_mut().log_out();
    Redirect::to("/")
}

pub(crate) fn page(content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Members" } }
            body { (content) }
        }
    }
}
