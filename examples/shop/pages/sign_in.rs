//! The form for a name: on the front page, and on a page of its own, to which views redirect refused visitors.

use maud::{Markup, html};
use session_runtime::Session;

use super::{notice_of, page};
use crate::session::Shop;

/// `next` is the page that the visitor asked for.
pub(crate) fn sign_in(session: &Session<Shop>, notice: Option<&str>, next: Option<&str>) -> Markup {
    let user = session.user();
    let content = html! {
        (notice_of(notice))
        section .narrow {
            h1 { @if user.is_some() { "Log in again" } @else { "Log in" } }
            p #why {
                @match (user, next) {
                    (Some(_), Some(_)) => "Please sign in again to go on. What you are about to do takes a sign-in that is less than a minute old.",
                    (Some(user), None) => { "You are logged in as " (user) "." },
                    (None, Some(_)) => "Please sign in to go on.",
                    (None, None) => "Your cart comes along.",
                }
            }
            (login_form(user.unwrap_or_default(), next))
        }
    };
    page("Log in · The session shop", Some((session, "login")), &content)
}

pub(super) fn login_form(user: &str, next: Option<&str>) -> Markup {
    html! {
        form .login action="/login" method="post" {
            @if let Some(next) = next {
                input type="hidden" name="next" value=(next);
            }
            label for="user" { "Your name" }
            div .field {
                input #user name="user" value=(user) required maxlength="64" autocomplete="username" placeholder="ada";
                button { "Log in" }
            }
            label .box { input #remember type="checkbox" name="remember"; "Remember me for 30 days" }
            small { "Any name will do: this is a demonstration, there is no password." }
        }
    }
}
