//! Reads the forms of visitors, and checks them. Each function returns a valid value, or a [`Problem`] whose sentence tells the
//! visitor what to write instead.

use std::fmt;

use serde::Deserialize;
use session_runtime::SessionHandle;

use super::session::{Line, Theme};

const LONGEST_NAME: usize = 64;
const LONGEST_SKU: usize = 40;
/// Visitors fill the cart, so its size needs a limit.
const MOST_LINES: usize = 1_000;
const MOST_AT_ONCE: u32 = 1_000;
const MOST_PER_LINE: u32 = 1_000_000;

/// The article to add to the cart, and how many pieces.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    pub(crate) sku: String,
    pub(crate) qty: Option<String>,
}

/// The chosen theme.
#[derive(Deserialize)]
pub(crate) struct Look {
    #[serde(default)]
    pub(crate) theme: String,
    /// Which page to return to.
    #[serde(default)]
    page: String,
}

impl Look {
    pub(crate) fn page(&self) -> &'static str {
        match self.page.as_str() {
            "cart" => "/cart",
            "account" => "/account",
            "code" => "/account/code",
            _ => "/",
        }
    }
}

/// The query of the sign-in page.
#[derive(Deserialize)]
pub(crate) struct Next {
    /// The page that the visitor asked for. The view that refused them put it into the redirect.
    #[serde(default)]
    pub(crate) next: String,
}

#[derive(Deserialize)]
pub(crate) struct Login {
    #[serde(default)]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) next: String,
    /// A browser sends a checkbox only if it is ticked.
    pub(crate) remember: Option<String>,
}

/// A device to log out.
#[derive(Deserialize)]
pub(crate) struct Device {
    #[serde(default)]
    pub(crate) id: String,
}

/// A one-time code.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    pub(crate) code: String,
}

pub(crate) fn name(written: &str) -> Result<&str, Problem> {
    let length = written.chars().count();
    if written.trim().is_empty() {
        return Err(Problem::input("Please give a name: any will do."));
    }
    if length > LONGEST_NAME || written.contains(char::is_control) {
        return Err(Problem::input(format!(
            "A name has up to {LONGEST_NAME} characters, on one line; yours has {length}."
        )));
    }
    Ok(written)
}

pub(crate) fn sku(written: &str) -> Result<&str, Problem> {
    let is_word = !written.is_empty() && !written.contains(|c: char| c.is_whitespace() || c.is_control());
    if !is_word || written.chars().count() > LONGEST_SKU {
        return Err(Problem::input(format!("A sku is one word of up to {LONGEST_SKU} characters, such as “tea”.")));
    }
    Ok(written)
}

/// Reads a quantity. If the form has none, the quantity is 1.
pub(crate) fn quantity(written: Option<&str>) -> Result<u32, Problem> {
    let Some(written) = written else { return Ok(1) };
    match written.parse() {
        Ok(quantity @ 1..=MOST_AT_ONCE) => Ok(quantity),
        _ => Err(Problem::input(format!("A quantity is a whole number from 1 to {MOST_AT_ONCE}."))),
    }
}

pub(crate) fn theme(written: &str) -> Result<Theme, Problem> {
    match written {
        "light" => Ok(Theme::Light),
        "dark" => Ok(Theme::Dark),
        _ => Err(Problem::input("The theme is “light” or “dark”.")),
    }
}

/// Reads the handle of one of the user's devices.
pub(crate) fn device(written: &str) -> Result<SessionHandle, Problem> {
    written.parse().map_err(|_| Problem::input("That names no device. Please choose one on the page of your account."))
}

/// Adds `quantity` of `sku` to the cart.
pub(crate) fn put(cart: &mut Vec<Line>, sku: &str, quantity: u32) -> Result<(), Problem> {
    let at = match cart.iter().position(|line| line.sku == sku) {
        Some(at) => at,
        None if cart.len() == MOST_LINES => {
            return Err(Problem::input(format!("There can be {MOST_LINES} different things in the cart, no more.")));
        }
        None => {
            cart.push(Line { sku: sku.to_owned(), qty: 0 });
            cart.len() - 1
        }
    };
    let line = &mut cart[at];
    if line.qty.saturating_add(quantity) > MOST_PER_LINE {
        return Err(Problem::input(format!("There can be {MOST_PER_LINE} of one thing in the cart, no more.")));
    }
    line.qty += quantity;
    Ok(())
}

/// The reason why a request failed. Each framework turns it into a response with the sentence that `Display` writes.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The input is not valid.
    Input(String),
    /// The session could not be changed: it ended meanwhile, or the store is down.
    Session(session_runtime::Error),
    /// The system has no random bytes for a code.
    NoRandomBytes(getrandom::Error),
}

impl Problem {
    fn input(sentence: impl Into<String>) -> Self {
        Self::Input(sentence.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(sentence) => f.write_str(sentence),
            Self::Session(error) => error.fmt(f),
            Self::NoRandomBytes(error) => write!(f, "No code could be made ({error}). Please try again later."),
        }
    }
}

impl From<session_runtime::Error> for Problem {
    fn from(error: session_runtime::Error) -> Self {
        Self::Session(error)
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        Self::NoRandomBytes(error)
    }
}
