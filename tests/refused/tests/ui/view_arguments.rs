//! One compile reports every faulty argument of a view, each at its own token; the handlers add no errors of their own: B46.

use session_runtime::{Session, View, view};

const NOT_A_DURATION: u64 = 10;

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user_id: Option<u64>,
}

#[view(Shop, or_redirect = "/login", or_status = 401)]
pub struct Both {
    user_id: u64,
}

#[view(Shop, or_status = 403, or_status = 404)]
pub struct Twice {
    user_id: u64,
}

#[view(Shop, or_redirct = "/login", idle = 10m, colour, expires = 5m, Other)]
pub struct Unknown {
    user_id: u64,
}

#[view(Shop, or_redirect = "login")]
pub struct Relative {
    user_id: u64,
}

#[view(Shop, or_redirect = "https://example.com/login")]
pub struct Absolute {
    user_id: u64,
}

#[view(Shop, or_redirect = "//example.com/login")]
pub struct OtherHost {
    user_id: u64,
}

#[view(Shop, or_redirect = "/\\example.com/login")]
pub struct Backslash {
    user_id: u64,
}

#[view(Shop, or_redirect = "/login#form")]
pub struct Fragment {
    user_id: u64,
}

#[view(Shop, or_redirect = "/log in\n")]
pub struct Space {
    user_id: u64,
}

#[view(Shop, or_redirect = "")]
pub struct Empty {
    user_id: u64,
}

#[view(Shop, or_status = 200)]
pub struct Success {
    user_id: u64,
}

#[view(Shop, or_status = 303)]
pub struct Redirect {
    user_id: u64,
}

#[view(Shop, or_status = "401", or_redirect = 5, fresh)]
pub struct WrongKinds {
    user_id: u64,
}

#[view(Shop, fresh = 10, or_status(404))]
pub struct Unitless {
    user_id: u64,
}

#[view(Shop or_status = 404)]
pub struct Comma {
    user_id: u64,
}

#[view(Shop, fresh = NOT_A_DURATION)]
pub struct WrongConst {
    user_id: u64,
}

#[derive(Session)]
pub struct Anonymous {
    pub theme: String,
}

#[view(Anonymous, or_redirect = "/login", fresh = 10m)]
pub struct Nobody {
    theme: String,
}

async fn handler(View(a): View<Both>, View(b): View<Unknown>, View(c): View<WrongKinds>, View(d): View<Comma>) -> u64 {
    a.user_id + b.user_id + c.user_id + d.user_id
}

fn quiet(session: &Session<Shop>) -> Option<u64> {
    let View(view) = View::<Unitless>::of(session)?;
    Some(view.user_id)
}

fn main() {}
