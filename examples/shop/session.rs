//! What the shop remembers about a visitor. This is all there is to declare: the derive makes of it a typed
//! `Session<Shop>` that every handler may ask for.

use serde::{Deserialize, Serialize};
use session_runtime::{Session, view};

use super::input::Problem;

/// Six digits are a million codes; so many guesses do not get far.
const TRIES: u8 = 5;

/// A visitor's session: one record on the server, found by the cookie `__Host-shop`.
///
/// Each field is stored for itself, and says how: so two tabs, or two servers, never undo each other's work.
#[derive(Session)]
#[session(idle = 30m, absolute = 12h, remember = 30d, max_per_user = 5)]
pub(crate) struct Shop {
    /// Who is signed in. `log_in` gives the session a new id; `log_out` clears all but what is `device`.
    #[session(identity)]
    pub(crate) user: Option<String>,

    /// What is in the cart. Changed by `update` alone, which runs again if another request came first.
    #[session(atomic)]
    pub(crate) cart: Vec<Line>,

    /// How the pages look. It belongs to the browser, not to the user: it stays when somebody logs out.
    #[session(device, copy)]
    pub(crate) theme: Theme,

    /// Something to say on the next page, once.
    #[session(flash)]
    pub(crate) notice: Option<String>,

    /// How often the front page was seen. Simultaneous visits all count.
    #[session(counter)]
    pub(crate) visits: u64,

    /// What signed in, such as `Firefox on Linux`: it tells a user's devices apart on the page that lists them.
    pub(crate) browser: String,

    /// A one-time code. Five minutes after it was made it is gone by itself; in the store it is encrypted.
    #[session(expires = 5m, secret)]
    pub(crate) code: Option<String>,

    /// How often the code may still be tried. Of many guesses at once each counts, and one alone can be right.
    #[session(atomic)]
    pub(crate) tries: u8,
}

/// Who is signed in. A handler that asks for this view runs for nobody else: others are sent to sign in, and come back.
#[view(Shop, or_redirect = "/login")]
pub(crate) struct SignedIn {
    pub(crate) user: String,
}

/// Who signed in just now: for what should not be open to whoever finds a browser unlocked.
#[view(Shop, or_redirect = "/login", fresh = 1m)]
pub(crate) struct JustSignedIn {
    pub(crate) user: String,
}

/// The same for the form on that page. What is posted cannot be asked for again by going there, but its page can.
#[view(Shop, or_redirect = "/login?next=/account/code", fresh = 1m)]
pub(crate) struct MayMakeCode {
    pub(crate) user: String,
}

/// So many of one thing.
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

/// The verbs of the shop, beside those of its fields.
impl ShopFields {
    /// Signs a visitor in, and has the next page greet them.
    pub(crate) fn sign_in(&mut self, name: &str, browser: String, remember: bool) {
        self.user_mut().log_in(name.to_owned());
        self.browser_mut().set(browser);
        self.notice_mut().put(format!("Welcome, {name}."));
        if remember {
            self.remember(true);
        }
    }

    /// Makes a code that may be tried a few times, within its five minutes.
    pub(crate) async fn make_code(&mut self) -> Result<(), Problem> {
        let code = format!("{:06}", getrandom::u64()? % 1_000_000);
        self.tries_mut().update(|tries| *tries = TRIES).await?;
        self.code_mut().set(code);
        Ok(())
    }

    /// Whether this is the code. Who is right, or was wrong too often, needs another one.
    pub(crate) async fn try_code(&mut self, typed: &str) -> Result<bool, session_runtime::Error> {
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
        Ok(passed)
    }

    /// Signs the visitor out; only the theme stays.
    pub(crate) fn sign_out(&mut self) {
        if let Some(name) = self.user().map(str::to_owned) {
            self.user_mut().log_out();
            self.notice_mut().put(format!("Goodbye, {name}. This browser keeps its theme, and nothing else."));
        }
    }

    /// How many things are in the cart.
    pub(crate) fn pieces(&self) -> u64 {
        self.cart().iter().map(|line| u64::from(line.qty)).sum()
    }
}
