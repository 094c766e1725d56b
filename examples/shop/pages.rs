//! The pages. Whatever a visitor wrote is escaped by `html!`.

use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, html};
use session_runtime::Session;

use super::{
    goods::{self, GOODS},
    session::{Line, Shop, Theme},
};

pub(crate) fn home(session: &Session<Shop>, notice: Option<&str>) -> Markup {
    let visits = session.visits();
    let content = html! {
        @if let Some(notice) = notice {
            p #notice .notice role="status" { (notice) }
        }
        section .welcome {
            div {
                h1 #greeting { "Hello, " (session.user().unwrap_or("stranger")) "." }
                p #visits {
                    @if visits == 1 { "This is your first visit." } @else { "You have seen this page " (visits) " times." }
                }
            }
            @if session.user().is_none() {
                form .login action="/login" method="post" {
                    label for="user" { "Your name" }
                    div .field {
                        input #user name="user" required maxlength="64" autocomplete="username" placeholder="ada";
                        button { "Log in" }
                    }
                    small { "Any name will do: this is a demonstration, there is no password." }
                }
            }
        }
        section aria-label="Goods" {
            ul .goods {
                @for good in &GOODS {
                    li {
                        (icon(good.sku))
                        h2 { (good.name) }
                        p { (good.about) }
                        form .buy action="/cart" method="post" {
                            input type="hidden" name="sku" value=(good.sku);
                            span .price { (goods::euros(good.price)) }
                            input type="number" name="qty" value="1" min="1" max="1000" aria-label={ "How many: " (good.name) };
                            button { "Add" }
                        }
                    }
                }
            }
        }
        (what_is_remembered(session, notice))
    };
    page("The session shop", Some((session, "home")), &content)
}

pub(crate) fn cart(session: &Session<Shop>) -> Markup {
    let total = session.cart().iter().filter_map(price).sum();
    let content = html! {
        h1 { "Your cart" }
        @if session.cart().is_empty() {
            div .empty {
                (icon("cart"))
                p { "There is nothing in it yet." }
                a .button href="/" { "Look at the goods" }
            }
        } @else {
            table .lines {
                thead { tr { th { "What" } th .number { "Quantity" } th .number { "Price" } } }
                tbody {
                    @for line in session.cart() {
                        tr {
                            td {
                                @if let Some(good) = goods::find(&line.sku) { (good.name) " " }
                                code { (line.sku) }
                            }
                            td .number { (line.qty) }
                            td .number { @match price(line) { Some(cents) => (goods::euros(cents)), None => "–" } }
                        }
                    }
                }
                tfoot { tr { th { "In all" } td #pieces .number { (session.pieces()) } td .number { (goods::euros(total)) } } }
            }
        }
        form .other action="/cart" method="post" {
            label for="sku" { "Something else" }
            div .field {
                input #sku name="sku" required maxlength="40" pattern="\\S+" title="One word" placeholder="any word";
                input type="number" name="qty" value="1" min="1" max="1000" aria-label="How many";
                button { "Add" }
            }
        }
    };
    page("Your cart · The session shop", Some((session, "cart")), &content)
}

/// A page that needs no session: its theme is the browser's own.
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
            }
            body {
                header {
                    a .brand href="/" { img src="/logo.svg" alt="" width="32" height="32"; "The session shop" }
                    @if let Some((session, name)) = visitor { (controls(session, name)) }
                }
                main { (content) }
                footer { "A demonstration of " code { "session-runtime" } ": its source is " code { "examples/shop" } "." }
            }
        }
    }
}

/// What is at the top of every page: the cart, the theme, the way out.
fn controls(session: &Session<Shop>, page: &str) -> Markup {
    let other = session.theme().other();
    html! {
        nav {
            a .cart href="/cart" aria-current=[(page == "cart").then_some("page")] {
                (icon("cart")) span .label { "Cart" } span #cart-count .count { (session.pieces()) }
            }
            form action="/theme" method="post" {
                input type="hidden" name="page" value=(page);
                button #theme .quiet name="theme" value=(other.name()) title={ "Switch to the " (other.name()) " theme" } {
                    (icon(match other { Theme::Light => "sun", Theme::Dark => "moon" }))
                    span .label { (match other { Theme::Light => "Light", Theme::Dark => "Dark" }) }
                }
            }
            @if let Some(user) = session.user() {
                form .user action="/logout" method="post" {
                    span #user-name .name { (user) }
                    button #logout .quiet { "Log out" }
                }
            }
        }
    }
}

/// The session laid open: what each field holds, and what its policy does.
fn what_is_remembered(session: &Session<Shop>, notice: Option<&str>) -> Markup {
    let left = session.expires_at().duration_since(SystemTime::now()).unwrap_or_default();
    let fields = [
        ("user", "identity", session.user().unwrap_or("–").to_owned(), "Logging in gives the session a new id."),
        ("cart", "atomic", many(session.pieces(), "thing"), "Two tabs may add at once: nothing is lost."),
        ("theme", "device", session.theme().name().to_owned(), "Stays in this browser when you log out."),
        ("notice", "flash", notice.unwrap_or("–").to_owned(), "Is shown once."),
        ("visits", "counter", session.visits().to_string(), "Simultaneous visits all count."),
    ];
    html! {
        section .session {
            h2 { "What your session remembers" }
            table {
                thead { tr { th { "Field" } th { "Policy" } th { "Now" } th { "What that means" } } }
                tbody {
                    @for (name, policy, value, meaning) in &fields {
                        tr {
                            th scope="row" { code { (name) } }
                            td { span .policy { (policy) } }
                            td .value { (value) }
                            td .meaning { (meaning) }
                        }
                    }
                }
            }
            p {
                "Stay away for " (many(minutes(left), "minute")) ", and it ends. Open the shop in a second tab, restart the "
                "server, log in as somebody else: then look here again, or at " a href="/api/session" { "the same as JSON" } "."
            }
        }
    }
}

fn price(line: &Line) -> Option<u64> {
    goods::find(&line.sku).map(|good| good.price * u64::from(line.qty))
}

fn minutes(left: Duration) -> u64 {
    left.as_secs().div_ceil(60)
}

fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn icon(name: &str) -> Markup {
    html! { svg .icon aria-hidden="true" { use href={ "/icons.svg#" (name) } {} } }
}
