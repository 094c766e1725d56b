//! The pages for all visitors: the goods, the cart, and what the session remembers.

use maud::{Markup, html};
use session_runtime::Session;

use super::{icon, notice_of, page, sign_in, words};
use crate::{
    goods::{self, GOODS},
    session::{Line, Shop},
};

pub(crate) fn home(session: &Session<Shop>, notice: Option<&str>) -> Markup {
    let visits = session.visits();
    let content = html! {
        (notice_of(notice))
        section .welcome {
            div {
                h1 #greeting { "Hello, " (session.user().unwrap_or("stranger")) "." }
                p #visits {
                    @if visits == 1 { "This is your first visit." } @else { "You have seen this page " (visits) " times." }
                }
            }
            @if session.user().is_none() {
                (sign_in::login_form("", None))
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

/// Shows the session: the value of each field, and the effect of its policy.
fn what_is_remembered(session: &Session<Shop>, notice: Option<&str>) -> Markup {
    let left = words::left(session.expires_at());
    let code = if session.code().is_some() { "••••••" } else { "–" };
    let fields = [
        ("user", "identity", session.user().unwrap_or("–").to_owned(), "Logging in gives the session a new id."),
        ("cart", "atomic", words::many(session.pieces(), "thing"), "Two tabs may add at once: nothing is lost."),
        ("theme", "device", session.theme().name().to_owned(), "Stays in this browser when you log out."),
        ("notice", "flash", notice.unwrap_or("–").to_owned(), "Is shown once."),
        ("visits", "counter", session.visits().to_string(), "Simultaneous visits all count."),
        ("browser", "plain", some(session.browser()), "Tells your devices apart."),
        ("code", "secret, expires", code.to_owned(), "Expires after five minutes. The store has it encrypted."),
        ("tries", "atomic", session.tries().to_string(), "Simultaneous guesses all count."),
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
                "Stay away for " (left) ", and it ends. Open the shop in a second tab, restart the "
                "server, log in as another user: then look here again, or at " a href="/api/session" { "the same as JSON" } "."
            }
        }
    }
}

fn price(line: &Line) -> Option<u64> {
    goods::find(&line.sku).map(|good| good.price * u64::from(line.qty))
}

fn some(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { text.to_owned() }
}
