//! A stream of server-sent events, as a script reads it.

use std::{
    io::{BufRead as _, BufReader},
    sync::mpsc::{self, Receiver},
    thread,
};

use ureq::Body;

use crate::program::PATIENCE;

/// An open stream.
pub struct Events(Receiver<(String, String)>);

impl Events {
    /// Reads the body of a response.
    pub(crate) fn of(body: Body) -> Self {
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            let mut event = (String::new(), String::new());
            for line in BufReader::new(body.into_reader()).lines().map_while(Result::ok) {
                match line.split_once(": ") {
                    Some(("event", name)) => name.clone_into(&mut event.0),
                    Some(("data", data)) => data.clone_into(&mut event.1),
                    _ if line.is_empty() && !event.0.is_empty() => {
                        let _ = sender.send(std::mem::take(&mut event));
                    }
                    _ => {}
                }
            }
        });
        Self(events)
    }

    /// Waits for the next event, and returns its name and its data; `None` at the end of the stream.
    ///
    /// # Panics
    /// Panics if neither an event nor the end arrives in time.
    pub fn next(&self) -> Option<(String, String)> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(event) => Some(event),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the stream neither sends an event nor ends"),
        }
    }

    /// Asserts that the next event says how many things are in the cart.
    #[track_caller]
    pub fn shows(&self, items: u32) {
        assert_eq!(self.next(), Some(("cart".to_owned(), format!("{{\"items\":{items},\"session\":true}}"))));
    }

    /// Asserts that the stream ends now, for this reason.
    #[track_caller]
    pub fn ends(&self, reason: &str) {
        assert_eq!(self.next(), Some(("ended".to_owned(), reason.to_owned())));
        assert_eq!(self.next(), None, "the stream closes after its last event");
    }
}
