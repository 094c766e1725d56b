//! The session that every contestant gets, with the same values, and the operations of the handlers.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
pub struct Line {
    pub sku: u32,
    pub qty: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Theme {
    #[default]
    Light,
    Dark,
    Dim,
}

/// Eight fields, as full as a shop's. Contestants with string keys use the names of these fields.
#[derive(Clone, Serialize, Deserialize)]
pub struct Data {
    pub user: Option<u64>,
    pub name: String,
    pub roles: Vec<String>,
    pub cart: Vec<Line>,
    pub token: String,
    pub theme: Theme,
    pub visits: u64,
    pub locale: String,
}

impl Data {
    /// Returns the data of a visitor who has not signed in.
    pub fn guest() -> Self {
        Self {
            user: None,
            name: "Ada Lovelace, London".into(),
            roles: ["buyer", "editor", "admin"].map(str::to_owned).into(),
            cart: (0..5).map(|line| Line { sku: 10_000 + 77 * line, qty: 1 + line as u16 }).collect(),
            token: "f3a9c1d2e4b5a697f3a9c1d2e4b5a697".into(),
            theme: Theme::Light,
            visits: 41,
            locale: "en-GB".into(),
        }
    }

    /// Returns empty data.
    pub fn none() -> Self {
        Self {
            user: None,
            name: String::new(),
            roles: Vec::new(),
            cart: Vec::new(),
            token: String::new(),
            theme: Theme::Light,
            visits: 0,
            locale: String::new(),
        }
    }

    pub fn seen(&self) -> Seen {
        Seen { user: self.user, locale: self.locale.clone(), theme: self.theme, visits: self.visits }
    }

    /// Returns the data of a new user.
    pub fn signed_in() -> Self {
        Self { user: Some(next_user()), ..Self::guest() }
    }
}

/// Returns a user who has not been used before.
pub fn next_user() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(42_000);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Returns a theme that differs from the last one and from a new session's, so that each write changes the value.
pub fn next_theme() -> Theme {
    static TIMES: AtomicU64 = AtomicU64::new(0);
    if TIMES.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { Theme::Dark } else { Theme::Dim }
}

/// The parts of a session that the correctness checks look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub user: Option<u64>,
    pub locale: String,
    pub theme: Theme,
    pub visits: u64,
}

/// The handlers' operations on a session. Each contestant implements them the way its guide shows.
pub trait Shop {
    fn fill(&mut self, data: Data) -> impl Future<Output = ()> + Send;
    fn theme(&mut self) -> impl Future<Output = Theme> + Send;
    fn visits(&mut self) -> impl Future<Output = u64> + Send;
    fn seen(&mut self) -> impl Future<Output = Seen> + Send;
    fn set_theme(&mut self, theme: Theme) -> impl Future<Output = ()> + Send;
    fn set_locale(&mut self, locale: &'static str) -> impl Future<Output = ()> + Send;
    /// Adds one to the counter. A contestant without counters writes `seen + 1`.
    fn count(&mut self, seen: u64) -> impl Future<Output = ()> + Send;
    /// Signs in, with a new id.
    fn sign_in(&mut self, user: u64) -> impl Future<Output = ()> + Send;
    /// Ends the session.
    fn sign_out(&mut self) -> impl Future<Output = ()> + Send;
}
