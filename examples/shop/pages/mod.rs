//! The pages. `html!` escapes the visitors' input.
//!
//! `front` has the pages for all visitors, `sign_in` the form for a name, `account` a user's devices, and `code` the one-time
//! code. `words` puts times and counts into words. This file has the frame that all pages share.

mod account;
mod code;
mod front;
mod sign_in;
mod words;

use maud::{DOCTYPE, Markup, html};
use session_runtime::Session;

pub(crate) use self::{
    account::{account, logged_out, others_logged_out},
    code::{code, guessed},
    front::{cart, home},
    sign_in::sign_in,
};
use super::session::{Shop, Theme};

/// Returns a page that needs no session. It has the theme that the browser prefers.
pub(crate) fn problem(title: &str, sentence: &str) -> Markup {
    let content = html! {
        div .empty {
            h1 { (title) }
            p { (sentence) }
            a .button href="/" { "Back to the shop" }
        }
    };
    page(title, None, &content)
}

/// Returns a page. `visitor` is the session and the page's name. By this name, a visitor returns to the page after choosing a
/// theme.
fn page(title: &str, visitor: Option<(&Session<Shop>, &str)>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[visitor.map(|(session, _)| session.theme().name())] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="icon" href="/logo.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                @if let Some((session, _)) = visitor {
                    script src="/live.js" defer data-session[!session.is_new()] {}
                }
            }
            body {
                header {
                    a .brand href="/" { img src="/logo.svg" alt="" width="32" height="32"; "The session shop" }
                    @if let Some((session, name)) = visitor { (controls(session, name)) }
                }
                main { (content) }
                @if visitor.is_some() { (over()) }
                footer { "A demonstration of " code { "session-runtime" } ": its source is " code { "examples/shop" } "." }
            }
        }
    }
}

/// The controls at the top of every page: cart, theme and log-out.
fn controls(session: &Session<Shop>, page: &str) -> Markup {
    let other = session.theme().other();
    html! {
        nav {
            a .cart href="/cart" aria-current=[(page == "cart").then_some("page")] {
                (icon("cart")) span .label { "Cart" } span #cart-count .count { (session.pieces()) }
            }
            // The sign-in page has no theme button: returning to it would lose the page that the visitor asked for.
            @if page != "login" {
                form action="/theme" method="post" {
                    input type="hidden" name="page" value=(page);
                    button #theme .quiet name="theme" value=(other.name()) title={ "Switch to the " (other.name()) " theme" } {
                        (icon(match other { Theme::Light => "sun", Theme::Dark => "moon" }))
                        span .label { (match other { Theme::Light => "Light", Theme::Dark => "Dark" }) }
                    }
                }
            }
            @if let Some(user) = session.user() {
                form .user action="/logout" method="post" {
                    a #user-name .name href="/account" title="Your devices" aria-current=[(page == "account").then_some("page")] {
                        (user)
                    }
                    button #logout .quiet { "Log out" }
                }
            }
        }
    }
}

/// The content that `live.js` shows instead of a page whose session is over.
fn over() -> Markup {
    html! {
        template #over {
            div .empty {
                h1 { "This session has ended" }
                p { "Reason: " code #reason {} ". Log in again to go on." }
                a #again .button href="/login" { "Log in" }
            }
        }
    }
}

/// The message at the top of a page, if there is one.
fn notice_of(notice: Option<&str>) -> Markup {
    html! {
        @if let Some(notice) = notice {
            p #notice .notice role="status" { (notice) }
        }
    }
}

fn icon(name: &str) -> Markup {
    html! { svg .icon aria-hidden="true" { use href={ "/icons.svg#" (name) } {} } }
}
