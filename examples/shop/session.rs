//! The data that the shop keeps for a visitor. The derive turns the struct into a typed `Session<Shop>`, which any handler can
//! take as an argument.

use serde::{Deserialize, Serialize};
use session_runtime::{Session, view};

use super::input::Problem;

/// How often a code may be tried. There are a million codes of six digits, so five guesses are unlikely to find it.
const TRIES: u8 = 5;

/// A visitor's session: one record on the server, found by the cookie `__Host-shop`.
///
/// Each field has a policy for concurrent changes, so two tabs, or two servers, never undo each other's work.
#[derive(Session)]
#[session(idle = 30m, absolute = 12h, remember = 30d, max_per_user = 5)]
pub(crate) struct Shop {
    /// The user who is signed in. `log_in` gives the session a new id; `log_out` clears all fields but the `device` ones.
    #[session(identity)]
    pub(crate) user: Option<String>,

    /// The cart. Only `update` changes it; its closure runs again if another request was faster.
    #[session(atomic)]
    pub(crate) cart: Vec<Line>,

    /// How the pages look. It belongs to the browser, not to the user, so it stays after a log-out.
    #[session(device, copy)]
    pub(crate) theme: Theme,

    /// A message that the next page shows, once.
    #[session(flash)]
    pub(crate) notice: Option<String>,

    /// How often the visitor has seen the front page. Simultaneous visits all count.
    #[session(counter)]
    pub(crate) visits: u64,

    /// The browser that signed in, such as `Firefox on Linux`. It tells a user's devices apart on the page that lists them.
    pub(crate) browser: String,

    /// A one-time code. It expires five minutes after it was made, and is stored encrypted.
    #[session(expires = 5m, secret)]
    pub(crate) code: Option<String>,

    /// How often the code may still be tried. Simultaneous guesses all count, and only one of them can pass.
    #[session(atomic)]
    pub(crate) tries: u8,
}

/// A user who is signed in. A handler with this view runs only for signed-in users. Other visitors are redirected to the sign-in
/// page, and return after they have signed in.
#[view(Shop, or_redirect = "/login")]
pub(crate) struct SignedIn {
    pub(crate) user: String,
}

/// A user who signed in within the last minute: for pages that must not open for a passer-by at an unlocked browser.
#[view(Shop, or_redirect = "/login", fresh = 1m)]
pub(crate) struct JustSignedIn {
    pub(crate) user: String,
}

/// A user who signed in within the last ten minutes, for the buttons that log out other devices (ASVS 7.5.2). Other users must
/// sign in again, and return to the page with the buttons.
#[view(Shop, or_redirect = "/login", fresh = 10m, stale_redirect = "/login?next=/account")]
pub(crate) struct MayLogOutDevices {
    pub(crate) user: String,
}

/// Like [`JustSignedIn`], for the form that makes a code. After the sign-in, a browser cannot return to a POST, so it returns to
/// the page that has the form.
#[view(Shop, or_redirect = "/login?next=/account/code", fresh = 1m)]
pub(crate) struct MayMakeCode {
    pub(crate) user: String,
}

/// A product, and how many of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) qty: u32,
}

/// How the pages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    #[default]
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Light => Self::Dark,
            Self::Dark => Self::Light,
        }
    }
}

/// The result of trying a code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guess {
    Right,
    Wrong,
    /// The guess was wrong, and it was the last one that was allowed, so the code was removed.
    LastWrong,
    /// There was no code: none was made, it was used, or it expired.
    NoCode,
}

/// The shop's own methods, in addition to the accessors of the fields.
impl ShopFields {
    /// Signs a visitor in; the next page greets them.
    pub(crate) fn sign_in(&mut self, name: &str, browser: String, remember: bool) {
        self.user_mut().log_in(name.to_owned());
        self.browser_mut().set(browser);
        self.notice_mut().put(format!("Welcome, {name}."));
        if remember {
            self.remember(true);
        }
    }

    /// Makes a code that may be tried a few times within five minutes.
    pub(crate) async fn make_code(&mut self, name: &str) -> Result<(), Problem> {
        let code = format!("{:06}", getrandom::u64()? % 1_000_000);
        self.tries_mut().update(|tries| *tries = TRIES).await?;
        self.code_mut().set(code);
        self.notice_mut().put(format!("Here is your code, {name}."));
        Ok(())
    }

    /// Compares `typed` with the code. A right guess, or too many wrong ones, uses up the code.
    pub(crate) async fn try_code(&mut self, typed: &str) -> Result<Guess, session_runtime::Error> {
        if self.code().is_none() {
            return Ok(Guess::NoCode);
        }
        let is_right = self.code() == Some(typed);
        let counts = self.tries_mut().update(|tries| {
            let counts = *tries > 0;
            *tries = if is_right { 0 } else { tries.saturating_sub(1) };
            counts
        });
        let passed = counts.await? && is_right;
        if self.tries() == 0 {
            self.code_mut().clear();
        }
        Ok(match self.code() {
            _ if passed => Guess::Right,
            Some(_) => Guess::Wrong,
            None => Guess::LastWrong,
        })
    }

    /// Signs the visitor out; only the theme stays.
    pub(crate) fn sign_out(&mut self) {
        if let Some(name) = self.user().map(str::to_owned) {
            self.user_mut().log_out();
            self.notice_mut().put(format!("Goodbye, {name}. This browser keeps its theme, and nothing else."));
        }
    }

    /// Returns how many things are in the cart.
    pub(crate) fn pieces(&self) -> u64 {
        self.cart().iter().map(|line| u64::from(line.qty)).sum()
    }
}
