//! What the shop remembers about a visitor. This is all there is to declare: the derive makes of it a typed
//! `Session<Shop>` that every handler may ask for.

use serde::{Deserialize, Serialize};
use session_runtime::Session;

/// A visitor's session: one record on the server, found by the cookie `__Host-shop`.
///
/// Each field is stored for itself, and says how: so two tabs, or two servers, never undo each other's work.
#[derive(Session)]
#[session(idle = 30m, absolute = 12h)]
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
    pub(crate) fn sign_in(&mut self, name: &str) {
        self.user_mut().log_in(name.to_owned());
        self.notice_mut().put(format!("Welcome, {name}."));
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
