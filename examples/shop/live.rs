//! `/live`: a stream of server-sent events, with which a page or a script follows its session.
//!
//! ```text
//! event: cart             at first, and after each change, also by other tabs and on other servers
//! data: {"items":3,"session":true}
//!
//! event: ended            the last event, with the reason
//! data: revoked
//! ```
//!
//! A stream follows the session of its request. If there is none, because nothing is stored for this visitor yet, or because the
//! cookie's session is over, the stream has one `cart` event with `"session":false`, and ends. The browser connects again later,
//! when it may have another cookie. If a sign-in has just replaced the request's cookie, the stream has only the `ended` event.
//!
//! Over HTTP/1.1, a browser opens at most six connections to a host, and each open page uses one. To serve more tabs, use HTTP/2.

use std::{convert::Infallible, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use session_runtime::{Ended, Session};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::{server, session::Shop};

/// The `Content-Type` of the stream.
pub(crate) const KIND: &str = "text/event-stream";

/// How often the stream loads the session.
const EVERY: Duration = Duration::from_millis(500);
/// A stream this long without an event sends a comment, so that the server notices a client that is gone.
const QUIET: Duration = Duration::from_secs(15);

/// Returns the stream. It does not keep the session alive.
pub(crate) fn events(session: Session<Shop>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let live = Live {
        ended: session.ended(),
        session,
        looks,
        closing: Box::pin(server::signal()),
        items: None,
        sent_at: Instant::now(),
        is_over: false,
    };
    stream::unfold(live, async |mut live| live.next().await.map(|text| (Ok(text.into()), live)))
}

struct Live {
    session: Session<Shop>,
    ended: Ended,
    looks: Interval,
    /// Resolves when the shop closes. The stream must then end, because the shop waits for open responses.
    closing: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The count that the client knows.
    items: Option<u64>,
    sent_at: Instant,
    is_over: bool,
}

impl Live {
    /// Returns the next part of the stream, or `None` at its end.
    async fn next(&mut self) -> Option<String> {
        while !self.is_over {
            let text = tokio::select! {
                biased;
                end = &mut self.ended => {
                    self.is_over = true;
                    Some(format!("event: ended\ndata: {}\n\n", end.as_str()))
                }
                () = &mut self.closing => return None,
                _ = self.looks.tick() => self.look().await,
            };
            if text.is_some() {
                self.sent_at = Instant::now();
                return text;
            }
        }
        None
    }

    /// Loads the session. Returns an event if the client does not know the cart's count, or a comment if the stream was quiet.
    async fn look(&mut self) -> Option<String> {
        // If the session is over, `ended` resolves with the reason. If the store is down, the next look tries again.
        let is_loaded = self.session.reload().await.is_ok();
        let items = self.session.pieces();
        if !is_loaded || self.items == Some(items) {
            return (self.sent_at.elapsed() >= QUIET).then(|| ":\n\n".to_owned());
        }
        self.items = Some(items);
        self.is_over = self.session.is_new();
        let is_stored = !self.is_over;
        let cart = format!("event: cart\ndata: {{\"items\":{items},\"session\":{is_stored}}}\n\n");
        Some(if is_stored { cart } else { format!("retry: {}\n{cart}", QUIET.as_millis()) })
    }
}
